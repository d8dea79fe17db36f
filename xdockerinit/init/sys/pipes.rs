//! Pipes, and files that they are emptied into.

use super::{Result, call, ioctl};

/// Moves up to `length` bytes out of a pipe to `at` in a file, without their passing through us (splice(2)). Takes what
/// is there and waits for no more: `EAGAIN` when that is nothing.
pub fn splice(pipe: i32, file: i32, at: u64, length: usize) -> Result<usize> {
    const SPLICE_F_NONBLOCK: u32 = 2;
    call!(275, pipe, 0, file, &raw const at, length, SPLICE_F_NONBLOCK)
}

/// The same to a file that has no places, as /dev/null.
pub fn drain(pipe: i32, sink: i32, length: usize) -> Result<usize> {
    const SPLICE_F_NONBLOCK: u32 = 2;
    call!(275, pipe, 0, sink, 0, length, SPLICE_F_NONBLOCK)
}

/// How many bytes wait in a pipe (FIONREAD).
pub fn waiting(pipe: i32) -> Result<usize> {
    const FIONREAD: u64 = 0x541b;
    let mut count = 0i32;
    ioctl(pipe, FIONREAD, (&raw mut count) as usize)?;
    Ok(count as usize)
}

pub fn pread(fd: i32, buffer: &mut [u8], at: u64) -> Result<usize> {
    call!(17, fd, buffer.as_mut_ptr(), buffer.len(), at)
}

pub fn truncate(fd: i32, length: u64) -> Result<()> {
    call!(77, fd, length).map(drop)
}

pub fn fchmod(fd: i32, mode: u32) -> Result<()> {
    call!(91, fd, mode).map(drop)
}
