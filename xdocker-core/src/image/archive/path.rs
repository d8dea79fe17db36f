//! Names of entries: relative, without `.` and `..`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Where an entry goes, relative to the layer: parts with `/` between them, none of them empty, `.` or `..`.
/// No part at all is the layer's own directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EntryPath(Vec<u8>);

impl EntryPath {
    /// Reads a name as an archive has it. A leading `/` counts for nothing, as GNU tar has it: every name is
    /// relative to the layer.
    pub(super) fn parse(raw: &[u8]) -> Result<Self, &'static str> {
        let mut clean = Vec::with_capacity(raw.len());
        for part in raw.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => continue,
                b".." => return Err("its name leads out of the layer by `..`"),
                _ if part.contains(&0) => return Err("its name holds a zero byte"),
                _ if part.len() > 255 => return Err("a part of its name is longer than 255 bytes"),
                _ => {}
            }
            if !clean.is_empty() {
                clean.push(b'/');
            }
            clean.extend_from_slice(part);
        }
        Ok(Self(clean))
    }

    /// Directory and name in it; `None` for the layer's own directory.
    pub(super) fn split(&self) -> Option<(&[u8], &[u8])> {
        if self.0.is_empty() { None } else { Some(split(&self.0)) }
    }
}

/// Directory and name of a path that has a last part.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[], path),
    }
}

/// `name` in `directory`.
pub(super) fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = directory.to_vec();
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// For a message.
pub(super) fn display(path: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_relative() {
        for (raw, clean) in [
            (&b"./"[..], &b""[..]),
            (b"./a//b/./c/", b"a/b/c"),
            (b"/etc/passwd", b"etc/passwd"),
            (b"...", b"..."),
            (b"a\xff\n", b"a\xff\n"),
        ] {
            assert_eq!(EntryPath::parse(raw), Ok(EntryPath(clean.to_vec())));
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for raw in [&b".."[..], b"../a", b"a/../b", b"a/..", b"/..", b"a\0b", &[b'a'; 256]] {
            assert!(EntryPath::parse(raw).is_err(), "{}", raw.escape_ascii());
        }
    }

    #[test]
    fn the_last_part_is_split_off() {
        assert_eq!(EntryPath::parse(b"a/b/c").unwrap().split(), Some((&b"a/b"[..], &b"c"[..])));
        assert_eq!(EntryPath::parse(b"a").unwrap().split(), Some((&b""[..], &b"a"[..])));
        assert_eq!(EntryPath::parse(b".").unwrap().split(), None);
    }
}
