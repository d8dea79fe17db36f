//! Memory file systems of a container.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::volume::not_ours;
use crate::error::{Error, Result};

/// A directory inside that lies in memory, and is empty at each boot. It must be there in the image; a link to it
/// is followed inside.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tmpfs(String);

impl Tmpfs {
    /// The directory as seen inside.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl FromStr for Tmpfs {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let path = Path::new(text);
        let plain: PathBuf = path.components().collect();
        let why = if !path.is_absolute() {
            "it is not an absolute path"
        } else if text.contains('\0') {
            "it holds a NUL byte"
        } else if let Some(why) = not_ours(path, &plain) {
            why
        } else {
            return Ok(Self(plain.to_str().expect("it was text").to_owned()));
        };
        Err(Error::invalid("tmpfs", text, why))
    }
}

impl fmt::Display for Tmpfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Tmpfs {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Tmpfs> for String {
    fn from(tmpfs: Tmpfs) -> Self {
        tmpfs.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_directory_of_the_containers_own() {
        assert_eq!("/var//cache/".parse::<Tmpfs>().unwrap().path(), Path::new("/var/cache"));
        for bad in ["", "cache", "/", "//", "/a/../b", "/proc", "/dev/shm", "/sys/fs", "/a\0b"] {
            assert!(bad.parse::<Tmpfs>().is_err(), "{bad:?}");
        }
    }
}
