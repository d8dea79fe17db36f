//! Where an ssh image repository is: parsed once, at the door.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::{NameError, NameFault};

/// An account on an ssh server, whose home directory holds the images: `user@host`, `user@host:port`. Without a user
/// or a port those are meant that ssh's own configuration says; the host may be a name that only that configuration
/// knows. An IPv6 address stands in brackets.
///
/// ```
/// # use xdocker_core::RepositoryAddress;
/// let address: RepositoryAddress = "images@example.org:2222".parse()?;
/// assert_eq!(address.port(), Some(2222));
/// assert!("-oProxyCommand=true".parse::<RepositoryAddress>().is_err());
/// # Ok::<(), xdocker_core::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryAddress {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

impl RepositoryAddress {
    /// Whose home directory it is.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The server, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port of its sshd.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// `user@host`, as ssh takes it.
    pub(crate) fn destination(&self) -> String {
        match &self.user {
            Some(user) => format!("{user}@{}", self.host),
            None => self.host.clone(),
        }
    }
}

impl FromStr for RepositoryAddress {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refused = |why| NameError {
            what: "address of a repository",
            text: text.to_owned(),
            why: NameFault::Address(why),
        };
        // What begins with a dash would be an option of ssh, and a `%` one of its own placeholders.
        let plain = |part: &str, more: &[char]| {
            let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c) || more.contains(&c);
            !part.is_empty() && !part.starts_with('-') && part.chars().all(good)
        };
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) if plain(user, &['+', '@', '\\', '$']) => (Some(user.to_owned()), place),
            Some(_) => return Err(refused("a user is letters, digits and . _ - +")),
            None => (None, text),
        };
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => {
                (host, Some(port.strip_prefix(':').ok_or_else(|| refused("a port follows a colon"))?))
            }
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        if !plain(host, if place.starts_with('[') { &[':'] } else { &[] }) {
            return Err(refused("user@host is expected, or user@host:port"));
        }
        let port = port.map(|port| port.parse().ok().filter(|port| *port != 0));
        let port =
            port.map(|port| port.ok_or_else(|| refused("a port is a number from 1 to 65535"))).transpose()?;
        Ok(Self { user, host: host.to_owned(), port })
    }
}

impl fmt::Display for RepositoryAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl TryFrom<String> for RepositoryAddress {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<RepositoryAddress> for String {
    fn from(address: RepositoryAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back() {
        for (text, user, host, port) in [
            ("xdockerimages@192.168.6.74", Some("xdockerimages"), "192.168.6.74", None),
            ("a@b:2222", Some("a"), "b", Some(2222)),
            ("host", None, "host", None),
            ("me@corp.example@jump-host.example:1", Some("me@corp.example"), "jump-host.example", Some(1)),
            ("a@[::1]", Some("a"), "::1", None),
            ("a@[fe80::2]:65535", Some("a"), "fe80::2", Some(65535)),
        ] {
            let address: RepositoryAddress = text.parse().unwrap();
            assert_eq!((address.user(), address.host(), address.port()), (user, host, port));
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn what_ssh_would_take_for_something_else_is_refused() {
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "-oProxyCommand=x",
            "a@-oProxyCommand=x",
            "-l@b",
            "a@b:",
            "a@b:0",
            "a@b:65536",
            "a@b:2:2",
            "a b@c",
            "a@b c",
            "a@b;rm",
            "a@b\n",
            "a@[::1",
            "a@[::1]2",
            "a@b/c",
            "ssh://a@b",
            "%h",
            "$(x)@b",
        ] {
            assert!(text.parse::<RepositoryAddress>().is_err(), "{text:?}");
        }
    }
}
