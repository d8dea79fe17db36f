//! A directory tree in an order that depends on names only: each directory before what is in it, names sorted by
//! their bytes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::dir::Dir;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};

use super::beneath::open_directory;
use super::path::display;
use crate::error::{Error, ErrorKind, Result};
use crate::tree::is_made_up;

/// Something in the tree.
pub(super) struct Visit<'a> {
    /// Where it is, relative to the tree; empty for the tree itself.
    pub(super) path: &'a [u8],
    /// The directory it is in, and its name there.
    pub(super) directory: BorrowedFd<'a>,
    pub(super) name: &'a [u8],
    pub(super) stat: FileStat,
}

impl Visit<'_> {
    /// What sort of file it is.
    pub(super) fn kind(&self) -> SFlag {
        kind(&self.stat)
    }
}

/// What sort of file `stat` is about.
pub(super) fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

/// Calls `visit` for the tree below `root` and all that is in it, or for what is called `only` in there. Symbolic links
/// are not followed. Memory goes with the largest directory, not with the tree. What goes meanwhile is left out, and so
/// is what is in a file system that the kernel makes up, as /proc.
pub(super) fn walk(
    root: BorrowedFd<'_>,
    only: Option<&[u8]>,
    mut visit: impl FnMut(&Visit<'_>) -> Result<()>,
) -> Result<()> {
    let mut path = Vec::new();
    let mut here = open(root, &path)?;
    let made_up = is_made_up(root);
    // What is still to be visited in each directory down to here.
    let mut first = Names::default();
    match only {
        Some(name) => first.push(name).map_err(Error::file("list", display(&path)))?,
        None => {
            let stat = stat(here.as_fd(), b".", &path)?;
            visit(&Visit { path: &path, directory: here.as_fd(), name: b".", stat })?;
            first = names(&mut here, &path)?;
        }
    }
    let mut levels = vec![first];
    while let Some(level) = levels.last_mut() {
        let length = path.len();
        let Some(name) = level.next() else {
            levels.pop();
            if !levels.is_empty() {
                path.truncate(path.iter().rposition(|byte| *byte == b'/').unwrap_or(0));
                // Opened anew, so that a deep tree takes no more descriptors than a flat one.
                here = open(root, &path)?;
            }
            continue;
        };
        if length > 0 {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        let stat = match self::stat(here.as_fd(), name, &path) {
            Err(gone) if gone.kind() == ErrorKind::NotFound && (only.is_none() || length > 0) => {
                path.truncate(length);
                continue;
            }
            stat => stat?,
        };
        visit(&Visit { path: &path, directory: here.as_fd(), name, stat })?;
        if kind(&stat) == SFlag::S_IFDIR {
            let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let below = Dir::openat(here.as_fd(), name, flags, Mode::empty());
            here = below.map_err(io::Error::from).map_err(Error::file("open", display(&path)))?;
            let skipped = is_made_up(here.as_fd()) && !made_up;
            levels.push(if skipped { Names::default() } else { names(&mut here, &path)? });
        } else {
            path.truncate(length);
        }
    }
    Ok(())
}

/// Opens a directory of the tree.
fn open(root: BorrowedFd<'_>, path: &[u8]) -> Result<Dir> {
    let directory = open_directory(root, path).and_then(Dir::from_fd);
    directory.map_err(io::Error::from).map_err(Error::file("open", display(path)))
}

/// What is known of the file at `path`, which is `name` in `directory`.
fn stat(directory: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<FileStat> {
    let stat = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW);
    stat.map_err(io::Error::from).map_err(Error::file("examine", display(path)))
}

/// The names in a directory that are still to be visited, in one piece of memory: a directory may hold millions.
#[derive(Default)]
struct Names {
    /// Each after its length.
    bytes: Vec<u8>,
    /// Where the lengths are, that of the first name last.
    places: Vec<usize>,
}

impl Names {
    /// Puts a name before the others.
    fn push(&mut self, name: &[u8]) -> io::Result<()> {
        // No file system of Linux has longer ones.
        let length = u8::try_from(name.len()).map_err(|_| io::ErrorKind::InvalidFilename)?;
        self.places.push(self.bytes.len());
        self.bytes.push(length);
        self.bytes.extend_from_slice(name);
        Ok(())
    }

    fn at(bytes: &[u8], place: usize) -> &[u8] {
        &bytes[place + 1..][..usize::from(bytes[place])]
    }

    /// The next name.
    fn next(&mut self) -> Option<&[u8]> {
        let place = self.places.pop()?;
        Some(Self::at(&self.bytes, place))
    }
}

/// Names in a directory.
fn names(directory: &mut Dir, path: &[u8]) -> Result<Names> {
    let mut names = Names::default();
    for entry in directory.iter() {
        let failed = || Error::file("list", display(path));
        let entry = entry.map_err(io::Error::from).map_err(failed())?;
        let name = entry.file_name().to_bytes();
        if ![&b"."[..], b".."].contains(&name) {
            names.push(name).map_err(failed())?;
        }
    }
    let Names { bytes, places } = &mut names;
    places.sort_unstable_by(|a, b| Names::at(bytes, *b).cmp(Names::at(bytes, *a)));
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn directories_come_first_and_names_are_sorted() {
        let directory = tempfile::tempdir().unwrap();
        for path in ["b/y/z", "b/x", "a", "b.c"] {
            std::fs::create_dir_all(directory.path().join(path)).unwrap();
        }
        let mut paths = Vec::new();
        walk(File::open(directory.path()).unwrap().as_fd(), None, |visit| {
            paths.push(String::from_utf8_lossy(visit.path).into_owned());
            Ok(())
        })
        .unwrap();
        assert_eq!(paths, ["", "a", "b", "b/x", "b/y", "b/y/z", "b.c"]);
    }
}
