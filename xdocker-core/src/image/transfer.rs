//! Images that leave the home as archives, and come back.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::mpsc::Receiver;

use super::archive::{self, Filled, PackOptions, Summary, UnpackOptions};
use super::{Image, ImageStore, LAYER, TreeSize};
use crate::error::{ArchiveError, Error, Result};
use crate::home::Stage;
use crate::name::{ImageId, ImageRef};
use crate::progress::{Progress, watched};

impl ImageStore {
    /// Writes an image to `out` as a gzipped tar of its layer, which GNU tar reads. The same image always
    /// gives the same bytes. `progress` is called here every 50 ms, and a last time when all is written; when it breaks,
    /// no more is.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`]; [`Error::Archive`] when `out` cannot be written; [`Error::Interrupted`] when `progress`
    /// breaks.
    pub fn export(
        &self,
        wanted: &ImageRef,
        out: impl Write + Send,
        options: &PackOptions,
        progress: &dyn Fn(Progress) -> ControlFlow<()>,
    ) -> Result<Summary> {
        // It stays while it is read.
        let held = self.hold(std::slice::from_ref(wanted))?;
        let id = held.images.first().ok_or_else(|| Error::NoSuchImage(wanted.clone()))?;
        let path = self.layer(id);
        let layer = File::open(&path).map_err(Error::file("open", &path))?;
        watched(progress, |gauge| {
            let summary = archive::pack(layer.as_fd(), out, options, &|now| gauge.tell(now))?;
            gauge.finish()?;
            Ok(summary)
        })
    }

    /// Makes an image of an archive, which may be a gzipped, a zstd-compressed or a plain tar: what it is
    /// is read off its first bytes. The archive is not trusted. The image is there as a whole when this
    /// returns, and not at all when it fails. `progress` is called here every 50 ms, and a last time before the image
    /// gets its name; when it breaks, there is none.
    ///
    /// # Errors
    /// [`Error::ImageExists`]; [`Error::Archive`] for what is wrong with the archive; [`Error::File`],
    /// [`Error::System`]: disk full, …; [`Error::Interrupted`] when `progress` breaks.
    pub fn import(
        &self,
        id: &ImageId,
        input: impl Read + Send,
        options: &UnpackOptions,
        progress: &dyn Fn(Progress) -> ControlFlow<()>,
    ) -> Result<Image> {
        self.refuse_if_exists(id)?;
        watched(progress, |gauge| {
            let stage = self.home.stage("image")?;
            let size = receive(&stage, input, options, &|now| gauge.tell(now))?;
            self.add_measured(stage, id, size, || gauge.finish())
        })
    }
}

/// Unpacks an archive into an empty stage. After an error there is a part of it.
pub(crate) fn receive(
    stage: &Stage,
    input: impl Read + Send,
    options: &UnpackOptions,
    progress: &dyn Fn(Progress) -> Result<()>,
) -> Result<TreeSize> {
    let layer = empty_layer(stage)?;
    let summary = archive::unpack(input, layer.as_fd(), options, progress)?;
    Ok(TreeSize { bytes: summary.bytes, entries: summary.entries })
}

/// [`receive`] for an archive that somebody else decompresses.
pub(crate) fn receive_blocks(
    stage: &Stage,
    blocks: Receiver<Result<Filled, ArchiveError>>,
    options: &UnpackOptions,
    progress: &dyn Fn(Progress) -> Result<()>,
) -> Result<TreeSize> {
    let layer = empty_layer(stage)?;
    let summary = archive::unpack_blocks(blocks, layer.as_fd(), options, progress)?;
    Ok(TreeSize { bytes: summary.bytes, entries: summary.entries })
}

fn empty_layer(stage: &Stage) -> Result<File> {
    let path = stage.path().join(LAYER);
    fs::create_dir(&path).map_err(Error::file("create", &path))?;
    File::open(&path).map_err(Error::file("open", path))
}
