//! A directory beside a target, where a copy comes to be.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, Flock, FlockArg, openat};
use nix::sys::stat::{Mode, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::{Target, make_directory};
use crate::error::{Error, Result};
use crate::sys::xattr::Node;
use crate::tree::{self, DIRECTORY};
use crate::users::file_owner;

/// How many of them may be in one directory.
const MOST: usize = 10_000;

/// A directory that only we enter, and that nobody else has: it is locked as long as this lives, and gone afterwards.
/// What was left by somebody who was killed is used again by the next who wants one there.
#[derive(Debug)]
pub(crate) struct Temporary {
    parent: OwnedFd,
    name: CString,
    directory: Flock<File>,
    gone: bool,
}

impl Temporary {
    /// One in the directory of `target`.
    pub(crate) fn beside(target: &Target) -> Result<Self> {
        Self::in_directory(&target.directory).map_err(Error::file("write", &target.path))
    }

    /// One in an open directory.
    pub(crate) fn in_directory(parent: &OwnedFd) -> io::Result<Self> {
        for number in 0..MOST {
            let name = CString::new(format!(".xdocker-{number}"))?;
            if let Some(directory) = attempt(parent, &name)? {
                return Ok(Self { parent: parent.try_clone()?, name, directory, gone: false });
            }
        }
        Err(Errno::EEXIST.into())
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &File {
        &self.directory
    }

    /// The same once more.
    pub(crate) fn open(&self) -> io::Result<OwnedFd> {
        self.directory.as_fd().try_clone_to_owned()
    }

    /// Makes a directory in it, which others may enter where it will be.
    pub(crate) fn make(&self, name: &CStr) -> io::Result<OwnedFd> {
        make_directory(self.directory(), name)
    }

    /// Removes it with everything that is still in it.
    pub(crate) fn remove(mut self) -> io::Result<()> {
        self.gone = true;
        self.delete()
    }

    fn delete(&self) -> io::Result<()> {
        tree::empty(&self.directory)?;
        Ok(unlinkat(&self.parent, self.name.as_c_str(), UnlinkatFlags::RemoveDir)?)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.gone
            && let Err(why) = self.delete()
        {
            tracing::debug!("cannot remove {}: {why}", self.name.to_string_lossy());
        }
    }
}

/// Makes the directory `name`, or takes one that was left. `None` when somebody has it, or it is none of ours.
fn attempt(parent: &OwnedFd, name: &CStr) -> io::Result<Option<Flock<File>>> {
    let left = match mkdirat(parent, name, Mode::S_IRWXU) {
        Err(Errno::EEXIST) => true,
        made => made.map(|()| false)?,
    };
    let directory = match openat(parent, name, DIRECTORY, Mode::empty()) {
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => return Ok(None),
        opened => File::from(opened?),
    };
    let directory = match Flock::lock(directory, FlockArg::LockExclusiveNonblock) {
        Ok(directory) => directory,
        Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
        Err((_, why)) => return Err(why.into()),
    };
    let (held, named) = (fstat(&*directory)?, fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW));
    // Whoever had it may have removed it before we had the lock.
    let same = named.is_ok_and(|named| (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino));
    // In /tmp anybody may make one, keep it open and look on. What the parent hands down may add a bit.
    let ours = held.st_uid == file_owner().0 && held.st_mode & 0o777 == 0o700;
    if !same || !ours {
        return Ok(None);
    }
    // The lists that a directory hands down to what is made in it are not for what comes with its own.
    for list in [c"system.posix_acl_default", c"system.posix_acl_access"] {
        match Node::Open(directory.as_fd()).remove(list) {
            Err(why) if why.raw_os_error() == Some(libc::EOPNOTSUPP) => {}
            removed => removed?,
        }
    }
    if left {
        tree::empty(&directory)?;
    }
    Ok(Some(directory))
}
