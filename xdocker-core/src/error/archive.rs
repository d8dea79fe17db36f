//! What can be wrong with an archive.

use std::io;
use std::path::PathBuf;

/// Why an archive was refused. Nothing of it has been kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// Its first bytes are those of no format that we read.
    #[error("the file is no archive: neither gzip nor zstd nor tar")]
    Unknown,
    /// It stops in the middle.
    #[error("the archive ends early")]
    Truncated,
    /// It goes on after its end.
    #[error("the archive has data after its end")]
    TrailingData,
    /// What is compressed in it cannot be had back.
    #[error("the archive's compressed data is damaged")]
    Compression(#[source] io::Error),
    /// A header that no tar writes.
    #[error("the archive is damaged at byte {at} of its tar: {why}")]
    Header {
        /// Where the header begins, in bytes of the tar.
        at: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An entry that can be understood, but has no place in a layer.
    #[error("the archive's entry `{}` is refused: {why}", path.display().to_string().escape_debug())]
    Entry {
        /// The entry's name, as the archive has it.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// More than [`Limits`](crate::Limits) allow.
    #[error("the archive is over the limit of {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// The file that holds the archive cannot be read.
    #[error("the archive cannot be read")]
    Read(#[source] io::Error),
    /// The file that is to hold the archive cannot be written.
    #[error("the archive cannot be written")]
    Write(#[source] io::Error),
}
