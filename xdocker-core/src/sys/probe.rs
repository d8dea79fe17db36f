//! Asking the kernel what it has.

use std::ffi::CStr;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// Whether the kernel has the system call of this number, one that can do nothing with the arguments -1 and 0.
pub(crate) fn has_call(number: libc::c_long) -> bool {
    // SAFETY: an address, length or descriptor of -1 is refused before anything is done.
    let result = unsafe { libc::syscall(number, -1, 0, 0, 0, 0) };
    result >= 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ENOSYS)
}

/// Whether file systems of this kind can be made, a module that is loaded for it included.
pub(crate) fn file_system(kind: &CStr) -> bool {
    const FSOPEN_CLOEXEC: libc::c_uint = 1;
    // SAFETY: fsopen(2) reads a string that ends in NUL.
    let context = unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) };
    if context < 0 {
        return false;
    }
    // SAFETY: a new descriptor of ours, which is closed here: nothing was made with it.
    drop(unsafe { OwnedFd::from_raw_fd(context as libc::c_int) });
    true
}
