//! What is written down about an image, so that nobody has to walk its files to list it.

use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::size::TreeSize;
use super::{LAYER, RECORD};
use crate::error::{Error, Result};
use crate::home::{Durability, record};

/// The content of `image.json`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct ImageRecord {
    /// When the content of the image was last changed.
    pub(super) modified: SystemTime,
    /// How much it holds; unknown until somebody asks, when the layer came here in constant time.
    #[serde(flatten)]
    pub(super) size: Option<TreeSize>,
}

/// The record of the image in `directory`; `None` when there is none, or none that can be read: all that
/// it says can be found out again.
pub(super) fn read(directory: &Path) -> Result<Option<ImageRecord>> {
    match record::read(&directory.join(RECORD)) {
        Err(damaged @ Error::Record { .. }) => {
            tracing::warn!("{}; the image will be measured again", damaged.chain());
            Ok(None)
        }
        record => record,
    }
}

/// Writes the record of the image in `directory`, which nobody sees yet or whose name is locked.
///
/// Never synced by itself: publishing a stage does that, and what a power cut damages is measured again.
pub(super) fn write(directory: &Path, record: &ImageRecord) -> Result<()> {
    record::write(&directory.join(RECORD), record, Durability::Unsynced)
}

/// Measures the layer of the image in `directory`, and dates it by the layer if `record` is missing.
pub(super) fn measure(directory: &Path, record: Option<ImageRecord>) -> Result<(SystemTime, TreeSize)> {
    let layer = directory.join(LAYER);
    let modified = match record {
        Some(record) => Ok(record.modified),
        None => std::fs::metadata(&layer).and_then(|layer| layer.modified()),
    };
    let size = modified.and_then(|modified| Ok((modified, TreeSize::measure(&layer)?)));
    size.map_err(Error::file("read", &layer))
}
