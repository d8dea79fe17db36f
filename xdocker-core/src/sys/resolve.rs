//! Paths below a root that somebody else can write: resolved by the kernel as that root's own process
//! would (openat2(2), Linux 5.6), never by joining strings.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
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
