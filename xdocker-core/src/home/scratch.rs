//! A directory for one test, removed at its end.

use std::fs;
use std::path::{Path, PathBuf};

use super::Home;

/// A new empty directory, removed on drop.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes one for the test `name`; no two tests share a name.
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("xdocker-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
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
        if let (Err(error), false) = (fs::remove_dir_all(&self.0), std::thread::panicking()) {
            panic!("cannot remove {}: {error}", self.0.display());
        }
    }
}

/// Names in the directory at `path`, sorted.
pub(crate) fn names(path: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(path).unwrap().map(name).collect();
    names.sort();
    names
}
