//! Signals.

use super::{O_CLOEXEC, O_NONBLOCK, Result, call};

/// A set of signals as the kernel keeps it: bit `n - 1` for signal `n`.
pub const fn signals(list: &[i32]) -> u64 {
    let (mut set, mut i) = (0, 0);
    while i < list.len() {
        set |= 1 << (list[i] - 1);
        i += 1;
    }
    set
}

/// Replaces the mask of blocked signals.
pub fn set_mask(blocked: u64) {
    let _ = call!(14, 2, &raw const blocked, 0, 8);
}

/// Gives every signal its default action: what the caller ignored stays ignored across execve(2).
pub fn default_signals() {
    let action = [0u64; 4];
    for signal in 1..=64 {
        let _ = call!(13, signal, action.as_ptr(), 0, 8);
    }
}

/// Waits for one of the (blocked) signals of `set`.
pub fn wait_signal(set: u64) -> Result<i32> {
    call!(128, &raw const set, 0, 0, 8).map(|signal| signal as i32)
}

pub fn signalfd(set: u64) -> Result<i32> {
    call!(289, -1isize, &raw const set, 8, O_CLOEXEC | O_NONBLOCK).map(|fd| fd as i32)
}
