//! Host name of a container.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::name::ContainerName;

/// What sethostname(2) takes at most, in bytes.
const MAX: usize = 64;

/// Host name that a container sees.
///
/// Any text of 1 to 64 bytes without blanks, control characters and `/`: the kernel cares for the length
/// only, and the seed's own names (`calvin=sshd`) are no DNS names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hostname(String);

impl Hostname {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Hostname {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let bad = |c: char| c.is_control() || c.is_whitespace() || c == '/';
        let why = if text.is_empty() {
            "it is empty"
        } else if text.len() > MAX {
            "it is longer than 64 bytes"
        } else if text.contains(bad) {
            "it holds a blank, a control character or `/`"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(Error::invalid("host name", text, why))
    }
}

impl From<&ContainerName> for Hostname {
    /// The host name of a container that was given none. Blanks, which a file name may hold and a host
    /// name may not, become `-`.
    fn from(name: &ContainerName) -> Self {
        Self(name.as_str().chars().map(|c| if c.is_whitespace() { '-' } else { c }).collect())
    }
}

impl TryFrom<String> for Hostname {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Hostname> for String {
    fn from(name: Hostname) -> Self {
        name.0
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_name_always_makes_a_host_name() {
        let name: ContainerName = "a b\u{a0}c".parse().unwrap();
        let host = Hostname::from(&name);
        assert_eq!(host.as_str(), "a-b-c");
        assert_eq!(host.as_str().parse::<Hostname>().unwrap(), host);
        for bad in ["", "a b", "a/b", "a\nb", &"x".repeat(65)] {
            assert!(bad.parse::<Hostname>().is_err(), "{bad:?}");
        }
    }
}
