//! What Python gives, as the core's types. Each is parsed at the door.

use std::str::FromStr;

use pyo3::prelude::*;
use xdocker_core::ImageRef;

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
pub(crate) struct ImagesArgument(pub(crate) Vec<ImageRef>);

impl FromPyObject<'_, '_> for ImagesArgument {
    type Error = PyErr;
    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<pyo3::types::PyString>() || object.is_instance_of::<Image>() {
            return Ok(Self(vec![object.extract::<ImageArgument>()?.0]));
        }
        let images = object.extract::<Vec<ImageArgument>>()?;
        Ok(Self(images.into_iter().map(|image| image.0).collect()))
    }
}

/// A size: a number of bytes, or a text such as `100M`.
#[derive(FromPyObject)]
pub(crate) enum Amount {
    /// As a number.
    Number(u64),
    /// As a text.
    Text(String),
}

impl Amount {
    /// The text that the core parses.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}
