//! Networks of containers: named network namespaces, and the bridge.
//!
//! ```text
//! create   address from the book · namespace · a pair of links, one end on the bridge, one inside
//! boot     elements into the sets of the rules                  undo: elements out of them
//! destroy  namespace away, and its links with it · address back
//! ```
//! What exists from create to destroy makes booting nearly free, and the kernel clears it behind our back. What opens
//! a way in exists only while the container runs.
//!
//! Everything is said in netlink messages. Those of a boot are made here and are data in the launch plan.

mod book;
mod link;
mod listener;
pub(crate) mod netns;
mod nft;
mod settings;
mod socket;

use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;

pub(crate) use self::book::{Book, Entry};
use self::link::{Links, mac};
use self::nft::{Change, Rules, elements};
pub use self::settings::BridgeSettings;
use crate::error::{Error, NetworkError, Result};
use crate::launch::{Action, Plan};
use crate::spec::{Endpoint, HostPort, NetnsName, Network};

/// The link inside.
const INSIDE: &str = "eth0";
/// Whether the host passes packets on.
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";
/// What the step of a launch plan is called that opens the ways in.
const PUBLISHING: &str = "connect the container to the rules of its bridge";

/// A container's place on the bridge, with everything decided.
#[derive(Debug)]
pub(crate) struct Attachment {
    pub(crate) settings: BridgeSettings,
    pub(crate) netns: NetnsName,
    pub(crate) vip: Ipv4Addr,
    pub(crate) endpoint: Endpoint,
}

/// Checks what can be checked before there is a container.
///
/// # Errors
/// [`NetworkError::NoSuchInterface`].
pub(crate) fn check(network: &Network) -> Result<()> {
    let Some(interface) = network.endpoint().and_then(Endpoint::interface) else { return Ok(()) };
    let found = Links::here().and_then(|links| links.find(interface.as_str()));
    match found.map_err(Error::system("look at the host's network"))? {
        Some(_) => Ok(()),
        None => Err(NetworkError::NoSuchInterface(interface.to_string()).into()),
    }
}

impl Attachment {
    /// Makes the bridge, the namespace and the links between them, as far as they are missing.
    ///
    /// # Errors
    /// [`NetworkError::BridgeTaken`], [`NetworkError::RouteTaken`], [`Error::System`].
    pub(crate) fn connect(&self) -> Result<()> {
        let links = Links::here().map_err(Error::system("look at the host's network"))?;
        let bridge = self.bridge(&links)?;
        let name = self.netns.link();
        let failed = || Error::system(format!("connect {} to bridge {}", self.netns, self.settings.bridge));
        let is_there = netns::exists(&self.netns.path());
        if is_there && links.find(&name).map_err(failed())?.is_some_and(|link| link.bridge == Some(bridge)) {
            return Ok(());
        }
        // Half of it is worth nothing: the one end goes with the other.
        netns::remove(&self.netns)?;
        links.delete(&name).map_err(failed())?;
        netns::ensure(&self.netns)?;
        let join = || -> io::Result<()> {
            let namespace = File::open(self.netns.path())?;
            links.add_pair(&name, bridge, namespace.as_fd(), INSIDE, mac(self.vip))?;
            Links::of(&self.netns)?.configure(INSIDE, self.vip, self.settings.subnet)
        };
        join().map_err(failed())
    }

    /// The bridge, made if there is none.
    fn bridge(&self, links: &Links) -> Result<u32> {
        let BridgeSettings { bridge, subnet } = &self.settings;
        let failed = || Error::system(format!("make bridge {bridge}"));
        let taken = |why: &str| NetworkError::BridgeTaken { bridge: bridge.to_string(), why: why.to_owned() };
        if let Some(found) = links.find(bridge.as_str()).map_err(failed())? {
            if !found.is_bridge {
                return Err(taken("is no bridge").into());
            }
            let own = (found.index, subnet.gateway(), subnet.prefix());
            if !links.addresses().map_err(failed())?.contains(&own) {
                return Err(taken(&format!("has not the address {subnet}")).into());
            }
            return Ok(found.index);
        }
        let bits = |address: Ipv4Addr, prefix: u8| address.to_bits().checked_shr(32 - u32::from(prefix));
        let overlap = |(to, prefix): &(Ipv4Addr, u8)| {
            let common = subnet.prefix().min(*prefix);
            bits(*to, common) == bits(subnet.gateway(), common)
        };
        if let Some((to, prefix)) = links.routes().map_err(failed())?.into_iter().find(overlap) {
            let (subnet, bridge) = (subnet.to_string(), bridge.to_string());
            return Err(NetworkError::RouteTaken { subnet, bridge, route: format!("{to}/{prefix}") }.into());
        }
        tracing::info!("bridge {bridge}: made, with the addresses {subnet}");
        match links.add_bridge(bridge.as_str(), *subnet) {
            // Somebody else was faster.
            Err(why) if why.raw_os_error() == Some(libc::EEXIST) => self.bridge(links),
            made => made.map_err(failed()),
        }
    }

    /// Checks that the container's ports are free as far as processes of the host go, and that the host passes
    /// packets on.
    ///
    /// # Errors
    /// [`NetworkError::PortInUse`], [`Error::File`].
    pub(crate) fn prepare(&self) -> Result<()> {
        self.endpoint.ports.ports().try_for_each(|port| listener::refuse_if_in_use(&port))?;
        let forwards = fs::read(FORWARDING).map_err(Error::file("read", FORWARDING))?;
        if forwards.first() == Some(&b'0') {
            fs::write(FORWARDING, "1").map_err(Error::file("write", FORWARDING))?;
            tracing::info!("switched on the forwarding of packets: net.ipv4.ip_forward=1");
        }
        Ok(())
    }

    /// Plans that the ways in open at boot, first of all, and close when the container ends.
    pub(crate) fn plan(&self, plan: &mut Plan) {
        let protocol = libc::NETLINK_NETFILTER as u32;
        plan.host.purpose(PUBLISHING).push(Action::Netlink {
            protocol,
            messages: self.elements(Change::Add),
            missing_is_fine: false,
        });
        plan.undo.purpose("take the container out of the rules of its bridge").push(Action::Netlink {
            protocol,
            messages: self.elements(Change::Delete),
            missing_is_fine: true,
        });
    }

    fn elements(&self, change: Change) -> Vec<u8> {
        self.elements_with(change, self.endpoint.ports.ports())
    }

    fn elements_with(&self, change: Change, ports: impl Iterator<Item = HostPort>) -> Vec<u8> {
        let (bridge, interface) = (&self.settings.bridge, self.endpoint.interface());
        elements(change, bridge, &self.netns.link(), self.vip, interface, ports)
    }

    /// Puts a running container into rules that were lost.
    pub(crate) fn publish(&self) -> Result<()> {
        let done = Rules::open().and_then(|rules| rules.change(&self.elements(Change::Add)));
        done.map_err(Error::system(format!("change the rules of bridge {}", self.settings.bridge)))
    }

    /// Takes the container out of the rules in the place of a monitor that was killed, perhaps before it had put it there:
    /// a port may be somebody else's.
    pub(crate) fn withdraw(&self) -> Result<()> {
        let take_out = || -> io::Result<()> {
            let rules = Rules::open()?;
            let mut own = Vec::new();
            for port in self.endpoint.ports.ports() {
                if rules.target(&self.settings.bridge, &port)? == Some(self.vip) {
                    own.push(port);
                }
            }
            rules.change(&self.elements_with(Change::Delete, own.into_iter()))
        };
        match take_out() {
            Err(why) if why.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            done => {
                done.map_err(Error::system(format!("change the rules of bridge {}", self.settings.bridge)))
            }
        }
    }

    /// What the failure of a launch has to do with the network: the rules were missing and are there now (`None`), or
    /// why it cannot be connected.
    pub(crate) fn explain(
        &self,
        failure: Error,
        book: impl FnOnce() -> Result<Book>,
    ) -> Result<Option<Error>> {
        let Error::Launch { step, source } = &failure else { return Ok(Some(failure)) };
        let BridgeSettings { bridge, subnet } = &self.settings;
        let failed = || Error::system(format!("make the rules of bridge {bridge}"));
        match source.raw_os_error() {
            _ if step != PUBLISHING => Ok(Some(failure)),
            Some(libc::ENOENT) => {
                let rules = Rules::open().map_err(failed())?;
                rules.ensure(bridge, *subnet).map_err(failed())?;
                self.warn_of_closed_chains(&rules);
                Ok(None)
            }
            Some(libc::EEXIST | libc::EBUSY) => {
                let rules = Rules::open().map_err(failed())?;
                for port in self.endpoint.ports.ports() {
                    let target = rules.target(bridge, &port).map_err(failed())?;
                    if let Some(address) = target.filter(|address| *address != self.vip) {
                        let holder = match book()?.holder(address) {
                            Some(name) => format!("container {name}"),
                            None => format!("the container at {address}, of another home"),
                        };
                        return Ok(Some(NetworkError::PortMapped { port: port.to_string(), holder }.into()));
                    }
                }
                Ok(Some(failure))
            }
            _ => Ok(Some(failure)),
        }
    }

    /// Says so when rules of others let nothing through to the bridge.
    fn warn_of_closed_chains(&self, rules: &Rules) {
        match rules.closed_chains(&self.settings.bridge) {
            Ok(chains) => {
                for chain in chains {
                    tracing::warn!(
                        "chain `{chain}` of the host's packet filter drops what it forwards: containers on bridge {} are \
                         not reached, and reach nobody, unless it lets them",
                        self.settings.bridge
                    );
                }
            }
            Err(why) => tracing::debug!("cannot look at the host's packet filter: {why}"),
        }
    }
}
