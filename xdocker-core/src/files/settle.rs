//! A copy gets its name: by one rename where nothing is there, else directory by directory and file by file.

use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, RenameFlags, ResolveFlag, openat, openat2, renameat, renameat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};

use super::{Target, Temporary};
use crate::error::{Error, Result};
use crate::progress::Gauge;
use crate::sys::resolve::open_in_root;
use crate::tree::{self, DIRECTORY, Rules, entries, finish};

/// Moves `payload` from the temporary directory `from` to where `target` says. Directories that are there stay, and are
/// merged with those that come, and become like them; the target itself only if it has a name. Files give way, each at once.
///
/// # Errors
/// [`Error::File`] with what cannot take its place; what has taken its place stays. [`Error::Covered`], and nothing
/// has.
pub(crate) fn settle(from: &File, payload: &CStr, target: &Target, rules: Rules) -> Result<()> {
    for (path, by) in &target.covered {
        let inside = Path::new(OsStr::from_bytes(payload.to_bytes())).join(path);
        let Ok(there) = open_in_root(from, &inside, OFlag::O_PATH | OFlag::O_NOFOLLOW) else { continue };
        // An empty directory, as a tree has that is to be a root, hides nothing.
        let empty = openat(&there, c".", DIRECTORY, Mode::empty()).and_then(|it| entries(&it));
        if !empty.is_ok_and(|entries| entries.is_empty()) {
            return Err(Error::Covered { path: target.path.join(path), by: by.clone() });
        }
    }
    let failed = || Error::file("write", &target.path);
    let mut levels = Vec::new();
    match &target.name {
        Some(name) => {
            levels.extend(place(from.as_fd(), payload, &target.directory, name, &target.path, rules)?)
        }
        None => {
            let to = target.directory.try_clone().map_err(failed())?;
            let level = Level::merging(from, payload, to, target.path.clone()).map_err(failed())?;
            levels.push(Level { changes: target.changes, ..level });
        }
    }
    while let Some(level) = levels.last_mut() {
        match level.left.pop() {
            Some(name) => {
                let path = level.path.join(OsStr::from_bytes(name.to_bytes()));
                let below = place(level.from.as_fd(), &name, &level.to, &name, &path, rules)?;
                levels.extend(below);
            }
            None => {
                if let Some(level) = levels.pop().filter(|level| level.changes) {
                    let dressed = finish(&level.from, &level.to, &level.stat, rules);
                    dressed.map_err(Error::file("write", &level.path))?;
                }
            }
        }
    }
    Ok(())
}

/// Two directories that are being merged.
struct Level {
    from: OwnedFd,
    /// What it was like before anybody read it.
    stat: FileStat,
    to: OwnedFd,
    path: PathBuf,
    /// Whether it becomes like the one that comes.
    changes: bool,
    /// What is still to be moved.
    left: Vec<CString>,
}

impl Level {
    fn merging(above: impl AsFd, name: &CStr, to: OwnedFd, path: PathBuf) -> io::Result<Self> {
        let from = openat(above, name, DIRECTORY, Mode::empty())?;
        let stat = fstat(&from)?;
        let left = entries(&from)?.into_iter().map(|(name, _)| name).collect();
        Ok(Self { from, stat, to, path, changes: true, left })
    }
}

/// Moves `name` to where it is called `as_name`. `Some` when both are directories, whose contents are to be moved.
fn place(
    from: impl AsFd,
    name: &CStr,
    to: &OwnedFd,
    as_name: &CStr,
    path: &Path,
    rules: Rules,
) -> Result<Option<Level>> {
    let failed = || Error::file("write", path);
    match renameat2(&from, name, to, as_name, RenameFlags::RENAME_NOREPLACE) {
        Ok(()) => return Ok(None),
        Err(Errno::EXDEV) => {
            // A mount in the target, on the way to which we have merged.
            return across(from, name, to, as_name, path, rules).map(|()| None);
        }
        Err(Errno::EEXIST) => {}
        Err(why) => return Err(failed()(why.into())),
    }
    let stat = fstatat(&from, name, AtFlags::AT_SYMLINK_NOFOLLOW).map_err(io::Error::from);
    let replace = || -> io::Result<Option<Level>> {
        if is_directory(&stat?) {
            let to = match openat(to, as_name, DIRECTORY, Mode::empty()) {
                // A link is none, wherever it leads.
                Err(Errno::ELOOP) => return Err(Errno::ENOTDIR.into()),
                opened => opened?,
            };
            return Level::merging(&from, name, to, path.to_owned()).map(Some);
        }
        refuse_mount(to, as_name)?;
        renameat(&from, name, to, as_name)?;
        Ok(None)
    };
    replace().map_err(failed())
}

/// Refuses a name where something is mounted: outside of the container the kernel would take its mount away.
pub(super) fn refuse_mount(directory: impl AsFd, name: &CStr) -> io::Result<()> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_XDEV);
    loop {
        return match openat2(&directory, name, how) {
            Err(Errno::EAGAIN | Errno::EINTR) => continue,
            Err(Errno::EXDEV) => {
                Err(io::Error::new(io::ErrorKind::ResourceBusy, "something is mounted there"))
            }
            // It has gone meanwhile.
            Err(Errno::ENOENT) => Ok(()),
            found => Ok(found.map(drop)?),
        };
    }
}

/// Moves something to another file system: a copy there, and then that in its place.
fn across(
    from: impl AsFd,
    name: &CStr,
    to: &OwnedFd,
    as_name: &CStr,
    path: &Path,
    rules: Rules,
) -> Result<()> {
    let failed = || Error::file("write", path);
    let temporary = Temporary::in_directory(to).map_err(failed())?;
    let clone = |fd: &OwnedFd| fd.try_clone().map_err(failed());
    let directory = from.as_fd().try_clone_to_owned().map_err(failed())?;
    let above = path.parent().unwrap_or(path).to_owned();
    let source = tree::Source { directory, name: Some(name.to_owned()), path: above };
    tree::copy(source, temporary.open().map_err(failed())?, rules, &Gauge::default())?;
    let target = Target {
        directory: clone(to)?,
        name: Some(as_name.to_owned()),
        path: path.to_owned(),
        changes: true,
        covered: Vec::new(),
    };
    settle(temporary.directory(), name, &target, rules)?;
    temporary.remove().map_err(failed())
}

fn is_directory(stat: &FileStat) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR
}
