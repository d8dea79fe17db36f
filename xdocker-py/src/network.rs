//! How a container is connected: as keyword arguments; and the bridge that it may be connected to, as a record.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

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

/// An address by its text.
pub(crate) fn address(vip: &str) -> PyResult<Ipv4Addr> {
    vip.parse().map_err(|_| invalid(format!("vip `{vip}`: it is no IPv4 address")))
}

keywords!(
    /// How it is connected.
    NetworkKeywords {
        net: Option<String>,
        vip: Option<String>,
        ports: Option<Ports>,
        host_eth: Option<String>,
    }
);

impl NetworkKeywords {
    /// As the core has it.
    pub(crate) fn network(self) -> PyResult<Network> {
        let mut network: Network = option(self.net.as_deref())?.unwrap_or_default();
        let Network::Bridge(endpoint) = &mut network else {
            return match self.vip.is_some() || self.ports.is_some() || self.host_eth.is_some() {
                true => Err(invalid(format!("net `{network}`: vip, ports and host_eth are for BRIDGE"))),
                false => Ok(network),
            };
        };
        if let Some(vip) = &self.vip {
            *endpoint = endpoint.clone().vip(address(vip)?);
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
    }
);

impl From<BridgeSettings> for Bridge {
    fn from(settings: BridgeSettings) -> Self {
        Self { name: settings.bridge.to_string(), subnet: settings.subnet.to_string() }
    }
}
