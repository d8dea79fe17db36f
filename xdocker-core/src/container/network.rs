//! A container's network through its life: what `network` does, with what this home and this container say.

use std::net::Ipv4Addr;

use super::{Container, Definition};
use crate::error::{Error, NetworkError, Result};
use crate::home::Home;
use crate::name::ContainerName;
use crate::network::{Attachment, Book, BridgeSettings, Entry, check, netns};
use crate::spec::{Endpoint, Hostname, NetnsName, Network, PortMap};
use crate::state::Found;

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
        let entry = |(container, definition): (Container, Definition)| {
            let address = definition.network.endpoint().and_then(Endpoint::address)?;
            Some(Entry { address, hostname: definition.hostname, name: container.name })
        };
        Ok(bridged(home)?.into_iter().filter_map(entry).collect())
    })
}

/// Completes the network of a container that is about to be made: on the bridge it gets its address. Whoever makes it
/// holds the book until the container has its name.
pub(crate) fn settle(
    home: &Home,
    network: &mut Network,
    name: &ContainerName,
    hostname: &Hostname,
) -> Result<Option<Book>> {
    check(network)?;
    let Network::Bridge(endpoint) = network else { return Ok(None) };
    let subnet = BridgeSettings::read(home)?.subnet;
    if let Some(vip) = endpoint.vip {
        subnet.check(vip)?;
    }
    let mut book = book(home)?;
    endpoint.vip = Some(book.enter(subnet, endpoint.vip, name, hostname)?);
    Ok(Some(book))
}

/// Changes the bridge of a home.
pub(crate) fn change_bridge(home: &Home, settings: &BridgeSettings) -> Result<()> {
    let book = book(home)?;
    if !book.is_empty() {
        let bridge = BridgeSettings::read(home)?.bridge;
        return Err(NetworkError::BridgeInUse(bridge.to_string()).into());
    }
    settings.write(home)
}

impl Container {
    /// The container's place on the bridge, if it has one.
    pub(super) fn attachment(&self, definition: &Definition) -> Result<Option<Attachment>> {
        let Some(endpoint) = definition.network.endpoint().cloned() else { return Ok(None) };
        let Some(vip) = endpoint.vip else { return Ok(None) };
        let (settings, netns) = (BridgeSettings::read(&self.home)?, NetnsName::of(&self.name));
        Ok(Some(Attachment { settings, netns, vip, endpoint }))
    }

    /// Makes what the container has of a network while it exists, as far as it is missing.
    pub(crate) fn make_network(&self, definition: &Definition) -> Result<()> {
        match definition.network {
            Network::Host => Ok(()),
            Network::Custom => netns::ensure(&NetnsName::of(&self.name)),
            Network::Bridge(_) => self.attachment(definition)?.map_or(Ok(()), |it| it.connect()),
        }
    }

    /// Takes away what the container has of a network while it exists. Not asked of the definition, which may be what
    /// is damaged: the names follow from ours.
    pub(super) fn remove_network(&self) -> Result<()> {
        netns::remove(&NetnsName::of(&self.name))
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
            self.restore_others()?;
        }
        Ok(explained)
    }

    /// The rules were lost, and with them the ways to those who run.
    fn restore_others(&self) -> Result<()> {
        for (container, definition) in bridged(&self.home)? {
            if container.name != self.name && matches!(container.records().look()?, Found::Running(_)) {
                container.attachment(&definition)?.map_or(Ok(()), |it| it.publish())?;
            }
        }
        Ok(())
    }

    /// Gives the container another address on the bridge.
    ///
    /// # Errors
    /// [`Error::Running`]; [`Error::Invalid`] when it is not on the bridge, or for an address that no container can have;
    /// [`NetworkError::AddressTaken`](crate::NetworkError).
    pub fn set_vip(&self, vip: Ipv4Addr) -> Result<()> {
        self.change_endpoint(|container, definition, endpoint| {
            let subnet = BridgeSettings::read(&container.home)?.subnet;
            let mut book = book(&container.home)?;
            book.enter(subnet, Some(vip), &container.name, &definition.hostname)?;
            endpoint.vip = Some(vip);
            // Made anew at the next boot at the latest.
            container.remove_network()
        })
    }

    /// Gives the container other mapped ports.
    ///
    /// # Errors
    /// [`Error::Running`]; [`Error::Invalid`] when it is not on the bridge.
    pub fn set_ports(&self, ports: PortMap) -> Result<()> {
        self.change_endpoint(|_, _, endpoint| {
            endpoint.ports = ports;
            Ok(())
        })
    }

    fn change_endpoint(
        &self,
        change: impl FnOnce(&Self, &Definition, &mut Endpoint) -> Result<()>,
    ) -> Result<()> {
        let _lock = self.lock_stopped()?;
        let mut definition = self.definition()?;
        let Network::Bridge(mut endpoint) = definition.network.clone() else {
            let why = format!("its network model is {}", definition.network);
            return Err(Error::invalid("container", self.name.as_str(), why));
        };
        change(self, &definition, &mut endpoint)?;
        definition.network = Network::Bridge(endpoint);
        definition.write(&self.directory(), definition.durability())?;
        self.make_network(&definition)
    }
}
