//! A tar as a stream of entries.

use super::Limits;
use super::block::{BLOCK, Block, padding, text};
use super::header::{Header, kind};
use super::path::{EntryPath, display};
use super::pax::{Extended, Sparse, Time};
use super::sparse::{Map, MapReader, OldGnu, Segment, old_gnu, old_gnu_more};
use crate::error::ArchiveError;
use crate::error::Result;

/// Where the tar's bytes come from.
pub(super) trait Source {
    /// The next bytes; none at the end.
    fn fill(&mut self) -> Result<&[u8]>;
    /// Takes the first `count` of them.
    fn consume(&mut self, count: usize);
}

/// An entry, with all that extended headers say of it.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name as the archive has it, for messages.
    pub(super) name: Vec<u8>,
    pub(super) path: EntryPath,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: Time,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// The name means itself, even if it looks like an OCI whiteout.
    pub(super) literal: bool,
}

/// What an entry makes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File(Map),
    HardLink(EntryPath),
    Symlink(Vec<u8>),
    CharacterDevice(u32, u32),
    BlockDevice(u32, u32),
    Fifo,
}

impl Entry {
    /// Maker of the error that refuses this entry.
    pub(super) fn refused(&self, why: &'static str) -> ArchiveError {
        ArchiveError::Entry { path: display(&self.name), why }
    }
}

/// Reads one entry after the other.
pub(super) struct Reader<'a, S> {
    source: &'a mut S,
    limits: &'a Limits,
    /// Bytes of the tar taken so far.
    position: u64,
    /// Bytes left of the current entry's data, and of what fills up its last block.
    data: u64,
    padding: u64,
    entries: u64,
    global: Extended,
}

impl<'a, S: Source> Reader<'a, S> {
    pub(super) fn new(source: &'a mut S, limits: &'a Limits) -> Self {
        Self { source, limits, position: 0, data: 0, padding: 0, entries: 0, global: Extended::default() }
    }

    /// The next entry, or at the end of the archive, when that has been checked to be its end, none.
    pub(super) fn next(&mut self) -> Result<Option<Entry>> {
        self.skip(self.data + self.padding)?;
        (self.data, self.padding) = (0, 0);
        let mut local = None;
        let mut long_name = None;
        let mut long_link = None;
        loop {
            let at = self.position;
            let damaged = |why| ArchiveError::Header { at, why };
            let block = self.block()?;
            let Some(header) = Header::decode(&block).map_err(damaged)? else {
                if local.is_some() || long_name.is_some() || long_link.is_some() {
                    return Err(damaged("an extended header is about no entry").into());
                }
                self.end()?;
                return Ok(None);
            };
            // Two headers of a kind, or both kinds in this order: readers disagree about which counts.
            const TWICE: &str = "an entry has two extended headers";
            match header.kind {
                kind::PAX if local.is_none() => {
                    let mut extended = self.global.clone();
                    extended.local(&self.metadata(header.size)?).map_err(damaged)?;
                    local = Some(extended);
                }
                kind::PAX_GLOBAL if local.is_none() && long_name.is_none() && long_link.is_none() => {
                    let records = self.metadata(header.size)?;
                    self.global.global(&records).map_err(damaged)?;
                }
                kind::GNU_LONG_NAME if long_name.is_none() && local.is_none() => {
                    long_name = Some(text(&self.metadata(header.size)?).to_vec());
                }
                kind::GNU_LONG_LINK if long_link.is_none() && local.is_none() => {
                    long_link = Some(text(&self.metadata(header.size)?).to_vec());
                }
                kind::PAX | kind::PAX_GLOBAL | kind::GNU_LONG_NAME | kind::GNU_LONG_LINK => {
                    return Err(damaged(TWICE).into());
                }
                kind::GNU_LABEL => drop(self.metadata(header.size)?),
                _ => {
                    let mut extended = local.unwrap_or_else(|| self.global.clone());
                    extended.path = extended.path.or(long_name);
                    extended.link = extended.link.or(long_link);
                    return self.entry(header, extended, &block, at).map(Some);
                }
            }
        }
    }

    /// Puts together what a header and its extended headers say.
    fn entry(&mut self, header: Header, extended: Extended, block: &Block, at: u64) -> Result<Entry> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(ArchiveError::Limit { what: "entries", limit: self.limits.entries }.into());
        }
        let name = extended.sparse.name.clone().or(extended.path).unwrap_or(header.path);
        let link = extended.link.unwrap_or(header.link);
        let limit = self.limits.path_length;
        if name.len().max(link.len()) as u64 > limit {
            return Err(ArchiveError::Limit { what: "bytes of a name", limit }.into());
        }
        let refused = |why| ArchiveError::Entry { path: display(&name), why };
        let damaged = |why| ArchiveError::Header { at, why };
        let owner = |extended: Option<u64>, field: i64| {
            let id = extended.map_or(field.try_into().ok(), |id| id.try_into().ok());
            // The last number means "nobody" to chown.
            id.filter(|id| *id != u32::MAX).ok_or(refused("its owner's number is out of range"))
        };
        let size = extended.size.unwrap_or(header.size);
        if size > i64::MAX as u64 {
            return Err(damaged("a size is out of range").into());
        }
        (self.data, self.padding) = (size, padding(size));
        let (major, minor) = header.device;
        let is_file = matches!(header.kind, kind::FILE | kind::FILE_V7 | kind::CONTIGUOUS);
        let kind = match header.kind {
            kind::GNU_SPARSE => Kind::File(self.old_sparse(block, at)?),
            _ if is_file && extended.sparse != Sparse::default() => {
                Kind::File(self.sparse(extended.sparse, at)?)
            }
            // Before there were directories in headers, a slash told them.
            _ if is_file && name.ends_with(b"/") => Kind::Directory,
            _ if is_file => Kind::File(Map::dense(size)),
            kind::DIRECTORY => Kind::Directory,
            kind::HARD_LINK => {
                let target = EntryPath::parse(&link);
                Kind::HardLink(target.map_err(|_| refused("it is a hard link to what is outside the layer"))?)
            }
            kind::SYMLINK => Kind::Symlink(link),
            kind::CHARACTER_DEVICE => Kind::CharacterDevice(major, minor),
            kind::BLOCK_DEVICE => Kind::BlockDevice(major, minor),
            kind::FIFO => Kind::Fifo,
            _ => return Err(refused("it is of a type that we do not know").into()),
        };
        match &kind {
            Kind::File(map) if map.data() == self.data => {}
            Kind::File(_) => return Err(damaged("a sparse file's map is not that of its data").into()),
            // Some readers would skip it, some take it for headers.
            _ if size > 0 => return Err(damaged("what is no file has data").into()),
            _ => {}
        }
        Ok(Entry {
            path: EntryPath::parse(&name).map_err(refused)?,
            uid: owner(extended.uid, header.uid)?,
            gid: owner(extended.gid, header.gid)?,
            mode: header.mode,
            mtime: extended.mtime.unwrap_or(header.mtime),
            xattrs: extended.xattrs,
            literal: extended.literal,
            name,
            kind,
        })
    }

    /// The map of a sparse file whose extended header tells of it.
    fn sparse(&mut self, sparse: Sparse, at: u64) -> Result<Map> {
        let damaged = |why| ArchiveError::Header { at, why };
        let size = sparse.size.ok_or(damaged("a sparse file has no size"))?;
        if sparse.offset.is_some() {
            return Err(damaged("a sparse file's map is not in pairs").into());
        }
        let segments = match sparse.version {
            (Some(1), Some(0)) => self.map(at)?,
            (None | Some(0), _) => sparse.map,
            _ => return Err(damaged("a sparse file is of a version that nobody knows").into()),
        };
        Ok(Map::new(size, segments).map_err(damaged)?)
    }

    /// The map of a sparse file that GNU tar wrote before there were extended headers.
    fn old_sparse(&mut self, block: &Block, at: u64) -> Result<Map> {
        let damaged = |why| ArchiveError::Header { at, why };
        let OldGnu { size, mut segments, mut more } = old_gnu(block).map_err(damaged)?;
        while more {
            let (next, again) = old_gnu_more(&self.block()?).map_err(damaged)?;
            segments.extend(next);
            more = again;
            self.bound(segments.len() as u64 * 24)?;
        }
        Ok(Map::new(size, segments).map_err(damaged)?)
    }

    /// Gives the next `length` bytes of the current entry's data to `take`, in pieces.
    pub(super) fn data(&mut self, length: u64, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut left = length.min(self.data);
        self.data -= left;
        while left > 0 {
            let bytes = self.source.fill()?;
            if bytes.is_empty() {
                return Err(ArchiveError::Truncated.into());
            }
            let count = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
            take(&bytes[..count])?;
            self.source.consume(count);
            self.position += count as u64;
            left -= count as u64;
        }
        Ok(())
    }

    /// The map before a sparse file's data.
    fn map(&mut self, at: u64) -> Result<Vec<Segment>> {
        let damaged = |why| ArchiveError::Header { at, why };
        let mut map = MapReader::default();
        let mut length = 0;
        loop {
            self.data = self
                .data
                .checked_sub(BLOCK as u64)
                .ok_or(damaged("a sparse file's map is longer than its data"))?;
            length += BLOCK as u64;
            self.bound(length)?;
            let block = self.block()?;
            if let Some(segments) = map.block(&block).map_err(damaged)? {
                return Ok(segments);
            }
        }
    }

    /// Data that is about the next entry, held in memory.
    fn metadata(&mut self, size: u64) -> Result<Vec<u8>> {
        self.bound(size)?;
        let mut bytes = Vec::new();
        self.data = size;
        self.data(size, |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        self.skip(padding(size))?;
        Ok(bytes)
    }

    /// Checks a number of bytes that are to be held in memory.
    fn bound(&self, size: u64) -> Result<()> {
        let limit = self.limits.metadata;
        if size <= limit {
            return Ok(());
        }
        Err(ArchiveError::Limit { what: "bytes of attributes, names and maps of one entry", limit }.into())
    }

    /// The next block.
    fn block(&mut self) -> Result<Block> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            let bytes = self.source.fill()?;
            if bytes.is_empty() {
                return Err(ArchiveError::Truncated.into());
            }
            let count = bytes.len().min(BLOCK - filled);
            block[filled..filled + count].copy_from_slice(&bytes[..count]);
            self.source.consume(count);
            filled += count;
        }
        self.position += BLOCK as u64;
        Ok(block)
    }

    /// Takes `count` bytes and looks at none.
    fn skip(&mut self, count: u64) -> Result<()> {
        let data = std::mem::replace(&mut self.data, count);
        self.data(count, |_| Ok(()))?;
        self.data = data;
        Ok(())
    }

    /// Checks that after the first block of zeros there is a second and nothing but zeros.
    fn end(&mut self) -> Result<()> {
        if self.block()? != [0; BLOCK] {
            return Err(ArchiveError::TrailingData.into());
        }
        loop {
            let bytes = self.source.fill()?;
            if bytes.is_empty() {
                return Ok(());
            }
            if bytes.iter().any(|byte| *byte != 0) {
                return Err(ArchiveError::TrailingData.into());
            }
            let count = bytes.len();
            self.source.consume(count);
        }
    }
}
