//! Addresses, ports, and the bridge.

use xdocker_core::Network;

use super::{container, engine, show};
use crate::grammar::{Given, Misuse};
use crate::report::{self, Outcome};

/// `-a vip`
pub(crate) fn vip(given: Given) -> Outcome {
    container(&given)?.set_vip(given.vip.expect("the grammar asks for it"))?;
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
    engine.set_bridge(&settings)?;
    report::ok()
}

/// `-s bridge`
pub(crate) fn show_bridge(given: Given) -> Outcome {
    let settings = engine()?.bridge()?;
    let (bridge, subnet) = (settings.bridge.to_string(), settings.subnet.to_string());
    if given.json {
        return show::json(&serde_json::json!({ "bridge": bridge, "subnet": subnet }));
    }
    report::print(&format!("{bridge} {subnet}\n"))
}

/// The network that a new container is to have.
pub(super) fn network_of(given: &mut Given) -> Result<Network, Misuse> {
    let (vip, ports, interface) = (given.vip.take(), given.ports.take(), given.host_interface.take());
    let mut endpoint = match given.network.take().unwrap_or_default() {
        Network::Bridge(endpoint) => endpoint,
        other => {
            let said = [
                (vip.is_some(), "--vip"),
                (ports.is_some(), "--port-mapping"),
                (interface.is_some(), "--host-eth"),
            ];
            let needless = said.into_iter().find(|(given, _)| *given);
            return needless.map_or(Ok(other), |(_, option)| Err(Misuse::NoBridge(option)));
        }
    };
    if let Some(vip) = vip {
        endpoint = endpoint.vip(vip);
    }
    if let Some(ports) = ports {
        endpoint = endpoint.ports(ports);
    }
    if let Some(interface) = interface {
        endpoint = endpoint.host_interface(interface);
    }
    Ok(Network::Bridge(endpoint))
}
