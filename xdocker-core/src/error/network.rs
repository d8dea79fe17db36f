//! What can be wrong with a network.

use std::net::IpAddr;

/// Why a container cannot be connected as it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// Another container has the address.
    #[error("address {address} is that of {holder}")]
    AddressTaken {
        /// Which address.
        address: IpAddr,
        /// Whose it is: the container, and its home where that is another one.
        holder: String,
    },
    /// The network namespace is there already, and is not the container's: its name follows from the container's alone,
    /// so that a container of that name in another home has the same one.
    #[error("network namespace {namespace} is there already: it is that of {holder}")]
    NamespaceTaken {
        /// Its name.
        namespace: String,
        /// Whose it is, as far as that can be seen.
        holder: String,
    },
    /// Every address is some container's.
    #[error("no address of {subnet} is free")]
    AddressesExhausted {
        /// Of which range.
        subnet: String,
    },
    /// Another container has mapped the port.
    #[error("port {port} is mapped by {holder}")]
    PortMapped {
        /// Which port of the host.
        port: String,
        /// The container, or its address where it belongs to another home.
        holder: String,
    },
    /// A process of the host listens on the port.
    #[error("port {port} is in use by {holder}")]
    PortInUse {
        /// Which port of the host.
        port: String,
        /// The process, as far as it can be seen.
        holder: String,
    },
    /// The host has no interface of that name.
    #[error("the host has no network interface {0}")]
    NoSuchInterface(String),
    /// The bridge is there already, and is something else.
    #[error("{bridge} is there already and {why}")]
    BridgeTaken {
        /// Its name.
        bridge: String,
        /// What is wrong with it.
        why: String,
    },
    /// Addresses of the bridge lead elsewhere.
    #[error("the range {subnet} of bridge {bridge} overlaps the route to {route}")]
    RouteTaken {
        /// The bridge's range.
        subnet: String,
        /// Its name.
        bridge: String,
        /// The route that the host has, and its link.
        route: String,
    },
    /// The bridge cannot be changed under containers that are connected to it.
    #[error("containers are connected to bridge {0}")]
    BridgeInUse(String),
}
