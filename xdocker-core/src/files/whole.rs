//! One file, read or written at once.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, fchmod};
use nix::unistd::{Gid, Uid, fchown};

use super::place::place;
use super::settle::refuse_mount;
use super::{RootDirectory, Temporary, c_name};
use crate::error::{Error, Result};
use crate::sys::xattr::Node;
use crate::tree::{self, Rules, open_regular};
use crate::users::file_owner;

/// What is read is held in memory, and who fills the container chooses its size.
const LARGEST: u64 = 64 << 20;

/// A regular file that has been opened, and what is known of it.
#[derive(Debug)]
pub(crate) struct Like {
    file: OwnedFd,
    stat: FileStat,
}

/// Content of the regular file at `path`, and the file, for others to be like it.
///
/// # Errors
/// [`Error::File`], also when it is no regular file or larger than 64 MiB; [`Error::Covered`].
pub(crate) fn read(root: &RootDirectory, path: &Path) -> Result<(Vec<u8>, Like)> {
    let content = |found: File| -> io::Result<_> {
        let (file, stat) = tree::reopen(found.into())?;
        let mut bytes = Vec::new();
        File::from(file.try_clone()?).take(LARGEST + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > LARGEST {
            true => Err(io::ErrorKind::FileTooLarge.into()),
            false => Ok((bytes, Like { file, stat })),
        }
    };
    // Nothing is opened for reading before it is known to be a file: others block, or act when opened.
    let found = root.open(path, OFlag::O_PATH).map_err(root.failure("read", path))?;
    root.refuse_covered(&found, Path::new(""), path)?;
    content(found).map_err(Error::file("read", path))
}

/// Makes `bytes` the file at `path`, links followed. Owner, mode and attributes are those of `like`, else of the file that
/// was there, else the usual ones of a file of root's.
///
/// # Errors
/// [`Error::File`], also when what is there is no regular file; [`Error::Covered`].
pub(crate) fn write(root: &RootDirectory, path: &Path, bytes: &[u8], like: Option<&Like>) -> Result<()> {
    let failed = || root.failure("write", path);
    if path.as_os_str().as_bytes().ends_with(b"/") {
        return Err(failed()(nix::Error::EISDIR.into()));
    }
    let (directory, name) = place(root, path, true).map_err(failed())?;
    root.refuse_covered(&directory, Path::new(&name), path)?;
    let name = c_name(&name).map_err(failed())?;
    whole(directory.into(), name, bytes, like).map_err(failed())
}

fn whole(directory: OwnedFd, name: CString, bytes: &[u8], like: Option<&Like>) -> io::Result<()> {
    let there = match open_regular(&directory, &name) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => None,
        opened => opened.map(|(file, stat)| Some(Like { file, stat }))?,
    };
    let temporary = Temporary::in_directory(&directory)?;
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let at = temporary.directory();
    let mut file = File::from(openat(at, name.as_c_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
    file.write_all(bytes)?;
    match like.or(there.as_ref()) {
        Some(Like { file: like, stat }) => {
            fchown(&file, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
            // After the owner, whose change takes set-uid away.
            fchmod(&file, Mode::from_bits_truncate(stat.st_mode))?;
            let (from, to) = (Node::Open(like.as_fd()), Node::Open(file.as_fd()));
            tree::copy_attributes(from, to, Rules::files(false))?;
        }
        None => {
            let (uid, gid) = file_owner();
            fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
            fchmod(&file, Mode::from_bits_truncate(0o644))?;
        }
    }
    if there.is_some() {
        refuse_mount(&directory, &name)?;
    }
    renameat(at, name.as_c_str(), &directory, name.as_c_str())?;
    temporary.remove()
}
