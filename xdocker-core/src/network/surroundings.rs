//! What is somebody else's: homes that do not know of each other may have one bridge, and names of namespaces follow from
//! those of the containers alone. Whoever is about to make a container looks first.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use super::link::{Link, Links, mac_of};
use super::{BridgeSettings, netns};
use crate::error::{Error, NetworkError, Result};
use crate::name::ContainerName;
use crate::spec::NetnsName;

/// Most bytes of a home's path in the mark.
const HOME_MAX: usize = 160;

/// Whose a link is: what the host's end of a container's pair has as its alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    container: ContainerName,
    home: String,
}

impl Owner {
    pub(crate) fn new(home: &Path, container: &ContainerName) -> Self {
        Self { container: container.clone(), home: short(home) }
    }

    /// Whether a mark is that of a container of the home.
    pub(super) fn is_of(home: &Path, mark: &str) -> bool {
        mark.ends_with(&format!(" of {}", short(home)))
    }

    /// The mark.
    pub(super) fn mark(&self) -> String {
        format!("container {} of {}", self.container, self.home)
    }

    /// What the mark of a link says, when it is not of one of this home's containers.
    pub(super) fn of_another_home(&self, link: Option<Link>) -> Option<String> {
        let link = link?;
        let Some(mark) = link.alias else { return Some(format!("whoever is behind {}", link.name)) };
        Some(mark).filter(|mark| !mark.ends_with(&format!(" of {}", self.home)))
    }

    /// Whether the link is this container's and is complete; one that is not complete has no mark.
    ///
    /// # Errors
    /// [`NetworkError::NamespaceTaken`] when it is another one's.
    pub(super) fn refuse_others(&self, namespace: &NetnsName, link: &Link) -> Result<bool> {
        match &link.alias {
            None => Ok(false),
            Some(mark) if *mark == self.mark() => Ok(true),
            Some(mark) => {
                let (namespace, holder) = (namespace.to_string(), mark.clone());
                Err(NetworkError::NamespaceTaken { namespace, holder }.into())
            }
        }
    }

    /// Checks that the namespace is there for nobody else.
    ///
    /// # Errors
    /// [`NetworkError::NamespaceTaken`].
    pub(crate) fn check_namespace(&self, namespace: &NetnsName, exists: impl Fn() -> bool) -> Result<()> {
        // In this order: one of ours comes after its container.
        if !netns::exists(&namespace.path()) || exists() {
            return Ok(());
        }
        let holder = mark_on(namespace)?.filter(|mark| *mark != self.mark());
        let holder = holder.unwrap_or_else(|| format!("a container {} of another home", self.container));
        Err(NetworkError::NamespaceTaken { namespace: namespace.to_string(), holder }.into())
    }

    /// Makes the namespace, or leaves the one that is there and this container's.
    ///
    /// # Errors
    /// [`NetworkError::NamespaceTaken`], [`Error::File`], [`Error::System`].
    pub(crate) fn ensure_namespace(&self, namespace: &NetnsName) -> Result<()> {
        netns::ensure(namespace)?;
        let holder = Links::claim(namespace, self);
        let holder = holder.map_err(Error::system(format!("mark the network namespace {namespace}")))?;
        if holder == self.mark() {
            return Ok(());
        }
        Err(NetworkError::NamespaceTaken { namespace: namespace.to_string(), holder }.into())
    }

    /// Whether the namespace may be removed: another home's may have its name.
    ///
    /// # Errors
    /// [`Error::System`].
    pub(crate) fn may_remove(&self, namespace: &NetnsName) -> Result<bool> {
        Ok(mark_on(namespace)?.is_none_or(|mark| mark == self.mark()))
    }
}

/// Whose a namespace is, as the link that leads there says, or for one that the user sets up its loopback interface.
fn mark_on(namespace: &NetnsName) -> Result<Option<String>> {
    let failed = || Error::system("look at the host's network");
    let link = Links::here().and_then(|links| links.find(&namespace.link())).map_err(failed())?;
    match link.and_then(|link| link.alias) {
        None if netns::exists(&namespace.path()) => Links::mark_of(namespace).map_err(failed()),
        mark => Ok(mark),
    }
}

/// A home in the mark: the end of a path tells more than its beginning.
fn short(home: &Path) -> String {
    let text: String = home.display().to_string().chars().filter(|c| !c.is_control()).collect();
    let start = text.char_indices().map(|(at, _)| at).find(|at| text.len() - at <= HOME_MAX);
    text[start.unwrap_or(0)..].to_owned()
}

/// The bridge, if there is one, with what others have on it.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    links: Links,
    bridge: Option<u32>,
    owner: &'a Owner,
}

impl<'a> Surroundings<'a> {
    /// Looks, and finds nothing in the way of the bridge.
    ///
    /// # Errors
    /// [`NetworkError::BridgeTaken`], [`NetworkError::RouteTaken`], [`Error::System`].
    pub(crate) fn look(settings: &BridgeSettings, owner: &'a Owner) -> Result<Self> {
        let links = Links::here().map_err(Error::system("look at the host's network"))?;
        let bridge = settings.check(&links)?;
        Ok(Self { links, bridge, owner })
    }

    /// The container of another home that has the address, in words.
    ///
    /// # Errors
    /// [`Error::System`].
    pub(crate) fn holder(&self, address: impl Into<IpAddr>) -> Result<Option<String>> {
        let address = address.into();
        let Some(bridge) = self.bridge else { return Ok(None) };
        let found = self.links.behind(bridge, mac_of(address));
        let found = found.map_err(Error::system(format!("look for address {address} on the bridge")))?;
        Ok(self.owner.of_another_home(found))
    }

    /// Checks that no other home's container has the address.
    ///
    /// # Errors
    /// [`NetworkError::AddressTaken`], [`Error::System`].
    pub(crate) fn refuse_taken(&self, address: impl Into<IpAddr>) -> Result<()> {
        let address = address.into();
        match self.holder(address)? {
            None => Ok(()),
            Some(holder) => Err(NetworkError::AddressTaken { address, holder }.into()),
        }
    }

    /// All addresses on the bridge, this home's included.
    ///
    /// # Errors
    /// [`Error::System`].
    pub(crate) fn addresses(&self) -> Result<BTreeSet<Ipv4Addr>> {
        self.bridge.map_or(Ok(BTreeSet::new()), BridgeSettings::addresses_behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_fits_into_an_alias() {
        let name: ContainerName = "a".repeat(64).parse().unwrap();
        let owner = Owner::new(Path::new(&format!("/{}/end\n", "ü".repeat(200))), &name);
        // `IFALIASZ`, and a NUL.
        assert!(owner.mark().len() < 256 && owner.mark().ends_with("ü/end"), "{}", owner.mark());
        let short = Owner::new(Path::new("/var/xdocker"), &"test".parse().unwrap());
        assert_eq!(short.mark(), "container test of /var/xdocker");
    }
}
