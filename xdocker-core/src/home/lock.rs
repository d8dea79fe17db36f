//! Locks between processes, held by the kernel: a flock(2) on the directory that it protects.

use std::fmt::Display;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::error::{Error, Result};

/// Longest pause between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// A lock on a directory; dropped with this value or with the process, however that ends.
///
/// The lock belongs to the directory, not to its name: it follows a rename. After it has been taken, the
/// name is looked up again, so that nobody holds the lock of a directory that was deleted or replaced.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    path: PathBuf,
    directory: Flock<File>,
}

impl DirectoryLock {
    /// Locks the directory at `path` for this caller alone, trying for up to `limit` (zero: once).
    ///
    /// # Errors
    /// [`Error::Busy`], which names it `what`; [`Error::File`] of kind `NotFound` when there is no such
    /// directory, or it goes while we wait.
    pub(crate) fn exclusive(path: &Path, what: &dyn Display, limit: Duration) -> Result<Self> {
        Self::take(path, FlockArg::LockExclusiveNonblock, what, limit)
    }

    /// Locks the directory at `path` against those who want it alone; otherwise as [`Self::exclusive`].
    pub(crate) fn shared(path: &Path, what: &dyn Display, limit: Duration) -> Result<Self> {
        Self::take(path, FlockArg::LockSharedNonblock, what, limit)
    }

    fn take(path: &Path, mode: FlockArg, what: &dyn Display, limit: Duration) -> Result<Self> {
        let give_up = Instant::now() + limit;
        let mut pause = Duration::from_micros(100);
        loop {
            match Self::attempt(path, mode).map_err(Error::file("lock", path))? {
                Some(lock) => return Ok(lock),
                None if Instant::now() >= give_up => return Err(Error::Busy(what.to_string())),
                None => thread::sleep(pause),
            }
            pause = (pause * 2).min(PAUSE);
        }
    }

    /// One attempt; `None` when somebody else has it, or had it and replaced the directory.
    pub(super) fn attempt(path: &Path, mode: FlockArg) -> io::Result<Option<Self>> {
        let directory = match Flock::lock(File::open(path)?, mode) {
            Ok(directory) => directory,
            Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
            Err((_, errno)) => return Err(errno.into()),
        };
        let (held, named) = (directory.metadata()?, fs::symlink_metadata(path)?);
        let same = (held.dev(), held.ino()) == (named.dev(), named.ino());
        Ok(same.then(|| Self { path: path.to_owned(), directory }))
    }

    /// Where the directory was when it was locked.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The locked directory itself.
    pub(crate) fn directory(&self) -> &File {
        &self.directory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::scratch::Scratch;

    #[test]
    fn one_holder_or_many_readers_and_the_name_counts() {
        let scratch = Scratch::new("lock");
        let path = scratch.path().join("name");
        fs::create_dir(&path).unwrap();
        let exclusive = |limit| DirectoryLock::exclusive(&path, &"container name", limit);
        let shared = || DirectoryLock::shared(&path, &"container name", Duration::ZERO);

        let first = exclusive(Duration::ZERO).unwrap();
        let error = exclusive(Duration::from_millis(5)).unwrap_err();
        assert_eq!(error.to_string(), "container name is being changed by another process");
        assert!(shared().is_err());

        // The directory moves away and another takes its name: the lock stays with the first.
        fs::rename(&path, scratch.path().join("moved")).unwrap();
        fs::create_dir(&path).unwrap();
        let second = exclusive(Duration::ZERO).unwrap();
        drop((first, second));

        let readers = (shared().unwrap(), shared().unwrap());
        assert!(exclusive(Duration::ZERO).is_err());
        drop(readers);
        assert!(exclusive(Duration::ZERO).is_ok());

        fs::remove_dir(&path).unwrap();
        assert_eq!(exclusive(Duration::ZERO).unwrap_err().kind(), crate::ErrorKind::NotFound);
    }

    #[test]
    fn a_waiter_gets_the_lock_when_it_is_free() {
        let scratch = Scratch::new("lock-wait");
        let path = scratch.path();
        let held = DirectoryLock::exclusive(path, &"it", Duration::ZERO).unwrap();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| DirectoryLock::exclusive(path, &"it", Duration::from_secs(120)));
            thread::sleep(Duration::from_millis(20));
            drop(held);
            assert!(waiter.join().unwrap().is_ok());
        });
    }
}
