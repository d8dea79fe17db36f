//! Mounts that nobody else sees and that go by themselves.

use std::path::{Path, PathBuf};
use std::{fs, thread};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

/// Does `work` in a thread with a mount namespace of its own, which the programs that it starts share. What is
/// mounted there goes with the last of them, even if the test is killed.
///
/// # Panics
/// `work` does; or the kernel gives no namespace.
pub fn in_private_mounts(work: impl FnOnce() + Send) {
    let own = || {
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
        let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).expect("mounts of its own");
        work();
    };
    let ended = thread::scope(|scope| scope.spawn(own).join());
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

/// As many mounts as a host has that is crowded with containers, in the mount namespace of the calling thread, below `at`.
///
/// # Panics
/// When the kernel does not mount them.
pub fn crowd(at: &Path) {
    const MANY: usize = 150;
    for number in 0..MANY {
        let point = at.join(number.to_string());
        fs::create_dir(&point).expect("a directory");
        let flags = MsFlags::MS_BIND;
        mount(Some(&point), &point, None::<&str>, flags, None::<&str>).expect("one mount of many");
    }
}

/// A file system in memory, mounted until this is dropped.
#[derive(Debug)]
pub struct Tmpfs {
    at: PathBuf,
}

impl Tmpfs {
    /// Mounts it at `at`, with options such as `size=1m`.
    ///
    /// # Panics
    /// The kernel does not.
    #[must_use]
    pub fn mount(at: &Path, options: &str) -> Self {
        mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some(options)).expect("a tmpfs");
        Self { at: at.to_owned() }
    }

    /// Makes it read-only.
    ///
    /// # Panics
    /// The kernel does not, since files are open to be written.
    pub fn make_read_only(&self) {
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(None::<&str>, &self.at, None::<&str>, flags, None::<&str>).expect("a read-only file system");
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // The namespace goes soon, and this with it.
        let _ = umount2(&self.at, MntFlags::MNT_DETACH);
    }
}
