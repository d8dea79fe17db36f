//! Named network namespaces, as ip-netns(8) knows them: a file below /run/netns on which the namespace is
//! bind-mounted, so that it lives without a process in it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::statfs::statfs;

use crate::error::{Error, Result};
use crate::spec::NetnsName;
use crate::sys::mount::is_root;

/// `f_type` of a namespace file (statfs(2)).
const NSFS_MAGIC: i64 = 0x6e73_6673;

/// Makes the namespace, or leaves the one that is there. Its loopback interface is down.
///
/// # Errors
/// As [`make`].
pub(crate) fn ensure(name: &NetnsName) -> Result<()> {
    if exists(&name.path()) { Ok(()) } else { make(name, || Ok(())) }
}

/// Makes the namespace, and begins something within, in a thread of our own that is there: a socket that it opens stays.
///
/// # Errors
/// [`Error::File`], [`Error::System`].
pub(super) fn make<T: Send>(name: &NetnsName, begin: impl FnOnce() -> io::Result<T> + Send) -> Result<T> {
    let path = name.path();
    if let Some(directory) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(directory)
            .map_err(Error::file("create", directory))?;
        share(directory).map_err(Error::file("mount", directory))?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(Error::file("create", &path))?;
    let bind = || -> io::Result<T> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let begun = begin()?;
        let source = Path::new("/proc/thread-self/ns/net");
        mount(Some(source), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        Ok(begun)
    };
    // The caller's threads stay where they are.
    let bound = thread::scope(|scope| {
        scope.spawn(bind).join().unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
    });
    bound.map_err(|why| {
        // The file alone would look like a namespace to ip-netns(8).
        let _ = fs::remove_file(&path);
        Error::System { action: format!("make the network namespace {name}"), source: why }
    })
}

/// Makes the directory of all namespaces a mount that passes on what is mounted on it, as ip-netns(8) does when it makes its
/// first one: by then the directory would be covered by a copy of itself, and a namespace of ours that is below could not be
/// removed.
fn share(directory: &Path) -> io::Result<()> {
    if is_root(directory)? {
        return Ok(());
    }
    let mount = |source: Option<&Path>, flags| mount(source, directory, None::<&str>, flags, None::<&str>);
    match mount(None, MsFlags::MS_SHARED | MsFlags::MS_REC) {
        Err(nix::Error::EINVAL) => {
            mount(Some(directory), MsFlags::MS_BIND | MsFlags::MS_REC)?;
            Ok(mount(None, MsFlags::MS_SHARED | MsFlags::MS_REC)?)
        }
        shared => Ok(shared?),
    }
}

/// Whether a namespace is mounted at `path`.
pub(super) fn exists(path: &Path) -> bool {
    statfs(path).is_ok_and(|found| i128::from(found.filesystem_type().0) == i128::from(NSFS_MAGIC))
}

/// Takes the namespace away; none there is fine. The kernel clears it when its last process has gone.
///
/// # Errors
/// [`Error::File`].
pub(crate) fn remove(name: &NetnsName) -> Result<()> {
    let path = name.path();
    match umount2(&path, MntFlags::MNT_DETACH) {
        Ok(()) | Err(nix::Error::EINVAL | nix::Error::ENOENT) => (),
        Err(why) => return Err(Error::file("unmount", &path)(why.into())),
    }
    match fs::remove_file(&path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", &path)(why)),
        _ => Ok(()),
    }
}
