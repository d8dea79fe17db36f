//! Removal of a tree that something hostile may have made: nothing outside it is touched, no depth or
//! number of entries makes it fail.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::dir::Type;
use nix::errno::Errno;
use nix::fcntl::{OpenHow, RenameFlags, ResolveFlag, openat2, renameat2};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::{DIRECTORY, entries};

/// How many directories may be open below one another; what lies deeper is moved up first.
const DEPTH: usize = 32;

/// Removes everything in `top`, but not `top` itself. Goes on past failures and returns the first.
///
/// Symbolic links are not followed, and mount points not entered: what is mounted there is not ours to
/// delete.
pub(crate) fn empty(top: &File) -> io::Result<()> {
    let mut removal = Removal { top, moved: 0, failure: None };
    // A pass over a tree deeper than DEPTH moves its lower parts up into `top`, for the next pass.
    loop {
        let before = removal.moved;
        removal.pass(&open(top, c".")?, 0);
        if removal.moved == before || removal.failure.is_some() {
            return removal.failure.map_or(Ok(()), |errno| Err(errno.into()));
        }
    }
}

struct Removal<'a> {
    top: &'a File,
    /// How many directories were moved up.
    moved: u64,
    failure: Option<Errno>,
}

impl Removal<'_> {
    fn pass(&mut self, directory: &OwnedFd, depth: usize) {
        match entries(directory) {
            Err(errno) => self.note(errno),
            Ok(entries) => {
                for (name, kind) in entries {
                    if let Err(errno) = self.entry(directory, &name, kind, depth) {
                        self.note(errno);
                    }
                }
            }
        }
    }

    fn entry(&mut self, parent: &OwnedFd, name: &CStr, kind: Option<Type>, depth: usize) -> nix::Result<()> {
        if kind != Some(Type::Directory) {
            match unlinkat(parent, name, UnlinkatFlags::NoRemoveDir) {
                Err(Errno::EISDIR) => {}
                Err(Errno::ENOENT) => return Ok(()),
                done => return done,
            }
        }
        if depth == DEPTH {
            return self.move_up(parent, name);
        }
        match unlinkat(parent, name, UnlinkatFlags::RemoveDir) {
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => {}
            Err(Errno::ENOENT) => return Ok(()),
            done => return done,
        }
        let moved = self.moved;
        self.pass(&open(parent, name)?, depth + 1);
        match unlinkat(parent, name, UnlinkatFlags::RemoveDir) {
            // Its failure is noted already, and nobody else fills a directory of ours.
            Err(Errno::ENOTEMPTY | Errno::EEXIST) if self.failure.is_some() || self.moved > moved => Ok(()),
            done => done,
        }
    }

    fn move_up(&mut self, parent: &OwnedFd, name: &CStr) -> nix::Result<()> {
        loop {
            self.moved += 1;
            let up = format!("deep-{}", self.moved);
            match renameat2(parent, name, self.top, up.as_str(), RenameFlags::RENAME_NOREPLACE) {
                Err(Errno::EEXIST) => {}
                done => return done,
            }
        }
    }

    fn note(&mut self, errno: Errno) {
        self.failure.get_or_insert(errno);
    }
}

/// Opens the directory `name` in `parent`, itself and on the same mount.
fn open(parent: impl AsFd, name: &CStr) -> nix::Result<OwnedFd> {
    let how =
        OpenHow::new().flags(DIRECTORY).resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_XDEV);
    openat2(parent, name, how)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};

    use super::*;
    use crate::home::scratch::{Scratch, deep};

    #[test]
    fn no_depth_is_too_deep() {
        let scratch = Scratch::new("remove-deep");
        let top = File::open(scratch.path()).unwrap();
        symlink("/", scratch.path().join("link")).unwrap();
        deep(scratch.path(), 3_000);
        empty(&top).unwrap();
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_mounted_is_not_entered_and_the_rest_goes() {
        let scratch = Scratch::new("remove-mount");
        let mounted = scratch.path().join("a/mounted");
        fs::create_dir_all(&mounted).unwrap();
        fs::write(scratch.path().join("a/file"), "").unwrap();
        // A thread of its own: the namespace ends with it.
        let in_namespace = || {
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            let none = None::<&str>;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
            mount(Some("tmpfs"), &mounted, Some("tmpfs"), MsFlags::empty(), none).unwrap();
            fs::write(mounted.join("canary"), "").unwrap();
            let error = empty(&File::open(scratch.path()).unwrap()).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(Errno::EBUSY as i32));
            assert!(mounted.join("canary").exists());
        };
        std::thread::scope(|scope| scope.spawn(in_namespace).join().unwrap());
        assert!(!scratch.path().join("a/file").exists());
    }
}
