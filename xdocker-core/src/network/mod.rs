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
mod bridge;
mod legacy;
mod link;
mod listener;
pub(crate) mod netns;
mod nft;
mod settings;
mod socket;
mod surroundings;
mod sysctl;

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;

pub(crate) use self::book::{Book, Entry};
use self::link::{Inside, Links, mac, mac_of};
use self::nft::{Change, Member, Rules, ask_for_rules};
pub use self::settings::BridgeSettings;
pub(crate) use self::surroundings::{Owner, Surroundings};
use crate::error::{Error, NetworkError, Result};
use crate::launch::{Action, Plan};
use crate::spec::{Endpoint, HostPort, NetnsName, Network};

/// The link inside.
const INSIDE: &str = "eth0";
/// What the step of a launch plan is called that opens the ways in.
const PUBLISHING: &str = "connect the container to the rules of its bridge";

/// A container's place on the bridge, with everything decided.
#[derive(Debug)]
pub(crate) struct Attachment {
    pub(crate) settings: BridgeSettings,
    pub(crate) netns: NetnsName,
    pub(crate) owner: Owner,
    pub(crate) vip: Ipv4Addr,
    pub(crate) vip6: Option<Ipv6Addr>,
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

/// Checks that the bridge can give what is asked of it.
///
/// # Errors
/// [`Error::Invalid`].
pub(crate) fn check_endpoint(endpoint: &Endpoint, settings: &BridgeSettings) -> Result<()> {
    let no_ipv6 = || format!("bridge {} has no IPv6", settings.bridge);
    if let Some(vip) = endpoint.vip {
        settings.subnet.check(vip)?;
    }
    match (endpoint.vip6, settings.subnet6) {
        (Some(vip), Some(subnet)) => subnet.check(vip)?,
        (Some(vip), None) => return Err(Error::invalid("address", vip.to_string(), no_ipv6())),
        _ => {}
    }
    let ipv6 = |port: &HostPort| port.address.is_some_and(|address| address.is_ipv6());
    match endpoint.ports.ports().find(ipv6).filter(|_| settings.subnet6.is_none()) {
        Some(port) => Err(Error::invalid("port mapping", port.to_string(), no_ipv6())),
        None => Ok(()),
    }
}

impl Attachment {
    /// Makes the bridge, the namespace and the links between them, as far as they are missing.
    ///
    /// # Errors
    /// [`NetworkError::BridgeTaken`], [`NetworkError::RouteTaken`], [`NetworkError::NamespaceTaken`],
    /// [`NetworkError::AddressTaken`], [`Error::System`].
    pub(crate) fn connect(&self) -> Result<()> {
        let links = Links::here().map_err(Error::system("look at the host's network"))?;
        let bridge = self.settings.ensure(&links)?;
        let name = self.netns.link();
        let failed = || Error::system(format!("connect {} to bridge {}", self.netns, self.settings.bridge));
        let found = links.find(&name).map_err(failed())?;
        if let Some(link) = &found {
            let whole = self.owner.refuse_others(&self.netns, link)?;
            if whole && link.bridge == Some(bridge) && netns::exists(&self.netns.path()) {
                return Ok(());
            }
        }
        // Half of it is worth nothing: the one end goes with the other.
        netns::remove(&self.netns)?;
        if found.is_some() {
            links.delete(&name).map_err(failed())?;
        }
        let within = netns::make(&self.netns, Links::of_new_namespace)?;
        let inside = Inside { name: INSIDE, mac: mac(self.vip), vip: self.vip, vip6: self.vip6 };
        let join = || -> io::Result<u32> {
            let namespace = File::open(self.netns.path())?;
            let port = links.add_pair(&name, bridge, namespace.as_fd(), &inside)?;
            within.set_up(&inside, &self.settings)?;
            Ok(port)
        };
        let port = join().map_err(failed())?;
        for address in self.addresses() {
            let mac = mac_of(address);
            let Err(why) = links.settle(port, mac, false) else { continue };
            let elsewhere = match why.raw_os_error() {
                Some(libc::EEXIST) => {
                    self.owner.of_another_home(links.behind(bridge, mac).map_err(failed())?)
                }
                _ => return Err(failed()(why)),
            };
            if let Some(holder) = elsewhere {
                netns::remove(&self.netns)?;
                return Err(NetworkError::AddressTaken { address, holder }.into());
            }
            // What was ours may go on to be there for a moment.
            links.settle(port, mac, true).map_err(failed())?;
        }
        links.mark(port, &self.owner).map_err(failed())
    }

    /// Checks that the container's ports are free as far as processes of the host go, and that the host passes
    /// packets on.
    ///
    /// # Errors
    /// [`NetworkError::PortInUse`], [`Error::File`].
    pub(crate) fn prepare(&self) -> Result<()> {
        let mut ports = self.endpoint.ports.ports();
        ports.try_for_each(|port| listener::refuse_if_in_use(&port, self.vip6.is_some()))?;
        self.settings.forward()
    }

    /// Plans that the ways in open at boot, first of all, and close when the container ends.
    pub(crate) fn plan(&self, plan: &mut Plan) {
        let protocol = libc::NETLINK_NETFILTER as u32;
        plan.host.purpose(PUBLISHING).push(Action::Netlink {
            protocol,
            messages: [
                vec![ask_for_rules(&self.settings.bridge, self.vip6.is_some())],
                self.elements(Change::Add),
            ]
            .concat()
            .concat(),
            missing_is_fine: false,
        });
        plan.undo.purpose("take the container out of the rules of its bridge").push(Action::Netlink {
            protocol,
            messages: self.elements(Change::Delete).concat(),
            missing_is_fine: true,
        });
    }

    fn elements(&self, change: Change) -> Vec<Vec<u8>> {
        self.elements_with(change, self.endpoint.ports.ports().collect())
    }

    fn elements_with(&self, change: Change, ports: Vec<HostPort>) -> Vec<Vec<u8>> {
        let (bridge, interface) = (&self.settings.bridge, self.endpoint.interface());
        let (link, mac) = (&*self.netns.link(), mac(self.vip));
        Member { bridge, link, mac, vip: self.vip, vip6: self.vip6, interface, ports }.batches(change)
    }

    /// Its addresses.
    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        std::iter::once(self.vip.into()).chain(self.vip6.map(IpAddr::V6))
    }

    /// Puts a running container into rules that were lost.
    pub(crate) fn publish(&self) -> Result<()> {
        let change =
            |rules: Rules| self.elements(Change::Restore).iter().try_for_each(|batch| rules.change(batch));
        Rules::open()
            .and_then(change)
            .map_err(Error::system(format!("change the rules of bridge {}", self.settings.bridge)))
    }

    /// Takes the container out of the rules in the place of a monitor that was killed, perhaps before it had put it there:
    /// a port may be somebody else's.
    pub(crate) fn withdraw(&self) -> Result<()> {
        let take_out = || -> io::Result<()> {
            let rules = Rules::open()?;
            let mut own = Vec::new();
            for port in self.endpoint.ports.ports() {
                for address in self.addresses() {
                    if rules.target(&self.settings.bridge, &port, address)? == Some(address) {
                        own.push(port);
                        break;
                    }
                }
            }
            for batch in self.elements_with(Change::Delete, own) {
                match rules.change(&batch) {
                    Err(why) if why.raw_os_error() != Some(libc::ENOENT) => return Err(why),
                    _ => {}
                }
            }
            Ok(())
        };
        take_out().map_err(Error::system(format!("change the rules of bridge {}", self.settings.bridge)))
    }

    /// What the failure of a launch has to do with the network: the rules were missing and are there now (`None`), or
    /// why it cannot be connected.
    pub(crate) fn explain(
        &self,
        failure: Error,
        book: impl FnOnce() -> Result<Book>,
    ) -> Result<Option<Error>> {
        let Error::Launch { step, source } = &failure else { return Ok(Some(failure)) };
        let bridge = &self.settings.bridge;
        let failed = || Error::system(format!("make the rules of bridge {bridge}"));
        match source.raw_os_error() {
            _ if step != PUBLISHING => Ok(Some(failure)),
            Some(libc::ENOENT) => {
                self.settings.make_rules()?;
                Ok(None)
            }
            Some(libc::EEXIST | libc::EBUSY) => {
                let rules = Rules::open().map_err(failed())?;
                for port in self.endpoint.ports.ports() {
                    for own in self.addresses() {
                        if let Some(other) = rules.rival(bridge, &port, own).map_err(failed())? {
                            let holder = self.holder(other, &book()?)?;
                            return Ok(Some(
                                NetworkError::PortMapped { port: port.to_string(), holder }.into(),
                            ));
                        }
                    }
                }
                let taken = |vip: &Ipv6Addr| rules.has(bridge, (*vip).into()).unwrap_or_default();
                Ok(Some(match self.vip6.filter(taken) {
                    Some(vip) => {
                        let holder = "a running container of another home".to_owned();
                        NetworkError::AddressTaken { address: vip.into(), holder }.into()
                    }
                    None => failure,
                }))
            }
            _ => Ok(Some(failure)),
        }
    }

    /// The container that has the address, in words.
    fn holder(&self, address: IpAddr, book: &Book) -> Result<String> {
        if let Some(name) = book.holder(address) {
            return Ok(format!("container {name}"));
        }
        if let IpAddr::V4(vip) = address {
            let around = Surroundings::look(&self.settings, &self.owner)?;
            if let Some(holder) = around.holder(vip)? {
                return Ok(holder);
            }
        }
        Ok(format!("the container at {address}, of another home"))
    }
}

impl BridgeSettings {
    /// Makes the rules, as far as they are missing.
    ///
    /// # Errors
    /// [`Error::System`].
    pub(crate) fn make_rules(&self) -> Result<()> {
        let failed = || Error::system(format!("make the rules of bridge {}", self.bridge));
        let rules = Rules::open().map_err(failed())?;
        rules.ensure(self).map_err(failed())?;
        self.warn_of_closed_chains(&rules);
        Ok(())
    }

    /// Says so when rules of others let nothing through to the bridge.
    fn warn_of_closed_chains(&self, rules: &Rules) {
        let chains = rules.closed_chains(&self.bridge).and_then(|mut chains| {
            chains.extend(legacy::closed_chains()?);
            Ok(chains)
        });
        match chains {
            Ok(chains) => {
                for chain in chains {
                    tracing::warn!(
                        "chain `{chain}` of the host's packet filter drops what it forwards: containers on bridge {} are \
                         not reached, and reach nobody, unless it lets them",
                        self.bridge
                    );
                }
            }
            Err(why) => tracing::debug!("cannot look at the host's packet filter: {why}"),
        }
    }
}
