//! A layer as an archive. The same layer gives the same bytes: entries are sorted, nothing of the moment or the
//! machine is written, and the compressed chunks do not depend on threads.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use nix::fcntl::readlinkat;
use nix::sys::stat::{SFlag, major, minor};
use nix::unistd::{Whence, lseek};

use super::block::{BLOCK, padding};
use super::chunk::Sink;
use super::compress::member;
use super::header::{Header, kind};
use super::parallel::parallel;
use super::path::{display, join, split};
use super::pax::{LITERAL, Records, Time};
use super::sparse::{Map, Segment};
use super::walk::{Visit, walk};
use super::{Holds, Summary, Whiteouts, whiteout, xattr};
use crate::error::{ArchiveError, Error, Result};
use crate::progress::Progress;
use crate::sys::xattr::Node;
use crate::tree::open_regular;
use crate::users::Owners;

/// How an image is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackOptions {
    /// In which way deletions are written.
    pub whiteouts: Whiteouts,
    /// How hard it is compressed, from 1 to 9; with 0 the tar is written as it is. The default is 4, which is a little
    /// smaller than what gzip makes by default: 6 takes a third more time for 3 % of the size.
    pub level: u32,
}

impl Default for PackOptions {
    fn default() -> Self {
        Self { whiteouts: Whiteouts::default(), level: 4 }
    }
}

/// From how many parts on a sparse file's rest is taken for data, so that its map stays small in memory.
const SEGMENTS: usize = 50_000;

/// Writes the layer in directory `layer` to `out`. Nobody may change the layer meanwhile. Sockets are left out.
pub(crate) fn pack(
    layer: BorrowedFd<'_>,
    out: impl Write + Send,
    options: &PackOptions,
    progress: &dyn Fn(Progress) -> Result<()>,
) -> Result<Summary> {
    write(layer, None, Holds::Layer, out, options, progress)
}

/// Writes what is called `name` in `directory` to `out`, or all that is in there. Others may change it meanwhile: what
/// goes before we come to it is left out, and so are sockets.
pub(crate) fn pack_files(
    directory: BorrowedFd<'_>,
    name: Option<&CStr>,
    owners: Owners,
    out: impl Write + Send,
    options: &PackOptions,
    progress: &dyn Fn(Progress) -> Result<()>,
) -> Result<Summary> {
    write(directory, name, Holds::Files(owners), out, options, progress)
}

fn write(
    directory: BorrowedFd<'_>,
    name: Option<&CStr>,
    holds: Holds,
    mut out: impl Write + Send,
    options: &PackOptions,
    progress: &dyn Fn(Progress) -> Result<()>,
) -> Result<Summary> {
    let level = options.level.min(9);
    let compress = |chunk: Vec<u8>| if level == 0 { chunk } else { member(&chunk, level) };
    let written = AtomicU64::new(0);
    let write = |member: Vec<u8>| {
        out.write_all(&member).map_err(ArchiveError::Write)?;
        written.fetch_add(member.len() as u64, Ordering::Relaxed);
        Ok(())
    };
    let told = |content| progress(Progress { archive: written.load(Ordering::Relaxed), content });
    let mut summary = chunks(directory, name, holds, options, compress, write, &told)?;
    out.flush().map_err(ArchiveError::Write)?;
    summary.archive = written.into_inner();
    Ok(summary)
}

/// Does `work` on each chunk of the archive of a layer, on all processors, and hands the results to `consume` in
/// order. The chunks follow from the layer and the options alone; `progress` gets their bytes so far, and its failure ends all.
pub(crate) fn pack_chunks<R: Send>(
    layer: BorrowedFd<'_>,
    options: &PackOptions,
    work: impl Fn(Vec<u8>) -> R + Sync,
    consume: impl FnMut(R) -> Result<()> + Send,
    progress: &dyn Fn(u64) -> Result<()>,
) -> Result<Summary> {
    chunks(layer, None, Holds::Layer, options, work, consume, progress)
}

fn chunks<R: Send>(
    directory: BorrowedFd<'_>,
    name: Option<&CStr>,
    holds: Holds,
    options: &PackOptions,
    work: impl Fn(Vec<u8>) -> R + Sync,
    consume: impl FnMut(R) -> Result<()> + Send,
    progress: &dyn Fn(u64) -> Result<()>,
) -> Result<Summary> {
    parallel(work, consume, progress, |sink| {
        let mut packer = Packer { sink, holds, options, links: HashMap::new(), summary: Summary::default() };
        walk(directory, name.map(CStr::to_bytes), |visit| packer.visit(visit))?;
        packer.sink.zeros(2 * BLOCK as u64)?;
        Ok(packer.summary)
    })
}

/// Packing under way.
struct Packer<'a, 'b> {
    sink: &'a mut Sink<'b>,
    holds: Holds,
    options: &'a PackOptions,
    /// Files of several names, by device and inode: the name that they were written under, and how many are to come.
    links: HashMap<(u64, u64), (Vec<u8>, u64)>,
    summary: Summary,
}

impl Packer<'_, '_> {
    /// Writes one thing of the layer.
    fn visit(&mut self, visit: &Visit<'_>) -> Result<()> {
        let stat = &visit.stat;
        let owner = self.holds.owners().of(stat.st_uid, stat.st_gid);
        let (uid, gid) = owner.map_err(Error::system("tell the owner of a file"))?;
        let mut header = Header {
            path: visit.path.to_vec(),
            mode: stat.st_mode & 0o7777,
            uid: uid.into(),
            gid: gid.into(),
            // The kernel keeps nanoseconds below a second.
            mtime: Time { seconds: stat.st_mtime, nanoseconds: stat.st_mtime_nsec as u32 },
            ..Header::default()
        };
        let mut records = Records::default();
        if self.holds == Holds::Layer && whiteout::ambiguous(visit.name) {
            if self.options.whiteouts == Whiteouts::Oci {
                let why = "its name would mean a deletion to all who read OCI layers";
                return Err(refused(visit.path, why));
            }
            records.push(LITERAL, b"1");
        }
        let device = (major(stat.st_rdev) as u32, minor(stat.st_rdev) as u32);
        match visit.kind() {
            SFlag::S_IFSOCK => {
                self.summary.sockets += 1;
                return Ok(());
            }
            SFlag::S_IFCHR if device == (0, 0) && self.options.whiteouts == Whiteouts::Oci => {
                let (directory, name) = split(visit.path);
                header.path = join(directory, &whiteout::encode(name));
                header.kind = kind::FILE;
                return self.entry(&header, records);
            }
            // Whiteouts that share an inode are a saving of overlayfs's, not links that anybody made.
            SFlag::S_IFCHR if device == (0, 0) => {}
            SFlag::S_IFDIR => {}
            _ if stat.st_nlink > 1 => match self.links.entry((stat.st_dev, stat.st_ino)) {
                Entry::Occupied(mut known) => {
                    header.kind = kind::HARD_LINK;
                    header.link.clone_from(&known.get().0);
                    known.get_mut().1 -= 1;
                    if known.get().1 == 0 {
                        known.remove();
                    }
                    return self.entry(&header, records);
                }
                Entry::Vacant(new) => drop(new.insert((visit.path.to_vec(), stat.st_nlink - 1))),
            },
            _ => {}
        }
        let node = Node::In(visit.directory, visit.name);
        match visit.kind() {
            SFlag::S_IFREG => return self.file(visit, header, records),
            SFlag::S_IFDIR => {
                header.kind = kind::DIRECTORY;
                if visit.path.is_empty() {
                    header.path.push(b'.');
                }
                header.path.push(b'/');
                let opaque = self.xattrs(node, visit.path, &mut records)?;
                self.entry(&header, records)?;
                if opaque {
                    header.path = join(visit.path, whiteout::OPAQUE);
                    header.kind = kind::FILE;
                    self.entry(&header, Records::default())?;
                }
                return Ok(());
            }
            SFlag::S_IFLNK => {
                let target = readlinkat(visit.directory, visit.name);
                let target =
                    target.map_err(io::Error::from).map_err(Error::file("read", display(visit.path)))?;
                header.kind = kind::SYMLINK;
                header.link = target.into_vec();
            }
            SFlag::S_IFCHR => (header.kind, header.device) = (kind::CHARACTER_DEVICE, device),
            SFlag::S_IFBLK => (header.kind, header.device) = (kind::BLOCK_DEVICE, device),
            SFlag::S_IFIFO => header.kind = kind::FIFO,
            _ => return Err(refused(visit.path, "it is of a type that we do not know")),
        }
        self.xattrs(node, visit.path, &mut records)?;
        self.entry(&header, records)
    }

    /// Writes a regular file.
    fn file(&mut self, visit: &Visit<'_>, mut header: Header, mut records: Records) -> Result<()> {
        let failed = || Error::file("read", display(visit.path));
        let name = CString::new(visit.name).map_err(io::Error::from).map_err(failed())?;
        let (file, stat) = open_regular(visit.directory, &name).map_err(failed())?;
        let file = File::from(file);
        self.xattrs(Node::Open(file.as_fd()), visit.path, &mut records)?;
        let size = stat.st_size.unsigned_abs();
        // Its blocks do not tell whether it has holes: attributes take some too.
        let map = holes(&file, size).map_err(failed())?;
        header.kind = kind::FILE;
        header.size = map.data();
        if map == Map::dense(size) {
            self.entry(&header, records)?;
        } else {
            let text = map.encode();
            header.size += text.len() as u64;
            let (directory, name) = split(visit.path);
            // For readers that do not know sparse files; it must not be where the real file would be.
            header.path = join(&join(directory, b"GNUSparseFile.0"), name);
            records.push(b"GNU.sparse.major", b"1");
            records.push(b"GNU.sparse.minor", b"0");
            records.push(b"GNU.sparse.name", visit.path);
            records.push(b"GNU.sparse.realsize", size.to_string().as_bytes());
            self.entry(&header, records)?;
            self.sink.put(&text)?;
        }
        self.sink.data(map.data())?;
        for segment in map.segments() {
            let (mut at, mut left) = (segment.offset, segment.length);
            while left > 0 {
                let room = self.sink.room();
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(room.len());
                let count = match file.read_at(&mut room[..most], at) {
                    Ok(0) => return Err(failed()(io::ErrorKind::UnexpectedEof.into())),
                    Ok(count) => count,
                    Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                    Err(why) => return Err(failed()(why)),
                };
                self.sink.advance(count)?;
                at += count as u64;
                left -= count as u64;
            }
        }
        self.summary.bytes += size;
        self.sink.zeros(padding(header.size))
    }

    /// Adds the attributes that travel. True if one of them is to be written in OCI's way.
    fn xattrs(&self, node: Node<'_>, path: &[u8], records: &mut Records) -> Result<bool> {
        let failed = || Error::file("read the attributes of", display(path));
        let mut opaque = false;
        for name in node.list().map_err(failed())? {
            if name.to_bytes() == xattr::METACOPY {
                return Err(refused(path, "its content is in a layer below"));
            }
            if !xattr::travels(name.to_bytes(), self.holds) {
                continue;
            }
            let Some(value) = node.get(&name).map_err(failed())? else { continue };
            let value = self.holds.owners().attribute(name.to_bytes(), value).map_err(failed())?;
            if *name == *xattr::OPAQUE && value == b"y" && self.options.whiteouts == Whiteouts::Oci {
                opaque = true;
            } else {
                records.push_xattr(name.to_bytes(), &value);
            }
        }
        Ok(opaque)
    }

    /// Writes an entry's headers.
    fn entry(&mut self, header: &Header, mut records: Records) -> Result<()> {
        self.summary.entries += 1;
        self.sink.entry(&header.path)?;
        let block = header.encode(&mut records);
        let records = records.bytes();
        if !records.is_empty() {
            let (_, name) = split(&header.path);
            let mut path = b"PaxHeaders/".to_vec();
            path.extend_from_slice(&name[..name.len().min(80)]);
            let extended = Header {
                path,
                kind: kind::PAX,
                mode: 0o644,
                size: records.len() as u64,
                ..Header::default()
            };
            self.sink.put(&extended.encode(&mut Records::default()))?;
            self.sink.put(records)?;
            self.sink.zeros(padding(records.len() as u64))?;
        }
        self.sink.put(&block)
    }
}

/// The error for what cannot be exported.
fn refused(path: &[u8], why: &'static str) -> Error {
    ArchiveError::Entry { path: display(path), why }.into()
}

/// Finds out which parts of a file are data.
fn holes(file: &File, size: u64) -> io::Result<Map> {
    let seek = |from: u64, whence| match lseek(file, from.try_into().unwrap_or(i64::MAX), whence) {
        Ok(at) => Ok(at.unsigned_abs().min(size)),
        // From here on there is neither.
        Err(Errno::ENXIO) => Ok(size),
        Err(why) => Err(why),
    };
    let mut segments = Vec::new();
    let mut end = 0;
    while end < size {
        let offset = seek(end, Whence::SeekData)?;
        if offset == size {
            // GNU tar tells a file's size by the end of its last part, so there is one of no length.
            segments.push(Segment { offset, length: 0 });
            break;
        }
        end = if segments.len() + 1 == SEGMENTS { size } else { seek(offset, Whence::SeekHole)? };
        segments.push(Segment { offset, length: end - offset });
    }
    Map::new(size, segments).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))
}
