//! What namespaces tell of themselves.

use std::fs::File;
use std::os::fd::AsRawFd;

/// Whether an open file is a mount namespace (ioctl_nsfs(2)).
pub(crate) fn is_of_mounts(file: &File) -> bool {
    const NS_GET_NSTYPE: libc::Ioctl = 0xb703;
    // SAFETY: a live descriptor; the request takes no argument.
    unsafe { libc::ioctl(file.as_raw_fd(), NS_GET_NSTYPE) == libc::CLONE_NEWNS }
}

/// Whether our mount namespace has so many mounts, or more (listmount(2), Linux 6.8).
pub(crate) fn has_mounts(many: usize) -> bool {
    const SYS_LISTMOUNT: libc::c_long = 458;
    const LSMT_ROOT: u64 = u64::MAX;
    // `struct mnt_id_req` in its first version, as 64-bit words: size, id of the mount, id of the last one that is known.
    let request = [24u64, LSMT_ROOT, 0];
    let mut ids = vec![0u64; many];
    // SAFETY: the request is as long as it says, and the kernel writes at most so many ids.
    let listed = unsafe { libc::syscall(SYS_LISTMOUNT, request.as_ptr(), ids.as_mut_ptr(), ids.len(), 0) };
    usize::try_from(listed).is_ok_and(|listed| listed >= many)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_counted_and_namespaces_are_known() {
        assert!(has_mounts(1));
        assert!(!has_mounts(1_000_000));
        assert!(is_of_mounts(&File::open("/proc/self/ns/mnt").unwrap()));
        assert!(!is_of_mounts(&File::open("/proc/self/ns/uts").unwrap()));
        assert!(!is_of_mounts(&File::open("/").unwrap()));
    }
}
