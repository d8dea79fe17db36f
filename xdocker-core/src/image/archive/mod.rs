//! Archives: a layer as one file, gzip around a tar that GNU tar reads and writes.
//!
//! | room | what it knows |
//! |---|---|
//! | `block`, `header`, `pax`, `sparse`, `acl` | the tar format, as pure functions on bytes |
//! | `path`, `limits`, `xattr` | what may stand in an archive: which names, how much of it, which attributes |
//! | `reader` | bytes → entries, one after the other |
//! | `pack`, `walk` | a directory tree → bytes, always the same bytes for the same tree |
//! | `unpack`, `beneath` | entries → a directory tree, and not one step outside it |
//! | `whiteout` | deletions, which an archive can write in two ways |
//! | `chunk` | where the tar is cut, so that layers with much in common have most of their chunks in common |
//! | `compress`, `parallel`, `decompress` | gzip and the threads around it, so that both directions use two processors |
//!
//! # Why the tar format is our own code
//!
//! The `tar` crate neither writes sparse files in the form that others read, nor attributes, nor times below
//! a second; it cannot unpack below a directory that is only known as a descriptor; and where two readers
//! can disagree about an archive it takes a guess. Here such an archive is refused: data on an entry that can have
//! none, two extended headers for one entry, a size in a global header, an unknown type.
//!
//! # What a stranger's archive can do
//!
//! It can fill its own layer, up to [`Limits`], and nothing else. Names are taken relative to the layer
//! and may hold no `..`; the kernel resolves them below the layer's descriptor and follows no symbolic link
//! (`RESOLVE_BENEATH`, `RESOLVE_NO_SYMLINKS`); the last part of a name is only ever created, never opened.
//! Where an archive names a thing twice, the later one takes the place of the earlier one, but a directory
//! that has entries stays.

mod acl;
mod beneath;
mod block;
mod chunk;
mod compress;
mod decompress;
mod header;
mod limits;
mod pack;
mod parallel;
mod path;
mod pax;
mod reader;
mod sparse;
mod unpack;
mod walk;
mod whiteout;
mod xattr;

#[cfg(test)]
mod tests;

use crate::users::Owners;

pub(crate) use compress::{UNIT, member};
pub(crate) use decompress::Filled;
pub use limits::Limits;
pub use pack::PackOptions;
pub(crate) use pack::{pack, pack_chunks, pack_files};
pub(crate) use parallel::in_order;
pub use unpack::UnpackOptions;
pub(crate) use unpack::{unpack, unpack_blocks, unpack_files};
pub use whiteout::Whiteouts;

/// What an archive holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// A layer: some names, nodes and attributes are marks for those who stack layers.
    Layer,
    /// Files of a container: all is what it is called.
    Files(Owners),
}

impl Holds {
    /// Whose the files are.
    fn owners(self) -> Owners {
        match self {
            Self::Layer => Owners::Same,
            Self::Files(owners) => owners,
        }
    }
}

/// What was packed or unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Entries of the tar, the layer's own directory included.
    pub entries: u64,
    /// Apparent size of all regular files, those with several names counted once.
    pub bytes: u64,
    /// Size of the archive as it is on disk.
    pub archive: u64,
    /// Sockets, which no archive can hold, left out of an export.
    pub sockets: u64,
}
