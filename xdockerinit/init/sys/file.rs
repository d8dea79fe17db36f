//! Descriptors, files, memory and clocks.

use core::arch::asm;
use core::mem::MaybeUninit;
use core::ptr::null_mut;

use super::{EINTR, Result, Text, call};

pub const AT_FDCWD: i32 = -100;
pub const AT_REMOVEDIR: u64 = 0x200;
pub const O_WRONLY: u64 = 1;
pub const O_RDWR: u64 = 2;
pub const O_CREAT: u64 = 0o100;
pub const O_EXCL: u64 = 0o200;
pub const O_DIRECTORY: u64 = 0o200_000;
pub const O_NOFOLLOW: u64 = 0o400_000;
pub const O_NOCTTY: u64 = 0o400;
pub const O_TRUNC: u64 = 0o1000;
pub const O_NONBLOCK: u64 = 0o4000;
pub const O_CLOEXEC: u64 = 0o2_000_000;
pub const O_PATH: u64 = 0o10_000_000;
pub const RESOLVE_NO_MAGICLINKS: u64 = 0x02;
pub const RESOLVE_NO_SYMLINKS: u64 = 0x04;
pub const RESOLVE_BENEATH: u64 = 0x08;
pub const RESOLVE_IN_ROOT: u64 = 0x10;

pub fn read(fd: i32, buffer: &mut [u8]) -> Result<usize> {
    loop {
        match call!(0, fd, buffer.as_mut_ptr(), buffer.len()) {
            Err(EINTR) => continue,
            result => return result,
        }
    }
}

pub fn write(fd: i32, bytes: &[u8]) -> Result<usize> {
    call!(1, fd, bytes.as_ptr(), bytes.len())
}

pub fn pwrite(fd: i32, bytes: &[u8], at: u64) -> Result<usize> {
    call!(18, fd, bytes.as_ptr(), bytes.len(), at)
}

pub fn close(fd: i32) {
    let _ = call!(3, fd);
}

/// close_range(2): everything from `first` to `last`.
pub fn close_range(first: i32, last: u32) -> Result<()> {
    call!(436, first, last, 0).map(drop)
}

/// The same, when the process executes something (`CLOSE_RANGE_CLOEXEC`, Linux 5.11).
pub fn close_range_on_exec(first: i32, last: u32) -> Result<()> {
    call!(436, first, last, 4).map(drop)
}

/// dup3(2) without CLOEXEC; a descriptor on itself stays, its CLOEXEC flag apart.
pub fn dup_to(from: i32, to: i32) -> Result<()> {
    if from == to {
        const F_SETFD: u32 = 2;
        return call!(72, from, F_SETFD, 0).map(drop);
    }
    call!(292, from, to, 0).map(drop)
}

/// fcntl(F_SETLK): locks one byte of a file for this process, until it ends or closes any descriptor of the file.
pub fn lock_byte(fd: i32, byte: u64) -> Result<()> {
    const F_SETLK: u32 = 6;
    // `struct flock` as 64-bit words: F_WRLCK and SEEK_SET, start, length, pid.
    let lock = [1u64, byte, 1, 0];
    call!(72, fd, F_SETLK, lock.as_ptr()).map(drop)
}

/// fcntl(F_GETFD): whether a descriptor is open.
pub fn is_open(fd: i32) -> bool {
    call!(72, fd, 1).is_ok()
}

pub fn pipe() -> Result<[i32; 2]> {
    let mut ends = [0i32; 2];
    call!(293, ends.as_mut_ptr(), O_CLOEXEC)?;
    Ok(ends)
}

pub fn openat(directory: i32, path: Text, flags: u64, mode: u32) -> Result<i32> {
    call!(257, directory, path.pointer(), flags | O_CLOEXEC, mode).map(|fd| fd as i32)
}

/// openat2(2).
pub fn openat2(directory: i32, path: Text, flags: u64, resolve: u64) -> Result<i32> {
    let how = [flags | O_CLOEXEC, 0, resolve];
    call!(437, directory, path.pointer(), how.as_ptr(), 24).map(|fd| fd as i32)
}

pub fn renameat(directory: i32, from: Text, to: Text) -> Result<()> {
    call!(264, directory, from.pointer(), directory, to.pointer()).map(drop)
}

pub fn unlinkat(directory: i32, path: Text, flags: u64) -> Result<()> {
    call!(263, directory, path.pointer(), flags).map(drop)
}

pub fn mkdirat(directory: i32, path: Text, mode: u64) -> Result<()> {
    call!(258, directory, path.pointer(), mode).map(drop)
}

pub fn mknodat(directory: i32, path: Text, mode: u64, device: u64) -> Result<()> {
    call!(259, directory, path.pointer(), mode, device).map(drop)
}

pub fn symlinkat(target: Text, directory: i32, path: Text) -> Result<()> {
    call!(266, target.pointer(), directory, path.pointer()).map(drop)
}

pub fn fchdir(fd: i32) -> Result<()> {
    call!(81, fd).map(drop)
}

pub fn chdir(path: Text) -> Result<()> {
    call!(80, path.pointer()).map(drop)
}

/// First byte of getcwd(2)'s answer: `/` when the working directory is inside our root.
pub fn working_directory_begins() -> Result<u8> {
    let mut path = [const { MaybeUninit::<u8>::uninit() }; 4096];
    call!(79, path.as_mut_ptr(), path.len())?;
    // SAFETY: the kernel wrote a path and its NUL, so one byte at the least.
    Ok(unsafe { path[0].assume_init() })
}

/// `f_type` of fstatfs(2).
pub fn file_system_type(fd: i32) -> Result<u64> {
    let mut answer = [0u64; 15];
    call!(138, fd, answer.as_mut_ptr())?;
    Ok(answer[0])
}

/// What statx(2) says of an open file, as far as it matters here.
pub struct Kind {
    pub is_directory: bool,
    pub is_for_all_to_write: bool,
    /// Whether it is what some mount shows first.
    pub is_mount_root: bool,
}

/// statx(2) of a descriptor.
pub fn kind(fd: i32) -> Result<Kind> {
    const AT_EMPTY_PATH: u32 = 0x1000;
    const STATX_TYPE_AND_MODE: u32 = 3;
    const STATX_ATTR_MOUNT_ROOT: u64 = 0x2000;
    const S_IFMT: u64 = 0o170_000;
    const S_IFDIR: u64 = 0o040_000;
    const S_IWOTH: u64 = 0o2;
    // `struct statx`: the attributes are its second word, the mode lies in the upper half of its fourth.
    let mut answer = [0u64; 32];
    call!(332, fd, c"".as_ptr(), AT_EMPTY_PATH, STATX_TYPE_AND_MODE, answer.as_mut_ptr())?;
    Ok(Kind {
        is_for_all_to_write: answer[3] >> 32 & S_IWOTH != 0,
        is_directory: answer[3] >> 32 & S_IFMT == S_IFDIR,
        is_mount_root: answer[1] & STATX_ATTR_MOUNT_ROOT != 0,
    })
}

/// What memory is mapped from.
pub enum Memory {
    /// A file, read-only.
    File(i32),
    /// Zeros that child processes see change.
    Shared,
    /// Zeros of our own.
    Private,
}

/// mmap(2), for as long as we live.
pub fn map(memory: Memory, length: usize) -> Result<*mut u8> {
    const PROT_READ: u32 = 1;
    const PROT_WRITE: u32 = 2;
    const MAP_SHARED: u32 = 1;
    const MAP_PRIVATE: u32 = 2;
    const MAP_ANONYMOUS: u32 = 0x20;
    let (access, kind, file) = match memory {
        Memory::File(fd) => (PROT_READ, MAP_PRIVATE, fd),
        Memory::Shared => (PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1),
        Memory::Private => (PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1),
    };
    Ok(call!(9, null_mut::<u8>(), length, access, kind, file as isize, 0)? as *mut u8)
}

/// Zeros of our own, for as long as we live; pages that are never touched cost nothing.
pub fn zeros<T: Copy>(count: usize) -> Result<&'static mut [T]> {
    let start = map(Memory::Private, count * size_of::<T>())?.cast::<T>();
    // SAFETY: a new mapping of that size, aligned to a page, for us alone; zeros are a value of the plain
    // numbers that this is used for.
    Ok(unsafe { core::slice::from_raw_parts_mut(start, count) })
}

const MADV_DONTNEED: usize = 4;

/// Gives back the pages of a mapped file: they are there again when somebody looks (madvise(2)).
pub fn rest(file: &'static [u8]) {
    let _ = call!(28, file.as_ptr(), file.len(), MADV_DONTNEED);
}

/// Gives back the pages of the stack below the frame that we are in: deeper calls have left them, and an idle container
/// keeps no page that it does not use.
#[inline(never)]
pub fn rest_stack() {
    /// More than was ever used.
    const DEPTH: usize = 64 << 10;
    const PAGE: usize = 4096;
    /// What the ABI lets a function use below its stack pointer.
    const RED_ZONE: usize = 128;
    let pointer: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    let end = (pointer - RED_ZONE) & !(PAGE - 1);
    let _ = call!(28, end - DEPTH, DEPTH, MADV_DONTNEED);
}

/// munmap(2).
pub fn unmap(start: *const u8, length: usize) {
    let _ = call!(11, start, length);
}

/// Whether nobody can shorten this memfd any more (F_GET_SEALS).
pub fn is_sealed(fd: i32) -> bool {
    const F_GET_SEALS: u32 = 1034;
    const F_SEAL_SHRINK: usize = 2;
    call!(72, fd, F_GET_SEALS).is_ok_and(|seals| seals & F_SEAL_SHRINK != 0)
}

/// Size of a file (lseek(2) to its end).
pub fn size(fd: i32) -> Result<usize> {
    call!(8, fd, 0, 2)
}

fn clock(which: u32) -> u64 {
    let mut time = [0u64; 2];
    let _ = call!(228, which, time.as_mut_ptr());
    time[0] * 1_000_000_000 + time[1]
}

/// CLOCK_REALTIME in nanoseconds.
pub fn now() -> u64 {
    clock(0)
}

/// CLOCK_BOOTTIME in nanoseconds.
pub fn uptime() -> u64 {
    clock(7)
}
