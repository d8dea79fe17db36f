//! Walking a tree that something hostile may have made, without a limit on its depth.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use nix::fcntl::{OpenHow, ResolveFlag, openat2};

use super::DIRECTORY;

/// Longest path that the kernel is asked to walk at once, in bytes; less than PATH_MAX by a name.
const REACH: usize = 2048;

/// A directory of a tree that is still to be visited: the path to it from an open directory above it.
///
/// A walk keeps a list of places instead of a descriptor for each level, so that it needs a handful of
/// them for a tree of any depth, and the kernel checks each path as a whole: no symbolic link in it, no
/// `..`, no mount point.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) above: Arc<OwnedFd>,
    pub(crate) path: CString,
}

/// A place that has been opened.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) directory: Arc<OwnedFd>,
    place: Place,
}

impl Place {
    /// The root of the tree at `path`, which we made: a path that can be trusted.
    pub(crate) fn root(path: &Path) -> io::Result<Self> {
        Ok(Self { above: Arc::new(File::open(path)?.into()), path: c".".to_owned() })
    }

    /// Opens the directory.
    pub(crate) fn visit(self) -> nix::Result<Visit> {
        let how = OpenHow::new().flags(DIRECTORY).resolve(
            ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_XDEV,
        );
        let directory = openat2(&self.above, self.path.as_c_str(), how)?;
        Ok(Visit { directory: Arc::new(directory), place: self })
    }
}

impl Visit {
    /// The entry `name` of this directory.
    pub(crate) fn child(&self, name: &CStr) -> Place {
        let path = self.place.path.to_bytes();
        if path.len() > REACH {
            return Place { above: Arc::clone(&self.directory), path: name.to_owned() };
        }
        let path = [path, b"/", name.to_bytes()].concat();
        // Neither part holds a zero byte: both came from C strings.
        let path = CString::new(path).unwrap_or_default();
        Place { above: Arc::clone(&self.place.above), path }
    }
}
