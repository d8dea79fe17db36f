//! Network models of the seed, and the names that belong to them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::Endpoint;
use crate::error::{Error, Result};
use crate::name::ContainerName;

/// Where ip-netns(8) keeps named network namespaces.
const NETNS_DIRECTORY: &str = "/run/netns";

/// How a container is connected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum Network {
    /// The host's own network.
    #[default]
    Host,
    /// A network namespace with nothing in it but a loopback interface that is down: the user's to set up.
    Custom,
    /// An address on a bridge of the host's: outwards by NAT, inwards by mapped ports.
    Bridge(Endpoint),
}

impl Network {
    /// Whether a container of this model has a network namespace of its own.
    #[must_use]
    pub fn has_namespace(&self) -> bool {
        *self != Self::Host
    }

    /// The place on the bridge, for a container that has one.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Bridge(endpoint) => Some(endpoint),
            _ => None,
        }
    }
}

impl FromStr for Network {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "HOST" => Ok(Self::Host),
            "CUSTOM" => Ok(Self::Custom),
            "BRIDGE" => Ok(Self::Bridge(Endpoint::new())),
            _ => Err(Error::invalid("network model", text, "it is one of HOST, CUSTOM and BRIDGE")),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "HOST",
            Self::Custom => "CUSTOM",
            Self::Bridge(_) => "BRIDGE",
        })
    }
}

/// Name of a container's network namespace, as `ip netns` shows it: `nns` and the first ten hexadecimal
/// digits, upper case, of the MD5 of the container's name.
///
/// ```
/// # use xdocker_core::{ContainerName, NetnsName};
/// let test: ContainerName = "test".parse()?;
/// assert_eq!(NetnsName::of(&test).as_str(), "nns098F6BCD46");
/// # Ok::<(), xdocker_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct NetnsName(String);

impl NetnsName {
    /// The name that belongs to a container.
    #[must_use]
    pub fn of(container: &ContainerName) -> Self {
        let digest = Md5::digest(container.as_str());
        let suffix: String = digest.iter().take(5).map(|byte| format!("{byte:02X}")).collect();
        Self(format!("nns{suffix}"))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Digits that the names of everything of the container's share.
    fn suffix(&self) -> &str {
        &self.0["nns".len()..]
    }

    /// The host's end of the pair that leads into the namespace.
    #[must_use]
    pub fn link(&self) -> String {
        format!("eth{}", self.suffix())
    }

    /// The file that holds the namespace.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new(NETNS_DIRECTORY).join(&self.0)
    }
}

impl fmt::Display for NetnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
