//! Settings of the host's network: sysctl(8), below `net`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

fn path(name: &str) -> PathBuf {
    Path::new("/proc/sys/net").join(name)
}

/// The value of a setting.
///
/// # Errors
/// [`Error::File`].
pub(super) fn get(name: &str) -> Result<String> {
    let path = path(name);
    fs::read_to_string(&path).map_err(Error::file("read", &path))
}

/// Gives a setting another value.
///
/// # Errors
/// [`Error::File`].
pub(super) fn set(name: &str, value: &str) -> Result<()> {
    let path = path(name);
    fs::write(&path, value).map_err(Error::file("write", &path))
}
