//! Deletions. A layer on disk marks a deleted name by a character device 0:0 in its place, and a directory that
//! hides the one below it by an attribute: overlayfs's way, which is also how GNU tar stores them. OCI images
//! mark both by names: an empty file `.wh.NAME`, and `.wh..wh..opq` in the directory.

/// In which way an export writes deletions. An import understands both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Whiteouts {
    /// As they are on disk: an archive that GNU tar unpacks to a layer.
    #[default]
    Overlay,
    /// As in layers of OCI images.
    Oci,
}

/// What the names of OCI's marks begin with.
const PREFIX: &[u8] = b".wh.";

/// The name that makes its directory hide the one below.
pub(super) const OPAQUE: &[u8] = b".wh..wh..opq";

/// What an OCI name says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mark<'a> {
    /// This name is deleted.
    Deleted(&'a [u8]),
    /// The directory it is in hides the one below.
    Opaque,
    /// Book-keeping of aufs, which started this: no part of a layer.
    Other,
}

/// Reads a name, `None` if it is a usual one.
pub(super) fn decode(name: &[u8]) -> Result<Option<Mark<'_>>, &'static str> {
    match name.strip_prefix(PREFIX) {
        None => Ok(None),
        Some(_) if name == OPAQUE => Ok(Some(Mark::Opaque)),
        Some(rest) if rest.starts_with(PREFIX) => Ok(Some(Mark::Other)),
        Some(b"" | b"." | b"..") => Err("it deletes a directory that is not its own"),
        Some(rest) => Ok(Some(Mark::Deleted(rest))),
    }
}

/// The name that says that `name` is deleted.
pub(super) fn encode(name: &[u8]) -> Vec<u8> {
    [PREFIX, name].concat()
}

/// Whether a file of this name would be taken for a mark.
pub(super) fn ambiguous(name: &[u8]) -> bool {
    name.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        assert_eq!(decode(b"file"), Ok(None));
        assert_eq!(decode(b".wh.file"), Ok(Some(Mark::Deleted(b"file"))));
        assert_eq!(decode(b".wh..wh..opq"), Ok(Some(Mark::Opaque)));
        assert_eq!(decode(b".wh..wh.plnk"), Ok(Some(Mark::Other)));
        assert_eq!(decode(&encode(b"x")), Ok(Some(Mark::Deleted(b"x"))));
        for name in [&b".wh."[..], b".wh..", b".wh..."] {
            assert!(decode(name).is_err());
        }
    }
}
