//! A word that the kernel marks when a process lets go of its memory (futex(2), get_robust_list(2)).

use core::mem::offset_of;
use core::ptr::null;

use super::{EAGAIN, EINTR, call};

/// A lock that a process holds and never gives back, with all that the kernel wants to know to find it: `struct
/// robust_list_head` and a list of one `struct robust_list`. It lies in memory that those who wait for it see too.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Robust {
    first: usize,
    offset: isize,
    pending: usize,
    entry: usize,
    word: u32,
}

const WAITERS: u32 = 0x8000_0000;
const OWNER_DIED: u32 = 0x4000_0000;

impl Robust {
    /// Held by nobody.
    pub const NONE: Self = Self { first: 0, offset: 0, pending: 0, entry: 0, word: 0 };

    /// Takes it for the calling process, until that executes a program or ends.
    ///
    /// # Safety
    /// `this` is shared memory that stays mapped in the process, and nobody else takes it.
    pub unsafe fn hold(this: *mut Self) {
        let entry = this as usize + offset_of!(Self, entry);
        let offset = offset_of!(Self, word) as isize - offset_of!(Self, entry) as isize;
        let word = call!(186).unwrap_or(0) as u32 | WAITERS;
        // SAFETY: by the promise above.
        unsafe { this.write_volatile(Self { first: entry, offset, pending: 0, entry: this as usize, word }) };
        let _ = call!(273, this, offset_of!(Self, entry));
    }

    /// Waits until who holds it has let go, for at most so many nanoseconds; says whether it has.
    pub fn wait(this: *mut Self, nanoseconds: u64) -> bool {
        const FUTEX_WAIT: u32 = 0;
        let limit = [nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000];
        loop {
            // SAFETY: the memory is mapped; the kernel and the other process write it as a whole word.
            let seen = unsafe { (&raw const (*this).word).read_volatile() };
            if seen & OWNER_DIED != 0 {
                return true;
            }
            // SAFETY: as above; only the address is taken.
            let word = unsafe { &raw const (*this).word };
            match call!(202, word, FUTEX_WAIT, seen, limit.as_ptr(), null::<u8>(), 0) {
                Ok(_) | Err(EAGAIN | EINTR) => continue,
                Err(_) => return false,
            }
        }
    }
}
