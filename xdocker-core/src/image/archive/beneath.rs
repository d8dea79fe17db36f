//! Opening directories of a tree that somebody else has filled.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

/// Opens the directory at `path` below `root`; an empty path is `root` itself. Never follows a symbolic link
/// (`ELOOP`) and never leaves `root` (`EXDEV`), whoever changes the tree meanwhile.
pub(super) fn open_directory(root: BorrowedFd<'_>, path: &[u8]) -> nix::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let open = |directory: BorrowedFd<'_>, path: &[u8]| loop {
        // EAGAIN: a rename somewhere made the kernel unsure.
        match openat2(directory, path, how) {
            Err(Errno::EAGAIN | Errno::EINTR) => continue,
            result => return result,
        }
    };
    // A call takes no longer path than PATH_MAX, a tree has them.
    let mut rest = path;
    let mut directory = None::<OwnedFd>;
    while rest.len() >= libc::PATH_MAX as usize {
        let cut = rest[..libc::PATH_MAX as usize].iter().rposition(|byte| *byte == b'/');
        let (first, after) = rest.split_at(cut.ok_or(Errno::ENAMETOOLONG)?);
        directory = Some(open(directory.as_ref().map_or(root, AsFd::as_fd), first)?);
        rest = &after[1..];
    }
    let last = if rest.is_empty() { b"." } else { rest };
    open(directory.as_ref().map_or(root, AsFd::as_fd), last)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_is_followed_and_nothing_above_is_reached() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("root/a/b")).unwrap();
        symlink("a", directory.path().join("root/link")).unwrap();
        let root = File::open(directory.path().join("root")).unwrap();
        let open = |path: &[u8]| open_directory(root.as_fd(), path).map(drop);
        assert_eq!(open(b""), Ok(()));
        assert_eq!(open(b"a/b"), Ok(()));
        assert_eq!(open(b"link"), Err(Errno::ELOOP));
        assert_eq!(open(b"link/b"), Err(Errno::ELOOP));
        assert_eq!(open(b"a/../.."), Err(Errno::EXDEV));
        assert_eq!(open(b"/"), Err(Errno::EXDEV));
    }

    #[test]
    fn paths_may_be_longer_than_path_max() {
        let directory = tempfile::tempdir().unwrap();
        let root = File::open(directory.path()).unwrap();
        let name = [b'n'; 200];
        let path = [&name[..]; 50].join(&b'/');
        for depth in 0..50 {
            let parent = open_directory(root.as_fd(), &path[..(depth * 201usize).saturating_sub(1)]).unwrap();
            nix::sys::stat::mkdirat(parent, &name[..], nix::sys::stat::Mode::S_IRWXU).unwrap();
        }
        assert!(open_directory(root.as_fd(), &path).is_ok());
    }
}
