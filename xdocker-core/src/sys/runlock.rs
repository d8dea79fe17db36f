//! The lock that says a monitor lives: an open-file-description lock (fcntl_locking(2)) on `run.json`.
//!
//! It belongs to the open file, not to a process: taken here, inherited by the monitor, it is gone when
//! the monitor is, however it ended. Asking about it takes nothing, so a look cannot get in anyone's way.

use std::fs::File;
use std::io;

use nix::fcntl::{FcntlArg, fcntl};

fn whole_file() -> libc::flock {
    // SAFETY: `flock` is plain integers, for which zeros are values: start 0, length 0 is the whole file,
    // pid 0 is what these locks want.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock
}

/// Takes the lock; an error when another open file has it.
pub(crate) fn take(file: &File) -> io::Result<()> {
    fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file()))?;
    Ok(())
}

/// Whether another open file has the lock.
pub(crate) fn is_taken(file: &File) -> io::Result<bool> {
    let mut lock = whole_file();
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock))?;
    Ok(lock.l_type != libc::F_UNLCK as libc::c_short)
}

/// The process that holds a lock of its own on the file (`F_SETLK`), if one does and we see it: a monitor that keeps
/// something for others.
pub(crate) fn holder(file: &File) -> io::Result<Option<u32>> {
    let mut lock = whole_file();
    fcntl(file, FcntlArg::F_GETLK(&mut lock))?;
    let held = lock.l_type != libc::F_UNLCK as libc::c_short;
    // In another PID namespace, or of an open file, it has no number here.
    Ok(u32::try_from(lock.l_pid).ok().filter(|pid| held && *pid > 0))
}
