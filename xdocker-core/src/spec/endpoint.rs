//! A container's place on the bridge.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::PortMap;
use crate::error::{Error, Result};

/// How a container is connected to the bridge, and what leads to it.
///
/// ```
/// # use xdocker_core::{Endpoint, Network};
/// let endpoint = Endpoint::new().vip("166.88.0.2".parse().unwrap()).ports("19527:9527".parse()?);
/// let network = Network::Bridge(endpoint);
/// # Ok::<(), xdocker_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vip: Option<Ipv4Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vip6: Option<Ipv6Addr>,
    #[serde(default, skip_serializing_if = "PortMap::is_empty")]
    pub(crate) ports: PortMap,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host_interface: Option<InterfaceName>,
}

impl Endpoint {
    /// With the next free addresses, no mapped port, and every way out of the host.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the address inside.
    #[must_use]
    pub fn vip(mut self, vip: Ipv4Addr) -> Self {
        self.vip = Some(vip);
        self
    }

    /// Sets the IPv6 address inside, where the bridge has such ones.
    #[must_use]
    pub fn vip6(mut self, vip: Ipv6Addr) -> Self {
        self.vip6 = Some(vip);
        self
    }

    /// Sets the ports of the host that lead into the container.
    #[must_use]
    pub fn ports(mut self, ports: PortMap) -> Self {
        self.ports = ports;
        self
    }

    /// Lets what the container sends leave the host by this interface only.
    #[must_use]
    pub fn host_interface(mut self, interface: InterfaceName) -> Self {
        self.host_interface = Some(interface);
        self
    }

    /// The address inside; every container that exists has one.
    #[must_use]
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.vip
    }

    /// The IPv6 address inside; every container has one that was made while the bridge had such ones.
    #[must_use]
    pub fn address6(&self) -> Option<Ipv6Addr> {
        self.vip6
    }

    /// The ports of the host that lead into the container.
    #[must_use]
    pub fn port_map(&self) -> &PortMap {
        &self.ports
    }

    /// The interface that it is limited to.
    #[must_use]
    pub fn interface(&self) -> Option<&InterfaceName> {
        self.host_interface.as_ref()
    }
}

/// Name of a network interface of the host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceName(String);

impl InterfaceName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InterfaceName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        // What dev_valid_name() of the kernel takes, `%` apart, which would be filled with a number.
        let bad = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '/' | ':' | '%');
        let valid = !text.is_empty() && text.len() < libc::IFNAMSIZ && text != "." && text != "..";
        if valid && !text.contains(bad) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::invalid("network interface", text, "a name has 1 to 15 bytes, no blank and none of `/:%`"))
    }
}

impl TryFrom<String> for InterfaceName {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<InterfaceName> for String {
    fn from(name: InterfaceName) -> Self {
        name.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
