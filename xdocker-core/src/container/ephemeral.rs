//! Containers that nobody will miss.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::{Boot, Container, Root};
use crate::error::{Error, Result};
use crate::spec::IfRunning;
use crate::sys::runlock;

/// Lock of the owner, in the directory of an ephemeral container.
const FILE: &str = "owner.lock";

/// A container that goes with its owner: when this value is dropped, and when our process ends, even by
/// SIGKILL. Nothing of it is ever synced to a disk.
///
/// After a SIGKILL nobody is there to delete its directory; the next look at the home does.
#[must_use = "the container goes when this is dropped"]
#[derive(Debug)]
pub struct Ephemeral {
    /// `None` once it has been closed.
    container: Option<Container>,
    /// What was booted by [`Self::boot`] last; it ends when this goes.
    root: Mutex<Option<Root>>,
    /// Holds the lock that says that we live.
    _owner: File,
}

impl Ephemeral {
    pub(crate) fn new(container: Container, owner: File) -> Self {
        Self { container: Some(container), root: Mutex::new(None), _owner: owner }
    }

    /// Boots the container, as [`Container::boot`] does; but it ends with this value and our process.
    ///
    /// # Errors
    /// Those of [`Container::boot`].
    pub fn boot(&self, boot: &Boot) -> Result<()> {
        let root = self.boot_bound_logged(boot)?;
        *self.root.lock().unwrap_or_else(PoisonError::into_inner) = Some(root);
        Ok(())
    }

    /// Ends and deletes the container, and says what could not be removed, which dropping cannot.
    ///
    /// # Errors
    /// Those of [`Container::destroy`].
    pub fn close(mut self) -> Result<()> {
        self.container.take().map_or(Ok(()), |container| container.destroy(IfRunning::Kill))
    }

    /// Lets go of it in a fork of the process that owns it, which goes on owning it: nothing is ended or deleted, and
    /// the fork does not keep it alive.
    pub fn disown(mut self) {
        self.container = None;
    }
}

impl Deref for Ephemeral {
    type Target = Container;

    fn deref(&self) -> &Container {
        self.container.as_ref().expect("only what consumes the value takes it")
    }
}

impl Drop for Ephemeral {
    fn drop(&mut self) {
        if let Some(container) = self.container.take()
            && let Err(error) = container.destroy(IfRunning::Kill)
        {
            tracing::warn!("{}", error.chain());
        }
    }
}

/// Makes the owner's lock in `directory` and takes it.
pub(crate) fn own(directory: &Path) -> Result<File> {
    let path = directory.join(FILE);
    let make = || -> io::Result<File> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        runlock::take(&file)?;
        Ok(file)
    };
    make().map_err(Error::file("create", &path))
}

/// Whether the owner of the container in `directory` lives.
pub(super) fn is_owned(directory: &Path) -> Result<bool> {
    let path = directory.join(FILE);
    let owned = || runlock::is_taken(&File::open(&path)?);
    match owned() {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(false),
        other => other.map_err(Error::file("read", &path)),
    }
}
