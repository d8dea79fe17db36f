//! Images, as they are named in calls.

use pyo3::prelude::*;
use pyo3::types::PyString;
use xdocker_core::{ImageId, ImageRef};

use super::Image;
use crate::convert::parsed;

/// An image: a record of one, or `NAME`, or `NAME:VERSION`.
pub(crate) struct ImageArgument(pub(crate) ImageRef);

impl FromPyObject<'_, '_> for ImageArgument {
    type Error = PyErr;
    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if let Ok(image) = object.cast::<Image>() {
            return Ok(Self(image.get().id().into()));
        }
        parsed(&object.extract::<String>()?).map(Self)
    }
}

/// One image, or several, the lowest first.
#[derive(Default)]
pub(crate) struct ImagesArgument(pub(crate) Vec<ImageRef>);

impl FromPyObject<'_, '_> for ImagesArgument {
    type Error = PyErr;
    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<PyString>() || object.is_instance_of::<Image>() {
            return Ok(Self(vec![object.extract::<ImageArgument>()?.0]));
        }
        let images = object.extract::<Vec<ImageArgument>>()?;
        Ok(Self(images.into_iter().map(|image| image.0).collect()))
    }
}

/// Name and version of an image that is to be.
pub(crate) fn image_id(text: &str) -> PyResult<ImageId> {
    let wanted: ImageRef = parsed(text)?;
    Ok(ImageId { name: wanted.name, version: wanted.version.unwrap_or_default() })
}
