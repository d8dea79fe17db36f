//! Addresses, ports, and the bridge.

use std::net::IpAddr;

use xdocker_core::Network;

use super::{container, engine, show};
use crate::grammar::{Fault, Given, Misuse};
use crate::report::{self, Outcome};

/// `-a vip`
pub(crate) fn vip(given: Given) -> Outcome {
    let vip = given.vip.map(IpAddr::V4).or(given.vip6.map(IpAddr::V6));
    container(&given)?.set_vip(vip.expect("the grammar asks for it"))?;
    report::ok()
}

/// `-a port_mapping`
pub(crate) fn port_mapping(given: Given) -> Outcome {
    container(&given)?.set_ports(given.ports.expect("the grammar asks for it"))?;
    report::ok()
}

/// `-a bridge`
pub(crate) fn bridge(given: Given) -> Outcome {
    let engine = engine()?;
    let mut settings = engine.bridge()?;
    if let Some(bridge) = given.bridge {
        settings.bridge = bridge;
    }
    if let Some(subnet) = given.subnet {
        settings.subnet = subnet;
    }
    if let Some(subnet) = given.subnet6 {
        settings.subnet6 = subnet;
    }
    engine.set_bridge(&settings)?;
    report::ok()
}

/// `-s bridge`
pub(crate) fn show_bridge(given: Given) -> Outcome {
    let settings = engine()?.bridge()?;
    if given.json {
        return show::json(&settings);
    }
    let subnet6 = settings.subnet6.map(|subnet| format!(" {subnet}")).unwrap_or_default();
    report::print(&format!("{} {}{subnet6}\n", settings.bridge, settings.subnet))
}

/// The network that a new container is to have.
pub(super) fn network_of(given: &mut Given) -> Result<Network, Misuse> {
    let (vip, vip6) = (given.vip.take(), given.vip6.take());
    let (ports, interface) = (given.ports.take(), given.host_interface.take());
    let mut endpoint = match given.network.take().unwrap_or_default() {
        Network::Bridge(endpoint) => endpoint,
        other => {
            let said = [
                (vip.is_some(), "--vip"),
                (vip6.is_some(), "--vip6"),
                (ports.is_some(), "--port-mapping"),
                (interface.is_some(), "--host-eth"),
            ];
            let needless = said.into_iter().find(|(given, _)| *given);
            return needless.map_or(Ok(other), |(_, option)| Err(Fault::NoBridge(option).into()));
        }
    };
    if let Some(vip) = vip {
        endpoint = endpoint.vip(vip);
    }
    if let Some(vip) = vip6 {
        endpoint = endpoint.vip6(vip);
    }
    if let Some(ports) = ports {
        endpoint = endpoint.ports(ports);
    }
    if let Some(interface) = interface {
        endpoint = endpoint.host_interface(interface);
    }
    Ok(Network::Bridge(endpoint))
}
