//! Names of images and containers, and versions: parsed once, at the door, and valid from then on.
//!
//! A name is a file name below the home, so what could leave its directory never becomes one.

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU32;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name, in bytes.
pub const NAME_MAX: usize = 64;

/// A text that is no name or version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no {what}: {why}", text.escape_debug())]
pub struct NameError {
    /// What it was to be.
    pub what: &'static str,
    /// What it was.
    pub text: String,
    /// What is wrong with it.
    pub why: NameFault,
}

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameFault {
    /// Nothing at all.
    #[error("it is empty")]
    Empty,
    /// Over [`NAME_MAX`] bytes.
    #[error("it is longer than 64 bytes")]
    TooLong,
    /// `.` or `..`.
    #[error("`.` and `..` are directories of their own")]
    Dots,
    /// A character that a file name or our own notation needs for itself.
    #[error("it holds {0:?}")]
    Forbidden(char),
    /// An id that is not a number greater than 0.
    #[error("a number greater than 0 is expected")]
    NotPositive,
    /// A version that is not one to four numbers.
    #[error("a version is `_` or one to four numbers with points between them")]
    NotNumeric,
    /// An address that is none of an account on a server.
    #[error("{0}")]
    Address(&'static str),
}

/// Checks `text` as a file name of ours; `reserved` are characters that the notation uses.
fn check(text: &str, reserved: &[char]) -> Result<(), NameFault> {
    if text.is_empty() {
        return Err(NameFault::Empty);
    }
    if text.len() > NAME_MAX {
        return Err(NameFault::TooLong);
    }
    if text == "." || text == ".." {
        return Err(NameFault::Dots);
    }
    match text.chars().find(|c| *c == '/' || c.is_control() || reserved.contains(c)) {
        Some(c) => Err(NameFault::Forbidden(c)),
        None => Ok(()),
    }
}

macro_rules! text_name {
    ($(#[$meta:meta])* $type:ident, $what:literal, $reserved:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                match check(text, &$reserved) {
                    Ok(()) => Ok(Self(text.to_owned())),
                    Err(why) => Err(NameError { what: $what, text: text.to_owned(), why }),
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<Path> for $type {
            fn as_ref(&self) -> &Path {
                Path::new(&self.0)
            }
        }
    };
}

text_name! {
    /// Name of an image without its version, such as `calvin=sshd`. `:` and `,` belong to the notation of
    /// lists of images.
    ImageName, "image name", [':', ',']
}

text_name! {
    /// Name of a container.
    ContainerName, "container name", []
}

/// Version of an image: one to four numbers, or none (written `_`).
///
/// Versions compare number by number, a missing number counting as less than 0, none as the lowest:
///
/// ```
/// # use xdocker_core::Version;
/// let v = |text: &str| text.parse::<Version>().unwrap();
/// assert!(v("1.10.0") > v("1.9.9"));
/// assert!(v("_") < v("0"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(String);

impl Version {
    /// The version of an image that has none.
    #[must_use]
    pub fn none() -> Self {
        Self("_".to_owned())
    }

    /// Whether this is the version of an image that has none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0 == "_"
    }

    /// The version as text, `_` for none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The numbers: empty for none.
    fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.split('.').filter_map(|part| part.parse().ok())
    }
}

impl Default for Version {
    fn default() -> Self {
        Self::none()
    }
}

impl FromStr for Version {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let numeric = |part: &str| {
            !part.is_empty() && part.len() <= 18 && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let parts = text.split('.').count();
        if text == "_" || ((1..=4).contains(&parts) && text.split('.').all(numeric)) {
            Ok(Self(text.to_owned()))
        } else {
            let why = if text.is_empty() { NameFault::Empty } else { NameFault::NotNumeric };
            Err(NameError { what: "version", text: text.to_owned(), why })
        }
    }
}

impl TryFrom<String> for Version {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<Path> for Version {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        // `1.0` and `1.00` are two directories: the text decides between equal numbers, so that the order
        // stays total and agrees with `==`.
        self.numbers().cmp(other.numbers()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An image as a user names it: `NAME:VERSION`, or `NAME` for its highest version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRef {
    /// Which image.
    pub name: ImageName,
    /// Which version of it; `None` stands for the highest there is.
    pub version: Option<Version>,
}

impl FromStr for ImageRef {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once(':') {
            Some((name, version)) => Ok(Self { name: name.parse()?, version: Some(version.parse()?) }),
            None => Ok(Self { name: text.parse()?, version: None }),
        }
    }
}

impl TryFrom<String> for ImageRef {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<ImageRef> for String {
    fn from(image: ImageRef) -> Self {
        image.to_string()
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}:{version}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

/// An image that is there: name and version, both known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ImageId {
    /// Which image.
    pub name: ImageName,
    /// Which version of it.
    pub version: Version,
}

impl fmt::Display for ImageId {
    /// As the seed prints it: the version only where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version.is_none() {
            true => write!(f, "{}", self.name),
            false => write!(f, "{}:{}", self.name, self.version),
        }
    }
}

impl From<ImageId> for ImageRef {
    fn from(id: ImageId) -> Self {
        Self { name: id.name, version: Some(id.version) }
    }
}

/// Id of a detached run, unique in its container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(NonZeroU32);

impl RunId {
    pub(crate) fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The id as a number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl FromStr for RunId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten().and_then(Self::new);
        number.ok_or_else(|| NameError {
            what: "id of a run",
            text: text.to_owned(),
            why: NameFault::NotPositive,
        })
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_run_is_a_number_that_is_not_0() {
        assert_eq!("12".parse::<RunId>().unwrap().to_string(), "12");
        for bad in ["", "0", "-1", "+1", "1.0", "4294967296", "one"] {
            assert!(bad.parse::<RunId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_could_leave_the_directory_is_no_name() {
        for bad in ["", ".", "..", "../x", "a/b", "/", "a\0b", "a\nb", "a\x1bb", "a\u{7f}b", &"x".repeat(65)]
        {
            assert!(bad.parse::<ContainerName>().is_err(), "{bad:?}");
            assert!(bad.parse::<ImageName>().is_err(), "{bad:?}");
        }
        for good in ["test", "calvin=rhel-7.4-x86_64", "...", "a b", "名", &"x".repeat(64)] {
            assert!(good.parse::<ContainerName>().is_ok(), "{good:?}");
        }
    }

    #[test]
    fn versions_compare_number_by_number() {
        let v = |text: &str| text.parse::<Version>().unwrap();
        let mut all = ["1.10.0", "_", "1.9.9", "2", "1.9", "0", "1.9.9.1"].map(v);
        all.sort();
        assert_eq!(all.map(String::from), ["_", "0", "1.9", "1.9.9", "1.9.9.1", "1.10.0", "2"]);
        for bad in ["", "1.", ".1", "1.2.3.4.5", "1.x", "-1", "1..2", "../1", "9999999999999999999"] {
            assert!(bad.parse::<Version>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_image_is_a_name_with_or_without_version() {
        let image: ImageRef = "calvin=sshd:1.0.0".parse().unwrap();
        assert_eq!((image.name.as_str(), image.version.unwrap().as_str()), ("calvin=sshd", "1.0.0"));
        assert_eq!("test".parse::<ImageRef>().unwrap().version, None);
        for bad in ["a:b", "a:", ":1", "a:1:2", "a,b"] {
            assert!(bad.parse::<ImageRef>().is_err(), "{bad:?}");
        }
    }
}
