//! The root of a container to work in, from outside: that of its processes while it runs, else its layers.
//!
//! | the container | its root | meanwhile |
//! |---|---|---|
//! | runs | what `/proc/PID/root` of its root process is, with all that is mounted there | it is neither booted anew nor destroyed |
//! | is stopped | an overlay of its layers that is mounted nowhere, and goes with our descriptors | nothing else changes it |
//!
//! Nobody joins a namespace for it, and a crash leaves nothing.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};

use super::{CLEARING, Container, Definition, PATIENCE};
use crate::error::{Error, Result};
use crate::etc;
use crate::files::RootDirectory;
use crate::home::DirectoryLock;
use crate::host::Kernel;
use crate::launch::Attributes;
use crate::progress::Gauge;
use crate::rootfs::{self, Layers, Mounts};
use crate::state::{Found, RunRecord};
use crate::sys::mount::FileSystem;
use crate::sys::pidfd::PidFd;
use crate::users::IdRange;

/// Deeper than a root process can change its root.
const DEEPEST: usize = 4096;

/// How long one waits for it before one looks whether one still should.
const SLICE: Duration = Duration::from_millis(50);

/// How often it may have been booted and ended again while we look.
const TURNS: usize = 8;

/// What is to be done in the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// The root of a container, held.
#[derive(Debug)]
pub(super) struct Inside<'a> {
    pub(super) root: RootDirectory,
    /// Whether device nodes are made in it, and taken out of it.
    pub(super) devices: bool,
    /// What its users are here, where that is not what they are inside.
    pub(super) ids: Option<IdRange>,
    container: &'a Container,
    /// The root process; none where the container is stopped.
    process: Option<PidFd>,
    // After the root: it is unmounted by then.
    _mark: Option<Mark>,
    _lock: DirectoryLock,
}

impl Inside<'_> {
    /// Makes files in it: does `work` as somebody who may.
    ///
    /// # Errors
    /// Those of `work`; [`Error::System`].
    pub(super) fn make<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        match self.ids {
            Some(ids) => ids.act(work),
            None => work(),
        }
    }

    /// Says so if the container has ended meanwhile.
    ///
    /// # Errors
    /// [`Error::NotRunning`].
    pub(super) fn check(&self) -> Result<()> {
        let Some(process) = &self.process else { return Ok(()) };
        let name = &self.container.name;
        let failed = Error::system(format!("watch the root process of container {name}"));
        match process.wait_until(Some(Instant::now())).map_err(failed)? {
            true => Err(Error::NotRunning(name.clone())),
            false => Ok(()),
        }
    }
}

impl Container {
    /// Its root to work in. `gauge` stops the wait for others who have it just now.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`], [`Error::Busy`], [`Error::NoSuchImage`], [`Error::Unsupported`] where this kernel
    /// cannot stack the layers of a stopped one; [`Error::Interrupted`].
    pub(super) fn inside(&self, access: Access, gauge: &Gauge) -> Result<Inside<'_>> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            match self.inside_within(access, SLICE) {
                Err(Error::Busy(_)) if Instant::now() < give_up => gauge.check()?,
                inside => return inside,
            }
        }
    }

    fn inside_within(&self, access: Access, limit: Duration) -> Result<Inside<'_>> {
        let what = format!("container {}", self.name);
        // A boot wants it alone, and so does who destroys.
        let shared = || DirectoryLock::shared(&self.directory(), &what, limit);
        for _ in 0..TURNS {
            match self.records().look()? {
                Found::Running(record) => match self.running_root(&record, shared()?) {
                    Err(Error::NotRunning(_)) => self.records().wait_unwatched(CLEARING)?,
                    inside => return inside,
                },
                Found::Stopped if access == Access::Read && self.directory().exists() => {
                    let lock = shared()?;
                    if matches!(self.records().look()?, Found::Stopped) {
                        return self.stopped_root(lock, access);
                    }
                }
                // Booting, it may be: who boots has the lock.
                _ => {
                    let lock = self.lock_within(limit)?;
                    if matches!(self.records().look()?, Found::Abandoned(_)) {
                        self.repair(&lock)?;
                    }
                    if matches!(self.records().look()?, Found::Stopped) {
                        return self.stopped_root(lock, access);
                    }
                }
            }
        }
        Err(Error::Busy(what))
    }

    /// The root as programs inside see it.
    fn running_root(&self, record: &RunRecord, lock: DirectoryLock) -> Result<Inside<'_>> {
        let ended = || Error::NotRunning(self.name.clone());
        let process = self.records().root_process(record)?.ok_or_else(ended)?;
        let path = PathBuf::from(format!("/proc/{}/root", record.pid()));
        let opened = match open_path(&path) {
            // One that is about to end has lost its root before its end can be seen, which comes after that of all others.
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Err(ended()),
            opened => opened,
        };
        // As long as it has not ended its number is its own: what was opened is the root of no other.
        let definition = self.definition()?;
        let inside = Inside {
            root: RootDirectory::ours(),
            devices: devices(&definition),
            ids: definition.ids,
            container: self,
            process: Some(process),
            _mark: None,
            _lock: lock,
        };
        inside.check()?;
        let merged = self.root();
        let should_be = fs::metadata(&merged).map_err(Error::file("examine", &merged))?;
        let found = opened.and_then(|root| climb(root, (should_be.dev(), should_be.ino())));
        // Between its birth and its change of root the process still has the host's.
        let root = found.map_err(Error::file("open", &path))?.ok_or_else(ended)?;
        Ok(Inside { root: RootDirectory::of(root), ..inside })
    }

    /// The root as it will be seen when the container is booted.
    fn stopped_root(&self, lock: DirectoryLock, access: Access) -> Result<Inside<'_>> {
        let definition = self.definition()?;
        let layers = self.own_layers(&definition)?;
        let mark = match access {
            Access::Read => None,
            Access::Write => Some(Mark::new(self)?),
        };
        let mounted = mount(&layers, access, Kernel::running())?;
        let mut root = RootDirectory::of(mounted.into());
        for (path, what) in covers(&definition) {
            root.cover(&path, what).map_err(Error::file("find", path))?;
        }
        let devices = devices(&definition);
        // On the disk they are as inside.
        let ids = None;
        Ok(Inside { root, devices, ids, container: self, process: None, _mark: mark, _lock: lock })
    }

    /// Clears away what says that its layers may not have been written to the disk: overlay would refuse to mount them.
    pub(super) fn forget_volatile(&self) -> Result<()> {
        let work = self.directory().join("workdir/work");
        match work.join("incompat").exists() {
            true => self.home.discard(&work),
            false => Ok(()),
        }
    }
}

/// The mark that a volatile mount leaves, which is cleared away when this goes.
///
/// The mount is volatile so that its end does not wait for the disk, and for all that others write there: nothing that we
/// write in it is more lasting than what cp(1) writes.
#[derive(Debug)]
struct Mark(Container);

impl Mark {
    fn new(container: &Container) -> Result<Self> {
        container.forget_volatile()?;
        Ok(Self(container.clone()))
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // The next who mounts it tries again.
        if let Err(error) = self.0.forget_volatile() {
            tracing::debug!("{}", error.chain());
        }
    }
}

/// Whether device nodes go in and out: where programs inside could make them as well.
fn devices(definition: &Definition) -> bool {
    definition.sandbox.capabilities.contains(caps::Capability::CAP_MKNOD)
}

/// What is mounted over the layers at a boot, and where.
fn covers(definition: &Definition) -> Vec<(PathBuf, String)> {
    let mut covers: Vec<_> = rootfs::MOUNT_POINTS
        .iter()
        .map(|name| (PathBuf::from(name), format!("the mount of /{name}")))
        .collect();
    covers.extend(etc::mounted(&definition.network).iter().map(|name| {
        let path = PathBuf::from(name);
        (path, format!("the mount of /{name}"))
    }));
    let mounts = Mounts { tmpfs: &definition.tmpfs, volumes: &definition.volumes };
    for path in rootfs::in_memory(&definition.sandbox, mounts) {
        covers.push((path.to_owned(), format!("the tmpfs {}", path.display())));
    }
    for volume in &definition.volumes {
        covers.push((volume.container().to_owned(), format!("the volume {volume}")));
    }
    covers
}

fn open_path(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open(path)
}

/// The directory of that device and inode, which is `root` or above it: a root process may have changed its own.
fn climb(root: File, should_be: (u64, u64)) -> io::Result<Option<File>> {
    let mut here = OwnedFd::from(root);
    let mut last = None;
    for _ in 0..DEEPEST {
        let stat = fstat(&here)?;
        let is = (stat.st_dev, stat.st_ino);
        if is == should_be {
            return Ok(Some(here.into()));
        }
        if last == Some(is) {
            break;
        }
        last = Some(is);
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        here = openat(&here, "..", flags, Mode::empty())?;
    }
    Ok(None)
}

/// Mounts the layers, the container's own at the top, nowhere.
fn mount(layers: &Layers, access: Access, kernel: Kernel) -> Result<OwnedFd> {
    let own = layers.container.join("rwlayer");
    let mut lower: Vec<_> = layers.lower.iter().rev().collect();
    if access == Access::Read {
        lower.insert(0, &own);
    }
    // By descriptors: a parameter has 255 bytes at the most, however deep the home lies.
    let open = |path: &Path| {
        let path = layers.home.join(path);
        open_path(&path).map_err(Error::file("open", path))
    };
    let lower = lower.into_iter().map(|path| open(path)).collect::<Result<Vec<_>>>()?;
    let upper = match access {
        Access::Read => None,
        Access::Write => Some((open(&own)?, open(&layers.container.join("workdir"))?)),
    };
    let name = |file: &File| format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let c_name = |file: &File| CString::new(name(file));
    let names: Vec<_> = lower.iter().map(name).collect();
    if !kernel.overlay_appends_layers() && names.join(":").len() > 255 {
        let what = format!("working in a stopped container of {} layers", layers.lower.len());
        return Err(Error::Unsupported { what, why: "it takes Linux 6.7".into() });
    }
    let mounted = || -> io::Result<OwnedFd> {
        let overlay = FileSystem::new(c"overlay")?;
        if kernel.overlay_appends_layers() {
            for layer in &lower {
                overlay.set(c"lowerdir+", &c_name(layer)?)?;
            }
        } else {
            overlay.set(c"lowerdir", &CString::new(names.join(":"))?)?;
        }
        let Some((upper, work)) = &upper else {
            return overlay.mount(Attributes::NO_DEV.and(Attributes::READ_ONLY).0);
        };
        overlay.set(c"upperdir", &c_name(upper)?)?;
        overlay.set(c"workdir", &c_name(work)?)?;
        overlay.flag(c"volatile")?;
        overlay.mount(Attributes::NO_DEV.0)
    };
    mounted().map_err(Error::system("mount the layers of a stopped container"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::scratch::Scratch;

    /// Layers of that number, each with a file of its own and one that all have.
    fn layers(scratch: &Scratch, count: usize) -> Layers {
        let make = |name: &str| fs::create_dir_all(scratch.path().join(name)).unwrap();
        let lower: Vec<_> = (0..count).map(|number| PathBuf::from(format!("l{number}"))).collect();
        for layer in &lower {
            make(layer.to_str().unwrap());
            for name in [layer.as_path(), Path::new("same")] {
                fs::write(scratch.path().join(layer).join(name), layer.to_str().unwrap()).unwrap();
            }
        }
        make("box/rwlayer");
        make("box/workdir");
        Layers { home: scratch.path().to_owned(), lower, container: "box".into(), volatile: false, ids: None }
    }

    #[test]
    fn layers_are_stacked_and_mounted_nowhere() {
        let scratch = Scratch::new("inside");
        let layers = layers(&scratch, 3);
        for kernel in ["5.12", "6.18"].map(Kernel::parse) {
            let root = RootDirectory::of(mount(&layers, Access::Write, kernel).unwrap().into());
            crate::files::write(&root, Path::new("/new"), b"new", None).unwrap();
            drop(root);
            fs::remove_dir_all(scratch.path().join("box/workdir/work/incompat")).unwrap();
            let root = RootDirectory::of(mount(&layers, Access::Read, kernel).unwrap().into());
            let read = |path: &str| crate::files::read(&root, Path::new(path)).unwrap().0;
            assert_eq!([read("same"), read("l0"), read("new")], [&b"l2"[..], b"l0", b"new"]);
            let written = crate::files::write(&root, Path::new("/more"), b"", None).unwrap_err();
            assert!(written.chain().contains("Read-only file system"), "{}", written.chain());
            let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
            assert!(!mounts.contains(scratch.path().to_str().unwrap()), "{mounts}");
        }
    }

    #[test]
    fn old_kernels_stack_a_dozen() {
        let scratch = Scratch::new("inside-many");
        let layers = layers(&scratch, 40);
        let refused = mount(&layers, Access::Read, Kernel::parse("6.1")).unwrap_err();
        assert!(matches!(refused, Error::Unsupported { .. }), "{refused}");
        mount(&layers, Access::Read, Kernel::parse("6.18")).unwrap();
    }

    #[test]
    fn a_changed_root_is_climbed_out_of() {
        let scratch = Scratch::new("inside-climb");
        fs::create_dir_all(scratch.path().join("a/b/c")).unwrap();
        let identity = |path: &str| {
            let found = fs::metadata(scratch.path().join(path)).unwrap();
            (found.dev(), found.ino())
        };
        let open = || open_path(&scratch.path().join("a/b/c")).unwrap();
        assert!(climb(open(), identity("a")).unwrap().is_some());
        fs::create_dir(scratch.path().join("d")).unwrap();
        assert!(climb(open(), identity("d")).unwrap().is_none());
    }
}
