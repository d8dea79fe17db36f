//! The digests of an image's chunks, remembered beside the image when somebody has found them out, so that the next pull
//! need not read its files to see what they have in common with an image of the server's.
//!
//! What is remembered is a hint: somebody may have changed the files since, or the list. Every chunk is compared with its
//! digest when it is taken.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::index::{Digest, digest_of_hex, hex};
use crate::error::Result;
use crate::home::{Durability, IMAGE_CHUNKS, record};

/// The content of `chunks.json`.
#[derive(Serialize, Deserialize)]
struct Chunks {
    /// SHA-256 of each chunk of the image's archive, in their order.
    chunks: Vec<String>,
}

/// What is remembered of the image in `directory`, if anything is that can be read.
pub(super) fn read(directory: &Path) -> Option<Vec<Digest>> {
    let Chunks { chunks } = record::read(&directory.join(IMAGE_CHUNKS)).ok()??;
    chunks.iter().map(|hex| digest_of_hex(hex)).collect()
}

/// Remembers the digests of the image in `directory`, which nobody sees yet or which the caller has locked.
///
/// # Errors
/// [`Error::File`](crate::Error::File).
pub(super) fn write(directory: &Path, digests: impl IntoIterator<Item = Digest>) -> Result<()> {
    let chunks = Chunks { chunks: digests.into_iter().map(|digest| hex(&digest)).collect() };
    record::write(&directory.join(IMAGE_CHUNKS), &chunks, Durability::Unsynced)
}
