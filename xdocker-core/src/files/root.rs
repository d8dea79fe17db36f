//! Paths as a process sees them whose root this is.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;

use crate::error::{Error, Result};
use crate::sys::resolve::open_in_root;

/// A root directory, in the sense of path_resolution(7).
#[derive(Debug, Default)]
pub(crate) struct RootDirectory {
    /// `None` is our own.
    directory: Option<File>,
    /// Where something will be mounted, and what: whatever lies there is not to be seen then.
    covered: Vec<(PathBuf, String)>,
}

impl RootDirectory {
    /// Our own.
    pub(crate) fn ours() -> Self {
        Self::default()
    }

    /// This one, which somebody else may fill and change.
    pub(crate) fn of(directory: File) -> Self {
        Self { directory: Some(directory), covered: Vec::new() }
    }

    /// Notes that `what` will be mounted at `path`, links followed.
    pub(crate) fn cover(&mut self, path: &Path, what: impl Into<String>) -> io::Result<()> {
        let at = match self.open(path, OFlag::O_PATH) {
            Ok(found) => location(&found)?,
            // It will be made there.
            Err(why) if why.kind() == io::ErrorKind::NotFound => Path::new("/").join(path),
            Err(why) => return Err(why),
        };
        self.covered.push((at, what.into()));
        Ok(())
    }

    /// Opens `path` as a process with this root would, relative ones from the root itself. Links of /proc lead nowhere.
    pub(crate) fn open(&self, path: &Path, flags: OFlag) -> io::Result<File> {
        match &self.directory {
            Some(root) => open_in_root(root, path, flags),
            None => Ok(openat(AT_FDCWD, path, flags | OFlag::O_CLOEXEC, Mode::empty())?.into()),
        }
    }

    /// Opens a directory to work in it.
    pub(crate) fn open_directory(&self, path: &Path) -> io::Result<File> {
        self.open(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY)
    }

    /// Where a path begins that is not absolute.
    pub(super) fn start(&self) -> &'static Path {
        Path::new(if self.directory.is_some() { "/" } else { "" })
    }

    /// Refuses `name` in an open directory, or the directory itself, if it will not be seen. `path` is for the message.
    pub(crate) fn refuse_covered(&self, directory: impl AsFd, name: &Path, path: &Path) -> Result<()> {
        if self.covered.is_empty() {
            return Ok(());
        }
        let at = location(directory).map_err(Error::file("find", path))?.join(name);
        match self.covered.iter().find(|(covered, _)| at.starts_with(covered)) {
            Some((_, by)) => Err(Error::Covered { path: path.to_owned(), by: by.clone() }),
            None => Ok(()),
        }
    }

    /// The error that `path` could not be used for `why`: where it is not there, it may be that something will be.
    pub(crate) fn failure<E: Into<io::Error>>(
        &self,
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(E) -> Error {
        move |why| {
            let why = why.into();
            let missing = why.kind() == io::ErrorKind::NotFound && !self.covered.is_empty();
            let mut above = path.ancestors().skip(1).filter(|_| missing);
            let found = above.find_map(|above| {
                let directory =
                    self.open_directory(if above == Path::new("") { Path::new("/") } else { above });
                let rest = path.strip_prefix(above).ok()?;
                Some(self.refuse_covered(directory.ok()?, rest, path))
            });
            match found {
                Some(Err(covered)) => covered,
                _ => Error::File { action, path: path.to_owned(), source: why },
            }
        }
    }

    /// What of a tree that is to be merged into `name` in an open directory would not be seen: paths in the tree, and by
    /// what.
    pub(crate) fn covered_below(
        &self,
        directory: impl AsFd,
        name: &Path,
    ) -> io::Result<Vec<(PathBuf, String)>> {
        if self.covered.is_empty() {
            return Ok(Vec::new());
        }
        let at = location(directory)?.join(name);
        let below = self.covered.iter().filter_map(|(path, by)| Some((path.strip_prefix(&at).ok()?, by)));
        Ok(below.map(|(path, by)| (path.to_owned(), by.clone())).collect())
    }
}

/// Where an open file or directory is in its root, which nobody changes meanwhile.
fn location(file: impl AsFd) -> io::Result<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()))
}
