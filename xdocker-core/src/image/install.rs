//! Images that the library can make by itself.

use std::fs;

use super::{Image, ImageStore, LAYER, TestImage, TestImageReport, test_image};
use crate::error::{Error, Result};
use crate::name::{ImageId, Version};

/// Name of the test image.
const TEST: &str = "test";

impl ImageStore {
    /// Makes the image `test` of that version from the host's own programs.
    ///
    /// # Errors
    /// [`Error::ImageExists`]; [`Error::File`] when a program cannot be read or the home not written.
    pub fn install_test(&self, version: Version, content: &TestImage) -> Result<(Image, TestImageReport)> {
        let id = ImageId { name: TEST.parse()?, version };
        self.refuse_if_exists(&id)?;
        let stage = self.home.stage("image")?;
        let layer = stage.path().join(LAYER);
        fs::create_dir(&layer).map_err(Error::file("create", &layer))?;
        let report = test_image::populate(content, &layer)?;
        Ok((self.add(stage, &id)?, report))
    }
}
