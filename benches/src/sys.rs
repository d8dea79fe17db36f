//! System calls of the benchmark.

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::ptr::null;
use std::time::Duration;

use crate::Result;

fn checked(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn c_path(path: &Path) -> Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

/// Enters a mount namespace of our own, without the second version's tree of a host with both versions of
/// cgroups.
pub(crate) fn enter_private_mounts() -> Result<()> {
    // SAFETY: no memory is involved; we have one thread.
    checked(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: strings are constants, null is allowed where the flags ask for no more (mount(2)).
    checked(unsafe { libc::mount(null(), c"/".as_ptr(), null(), flags, null()) })?;
    // SAFETY: the string is a constant. It fails where there is no such tree, which is as well.
    unsafe { libc::umount2(c"/sys/fs/cgroup/unified".as_ptr(), libc::MNT_DETACH) };
    Ok(())
}

/// Enters a network namespace of our own, whose names of namespaces nobody else sees. In mounts of our own.
pub(crate) fn enter_own_network() -> Result<()> {
    // SAFETY: no memory is involved; we have one thread.
    checked(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
    let (kind, at) = (c"tmpfs".as_ptr(), c"/run".as_ptr());
    // SAFETY: strings are constants, null is allowed as data (mount(2)).
    Ok(checked(unsafe { libc::mount(kind, at, kind, 0, null()) })?)
}

/// Mounts an overlay.
pub(crate) fn mount_overlay(lower: &Path, upper: &Path, work: &Path, merged: &Path) -> Result<()> {
    let [lower, upper, work] = [lower, upper, work].map(|path| path.display());
    let data = CString::new(format!("lowerdir={lower},upperdir={upper},workdir={work}"))?;
    let (kind, merged): (&CStr, _) = (c"overlay", c_path(merged)?);
    let flags = libc::MS_NODEV;
    // SAFETY: the strings live until the call returns.
    let mounted =
        unsafe { libc::mount(kind.as_ptr(), merged.as_ptr(), kind.as_ptr(), flags, data.as_ptr().cast()) };
    Ok(checked(mounted)?)
}

/// Unmounts what is mounted there.
pub(crate) fn unmount(path: &Path) -> Result<()> {
    let path = c_path(path)?;
    // SAFETY: the string lives until the call returns.
    Ok(checked(unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) })?)
}

/// The time that the kernel gives as CLOCK_MONOTONIC, the same in all processes.
pub(crate) fn monotonic() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to `time`, and cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Processor time of all children that have been waited for.
pub(crate) fn children_cpu() -> Result<Duration> {
    // SAFETY: a `rusage` is numbers only.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: writes to `usage`.
    checked(unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) })?;
    let time = |part: libc::timeval| Duration::new(part.tv_sec as u64, part.tv_usec as u32 * 1000);
    Ok(time(usage.ru_utime) + time(usage.ru_stime))
}

/// Runs a command that has to succeed; the most memory that it or a child of its had resident, in KiB.
pub(crate) fn run_with_peak(command: &mut Command) -> Result<i64> {
    let child = command.spawn()?;
    let mut status = 0;
    // SAFETY: a `rusage` is numbers only.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: writes to both; the child is ours, and nobody else waits for it.
    checked(unsafe { libc::wait4(child.id() as i32, &raw mut status, 0, &raw mut usage) })?;
    if status != 0 {
        return Err(format!("{command:?} ended with status {status:#x}").into());
    }
    Ok(usage.ru_maxrss)
}

/// The type of the file system at `path`.
pub(crate) fn file_system(path: &Path) -> Result<String> {
    let path = c_path(path)?;
    // SAFETY: a `statfs` is numbers only.
    let mut found: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: reads a string that lives, writes to `found`.
    checked(unsafe { libc::statfs(path.as_ptr(), &raw mut found) })?;
    Ok(match found.f_type {
        libc::TMPFS_MAGIC => "tmpfs".into(),
        libc::EXT4_SUPER_MAGIC => "ext4".into(),
        libc::XFS_SUPER_MAGIC => "xfs".into(),
        libc::BTRFS_SUPER_MAGIC => "btrfs".into(),
        other => format!("file system {other:#x}"),
    })
}
