//! A container's network through its life: what `network` does, with what this home and this container say.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::{Container, Definition};
use crate::error::{Error, NetworkError, Result};
use crate::home::{DirectoryLock, Home};
use crate::name::ContainerName;
use crate::network::{
    Attachment, Book, BridgeSettings, Entry, Owner, Surroundings, check, check_endpoint, netns,
};
use crate::spec::{Endpoint, Hostname, NetnsName, Network, PortMap, Subnet};
use crate::state::Found;

/// How long a container that has just ended may be in somebody's hands.
const MOMENT: Duration = Duration::from_secs(1);

/// The names of all containers of a home.
pub(crate) fn names(home: &Home) -> Result<Vec<ContainerName>> {
    let path = home.containers();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&path).map_err(Error::file("list", &path))? {
        let entry = entry.map_err(Error::file("list", &path))?;
        // What is no name of ours is not ours.
        names.extend(entry.file_name().to_str().and_then(|name| name.parse::<ContainerName>().ok()));
    }
    names.sort();
    Ok(names)
}

/// Every container that has a place on the bridge, with its definition.
fn bridged(home: &Home) -> Result<Vec<(Container, Definition)>> {
    let mut found = Vec::new();
    for name in names(home)? {
        let container = Container::new(home.clone(), name);
        match container.definition() {
            Ok(definition) if definition.network.endpoint().is_some() => found.push((container, definition)),
            Ok(_) | Err(Error::NoSuchContainer(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The address book of a home.
pub(crate) fn book(home: &Home) -> Result<Book> {
    Book::open(home, || {
        let entries = |(container, definition): (Container, Definition)| {
            let addresses: Vec<_> = definition.network.endpoint().into_iter().flat_map(addresses).collect();
            let (hostname, name) = (definition.hostname, container.name);
            let entry = move |address| Entry { address, hostname: hostname.clone(), name: name.clone() };
            addresses.into_iter().map(entry)
        };
        Ok(bridged(home)?.into_iter().flat_map(entries).collect())
    })
}

fn addresses(endpoint: &Endpoint) -> impl Iterator<Item = IpAddr> + use<> {
    endpoint.vip.map(IpAddr::V4).into_iter().chain(endpoint.vip6.map(IpAddr::V6))
}

/// Completes the network of a container that is about to be made: on the bridge it gets its addresses. Whoever makes it
/// holds the book until the container has its name. What is in the way is found here, before anything is made.
pub(crate) fn settle(
    home: &Home,
    network: &mut Network,
    name: &ContainerName,
    hostname: &Hostname,
) -> Result<Option<Book>> {
    check(network)?;
    let owner = Owner::new(home.path(), name);
    if network.has_namespace() {
        owner.check_namespace(&NetnsName::of(name), || home.container(name).is_dir())?;
    }
    let Network::Bridge(endpoint) = network else { return Ok(None) };
    let settings = BridgeSettings::read(home)?;
    check_endpoint(endpoint, &settings)?;
    let around = Surroundings::look(&settings, &owner)?;
    endpoint.vip.map_or(Ok(()), |vip| around.refuse_taken(vip))?;
    let mut book = book(home)?;
    let vip = match endpoint.vip {
        Some(vip) => book.choose(settings.subnet, Some(vip), name, |_| false)?,
        None => choose_vip(&book, settings.subnet, name, &around)?,
    };
    endpoint.vip = Some(vip);
    if let Some(subnet) = settings.subnet6 {
        endpoint.vip6.map_or(Ok(()), |vip6| around.refuse_taken(vip6))?;
        let number = settings.subnet.number(vip);
        endpoint.vip6 = Some(choose_vip6(&book, subnet, endpoint.vip6, name, number, &around)?);
    }
    book.enter(name, hostname, addresses(endpoint))?;
    Ok(Some(book))
}

/// The first address that is free in all homes.
fn choose_vip(
    book: &Book,
    subnet: Subnet,
    name: &ContainerName,
    around: &Surroundings<'_>,
) -> Result<Ipv4Addr> {
    let mut elsewhere = BTreeSet::new();
    loop {
        let address = book.choose(subnet, None, name, |address| elsewhere.contains(&address))?;
        if around.holder(address)?.is_none() {
            return Ok(address);
        }
        // Each round there is one more that is not tried again.
        if elsewhere.is_empty() {
            elsewhere = around.addresses()?;
        }
        elsewhere.insert(address);
    }
}

/// The IPv6 address that a container is to have: without a wish the one with the number that the other one has, so that where those of two homes
/// differ these do.
fn choose_vip6(
    book: &Book,
    subnet: Subnet<Ipv6Addr>,
    wanted: Option<Ipv6Addr>,
    name: &ContainerName,
    number: u128,
    around: &Surroundings<'_>,
) -> Result<Ipv6Addr> {
    if wanted.is_none() {
        let same = subnet.host(number);
        if let Ok(address) = book.choose(subnet, Some(same), name, |_| false)
            && around.holder(address)?.is_none()
        {
            return Ok(address);
        }
    }
    // Whoever's it is that cannot be asked has it.
    book.choose(subnet, wanted, name, |address| !matches!(around.holder(address), Ok(None)))
}

/// Changes the bridge of a home. The one that it had goes, unless somebody is connected to it.
pub(crate) fn change_bridge(home: &Home, settings: &BridgeSettings) -> Result<()> {
    let book = book(home)?;
    let before = BridgeSettings::read(home)?;
    if !book.is_empty() {
        return Err(NetworkError::BridgeInUse(before.bridge.to_string()).into());
    }
    if *settings == before {
        return Ok(());
    }
    settings.write(home)?;
    before.abandon(home.path())
}

/// Makes the rules of a home's bridge again if somebody has taken them away from containers that run, as loading a firewall
/// anew does. For operations that are about networks, or show them, whichever comes first; it is no reason for one of them to
/// fail.
pub(crate) fn keep_rules(home: &Home) {
    let keep = || -> Result<()> {
        if !Book::path(home).exists() {
            return Ok(());
        }
        let settings = BridgeSettings::read(home)?;
        if !settings.rules_are_gone() || running(home)?.is_empty() {
            return Ok(());
        }
        settings.make_rules()?;
        tell_of_lost_rules(&settings, restore(home)?);
        Ok(())
    };
    if let Err(why) = keep() {
        tracing::warn!("cannot see to the rules of the bridge: {}", why.chain());
    }
}

fn tell_of_lost_rules(settings: &BridgeSettings, restored: usize) {
    tracing::warn!(
        "the rules of bridge {} had been taken away from {restored} running containers, and are there again",
        settings.bridge
    );
}

/// Every running container that has a place on the bridge, with that.
fn running(home: &Home) -> Result<Vec<(Container, Attachment)>> {
    let mut found = Vec::new();
    for (container, definition) in bridged(home)? {
        if matches!(container.records().look()?, Found::Running(_)) {
            found.extend(container.attachment(&definition)?.map(|attachment| (container, attachment)));
        }
    }
    Ok(found)
}

/// The rules were lost, and with them the ways to those who run: they are opened again. Says to how many.
fn restore(home: &Home) -> Result<usize> {
    let mut restored = 0;
    for (container, attachment) in running(home)? {
        attachment.publish()?;
        if container.lives()? {
            restored += 1;
            continue;
        }
        // It may have been taken out of the rules before we have put it there. Who has its lock for long boots it.
        let lock = DirectoryLock::exclusive(&container.directory(), &container.name, MOMENT);
        if lock.is_ok() && !container.lives()? {
            attachment.withdraw()?;
        }
    }
    Ok(restored)
}

impl Container {
    /// Whether its root process has not ended.
    fn lives(&self) -> Result<bool> {
        let Found::Running(record) = self.records().look()? else { return Ok(false) };
        let Some(root) = self.records().root_process(&record)? else { return Ok(false) };
        let ended = root.wait_until(Some(Instant::now()));
        ended.map(|ended| !ended).map_err(Error::system(format!("look at container {}", self.name)))
    }

    /// The container's place on the bridge, if it has one.
    pub(super) fn attachment(&self, definition: &Definition) -> Result<Option<Attachment>> {
        let Some(endpoint) = definition.network.endpoint().cloned() else { return Ok(None) };
        let Some(vip) = endpoint.vip else { return Ok(None) };
        let (settings, netns) = (BridgeSettings::read(&self.home)?, NetnsName::of(&self.name));
        let (owner, vip6) = (self.owner(), endpoint.vip6);
        Ok(Some(Attachment { settings, netns, owner, vip, vip6, endpoint }))
    }

    fn owner(&self) -> Owner {
        Owner::new(self.home.path(), &self.name)
    }

    /// Makes what the container has of a network while it exists, as far as it is missing.
    pub(crate) fn make_network(&self, definition: &Definition) -> Result<()> {
        match definition.network {
            Network::Host => Ok(()),
            Network::Custom => self.owner().ensure_namespace(&NetnsName::of(&self.name)),
            Network::Bridge(_) => self.attachment(definition)?.map_or(Ok(()), |it| it.connect()),
        }
    }

    /// Takes away what the container has of a network while it exists. What that is follows from its name, since the
    /// definition may be what is damaged; but another home's container may have the same.
    pub(super) fn remove_network(&self) -> Result<()> {
        let netns = NetnsName::of(&self.name);
        let has_none = self.definition().is_ok_and(|definition| !definition.network.has_namespace());
        if has_none || !self.owner().may_remove(&netns)? {
            return Ok(());
        }
        netns::remove(&netns)
    }

    /// Gives the container's address back.
    pub(super) fn forget_address(&self) -> Result<()> {
        // Where no container was ever connected there is no book.
        if Book::path(&self.home).exists() { book(&self.home)?.strike(&self.name) } else { Ok(()) }
    }

    /// What to make of a launch that failed: `None` when it is to be tried again.
    pub(super) fn explain(&self, attachment: Option<&Attachment>, failure: Error) -> Result<Option<Error>> {
        let Some(attachment) = attachment else { return Ok(Some(failure)) };
        let explained = attachment.explain(failure, || book(&self.home))?;
        if explained.is_none() {
            let restored = restore(&self.home)?;
            if restored > 0 {
                tell_of_lost_rules(&attachment.settings, restored);
            }
        }
        Ok(explained)
    }

    /// Gives the container another address on the bridge, in the place of the one of that version of IP.
    ///
    /// # Errors
    /// [`Error::Running`]; [`Error::Invalid`] when it is not on the bridge, or for an address that no container can have;
    /// [`NetworkError::AddressTaken`](crate::NetworkError).
    pub fn set_vip(&self, vip: impl Into<IpAddr>) -> Result<()> {
        let vip = vip.into();
        self.change_endpoint(|container, definition, endpoint| {
            match vip {
                IpAddr::V4(vip) => endpoint.vip = Some(vip),
                IpAddr::V6(vip) => endpoint.vip6 = Some(vip),
            }
            let settings = BridgeSettings::read(&container.home)?;
            check_endpoint(endpoint, &settings)?;
            let owner = container.owner();
            let mut book = book(&container.home)?;
            match (vip, settings.subnet6) {
                (IpAddr::V6(vip), Some(subnet)) => {
                    Surroundings::look(&settings, &owner)?.refuse_taken(vip)?;
                    book.choose(subnet, Some(vip), &container.name, |_| false)?;
                }
                (IpAddr::V4(vip), _) => {
                    Surroundings::look(&settings, &owner)?.refuse_taken(vip)?;
                    book.choose(settings.subnet, Some(vip), &container.name, |_| false)?;
                }
                _ => {}
            }
            book.enter(&container.name, &definition.hostname, addresses(endpoint))?;
            // Made anew at the next boot at the latest.
            container.remove_network()
        })
    }

    /// Gives the container other mapped ports.
    ///
    /// # Errors
    /// [`Error::Running`]; [`Error::Invalid`] when it is not on the bridge.
    pub fn set_ports(&self, ports: PortMap) -> Result<()> {
        self.change_endpoint(|container, _, endpoint| {
            endpoint.ports = ports;
            check_endpoint(endpoint, &BridgeSettings::read(&container.home)?)
        })
    }

    fn change_endpoint(
        &self,
        change: impl FnOnce(&Self, &Definition, &mut Endpoint) -> Result<()>,
    ) -> Result<()> {
        let _lock = self.lock_stopped()?;
        keep_rules(&self.home);
        let mut definition = self.definition()?;
        let Network::Bridge(mut endpoint) = definition.network.clone() else {
            let why =
                format!("its network model is {}, which has neither address nor ports", definition.network);
            return Err(Error::invalid("container", self.name.as_str(), why));
        };
        change(self, &definition, &mut endpoint)?;
        definition.network = Network::Bridge(endpoint);
        definition.write(&self.directory(), definition.durability())?;
        self.make_network(&definition)
    }
}
