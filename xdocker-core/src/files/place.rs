//! What is copied, and where a copy of it goes to: the rules of cp(1).

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, readlinkat};
use nix::sys::stat::{SFlag, fstatat};

use super::{RootDirectory, c_name};
use crate::error::{Error, Result};
use crate::tree::Source;

/// As many links as the kernel follows in one path (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// What sort of file something is, as far as the rules depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    /// A device, a pipe or a socket: only as a part of a tree.
    Other,
}

impl Kind {
    fn of(mode: u32) -> Self {
        match SFlag::from_bits_truncate(mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => Self::File,
            SFlag::S_IFDIR => Self::Directory,
            SFlag::S_IFLNK => Self::Link,
            _ => Self::Other,
        }
    }
}

/// Something that can be copied.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) source: Source,
    pub(crate) kind: Kind,
    /// What a copy in a directory is called; `None` for `.` and `..`, whose content is copied.
    pub(crate) name: Option<OsString>,
}

impl Found {
    /// What is at `path`: a link itself, unless there is a slash after it.
    ///
    /// # Errors
    /// [`Error::File`], also for what is neither a file, a directory nor a link; [`Error::Covered`].
    pub(crate) fn at(root: &RootDirectory, path: &Path) -> Result<Self> {
        let failed = || root.failure("read", path);
        let bytes = path.as_os_str().as_bytes();
        let last = bytes.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let name = path.file_name().filter(|_| !matches!(last, b"." | b".."));
        let (Some(name), false) = (name, last.is_empty()) else {
            let directory = root.open_directory(path).map_err(failed())?;
            root.refuse_covered(&directory, Path::new(""), path)?;
            let source = Source { directory: directory.into(), name: None, path: path.to_owned() };
            return Ok(Self { source, kind: Kind::Directory, name: name.map(OsStr::to_owned) });
        };
        let above = path.parent().unwrap_or(Path::new(""));
        let directory = root.open_directory(or_here(above)).map_err(failed())?;
        let stat = fstatat(&directory, name, AtFlags::AT_SYMLINK_NOFOLLOW);
        let kind = Kind::of(stat.map_err(root.failure("read", path))?.st_mode);
        if kind == Kind::Other {
            return Err(failed()(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is neither a file, a directory nor a link",
            )));
        }
        root.refuse_covered(&directory, Path::new(name), path)?;
        let c_name = c_name(name).map_err(failed())?;
        let source = Source { directory: directory.into(), name: Some(c_name), path: above.to_owned() };
        Ok(Self { source, kind, name: Some(name.to_owned()) })
    }

    /// A directory, and what of it is meant: this entry, or all of it.
    pub(crate) fn parts(&self) -> (BorrowedFd<'_>, Option<&CStr>) {
        (self.source.directory.as_fd(), self.source.name.as_deref())
    }
}

/// Where something is to be.
#[derive(Debug)]
pub(crate) struct Target {
    /// An open directory.
    pub(crate) directory: OwnedFd,
    /// The name in it; `None` for the directory itself, which is there and is merged with what comes.
    pub(crate) name: Option<CString>,
    /// Whether the directory itself becomes like what comes.
    pub(crate) changes: bool,
    /// For messages.
    pub(crate) path: PathBuf,
    /// What in a tree that comes here would not be seen, and by what.
    pub(crate) covered: Vec<(PathBuf, String)>,
}

impl Target {
    /// Where a copy of something that is called `name` goes to: a directory that is there means in it, with a name or
    /// without; else `to` is what it will be called.
    ///
    /// # Errors
    /// [`Error::File`] when the copy could not take the place of what is there; [`Error::Covered`].
    pub(crate) fn of(root: &RootDirectory, to: &Path, name: Option<&OsStr>, kind: Kind) -> Result<Self> {
        let failed = || root.failure("write", to);
        let slash = to.as_os_str().as_bytes().ends_with(b"/");
        let (directory, name) = match root.open_directory(to) {
            Ok(directory) => (directory, name.map(OsStr::to_owned)),
            // `new/` can only become a directory.
            Err(why) if slash && kind != Kind::Directory => return Err(failed()(why)),
            Err(why) => match why.raw_os_error() {
                Some(libc::ENOENT | libc::ENOTDIR) => {
                    let (directory, name) = place(root, to, kind != Kind::Link).map_err(failed())?;
                    (directory, Some(name))
                }
                _ => return Err(failed()(why)),
            },
        };
        let path = name.as_ref().map_or_else(
            || to.to_owned(),
            |name| match to.file_name() {
                Some(last) if last == name => to.to_owned(),
                _ => to.join(name),
            },
        );
        let relative = Path::new(name.as_deref().unwrap_or_default());
        root.refuse_covered(&directory, relative, &path)?;
        let covered = root.covered_below(&directory, relative).map_err(failed())?;
        let name = name.as_deref().map(c_name).transpose().map_err(failed())?;
        let target = Self { directory: directory.into(), name, changes: true, path, covered };
        target.accepts(kind).map_err(|why| Error::file("write", &target.path)(why))?;
        Ok(target)
    }

    /// Where the content of something goes: the directory `to` as it is, or a new one.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(crate) fn for_content(root: &RootDirectory, to: &Path) -> Result<Self> {
        Self::of(root, to, None, Kind::Directory).map(|target| Self { changes: false, ..target })
    }

    /// Refuses what could not take the place of what is there, before anything is copied.
    fn accepts(&self, kind: Kind) -> io::Result<()> {
        let Some(name) = &self.name else { return Ok(()) };
        let there = match fstatat(&self.directory, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => return Ok(()),
            there => Kind::of(there?.st_mode),
        };
        match (kind, there) {
            (Kind::Directory, Kind::Directory) => Ok(()),
            (Kind::Directory, _) => Err(Errno::ENOTDIR.into()),
            (_, Kind::Directory) => Err(Errno::EISDIR.into()),
            (_, Kind::Other) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "what is there is neither a file, a directory nor a link",
            )),
            _ => Ok(()),
        }
    }
}

/// The directory and the name where something called `path` is or will be. A link at the end is followed, as far as it
/// leads, if asked to.
pub(super) fn place(root: &RootDirectory, path: &Path, follow: bool) -> io::Result<(File, OsString)> {
    let mut path = root.start().join(path);
    for _ in 0..MOST_LINKS {
        let (Some(Component::Normal(name)), Some(above)) = (path.components().next_back(), path.parent())
        else {
            return Err(Errno::EISDIR.into());
        };
        let directory = root.open_directory(or_here(above))?;
        match readlinkat(&directory, name) {
            Ok(target) if follow => path = above.join(target),
            Ok(_) | Err(Errno::EINVAL | Errno::ENOENT) => return Ok((directory, name.to_owned())),
            Err(why) => return Err(why.into()),
        }
    }
    Err(Errno::ELOOP.into())
}

/// `.` for an empty path.
fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}
