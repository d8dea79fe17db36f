//! How fast a container may read from a disk and write to it.

use std::fmt;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::resources::{digits, size};
use crate::error::{Error, Result};

/// Limits for one disk: `/dev/sda:rbps=10M,wbps=1M,riops=100,wiops=max`.
///
/// The disk is that of a device, or the one that a file or directory lies on. Bytes a second are `rbps` and `wbps`,
/// operations a second `riops` and `wiops`; what is not said is not limited.
///
/// What a program writes to files is held up when it goes to the disk. With cgroups of version 1 a process of the
/// kernel's own does that later on, and only what is read, or written past the cache (`O_DIRECT`, `O_SYNC`), counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IoMax {
    disk: PathBuf,
    /// In the order of [`KEYS`].
    limits: [Option<NonZeroU64>; 4],
}

/// The keys of `io.max`, and whether they count bytes.
pub(crate) const KEYS: [(&str, bool); 4] =
    [("rbps", true), ("wbps", true), ("riops", false), ("wiops", false)];

impl IoMax {
    /// The device, or a file or directory on the disk.
    #[must_use]
    pub fn disk(&self) -> &Path {
        &self.disk
    }

    /// The limits with their keys, each `None` where there is none.
    pub(crate) fn limits(&self) -> impl Iterator<Item = (&'static str, Option<NonZeroU64>)> {
        KEYS.iter().zip(self.limits).map(|((key, _), limit)| (*key, limit))
    }
}

impl FromStr for IoMax {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            let why = "an absolute path, a colon and some of rbps, wbps, riops and wiops are expected, as in \
                       `/dev/sda:wbps=10M,riops=100`; `max` is no limit";
            Error::invalid("disk limit", text, why)
        };
        let (disk, pairs) =
            text.rsplit_once(':').filter(|(disk, _)| disk.starts_with('/')).ok_or_else(wrong)?;
        let mut said = [None; 4];
        for pair in pairs.split(',') {
            let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
            let at = KEYS.iter().position(|(name, _)| *name == key).ok_or_else(wrong)?;
            let number = match value {
                "max" => None,
                _ => {
                    let number = if KEYS[at].1 { size(value) } else { digits(value) };
                    // The kernel's own numbers of operations have 32 bits.
                    let fits = |number: &u64| KEYS[at].1 || *number < u64::from(u32::MAX);
                    Some(number.filter(fits).and_then(NonZeroU64::new).ok_or_else(wrong)?)
                }
            };
            if said[at].replace(number).is_some() {
                return Err(wrong());
            }
        }
        Ok(Self { disk: disk.into(), limits: said.map(Option::flatten) })
    }
}

impl fmt::Display for IoMax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.disk.display())?;
        for (at, (key, limit)) in self.limits().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            match limit {
                Some(limit) => write!(f, "{comma}{key}={limit}")?,
                None => write!(f, "{comma}{key}=max")?,
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for IoMax {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<IoMax> for String {
    fn from(limit: IoMax) -> Self {
        limit.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_names_a_disk_and_what_it_limits() {
        let limit: IoMax = "/dev/a:b:wbps=10M,riops=7".parse().unwrap();
        assert_eq!(limit.disk(), Path::new("/dev/a:b"));
        assert_eq!(limit.to_string(), "/dev/a:b:rbps=max,wbps=10485760,riops=7,wiops=max");
        assert_eq!(limit.to_string().parse::<IoMax>().unwrap(), limit);
        assert_eq!("/:rbps=max".parse::<IoMax>().unwrap().limits, [None; 4]);
        for bad in [
            "",
            "/dev/sda",
            "/dev/sda:",
            "sda:rbps=1",
            "/a:rbps",
            "/a:rbps=",
            "/a:rbps=0",
            "/a:rbps=-1",
            "/a:bps=1",
            "/a:rbps=1,rbps=2",
            "/a:rbps=1,",
            "/a:riops=1M",
            "/a:riops=4294967295",
        ] {
            let error = bad.parse::<IoMax>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("disk limit `{bad}`: an absolute path")), "{error}");
        }
    }
}
