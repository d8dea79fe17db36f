//! How much of what a container prints is kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::MemorySize;
use crate::error::{Error, Result};

/// How much of what a container prints is kept, in bytes on the disk; 16 MiB if nothing else was said.
///
/// It lies in two files. When the one that is written has reached half of this, the older one gives way: between half
/// and all of it are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogSize(u64);

impl LogSize {
    /// Nothing is kept.
    pub const NONE: Self = Self(0);
    /// The least, and the most, that can be kept.
    const LEAST: u64 = 256 << 10;
    const MOST: u64 = 1 << 40;

    /// That many bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`] below 256 KiB and above 1 TiB.
    pub fn bytes(bytes: u64) -> Result<Self> {
        match bytes {
            Self::LEAST..=Self::MOST => Ok(Self(bytes)),
            _ => Err(Error::invalid(
                "size of a log",
                bytes.to_string(),
                "256K to 1024G are expected, or `none`",
            )),
        }
    }

    /// Bytes of each of the two files; 0 for no log.
    pub(crate) fn of_file(self) -> u64 {
        self.0 / 2
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for LogSize {
    fn default() -> Self {
        Self(16 << 20)
    }
}

impl FromStr for LogSize {
    type Err = Error;

    /// `none`, or a number of bytes, or of K, M or G of 1024 each.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "none" => Ok(Self::NONE),
            _ => Self::bytes(text.parse::<MemorySize>()?.bytes()),
        }
    }
}

impl fmt::Display for LogSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { f.write_str("none") } else { write!(f, "{}", self.0) }
    }
}

impl TryFrom<String> for LogSize {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<LogSize> for String {
    fn from(size: LogSize) -> Self {
        size.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_none() {
        for (text, bytes) in
            [("none", 0), ("262144", 256 << 10), ("256K", 256 << 10), ("3M", 3 << 20), ("1024g", 1 << 40)]
        {
            let size: LogSize = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().parse::<LogSize>().unwrap()), (bytes, size));
        }
        for bad in ["", "0", "1", "255K", "+512K", "1025G", "1.5M", "1 M", "M", "99999999999999999999"] {
            assert!(bad.parse::<LogSize>().is_err(), "{bad}");
        }
    }
}
