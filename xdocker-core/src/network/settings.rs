//! The bridge of a home: its name and its addresses.

use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::home::{Durability, Home, record};
use crate::spec::{InterfaceName, Subnet};

/// The bridge that containers of a home are connected to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeSettings {
    /// Its name. The tables of its rules have the same one.
    pub bridge: InterfaceName,
    /// Its address, and those that containers may have.
    ///
    /// The default, 166.88.0.1/24, is what there has always been, and is somebody's: who needs to reach that somebody
    /// from within a container chooses another range.
    pub subnet: Subnet,
    /// The same of IPv6, which the bridge has only if this is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet6: Option<Subnet<Ipv6Addr>>,
}

impl Default for BridgeSettings {
    fn default() -> Self {
        Self { bridge: "xdocker0".parse().expect("a name"), subnet: Subnet::DEFAULT, subnet6: None }
    }
}

impl BridgeSettings {
    pub(crate) fn read(home: &Home) -> Result<Self> {
        Ok(record::read(&home.bridge_record())?.unwrap_or_default())
    }

    pub(crate) fn write(&self, home: &Home) -> Result<()> {
        record::write(&home.bridge_record(), self, Durability::Synced)
    }

    /// The addresses of the bridge, with the lengths of their prefixes.
    pub(super) fn gateways(&self) -> impl Iterator<Item = (IpAddr, u8)> + use<> {
        let v4 = (self.subnet.gateway().into(), self.subnet.prefix());
        let v6 = self.subnet6.map(|subnet| (subnet.gateway().into(), subnet.prefix()));
        std::iter::once(v4).chain(v6)
    }
}
