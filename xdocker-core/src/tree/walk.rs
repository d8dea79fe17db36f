//! Walking a tree that something hostile may have made, without a limit on its depth.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{OpenHow, ResolveFlag, openat2};

use super::DIRECTORY;

/// Longest path that the kernel is asked to walk at once, in bytes; less than PATH_MAX by a name.
const REACH: usize = 2048;

/// A directory of a tree that is still to be visited: the path to it from an open directory above it.
///
/// A walk keeps a list of places instead of a descriptor for each level, so that it needs a handful of
/// them for a tree of any depth, and the kernel checks each path as a whole: no symbolic link in it, no
/// `..`, and no mount point unless they belong to the tree.
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
    /// The root of the tree in an open directory.
    pub(crate) fn of(directory: OwnedFd) -> Self {
        Self { above: Arc::new(directory), path: c".".to_owned() }
    }

    /// Opens the directory.
    pub(crate) fn visit(self) -> nix::Result<Visit> {
        self.open(ResolveFlag::RESOLVE_NO_XDEV)
    }

    /// Opens the directory, also where something is mounted on the way to it.
    pub(crate) fn visit_across_mounts(self) -> nix::Result<Visit> {
        self.open(ResolveFlag::empty())
    }

    fn open(self, more: ResolveFlag) -> nix::Result<Visit> {
        let beneath = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS;
        let how = OpenHow::new().flags(DIRECTORY).resolve(beneath | more);
        loop {
            match openat2(&self.above, self.path.as_c_str(), how) {
                // A rename somewhere on the way made the kernel unsure.
                Err(Errno::EAGAIN | Errno::EINTR) => continue,
                opened => return Ok(Visit { directory: Arc::new(opened?), place: self }),
            }
        }
    }

    /// The place above this one, and the name in it.
    pub(crate) fn split(&self) -> (Self, CString) {
        let path = self.path.to_bytes();
        // Neither part holds a zero byte: the whole was a C string.
        let part = |bytes: &[u8]| CString::new(bytes).unwrap_or_default();
        let (above, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (part(&path[..slash]), part(&path[slash + 1..])),
            None => (c".".to_owned(), self.path.clone()),
        };
        (Self { above: Arc::clone(&self.above), path: above }, name)
    }
}

impl Visit {
    /// The root of the tree at `path`, which we made: a path that can be trusted.
    pub(crate) fn root(path: &Path) -> io::Result<Self> {
        let place = Place::of(File::open(path)?.into());
        Ok(Self { directory: Arc::clone(&place.above), place })
    }

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
