//! Sharing the blocks of a file with a copy of it (ioctl_ficlone(2)).

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

/// Makes the empty file `to` share all blocks of `from`.
///
/// # Errors
/// `EOPNOTSUPP`, `ENOTTY`, `EXDEV` or `EINVAL` where the file system cannot do that with these two.
pub(crate) fn clone_file(from: impl AsFd, to: impl AsFd) -> nix::Result<()> {
    let (from, to) = (from.as_fd(), to.as_fd());
    // SAFETY: FICLONE takes a descriptor by value and touches no memory; both are open for the call.
    let result = unsafe { libc::ioctl(to.as_raw_fd(), libc::FICLONE, from.as_raw_fd()) };
    Errno::result(result).map(drop)
}
