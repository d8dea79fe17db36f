//! An archive as a layer.
//!
//! Directories get their mode and attributes at once: whoever unpacks is root and may write to any. Their time would
//! not last, as every name made in a directory moves it, so it is put back whenever we leave the directory. That takes
//! no memory, however many directories there are and in whatever order they come.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::mpsc::Receiver;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{
    FchmodatFlags, FileStat, Mode, SFlag, UtimensatFlags, fchmod, fchmodat, fstat, fstatat, futimens,
    makedev, mkdirat, mknodat, utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, linkat, symlinkat, unlinkat};

use super::beneath::open_directory;
use super::decompress::{Blocks, Filled, decompress, decompressed};
use super::path::{EntryPath, display, split};
use super::pax::Time;
use super::reader::{Entry, Kind, Reader, Source};
use super::sparse::Map;
use super::walk::kind;
use super::whiteout::{self, Mark};
use super::{Holds, Limits, Summary, xattr};
use crate::error::{ArchiveError, Error, Result};
use crate::progress::Progress;
use crate::sys::xattr::Node;
use crate::users::Owners;

/// How an archive is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnpackOptions {
    /// How much it may ask for.
    pub limits: Limits,
    /// Whether it may hold device nodes; if not, one is an error. Whiteouts are none.
    pub devices: bool,
}

impl Default for UnpackOptions {
    fn default() -> Self {
        Self { limits: Limits::default(), devices: true }
    }
}

/// Unpacks an archive of any kind that we know into the empty directory `into`. After an error, what is in `into` is a
/// part of the archive, for the caller to remove.
pub(crate) fn unpack(
    input: impl Read + Send,
    into: BorrowedFd<'_>,
    options: &UnpackOptions,
    progress: &dyn Fn(Progress) -> Result<()>,
) -> Result<Summary> {
    read(input, into, Holds::Layer, options, progress)
}

/// The same for files that are no layer. Attributes that the file system of `into` has none of are left out.
pub(crate) fn unpack_files(
    input: impl Read + Send,
    into: BorrowedFd<'_>,
    owners: Owners,
    options: &UnpackOptions,
    progress: &dyn Fn(Progress) -> Result<()>,
) -> Result<Summary> {
    read(input, into, Holds::Files(owners), options, progress)
}

/// [`unpack`] for an archive that somebody else decompresses.
pub(crate) fn unpack_blocks(
    blocks: Receiver<Result<Filled, ArchiveError>>,
    into: BorrowedFd<'_>,
    options: &UnpackOptions,
    progress: &dyn Fn(Progress) -> Result<()>,
) -> Result<Summary> {
    refuse_if_filled(into)?;
    let place = |source: &mut Blocks<'_>| place_all(source, into, Holds::Layer, options);
    let (mut summary, archive) = decompressed(blocks, &options.limits, progress, place)?;
    summary.archive = archive;
    Ok(summary)
}

fn read(
    input: impl Read + Send,
    into: BorrowedFd<'_>,
    holds: Holds,
    options: &UnpackOptions,
    progress: &dyn Fn(Progress) -> Result<()>,
) -> Result<Summary> {
    refuse_if_filled(into)?;
    let place = |source: &mut Blocks<'_>| place_all(source, into, holds, options);
    let (mut summary, archive) = decompress(input, &options.limits, progress, place)?;
    summary.archive = archive;
    Ok(summary)
}

const WHAT: &str = "unpack an archive into the layer's directory";

fn refuse_if_filled(into: BorrowedFd<'_>) -> Result<()> {
    let mut listing = open_directory(into, b"").and_then(Dir::from_fd).map_err(Error::system(WHAT))?;
    // All that an empty directory has is itself and the one above.
    match listing.iter().nth(2) {
        Some(_) => Err(Error::system(WHAT)(Errno::ENOTEMPTY)),
        None => Ok(()),
    }
}

/// Makes all that a tar says.
fn place_all(
    source: &mut Blocks<'_>,
    into: BorrowedFd<'_>,
    holds: Holds,
    options: &UnpackOptions,
) -> Result<Summary> {
    let mut reader = Reader::new(source, &options.limits);
    let mut layer = Layer { root: into, here: None, holds, options, summary: Summary::default() };
    let mut placed = || {
        while let Some(entry) = reader.next()? {
            layer.place(&entry, &mut reader)?;
        }
        Ok(())
    };
    let placed = placed();
    // Also after an error: what is there may be a beginning that somebody goes on from.
    let left = layer.leave().map_err(Error::system(WHAT));
    placed.and(left)?;
    Ok(layer.summary)
}

/// The layer being filled.
struct Layer<'a> {
    root: BorrowedFd<'a>,
    here: Option<Here>,
    holds: Holds,
    options: &'a UnpackOptions,
    summary: Summary,
}

/// The directory that the last entry was made in.
struct Here {
    path: Vec<u8>,
    directory: OwnedFd,
    /// Its time before anything was made in it.
    mtime: TimeSpec,
    /// Its list of what new files may, taken away while we are here: ours are to get what the archive says.
    default_acl: Option<Vec<u8>>,
}

impl Here {
    fn enter(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<Self> {
        let directory = open_directory(root, path)?;
        let stat = fstat(&directory)?;
        let node = Node::Open(directory.as_fd());
        let default_acl = node.get(xattr::DEFAULT_ACL)?;
        if default_acl.is_some() {
            node.remove(xattr::DEFAULT_ACL)?;
        }
        let mtime = TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec);
        Ok(Self { path: path.to_vec(), directory, mtime, default_acl })
    }

    fn leave(self) -> io::Result<()> {
        if let Some(acl) = self.default_acl {
            Node::Open(self.directory.as_fd()).set(xattr::DEFAULT_ACL, &acl)?;
        }
        Ok(futimens(&self.directory, &TimeSpec::UTIME_OMIT, &self.mtime)?)
    }
}

impl Layer<'_> {
    /// Makes what an entry says.
    fn place<S: Source>(&mut self, entry: &Entry, reader: &mut Reader<'_, S>) -> Result<()> {
        self.summary.entries += 1;
        let failed = || Error::file("unpack", display(&entry.name));
        let Some((directory, name)) = entry.path.split() else {
            if entry.kind != Kind::Directory {
                return Err(entry.refused("the layer itself can only be a directory").into());
            }
            self.leave().map_err(failed())?;
            return dress(self.root, entry, self.holds).map_err(failed());
        };
        match self.enter_or_make(directory) {
            Err(why) if why.raw_os_error() == Some(libc::ELOOP) => {
                return Err(entry.refused("its name leads through a symbolic link").into());
            }
            Err(why) if why.raw_os_error() == Some(libc::ENOTDIR) => {
                return Err(entry.refused("its name leads through what is no directory").into());
            }
            result => result.map_err(failed())?,
        }
        if matches!(&entry.kind, Kind::HardLink(_)) || entry.kind == Kind::File(Map::dense(0)) {
            let literal = entry.literal || self.holds != Holds::Layer;
            let mark = if literal { Ok(None) } else { whiteout::decode(name) };
            if let Some(mark) = mark.map_err(|why| entry.refused(why))? {
                return self.mark(&mark, entry).map_err(failed());
            }
        }
        match &entry.kind {
            Kind::File(map) => return self.file(name, map, entry, reader),
            Kind::HardLink(target) => return self.hard_link(name, target, entry),
            Kind::CharacterDevice(0, 0) if self.holds == Holds::Layer => {}
            Kind::CharacterDevice(..) | Kind::BlockDevice(..) if !self.options.devices => {
                return Err(entry.refused("devices are not allowed").into());
            }
            _ => {}
        }
        let made = match &entry.kind {
            Kind::Directory => return self.directory(name, entry).map_err(failed()),
            Kind::Symlink(target) => self.make(name, |here| symlinkat(&target[..], here, name)),
            Kind::CharacterDevice(major, minor) => self.node(name, SFlag::S_IFCHR, (*major, *minor)),
            Kind::BlockDevice(major, minor) => self.node(name, SFlag::S_IFBLK, (*major, *minor)),
            _ => self.node(name, SFlag::S_IFIFO, (0, 0)),
        };
        made.and_then(|()| dress_name(self.here(), name, entry, self.holds)).map_err(failed())
    }

    /// Makes a regular file.
    fn file<S: Source>(
        &mut self,
        name: &[u8],
        map: &Map,
        entry: &Entry,
        reader: &mut Reader<'_, S>,
    ) -> Result<()> {
        let failed = || Error::file("unpack", display(&entry.name));
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = self.make(name, |here| openat(here, name, flags, rights(entry)));
        let file = File::from(file.map_err(failed())?);
        let mut end = 0;
        for segment in map.segments().iter().filter(|segment| segment.length > 0) {
            end = segment.offset;
            reader.data(segment.length, |piece| {
                file.write_all_at(piece, end).map_err(failed())?;
                end += piece.len() as u64;
                Ok(())
            })?;
        }
        if end < map.size() {
            file.set_len(map.size()).map_err(failed())?;
        }
        self.summary.bytes += map.size();
        dress(file.as_fd(), entry, self.holds).map_err(failed())
    }

    /// Gives a file of the layer another name.
    fn hard_link(&mut self, name: &[u8], target: &EntryPath, entry: &Entry) -> Result<()> {
        const MISSING: &str = "it is a hard link to what is not in the layer";
        let (directory, target_name) = target.split().ok_or(entry.refused(MISSING))?;
        let root = self.root;
        let link = |here: BorrowedFd<'_>| {
            let directory = open_directory(root, directory)?;
            linkat(&directory, target_name, here, name, AtFlags::empty())
        };
        let made = match link(self.here()) {
            Err(Errno::EEXIST) if self.same(target, name) => Ok(()),
            Err(Errno::EEXIST) => {
                let linked = self.clear(name).map(|()| link(self.here()));
                linked.map_err(Error::file("unpack", display(&entry.name)))?
            }
            result => result,
        };
        match made {
            Ok(()) => Ok(()),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Err(entry.refused(MISSING).into()),
            Err(Errno::ELOOP) => Err(entry.refused("it is a hard link through a symbolic link").into()),
            Err(Errno::EPERM) => Err(entry.refused("it is a hard link to a directory").into()),
            Err(why) => Err(Error::file("unpack", display(&entry.name))(why.into())),
        }
    }

    /// Whether `name` in the current directory already is a name of the file at `target`.
    fn same(&self, target: &EntryPath, name: &[u8]) -> bool {
        let stat = |directory: BorrowedFd<'_>, name| fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW);
        let Some((directory, target_name)) = target.split() else { return false };
        let theirs = open_directory(self.root, directory).and_then(|there| stat(there.as_fd(), target_name));
        match (theirs, stat(self.here(), name)) {
            (Ok(theirs), Ok(ours)) => (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino),
            _ => false,
        }
    }

    /// Makes a directory, or takes the one that is there.
    fn directory(&mut self, name: &[u8], entry: &Entry) -> io::Result<()> {
        let mut opaque = false;
        match mkdirat(self.here(), name, rights(entry)) {
            Err(Errno::EEXIST) => {
                let there = self.stat(name)?;
                if kind(&there) != SFlag::S_IFDIR {
                    // Deleted below and made anew: of the one below nothing is to be seen.
                    opaque = is_whiteout(&there);
                    self.make(name, |here| mkdirat(here, name, rights(entry)))?;
                }
            }
            result => result?,
        }
        let directory = self.open(name)?;
        if opaque {
            Node::Open(directory.as_fd()).set(xattr::OPAQUE, b"y")?;
        }
        dress(directory.as_fd(), entry, self.holds)
    }

    /// Does what an OCI name says.
    fn mark(&mut self, mark: &Mark<'_>, entry: &Entry) -> io::Result<()> {
        match mark {
            Mark::Other => Ok(()),
            Mark::Opaque => Node::Open(self.here()).set(xattr::OPAQUE, b"y"),
            Mark::Deleted(name) => match self.stat(name) {
                Err(Errno::ENOENT) => {
                    mknodat(self.here(), *name, SFlag::S_IFCHR, Mode::empty(), 0)?;
                    let mtime = time(entry.mtime);
                    let flags = UtimensatFlags::NoFollowSymlink;
                    Ok(utimensat(self.here(), *name, &TimeSpec::UTIME_OMIT, &mtime, flags)?)
                }
                // What this layer has hides what is below anyway; of a directory, what is in there would show.
                Ok(there) if kind(&there) == SFlag::S_IFDIR => {
                    Node::Open(self.open(name)?.as_fd()).set(xattr::OPAQUE, b"y")
                }
                result => Ok(result.map(drop)?),
            },
        }
    }

    /// Makes a device or pipe.
    fn node(&mut self, name: &[u8], kind: SFlag, (major, minor): (u32, u32)) -> io::Result<()> {
        let device = makedev(major.into(), minor.into());
        self.make(name, |here| mknodat(here, name, kind, Mode::empty(), device))
    }

    /// Makes something new in the current directory by `call`; what has its name goes.
    fn make<T>(&mut self, name: &[u8], call: impl Fn(BorrowedFd<'_>) -> nix::Result<T>) -> io::Result<T> {
        match call(self.here()) {
            Err(Errno::EEXIST) => {
                self.clear(name)?;
                Ok(call(self.here())?)
            }
            result => Ok(result?),
        }
    }

    /// Removes what has this name in the current directory. A directory that has entries stays: `ENOTEMPTY`.
    fn clear(&mut self, name: &[u8]) -> io::Result<()> {
        let there = self.stat(name)?;
        match kind(&there) {
            SFlag::S_IFDIR => return Ok(unlinkat(self.here(), name, UnlinkatFlags::RemoveDir)?),
            SFlag::S_IFREG if there.st_nlink == 1 => {
                // It may be none of ours, but of somebody inside who is quick.
                let bytes = self.summary.bytes.saturating_sub(there.st_size.unsigned_abs());
                self.summary.bytes = bytes;
            }
            _ => {}
        }
        Ok(unlinkat(self.here(), name, UnlinkatFlags::NoRemoveDir)?)
    }

    /// The current directory.
    fn here(&self) -> BorrowedFd<'_> {
        self.here.as_ref().map_or(self.root, |here| here.directory.as_fd())
    }

    /// What is known of a name in the current directory.
    fn stat(&self, name: &[u8]) -> nix::Result<FileStat> {
        fstatat(self.here(), name, AtFlags::AT_SYMLINK_NOFOLLOW)
    }

    /// Opens a directory in the current one.
    fn open(&self, name: &[u8]) -> nix::Result<OwnedFd> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(self.here(), name, flags, Mode::empty())
    }

    /// Goes to a directory; what is missing on the way is made, for root, as the archive says nothing of it.
    fn enter_or_make(&mut self, path: &[u8]) -> io::Result<()> {
        match self.enter(path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            result => return result,
        }
        let slashes = (0..path.len()).filter(|at| path[*at] == b'/');
        for end in slashes.chain([path.len()]) {
            let path = &path[..end];
            match self.enter(path) {
                Err(why) if why.kind() == io::ErrorKind::NotFound => {
                    let (above, name) = split(path);
                    self.enter(above)?;
                    mkdirat(self.here(), name, Mode::S_IRWXU)?;
                    fchmod(self.open(name)?, Mode::from_bits_truncate(0o755))?;
                    self.enter(path)?;
                }
                result => result?,
            }
        }
        Ok(())
    }

    /// Goes to a directory that is there.
    fn enter(&mut self, path: &[u8]) -> io::Result<()> {
        if self.here.as_ref().is_none_or(|here| here.path != path) {
            self.leave()?;
            self.here = Some(Here::enter(self.root, path)?);
        }
        Ok(())
    }

    /// Leaves the current directory as it is to be.
    fn leave(&mut self) -> io::Result<()> {
        self.here.take().map_or(Ok(()), Here::leave)
    }
}

/// Whether a name is deleted.
fn is_whiteout(stat: &FileStat) -> bool {
    kind(stat) == SFlag::S_IFCHR && stat.st_rdev == 0
}

/// A time for the kernel.
fn time(time: Time) -> TimeSpec {
    TimeSpec::new(time.seconds, time.nanoseconds.into())
}

/// What a file may be made with: nobody sees it before it is whole, and set-uid comes last.
fn rights(entry: &Entry) -> Mode {
    Mode::from_bits_truncate(entry.mode & 0o777)
}

/// Gives an open file or directory its owner, mode, attributes and time. In this order: a new owner takes away
/// set-uid bits and capabilities. What is right already is left alone: each change is one of the file system.
fn dress(file: BorrowedFd<'_>, entry: &Entry, holds: Holds) -> io::Result<()> {
    let made = fstat(file)?;
    let (uid, gid) = holds.owners().of(entry.uid, entry.gid)?;
    let owned = (made.st_uid, made.st_gid) == (uid, gid);
    if !owned {
        fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    if !owned || made.st_mode & 0o7777 != entry.mode {
        fchmod(file, Mode::from_bits_truncate(entry.mode))?;
    }
    attributes(Node::Open(file), entry, holds)?;
    Ok(futimens(file, &TimeSpec::UTIME_OMIT, &time(entry.mtime))?)
}

/// The same for what cannot be opened.
fn dress_name(here: BorrowedFd<'_>, name: &[u8], entry: &Entry, holds: Holds) -> io::Result<()> {
    let (uid, gid) = holds.owners().of(entry.uid, entry.gid)?;
    fchownat(here, name, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)), AtFlags::AT_SYMLINK_NOFOLLOW)?;
    if !matches!(entry.kind, Kind::Symlink(_)) {
        let mode = Mode::from_bits_truncate(entry.mode);
        fchmodat(here, name, mode, FchmodatFlags::NoFollowSymlink)?;
    }
    attributes(Node::In(here, name), entry, holds)?;
    let mtime = time(entry.mtime);
    Ok(utimensat(here, name, &TimeSpec::UTIME_OMIT, &mtime, UtimensatFlags::NoFollowSymlink)?)
}

/// Sets the attributes that travel.
fn attributes(node: Node<'_>, entry: &Entry, holds: Holds) -> io::Result<()> {
    for (name, value) in entry.xattrs.iter().filter(|(name, _)| xattr::travels(name, holds)) {
        let value = holds.owners().attribute(name, value.clone())?;
        match node.set(&CString::new(&name[..])?, &value) {
            Err(why) if holds != Holds::Layer && why.raw_os_error() == Some(libc::EOPNOTSUPP) => {}
            set => set?,
        }
    }
    Ok(())
}
