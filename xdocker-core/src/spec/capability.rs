//! Capabilities: the rights into which Linux has cut up root's (capabilities(7)).

use std::fmt;
use std::ops::{BitOr, Sub};
use std::str::FromStr;

use caps::Capability;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A set of capabilities.
///
/// ```
/// # use xdocker_core::Capabilities;
/// let more: Capabilities = "NET_RAW,cap_sys_time".parse()?;
/// let all = Capabilities::default() | more;
/// assert_eq!((all - Capabilities::default()).to_string(), "NET_RAW,SYS_TIME");
/// # Ok::<(), xdocker_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Capabilities(u64);

/// Podman's eleven. Docker's three more are left out: `MKNOD` (a node of the host's disk), `NET_RAW` (forged
/// packets) and `AUDIT_WRITE`.
const DEFAULT: [Capability; 11] = [
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_FOWNER,
    Capability::CAP_FSETID,
    Capability::CAP_KILL,
    Capability::CAP_NET_BIND_SERVICE,
    Capability::CAP_SETFCAP,
    Capability::CAP_SETGID,
    Capability::CAP_SETPCAP,
    Capability::CAP_SETUID,
    Capability::CAP_SYS_CHROOT,
];

impl Capabilities {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// All that this release has heard of, and those that a later kernel may add.
    pub const ALL: Self = Self(u64::MAX);

    /// These, with some more and without some others. Where all are to go, those that are named stay.
    ///
    /// ```
    /// # use xdocker_core::Capabilities;
    /// let kill: Capabilities = "KILL".parse()?;
    /// assert_eq!(Capabilities::default().changed(kill, Capabilities::ALL), kill);
    /// # Ok::<(), xdocker_core::Error>(())
    /// ```
    #[must_use]
    pub fn changed(self, add: Self, drop: Self) -> Self {
        if drop == Self::ALL { add } else { (self | add) - drop }
    }

    /// Whether this one is among them.
    pub(crate) fn contains(self, capability: Capability) -> bool {
        self.0 & capability.bitmask() != 0
    }

    /// One bit each, as the kernel has them.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }
}

impl Default for Capabilities {
    /// Those of a container that asks for nothing.
    fn default() -> Self {
        Self(DEFAULT.iter().fold(0, |set, capability| set | capability.bitmask()))
    }
}

impl BitOr for Capabilities {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Sub for Capabilities {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl FromStr for Capabilities {
    type Err = Error;
    /// Names with commas between them, with or without `CAP_`; `ALL` for all of them.
    fn from_str(text: &str) -> Result<Self> {
        text.split(',').filter(|_| !text.is_empty()).try_fold(Self::NONE, |set, name| {
            if name.eq_ignore_ascii_case("all") {
                return Ok(Self::ALL);
            }
            let known: Capability = caps::to_canonical(name)
                .parse()
                .map_err(|_| Error::invalid("capability", name, "capabilities(7) has none of that name"))?;
            Ok(Self(set.0 | known.bitmask()))
        })
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("ALL");
        }
        let mut known: Vec<_> = caps::all().into_iter().filter(|each| self.contains(*each)).collect();
        known.sort_by_key(Capability::index);
        for (at, capability) in known.iter().enumerate() {
            let name = capability.to_string();
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}", name.trim_start_matches("CAP_"))?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Capabilities {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Capabilities> for String {
    fn from(set: Capabilities) -> Self {
        set.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_capabilities_7_calls_them() {
        let set = |text: &str| text.parse::<Capabilities>().unwrap();
        assert_eq!(set("CHOWN,cap_kill,CAP_NET_RAW").to_string(), "CHOWN,KILL,NET_RAW");
        assert_eq!(set(&Capabilities::default().to_string()), Capabilities::default());
        assert_eq!((set("all"), set("")), (Capabilities::ALL, Capabilities::NONE));
        assert_eq!(Capabilities::ALL.to_string(), "ALL");
        for bad in ["X", "CHOWN,", "CHOWN KILL", "CAP_", "0"] {
            assert!(bad.parse::<Capabilities>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_taken_from_all_stays_taken() {
        let most = Capabilities::ALL - "SYS_ADMIN".parse().unwrap();
        assert!(!most.to_string().contains("SYS_ADMIN"));
        let again: Capabilities = most.to_string().parse().unwrap();
        assert!(!again.contains(Capability::CAP_SYS_ADMIN) && again.contains(Capability::CAP_BPF));
    }
}
