//! What Python gives, as the core's types. Each is parsed at the door.

use std::str::FromStr;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString};

use crate::error::{invalid, to_python};

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

/// A signal by its number; 0 is none, and tells whether there is somebody to get one.
pub(crate) fn signal(number: i32) -> PyResult<i32> {
    match number {
        0..=64 => Ok(number),
        _ => Err(invalid(format!("signal `{number}`: there is no such signal"))),
    }
}
