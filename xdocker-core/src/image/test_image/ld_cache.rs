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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A cache with `entries`: name, path and whether it is for newer processors.
    fn sample(entries: &[(&str, &str, bool)]) -> Vec<u8> {
        let mut table = Vec::new();
        let mut strings = Vec::new();
        let start = HEADER + entries.len() * ENTRY;
        for (name, path, newer) in entries {
            let mut place = |text: &str| {
                let at = u32::try_from(start + strings.len()).unwrap();
                strings.extend_from_slice(text.as_bytes());
                strings.push(0);
                at
            };
            for word in [0x303, place(name), place(path), 0] {
                table.extend_from_slice(&word.to_le_bytes());
            }
            table.extend_from_slice(&(u64::from(*newer) << 62).to_le_bytes());
        }
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(&u32::try_from(entries.len()).unwrap().to_le_bytes());
        header.resize(HEADER, 0);
        [header, table, strings].concat()
    }

    fn lookup(cache: &LdCache, name: &str) -> Vec<PathBuf> {
        cache.lookup(OsStr::new(name)).map(Path::to_owned).collect()
    }

    #[test]
    fn finds_plain_builds_in_order() {
        let cache = LdCache::parse(&sample(&[
            ("liba.so.1", "/lib/newer/liba.so.1", true),
            ("liba.so.1", "/lib/liba.so.1", false),
            ("libb.so.1", "/lib/libb.so.1", false),
            ("liba.so.1", "/lib32/liba.so.1", false),
            ("libc.so.6", "relative/libc.so.6", false),
        ]));
        assert_eq!(lookup(&cache, "liba.so.1"), [Path::new("/lib/liba.so.1"), Path::new("/lib32/liba.so.1")]);
        assert_eq!(lookup(&cache, "libb.so.1"), [Path::new("/lib/libb.so.1")]);
        assert!(lookup(&cache, "libc.so.6").is_empty());
    }

    #[test]
    fn skips_the_older_index_before_it() {
        for entries in [0_u32, 1, 2, 3] {
            let mut file = OLD_MAGIC.to_vec();
            file.extend_from_slice(&entries.to_le_bytes());
            let end = file.len() + entries as usize * OLD_ENTRY;
            file.resize(end.next_multiple_of(8), 0xff);
            file.extend(sample(&[("liba.so.1", "/lib/liba.so.1", false)]));
            assert_eq!(lookup(&LdCache::parse(&file), "liba.so.1"), [Path::new("/lib/liba.so.1")]);
        }
    }

    #[test]
    fn what_is_no_cache_is_empty() {
        let whole = sample(&[("liba.so.1", "/lib/liba.so.1", false)]);
        for end in 0..whole.len() {
            assert_eq!(LdCache::parse(&whole[..end]), LdCache::default(), "{end}");
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(damage in prop::collection::vec((0_usize..256, any::<u8>()), 1..16), old: bool) {
            let mut bytes = sample(&[("liba.so.1", "/lib/liba.so.1", false), ("b", "/b", false)]);
            if old {
                bytes.splice(0..0, [OLD_MAGIC, &[0; 4]].concat());
            }
            for (at, byte) in damage {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            _ = LdCache::parse(&bytes);
        }
    }
}
