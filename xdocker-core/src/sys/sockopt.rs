//! getsockopt(2) for options that are more than a number.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Asks for an option. What `value` holds is a part of the question, and gives way to the answer; its length is returned.
pub(crate) fn get(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: &mut [u8],
) -> io::Result<usize> {
    let mut length = libc::socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    let to = value.as_mut_ptr().cast();
    // SAFETY: a live descriptor; the kernel reads and writes at most `length` bytes at `to`, which is all of `value`.
    let result = unsafe { libc::getsockopt(socket.as_raw_fd(), level, option, to, &raw mut length) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(length as usize) }
}
