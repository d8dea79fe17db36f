//! A directory for one test, removed at its end.

use std::fs::{self, Permissions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::openat;
use nix::sys::stat::{Mode, SFlag, mkdirat, mknodat};

use super::Home;

/// A new empty directory, removed on drop.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes one for the test `name`.
    pub(crate) fn new(name: &str) -> Self {
        let path = tempfile::Builder::new().prefix(&format!("xdocker-{name}-")).tempdir().unwrap().keep();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    /// Makes one with a home in it.
    pub(crate) fn with_home(name: &str) -> (Self, Home) {
        let scratch = Self::new(name);
        let home = Home::open(&scratch.path().join("home")).unwrap();
        (scratch, home)
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A failing test must show its own failure, not this one.
        let removed = fs::File::open(&self.0)
            .and_then(|top| crate::tree::empty(&top))
            .and_then(|()| fs::remove_dir(&self.0));
        if let (Err(error), false) = (removed, std::thread::panicking()) {
            panic!("cannot remove {}: {error}", self.0.display());
        }
    }
}

/// Makes `levels` directories below one another in `top`, with a FIFO in each: more than a path can name or
/// a process can hold open.
pub(crate) fn deep(top: &Path, levels: usize) {
    let mut directory = OwnedFd::from(fs::File::open(top).unwrap());
    for _ in 0..levels {
        mkdirat(&directory, c"level", Mode::S_IRWXU).unwrap();
        mknodat(&directory, c"fifo", SFlag::S_IFIFO, Mode::S_IRWXU, 0).unwrap();
        directory = openat(&directory, c"level", crate::tree::DIRECTORY, Mode::empty()).unwrap();
    }
}

/// Names in the directory at `path`, sorted.
pub(crate) fn names(path: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(path).unwrap().map(name).collect();
    names.sort();
    names
}
