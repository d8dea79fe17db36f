//! Paths below a root that somebody else can write: resolved by the kernel as that root's own process
//! would (openat2(2), Linux 5.6), never by joining strings.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::Mode;

/// How often the kernel is asked. It takes it some milliseconds at the most: it follows forty links of `PATH_MAX` bytes.
const TRIES: usize = 1000;

/// Opens `path` as it looks from inside `root`: absolute links and `..` stay within it, links of /proc
/// lead nowhere. `EAGAIN` when somebody renames files all the time, so that no `..` can be told from a way out.
pub(crate) fn open_in_root(root: impl AsFd, path: &Path, flags: OFlag) -> io::Result<File> {
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC)
        .mode(Mode::empty())
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    until_sure(|| openat2(root.as_fd(), path, how)).map(File::from)
}

/// Asks again when a rename, wherever it is, has made the kernel unsure of a `..` (openat2(2)): but not for ever, since those
/// inside may have a link lead through thousands of them, and rename all the time.
fn until_sure<T>(mut open: impl FnMut() -> nix::Result<T>) -> io::Result<T> {
    for _ in 0..TRIES {
        match open() {
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => continue,
            opened => return Ok(opened?),
        }
    }
    Err(nix::Error::EAGAIN.into())
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

#[cfg(test)]
mod tests {
    use nix::errno::Errno::{EAGAIN, ENOENT};

    use super::*;

    #[test]
    fn the_kernel_is_asked_again_but_not_for_ever() {
        let mut answers = [Err(EAGAIN), Err(EAGAIN), Ok("there")].into_iter();
        assert_eq!(until_sure(|| answers.next().unwrap()).unwrap(), "there");
        assert_eq!(until_sure(|| Err::<(), _>(ENOENT)).unwrap_err().kind(), io::ErrorKind::NotFound);
        let mut asked = 0;
        let unsure = until_sure(|| {
            asked += 1;
            assert!(asked <= TRIES, "it has no end");
            Err::<(), _>(EAGAIN)
        });
        assert_eq!((unsure.unwrap_err().kind(), asked), (io::ErrorKind::WouldBlock, TRIES));
    }
}
