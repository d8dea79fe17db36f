//! What Python gives, as the core's types. Each is parsed at the door.

use std::str::FromStr;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString};
use xdocker_core::{ImageId, ImageRef};

use crate::error::to_python;
use crate::images::Image;

/// Parses a text as one of the core's types.
pub(crate) fn parsed<T: FromStr>(text: &str) -> PyResult<T>
where
    xdocker_core::Error: From<T::Err>,
{
    text.parse().map_err(to_python)
}

/// Parses a text that may be missing.
pub(crate) fn option<T: FromStr>(text: Option<&str>) -> PyResult<Option<T>>
where
    xdocker_core::Error: From<T::Err>,
{
    text.map(parsed).transpose()
}

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

/// A number, or a text such as `100M`; as the text that the core parses.
pub(crate) struct Amount(String);

impl AsRef<str> for Amount {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromPyObject<'_, '_> for Amount {
    type Error = PyErr;
    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<PyString>() {
            return object.extract().map(Self);
        }
        // Python counts truth as 1, which as a limit nobody means.
        if object.is_instance_of::<PyBool>() {
            return Err(PyTypeError::new_err("a number or a text is wanted, not a bool"));
        }
        object.extract::<i64>().map(|number| Self(number.to_string()))
    }
}
