//! The lock of an image name: the flock of `images/NAME`.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::home::{DirectoryLock, Home};
use crate::name::ImageName;

/// How long to wait for somebody who gives or takes away a version: that is a rename, or one fsync.
const LIMIT: Duration = Duration::from_secs(10);

/// How often the directory of a name may be taken away under somebody who has just made it.
const ATTEMPTS: usize = 100;

/// An image name locked for one caller alone; its directory goes on drop when it holds no version.
#[derive(Debug)]
pub(super) struct NameLock(DirectoryLock);

impl NameLock {
    /// Locks `name`, which exists.
    ///
    /// # Errors
    /// Of kind `NotFound` when there is no such name, [`Error::Busy`].
    pub(super) fn existing(home: &Home, name: &ImageName) -> Result<Self> {
        Self::within(home, name, LIMIT)
    }

    /// Locks `name`, and makes its directory if need be.
    pub(super) fn new_or_existing(home: &Home, name: &ImageName) -> Result<Self> {
        let path = directory(home, name);
        for _ in 0..ATTEMPTS {
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Error::file("create", path)(error));
                }
                _ => {}
            }
            match Self::existing(home, name) {
                Err(gone) if gone.kind() == ErrorKind::NotFound => {}
                lock => return lock,
            }
        }
        Err(Error::Busy(format!("image {name}")))
    }

    /// Locks `name` if nobody else does just now.
    pub(super) fn now(home: &Home, name: &ImageName) -> Result<Self> {
        Self::within(home, name, Duration::ZERO)
    }

    fn within(home: &Home, name: &ImageName, limit: Duration) -> Result<Self> {
        DirectoryLock::exclusive(&directory(home, name), &format_args!("image {name}"), limit).map(Self)
    }

    /// Locks `name` against those who want it alone.
    pub(super) fn shared(home: &Home, name: &ImageName) -> Result<DirectoryLock> {
        DirectoryLock::shared(&directory(home, name), &format_args!("image {name}"), LIMIT)
    }
}

impl Drop for NameLock {
    fn drop(&mut self) {
        // Refused, as it should be, while there is a version.
        let _ = fs::remove_dir(self.0.path());
    }
}

fn directory(home: &Home, name: &ImageName) -> PathBuf {
    home.images().join(name)
}
