//! New file systems by descriptors (fsopen(2), fsconfig(2), fsmount(2), Linux 5.2): mounted, and nowhere attached. And where
//! others are.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

/// Commands of fsconfig(2).
const SET_FLAG: u32 = 0;
const SET_STRING: u32 = 1;
const CREATE: u32 = 6;

const CLOSE_ON_EXEC: u32 = 1;

/// A file system that is being set up.
#[derive(Debug)]
pub(crate) struct FileSystem(OwnedFd);

impl FileSystem {
    pub(crate) fn new(kind: &CStr) -> io::Result<Self> {
        // SAFETY: takes a text that ends, and a flag.
        let fd = unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), CLOSE_ON_EXEC) };
        descriptor(fd).map(Self)
    }

    /// Sets a parameter; the value has 255 bytes at the most.
    pub(crate) fn set(&self, key: &CStr, value: &CStr) -> io::Result<()> {
        self.configure(SET_STRING, key.as_ptr(), value.as_ptr())
    }

    /// Switches something on.
    pub(crate) fn flag(&self, key: &CStr) -> io::Result<()> {
        self.configure(SET_FLAG, key.as_ptr(), ptr::null())
    }

    /// Mounts it, with attributes of mount_setattr(2), for those who have the descriptor. It goes when the last one that
    /// was opened through it is closed.
    pub(crate) fn mount(self, attributes: u64) -> io::Result<OwnedFd> {
        self.configure(CREATE, ptr::null(), ptr::null())?;
        // SAFETY: takes a live descriptor and integers.
        let fd =
            unsafe { libc::syscall(libc::SYS_fsmount, self.0.as_raw_fd(), CLOSE_ON_EXEC, attributes as u32) };
        descriptor(fd)
    }

    fn configure(
        &self,
        command: u32,
        key: *const libc::c_char,
        value: *const libc::c_char,
    ) -> io::Result<()> {
        // SAFETY: a live descriptor; the callers' texts end and outlive the call, and null is where none belongs.
        let result = unsafe { libc::syscall(libc::SYS_fsconfig, self.0.as_raw_fd(), command, key, value, 0) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

fn descriptor(result: libc::c_long) -> io::Result<OwnedFd> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both calls give a new descriptor, ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(result as RawFd) })
}

/// Whether something is mounted at `path`, as far as the kernel says (statx(2), Linux 5.8).
pub(crate) fn is_root(path: &Path) -> io::Result<bool> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: a `statx` is numbers only.
    let mut found: libc::statx = unsafe { std::mem::zeroed() };
    // Not libc's function: the standard library refers to it as one that may be missing, and in a program that is linked
    // statically it is.
    let (at, to) = (libc::AT_FDCWD, &raw mut found);
    // SAFETY: reads a text that ends and lives, writes to `found`.
    let result = unsafe { libc::syscall(libc::SYS_statx, at, path.as_ptr(), 0, 0, to) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(found.stx_attributes & libc::STATX_ATTR_MOUNT_ROOT as u64 != 0)
}
