//! Images that leave the home as archives, and come back.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsFd;

use super::archive::{self, PackOptions, Progress, Summary, UnpackOptions};
use super::{Image, ImageStore, LAYER, TreeSize};
use crate::error::{Error, Result};
use crate::home::Stage;
use crate::name::{ImageId, ImageRef};

impl ImageStore {
    /// Writes an image to `out` as a gzipped tar of its layer, which GNU tar reads. The same image always
    /// gives the same bytes. `progress` is called now and then.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`]; [`Error::Archive`] when `out` cannot be written.
    pub fn export(
        &self,
        wanted: &ImageRef,
        out: impl Write + Send,
        options: &PackOptions,
        progress: &dyn Fn(Progress),
    ) -> Result<Summary> {
        // It stays while it is read.
        let held = self.hold(std::slice::from_ref(wanted))?;
        let id = held.images.first().ok_or_else(|| Error::NoSuchImage(wanted.clone()))?;
        let path = self.layer(id);
        let layer = File::open(&path).map_err(Error::file("open", &path))?;
        archive::pack(layer.as_fd(), out, options, progress)
    }

    /// Makes an image of an archive, which may be a gzipped, a zstd-compressed or a plain tar: what it is
    /// is read off its first bytes. The archive is not trusted. The image is there as a whole when this
    /// returns, and not at all when it fails.
    ///
    /// # Errors
    /// [`Error::ImageExists`]; [`Error::Archive`] for what is wrong with the archive; [`Error::File`],
    /// [`Error::System`]: disk full, ….
    pub fn import(
        &self,
        id: &ImageId,
        input: impl Read + Send,
        options: &UnpackOptions,
        progress: &dyn Fn(Progress),
    ) -> Result<Image> {
        self.refuse_if_exists(id)?;
        let stage = self.home.stage("image")?;
        let size = receive(&stage, input, options, progress)?;
        self.add_measured(stage, id, size)
    }
}

/// Unpacks an archive into an empty stage. After an error there is a part of it.
pub(crate) fn receive(
    stage: &Stage,
    input: impl Read + Send,
    options: &UnpackOptions,
    progress: &dyn Fn(Progress),
) -> Result<TreeSize> {
    let path = stage.path().join(LAYER);
    fs::create_dir(&path).map_err(Error::file("create", &path))?;
    let layer = File::open(&path).map_err(Error::file("open", &path))?;
    let summary = archive::unpack(input, layer.as_fd(), options, progress)?;
    Ok(TreeSize { bytes: summary.bytes, entries: summary.entries })
}
