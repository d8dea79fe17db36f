//! Mounts that nobody else sees and that go by themselves.

use std::path::Path;
use std::thread;

use nix::mount::{MsFlags, mount};
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

/// Mounts an empty file system in memory at `at`; `options` such as `size=1m`.
///
/// # Panics
/// The kernel does not.
pub fn mount_tmpfs(at: &Path, options: &str) {
    mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some(options)).expect("a tmpfs");
}

/// Makes the file system mounted at `at` read-only.
///
/// # Panics
/// The kernel does not.
pub fn make_read_only(at: &Path) {
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, at, None::<&str>, flags, None::<&str>).expect("a read-only file system");
}
