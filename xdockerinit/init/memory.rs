//! The functions that the compiler calls for memory and strings, which elsewhere come with libc.

use core::arch::asm;

/// memcpy(3).
///
/// # Safety
/// As in C: both ranges are valid and do not overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller vouches for the ranges; the direction flag is clear by the ABI.
    unsafe { asm!("rep movsb", inout("rcx") n => _, inout("rdi") to => _, inout("rsi") from => _) };
    to
}

/// memmove(3).
///
/// # Safety
/// As in C: both ranges are valid.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= n {
        // SAFETY: `to` does not lie inside the source, so copying upwards reads nothing already written.
        return unsafe { memcpy(to, from, n) };
    }
    // SAFETY: the caller vouches for the ranges; copying downwards with the direction flag set, and
    // clearing it again as the ABI wants.
    unsafe {
        asm!("std", "rep movsb", "cld",
            inout("rcx") n => _, inout("rdi") to.wrapping_add(n).wrapping_sub(1) => _,
            inout("rsi") from.wrapping_add(n).wrapping_sub(1) => _);
    }
    to
}

/// memset(3).
///
/// # Safety
/// As in C: the range is valid.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, n: usize) -> *mut u8 {
    // SAFETY: the caller vouches for the range.
    unsafe { asm!("rep stosb", inout("rcx") n => _, inout("rdi") to => _, in("al") byte as u8) };
    to
}

/// memcmp(3).
///
/// # Safety
/// As in C: both ranges are valid.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    for i in 0..n {
        // SAFETY: `i` is below `n`; volatile, so that this loop does not become a call of itself.
        let (x, y) = unsafe { (a.add(i).read_volatile(), b.add(i).read_volatile()) };
        if x != y {
            return i32::from(x) - i32::from(y);
        }
    }
    0
}

/// bcmp(3).
///
/// # Safety
/// As in C: both ranges are valid.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    // SAFETY: the same contract.
    unsafe { memcmp(a, b, n) }
}

/// strlen(3).
///
/// # Safety
/// As in C: a NUL follows.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut n = 0;
    // SAFETY: the caller vouches for the NUL; volatile, so that this loop does not become a call of itself.
    while unsafe { text.add(n).read_volatile() } != 0 {
        n += 1;
    }
    n
}
