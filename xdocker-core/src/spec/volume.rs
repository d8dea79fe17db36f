//! Directories and files of the host inside a container.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Tmpfs;
use crate::error::{Error, Result};

/// What separates the parts of a volume's text form.
const SEPARATOR: char = ':';

/// A directory, file or socket of the host that a container has too: `/host`, `/host:/container`,
/// `/host:/container:ro`.
///
/// Links in the host's path are followed on the host when the container is booted, those in the container's inside; what
/// is missing of the container's path is made. All that is mounted below the host's path then comes along, read-only
/// if the volume is. What is mounted on the host later does not. Set-uid files and devices are plain files in it.
///
/// ```
/// # use xdocker_core::Volume;
/// let volume: Volume = "/srv/www:/var/www:ro".parse()?;
/// assert_eq!(volume, Volume::new("/srv/www", "/var/www")?.read_only(true));
/// # Ok::<(), xdocker_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Volume {
    host: PathBuf,
    container: PathBuf,
    read_only: bool,
}

/// A volume as a record has it.
#[derive(Deserialize)]
struct Parts {
    host: PathBuf,
    container: PathBuf,
    #[serde(default)]
    read_only: bool,
}

impl Volume {
    /// What is at `host`, at `container` inside. Both are absolute paths.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a path that is not absolute, or no text; for a container's path that holds `..`, is the
    /// root, or lies in `/proc`, `/sys` or `/dev`.
    pub fn new(host: impl Into<PathBuf>, container: impl AsRef<Path>) -> Result<Self> {
        let (host, container) = (host.into(), container.as_ref());
        if let Some(why) = no_text(&host).or_else(|| relative(&host)) {
            return Err(Error::invalid("path of a volume on the host", host.display().to_string(), why));
        }
        let plain: PathBuf = container.components().collect();
        let why = no_text(container).or_else(|| relative(container)).or_else(|| not_ours(container, &plain));
        match why {
            Some(why) => Err(Error::invalid("path of a volume inside", container.display().to_string(), why)),
            None => Ok(Self { host, container: plain, read_only: false }),
        }
    }

    /// Whether nothing in it can be written through the container. It can otherwise.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// The path on the host.
    #[must_use]
    pub fn host(&self) -> &Path {
        &self.host
    }

    /// The path inside.
    #[must_use]
    pub fn container(&self) -> &Path {
        &self.container
    }

    /// Whether nothing in it can be written through the container.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Checks that no two of a container's mounts want one place.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn check_places(volumes: &[Self], tmpfs: &[Tmpfs]) -> Result<()> {
        for (index, volume) in volumes.iter().enumerate() {
            let earlier = volumes[..index].iter().map(Self::container).chain(tmpfs.iter().map(Tmpfs::path));
            if earlier.into_iter().any(|path| path == volume.container) {
                let why = "something else is to be mounted there too";
                return Err(Error::invalid("volume", volume.to_string(), why));
            }
        }
        Ok(())
    }
}

/// Paths are kept and shown as text.
fn no_text(path: &Path) -> Option<&'static str> {
    match path.to_str() {
        None => Some("it is not UTF-8"),
        Some(text) if text.contains('\0') => Some("it holds a NUL byte"),
        Some(_) => None,
    }
}

fn relative(path: &Path) -> Option<&'static str> {
    (!path.is_absolute()).then_some("it is not an absolute path")
}

/// Why nothing of a container's own can be mounted at `path`; `plain` is the same without needless parts.
pub(super) fn not_ours(path: &Path, plain: &Path) -> Option<&'static str> {
    /// What we mount ourselves.
    const OURS: [&str; 3] = ["/proc", "/sys", "/dev"];
    if path.components().any(|part| part == Component::ParentDir) {
        Some("it holds `..`")
    } else if plain == Path::new("/") {
        Some("it is the root")
    } else if OURS.iter().any(|ours| plain.starts_with(ours)) {
        Some("/proc, /sys and /dev are not the container's")
    } else {
        None
    }
}

impl FromStr for Volume {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.split(SEPARATOR);
        let host = parts.next().unwrap_or_default();
        let volume = Self::new(host, parts.next().unwrap_or(host))?;
        match (parts.next(), parts.next()) {
            (None, _) => Ok(volume),
            (Some("ro"), None) => Ok(volume.read_only(true)),
            _ => Err(Error::invalid("volume", text, "HOST[:CONTAINER[:ro]] is expected")),
        }
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{SEPARATOR}{}", self.host.display(), self.container.display())?;
        if self.read_only { write!(f, "{SEPARATOR}ro") } else { Ok(()) }
    }
}

impl TryFrom<Parts> for Volume {
    type Error = Error;
    fn try_from(parts: Parts) -> Result<Self> {
        Ok(Self::new(parts.host, parts.container)?.read_only(parts.read_only))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_two_places_and_maybe_read_only() {
        let text = |text: &str| text.parse::<Volume>().unwrap().to_string();
        assert_eq!(text("/tmp"), "/tmp:/tmp");
        assert_eq!(text("/mnt/cdrom:/mnt//cdrom/"), "/mnt/cdrom:/mnt/cdrom");
        assert_eq!(text("/a/../b:/c:ro"), "/a/../b:/c:ro");
        let kept = serde_json::to_string(&"/a:/b:ro".parse::<Volume>().unwrap()).unwrap();
        assert_eq!(kept, r#"{"host":"/a","container":"/b","read_only":true}"#);
        assert_eq!(serde_json::from_str::<Volume>(&kept).unwrap().to_string(), "/a:/b:ro");
    }

    #[test]
    fn what_is_no_place_is_refused() {
        let bad = [
            "",
            ":",
            "/a:",
            "a:/b",
            "/a:b",
            "/a:ro",
            "/a:/",
            "/a:/b/../c",
            "/a:/proc",
            "/a:/sys/fs",
            "/proc",
            "/a:/dev/shm",
            "/a:/b:rw",
            "/a:/b:",
            "/a:/b:ro:",
            "/a\0:/b",
            "/a:/b\0",
        ];
        for text in bad {
            assert!(matches!(text.parse::<Volume>(), Err(Error::Invalid { .. })), "{text:?}");
        }
        assert!(serde_json::from_str::<Volume>(r#"{"host":"/a","container":"/proc"}"#).is_err());
    }

    #[test]
    fn one_place_is_for_one_mount() {
        let volumes = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        let tmpfs: Tmpfs = "/cache".parse().unwrap();
        let check = |texts: &[&str]| Volume::check_places(&volumes(texts), std::slice::from_ref(&tmpfs));
        check(&["/a:/b", "/a:/c", "/a:/cache/x"]).unwrap();
        assert!(check(&["/a:/b", "/c:/b/"]).is_err());
        assert!(check(&["/a:/cache"]).is_err());
    }
}
