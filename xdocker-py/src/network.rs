//! How a container is connected: as keyword arguments; and the bridge that it may be connected to, as a record.

use std::collections::BTreeMap;
use std::str::FromStr;

use pyo3::prelude::*;
use xdocker_core::{BridgeSettings, Network};

use crate::convert::{option, parsed};
use crate::error::invalid;
use crate::keywords::keywords;
use crate::record::record;

/// The ports of the host that lead into a container: `{8080: 80}`, or a text of the core's.
#[derive(FromPyObject)]
pub(crate) enum Ports {
    /// TCP ports, by the host's.
    Pairs(BTreeMap<u16, u16>),
    /// As a text.
    Text(String),
}

impl Ports {
    /// The text that the core parses.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Pairs(pairs) => {
                pairs.iter().map(|(host, inside)| format!("{host}:{inside}")).collect::<Vec<_>>().join(",")
            }
            Self::Text(text) => text.clone(),
        }
    }
}

/// An address by its text; `what` it is for, and which one is expected.
pub(crate) fn address<T: FromStr>(what: &str, text: &str, expected: &str) -> PyResult<T> {
    text.parse().map_err(|_| invalid(format!("{what} `{text}`: it is no {expected} address")))
}

keywords!(
    /// How it is connected.
    NetworkKeywords {
        net: Option<String>,
        vip: Option<String>,
        vip6: Option<String>,
        ports: Option<Ports>,
        host_eth: Option<String>,
    }
);

impl NetworkKeywords {
    /// As the core has it.
    pub(crate) fn network(self) -> PyResult<Network> {
        let mut network: Network = option(self.net.as_deref())?.unwrap_or_default();
        let Network::Bridge(endpoint) = &mut network else {
            let given = [&self.vip, &self.vip6, &self.host_eth].iter().any(|given| given.is_some());
            return match given || self.ports.is_some() {
                true => {
                    Err(invalid(format!("net `{network}`: vip, vip6, ports and host_eth are for BRIDGE")))
                }
                false => Ok(network),
            };
        };
        if let Some(vip) = &self.vip {
            *endpoint = endpoint.clone().vip(address("vip", vip, "IPv4")?);
        }
        if let Some(vip) = &self.vip6 {
            *endpoint = endpoint.clone().vip6(address("vip6", vip, "IPv6")?);
        }
        if let Some(ports) = &self.ports {
            *endpoint = endpoint.clone().ports(parsed(&ports.text())?);
        }
        if let Some(interface) = option(self.host_eth.as_deref())? {
            *endpoint = endpoint.clone().host_interface(interface);
        }
        Ok(network)
    }
}

record!(
    /// The bridge that containers of a home are connected to.
    Bridge {
        /// Its name.
        name: String,
        /// Its own address and the prefix of those that containers may have, such as `166.88.0.1/24`.
        subnet: String,
        /// The same of IPv6, such as `fd00:88::1/64`, if it has any.
        subnet6: Option<String>,
    }
);

impl From<BridgeSettings> for Bridge {
    fn from(settings: BridgeSettings) -> Self {
        Self {
            name: settings.bridge.to_string(),
            subnet: settings.subnet.to_string(),
            subnet6: settings.subnet6.map(|subnet| subnet.to_string()),
        }
    }
}
