//! Images on an ssh server, and what of them was moved.

use std::time::SystemTime;

use pyo3::prelude::*;
use xdocker_core::{ImageId, ImageRef};

use crate::convert::parsed;
use crate::images::{FIELDS, Image, ImageArgument};
use crate::record::record;

record!(
    /// An image in an ssh repository. ``str(image)`` is its name and version, as :meth:`Images.pull` takes it.
    RemoteImage {
        /// Its name.
        name: String,
        /// Its version; ``_`` for none.
        version: String,
        /// Bytes of its archive.
        size: u64,
        /// When it was put there, as an aware `datetime`; to the minute or the day where the server has no stat(1).
        modified: SystemTime,
    }
);
record!(
    /// What a push or pull has moved.
    Transfer {
        /// Bytes of the archive in the repository.
        archive: u64,
        /// Bytes that were sent to the server, within ssh.
        sent: u64,
        /// Bytes that came from it, within ssh.
        received: u64,
    }
);

impl From<xdocker_core::RemoteImage> for RemoteImage {
    fn from(image: xdocker_core::RemoteImage) -> Self {
        let ImageId { name, version } = image.id;
        Self {
            name: name.to_string(),
            version: version.as_str().to_owned(),
            size: image.size,
            modified: image.modified,
        }
    }
}

impl From<xdocker_core::Transfer> for Transfer {
    fn from(moved: xdocker_core::Transfer) -> Self {
        let xdocker_core::Transfer { archive, sent, received, .. } = moved;
        Self { archive, sent, received }
    }
}

#[pymethods]
impl RemoteImage {
    fn __str__(&self) -> String {
        match self.version.as_str() {
            "_" => self.name.clone(),
            version => format!("{}:{version}", self.name),
        }
    }
}

/// An image that came from an ssh repository, and what of it was moved for that.
#[pyclass(frozen, extends = Image, module = "xdocker")]
pub(crate) struct PulledImage {
    /// What was moved.
    #[pyo3(get)]
    transfer: Transfer,
}

impl PulledImage {
    pub(crate) fn new(py: Python<'_>, image: Image, transfer: Transfer) -> PyResult<Py<Self>> {
        Py::new(py, PyClassInitializer::from(image).add_subclass(Self { transfer }))
    }
}

#[pymethods]
impl PulledImage {
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        crate::record::shown(slf, "PulledImage", &[&FIELDS[..], &["transfer"]].concat())
    }
}

/// An image there: a record of one, here or there, or `NAME`, or `NAME:VERSION`.
pub(crate) struct RemoteImageArgument(pub(crate) ImageRef);

impl FromPyObject<'_, '_> for RemoteImageArgument {
    type Error = PyErr;
    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if let Ok(image) = object.cast::<RemoteImage>() {
            // One without a version is meant as it is, and not the highest version.
            let RemoteImage { name, version, .. } = image.get();
            return Ok(Self(ImageId { name: parsed(name)?, version: parsed(version)? }.into()));
        }
        object.extract::<ImageArgument>().map(|image| Self(image.0))
    }
}
