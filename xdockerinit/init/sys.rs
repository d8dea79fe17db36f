//! System calls, typed: the only room that speaks to the kernel.
//!
//! Numbers and layouts are those of x86_64 Linux (syscall(2), the headers named with each). A path is a
//! `Text`: a pointer to bytes that are known to end in NUL.

use core::arch::asm;

/// An errno.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

pub const EPERM: Errno = Errno(1);
pub const ENOENT: Errno = Errno(2);
pub const EINTR: Errno = Errno(4);
pub const EIO: Errno = Errno(5);
pub const EAGAIN: Errno = Errno(11);
pub const EACCES: Errno = Errno(13);
pub const EBUSY: Errno = Errno(16);
pub const EEXIST: Errno = Errno(17);
pub const EXDEV: Errno = Errno(18);
pub const ENOTDIR: Errno = Errno(20);
pub const EISDIR: Errno = Errno(21);
pub const EINVAL: Errno = Errno(22);
pub const EMFILE: Errno = Errno(24);
pub const ENAMETOOLONG: Errno = Errno(36);
pub const ENOSYS: Errno = Errno(38);
pub const ELOOP: Errno = Errno(40);
pub const EPROTO: Errno = Errno(71);

pub type Result<T> = core::result::Result<T, Errno>;

/// The number that decimal digits write, as the kernel prints them.
pub fn number(digits: &[u8]) -> u64 {
    digits
        .iter()
        .fold(0, |sum: u64, digit| sum.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0'))))
}

/// A NUL-terminated string inside a plan or of ours.
#[derive(Clone, Copy)]
pub struct Text(*const u8);

impl Text {
    /// The text that begins at `at`.
    ///
    /// # Safety
    /// A NUL follows somewhere inside the same live mapping.
    pub unsafe fn new(at: *const u8) -> Self {
        Self(at)
    }

    pub fn of(text: &'static core::ffi::CStr) -> Self {
        Self(text.as_ptr().cast())
    }

    pub fn pointer(self) -> *const u8 {
        self.0
    }

    /// The bytes without the NUL.
    pub fn bytes(self) -> &'static [u8] {
        let mut n = 0;
        // SAFETY: the maker of a `Text` vouched for the NUL; plans stay mapped until the process ends.
        unsafe {
            while self.0.add(n).read() != 0 {
                n += 1;
            }
            core::slice::from_raw_parts(self.0, n)
        }
    }
}

/// One system call. The result is the kernel's: negative errno or value.
///
/// # Safety
/// The arguments are what that call may be given: pointers to memory valid for what it reads and writes.
#[inline(always)]
unsafe fn call(n: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> Result<usize> {
    let result: isize;
    // SAFETY: the syscall instruction clobbers rcx and r11 only; memory is the caller's promise.
    unsafe {
        asm!("syscall", inlateout("rax") n as isize => result, in("rdi") a, in("rsi") b, in("rdx") c,
            in("r10") d, in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    if result < 0 { Err(Errno(-result as i32)) } else { Ok(result as usize) }
}

macro_rules! call {
    ($n:expr $(, $arg:expr)*) => { call!(@ $n; $($arg,)* 0, 0, 0, 0, 0, 0,) };
    (@ $n:expr; $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr, $($rest:expr,)*) => {
        // SAFETY: every use below passes integers, or pointers to live memory of the length it names.
        unsafe { call($n, $a as usize, $b as usize, $c as usize, $d as usize, $e as usize, $f as usize) }
    };
}

fn ioctl(fd: i32, request: u64, argument: usize) -> Result<usize> {
    call!(16, fd, request, argument)
}

// After the macro, which they use.
mod file;
mod futex;
mod mount;
pub mod pipes;
mod process;
mod signal;
mod socket;
mod terminal;

pub use file::*;
pub use futex::*;
pub use mount::*;
pub use process::*;
pub use signal::*;
pub use socket::*;
pub use terminal::*;
