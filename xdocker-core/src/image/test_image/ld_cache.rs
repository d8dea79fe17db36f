//! `/etc/ld.so.cache`, glibc's index from library names to paths.
//!
//! The format is `glibc-ld.so.cache1.1`: a header of 48 bytes, entries of 24, then the strings that these
//! point at. Before glibc 2.32 the file began with an older index that newer loaders skip; so do we.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
const ENTRY: usize = 24;
const OLD_MAGIC: &[u8] = b"ld.so-1.7.0\0";
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;

/// The index, in the order of the file, which is the order in which the loader tries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LdCache(Vec<(OsString, PathBuf)>);

impl LdCache {
    /// Reads a cache. What cannot be understood is no entry: the loader can do without it as well.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self(Self::entries(bytes).unwrap_or_default())
    }

    /// The paths of the libraries called `name`, of any architecture.
    pub(super) fn lookup<'a>(&'a self, name: &'a OsStr) -> impl Iterator<Item = &'a Path> {
        self.0.iter().filter(move |(entry, _)| entry == name).map(|(_, path)| path.as_path())
    }

    fn entries(bytes: &[u8]) -> Option<Vec<(OsString, PathBuf)>> {
        // Strings count from the header of the format that we read.
        let bytes = match bytes.strip_prefix(OLD_MAGIC) {
            Some(old) => {
                let end = word(old, 0)?.checked_mul(OLD_ENTRY)?.checked_add(OLD_HEADER)?;
                bytes.get(end.checked_next_multiple_of(8)?..)?
            }
            None => bytes,
        };
        if !bytes.starts_with(MAGIC) {
            return None;
        }
        let count = word(bytes, MAGIC.len())?;
        let table = bytes.get(HEADER..HEADER.checked_add(count.checked_mul(ENTRY)?)?)?;
        Some(table.chunks_exact(ENTRY).filter_map(|entry| Self::entry(bytes, entry)).collect())
    }

    fn entry(bytes: &[u8], entry: &[u8]) -> Option<(OsString, PathBuf)> {
        // Builds for newer processors: there is a plain one beside each, and that runs everywhere.
        if entry[16..].iter().any(|byte| *byte != 0) {
            return None;
        }
        let name = string(bytes, word(entry, 4)?)?;
        let path = string(bytes, word(entry, 8)?)?;
        path.as_bytes().starts_with(b"/").then(|| (name.to_owned(), path.into()))
    }
}

/// The little-endian word at `at`.
fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let word = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*word)).ok()
}

/// The NUL-terminated string at `at`.
fn string(bytes: &[u8], at: usize) -> Option<&OsStr> {
    let rest = bytes.get(at..)?;
    // No path is longer, and a damaged file must not cost the square of its size.
    let rest = &rest[..rest.len().min(4096)];
    Some(OsStr::from_bytes(&rest[..rest.iter().position(|byte| *byte == 0)?]))
}
