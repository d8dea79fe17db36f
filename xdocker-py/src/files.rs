//! Files and archives that come from Python, and go there.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

/// Bytes that are asked of a file object at a time.
const CHUNK: usize = 1 << 20;

/// An archive: a path, or an object with `read` or `write`.
pub(crate) enum Archive {
    /// A file of the host.
    Path(PathBuf),
    /// A file object of Python's.
    Object(Py<PyAny>),
}

impl FromPyObject<'_, '_> for Archive {
    type Error = PyErr;
    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if let Ok(path) = object.extract() {
            return Ok(Self::Path(path));
        }
        match object.hasattr("read")? || object.hasattr("write")? {
            true => Ok(Self::Object(object.to_owned().unbind())),
            false => Err(PyTypeError::new_err("a path or a file object is wanted")),
        }
    }
}

/// What a file object raised, kept until the core has given up.
#[derive(Default)]
pub(crate) struct Raised(Mutex<Option<PyErr>>);

impl Raised {
    fn keep(&self, error: PyErr) -> io::Error {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        io::Error::other("the file object has raised an exception")
    }

    /// What was raised.
    pub(crate) fn take(&self) -> Option<PyErr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// An archive that is open.
pub(crate) enum Stream<'a> {
    /// A file of the host.
    File(File),
    /// A file object of Python's, and what it has given that was not taken yet.
    Object(Py<PyAny>, &'a Raised, Vec<u8>),
}

impl<'a> Stream<'a> {
    /// Opens it for reading.
    pub(crate) fn read(archive: Archive, raised: &'a Raised) -> io::Result<Self> {
        match archive {
            Archive::Path(path) => Ok(Self::File(File::open(path)?)),
            Archive::Object(object) => Ok(Self::Object(object, raised, Vec::new())),
        }
    }

    /// Opens it for writing: a new file of the host's.
    pub(crate) fn write(archive: Archive, raised: &'a Raised) -> io::Result<Self> {
        match archive {
            Archive::Path(path) => {
                Ok(Self::File(OpenOptions::new().write(true).create_new(true).open(path)?))
            }
            Archive::Object(object) => Ok(Self::Object(object, raised, Vec::new())),
        }
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (object, raised, rest) = match self {
            Self::File(file) => return file.read(buffer),
            Self::Object(object, raised, rest) => (object, raised, rest),
        };
        if rest.is_empty() {
            let given = Python::attach(|py| -> PyResult<Vec<u8>> {
                let bytes: PyBackedBytes = object.call_method1(py, "read", (CHUNK,))?.extract(py)?;
                Ok(bytes.to_vec())
            });
            *rest = given.map_err(|error| raised.keep(error))?;
        }
        let count = rest.as_slice().read(buffer)?;
        rest.drain(..count);
        Ok(count)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (object, raised) = match self {
            Self::File(file) => return file.write(bytes),
            Self::Object(object, raised, _) => (object, raised),
        };
        let written =
            Python::attach(|py| object.call_method1(py, "write", (PyBytes::new(py, bytes),)).map(drop));
        written.map(|()| bytes.len()).map_err(|error| raised.keep(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A key or a value of a template: a text, for UTF-8, or bytes.
#[derive(FromPyObject, PartialEq, Eq, Hash)]
pub(crate) enum Words {
    /// As text.
    Text(String),
    /// As they are.
    Bytes(Vec<u8>),
}

impl From<Words> for Vec<u8> {
    fn from(words: Words) -> Self {
        match words {
            Words::Text(text) => text.into_bytes(),
            Words::Bytes(bytes) => bytes,
        }
    }
}

/// Bytes as Python has words of the system: what is no UTF-8 comes through, too.
pub(crate) fn word(bytes: &[u8]) -> std::ffi::OsString {
    OsStr::from_bytes(bytes).to_owned()
}
