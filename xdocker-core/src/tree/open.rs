//! Opening what somebody hostile may put in the place of a file at any moment.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::sys::statfs::{FsType, fstatfs};

/// Opens the regular file `name` in `directory` for reading. Nothing else is opened: not a pipe, on which we would
/// wait, nor a device, which may do something when it is, nor what a link leads to.
pub(crate) fn open_regular(directory: impl AsFd, name: &CStr) -> io::Result<(OwnedFd, FileStat)> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    reopen(openat(directory, name, flags, Mode::empty())?)
}

/// Opens for reading what is held by `O_PATH`, if it is a regular file.
pub(crate) fn reopen(found: OwnedFd) -> io::Result<(OwnedFd, FileStat)> {
    let stat = fstat(&found)?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    // Some files of /proc are waited for; nothing else takes notice.
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let path = format!("/proc/self/fd/{}", found.as_raw_fd());
    Ok((open(&*path, flags, Mode::empty())?, stat))
}

/// Whether an open file or directory is of a file system that the kernel makes up, as /proc: what is in there is of the
/// moment, and no part of a tree around it.
pub(crate) fn is_made_up(file: impl AsFd) -> bool {
    const MADE_UP: [i64; 6] = [
        libc::PROC_SUPER_MAGIC,
        libc::SYSFS_MAGIC,
        libc::CGROUP_SUPER_MAGIC,
        libc::CGROUP2_SUPER_MAGIC,
        libc::DEBUGFS_MAGIC,
        libc::TRACEFS_MAGIC,
    ];
    fstatfs(&file).is_ok_and(|found| MADE_UP.map(FsType).contains(&found.filesystem_type()))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    use nix::sys::stat::mknodat;

    use super::*;
    use crate::home::scratch::Scratch;

    #[test]
    fn nothing_but_a_file_is_opened() {
        let scratch = Scratch::new("open");
        fs::write(scratch.path().join("file"), "x").unwrap();
        fs::create_dir(scratch.path().join("directory")).unwrap();
        symlink("file", scratch.path().join("link")).unwrap();
        let directory = File::open(scratch.path()).unwrap();
        mknodat(&directory, "pipe", SFlag::S_IFIFO, Mode::S_IRWXU, 0).unwrap();
        // The one of /dev/null.
        mknodat(&directory, "device", SFlag::S_IFCHR, Mode::S_IRWXU, 0x103).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(scratch.path().join("socket")).unwrap();
        assert_eq!(open_regular(&directory, c"file").unwrap().1.st_size, 1);
        for name in [c"directory", c"link", c"pipe", c"device", c"socket"] {
            let refused = open_regular(&directory, name).unwrap_err();
            assert_eq!(refused.to_string(), "it is no regular file", "{}", name.to_string_lossy());
        }
    }
}
