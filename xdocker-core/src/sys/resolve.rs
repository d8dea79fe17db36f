//! Paths below a root that somebody else can write: resolved by the kernel as that root's own process
//! would (openat2(2), Linux 5.6), never by joining strings.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::Mode;

/// Opens `path` as it looks from inside `root`: absolute links and `..` stay within it, links of /proc
/// lead nowhere.
pub(crate) fn open_in_root(root: impl AsFd, path: &Path, flags: OFlag) -> io::Result<File> {
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC)
        .mode(Mode::empty())
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    loop {
        match openat2(root.as_fd(), path, how) {
            // A rename somewhere on the way makes the kernel unsure (openat2(2)); it asks to try again.
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => continue,
            Err(why) => return Err(why.into()),
            Ok(fd) => return Ok(File::from(fd)),
        }
    }
}

/// Reads the regular file `path` as it looks from inside `root`, if it is no longer than `limit` bytes. Nothing
/// else is opened: not a pipe, on which we would wait, nor a device, which may do something when it is.
pub(crate) fn read_in_root(root: impl AsFd, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let found = open_in_root(root, path, OFlag::O_PATH)?;
    if !found.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(format!("/proc/self/fd/{}", found.as_raw_fd()))?.take(limit + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(bytes),
    }
}
