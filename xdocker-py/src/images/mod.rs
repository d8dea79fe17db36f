//! Images of a home.

mod archives;
mod argument;
mod repository;

use std::path::PathBuf;
use std::time::SystemTime;

use pyo3::prelude::*;
use xdocker_core::{Engine, IfUsed, ImageId, TestImage, TestImageReport, Version};

use crate::convert::{option, parsed};
use crate::error::to_python;
use crate::progress::{Callback, Count, told};
use crate::wait::apart;

use argument::image_id;
pub(crate) use argument::{ImageArgument, ImagesArgument};

/// An image that is there. ``str(image)`` is its name and version, as all calls take it.
#[pyclass(frozen, eq, hash, subclass, module = "xdocker")]
#[derive(PartialEq, Eq)]
pub(crate) struct Image(xdocker_core::Image);

impl std::hash::Hash for Image {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.id.to_string().hash(state);
    }
}

impl Image {
    pub(crate) fn id(&self) -> ImageId {
        self.0.id.clone()
    }

    pub(crate) fn new(image: xdocker_core::Image) -> Self {
        Self(image)
    }
}

#[pymethods]
impl Image {
    /// Its name.
    #[getter]
    fn name(&self) -> String {
        self.0.id.name.to_string()
    }

    /// Its version; ``_`` for none.
    #[getter]
    fn version(&self) -> String {
        self.0.id.version.as_str().to_owned()
    }

    /// Bytes in its files.
    #[getter]
    fn size(&self) -> u64 {
        self.0.size
    }

    /// How many files, directories, links and devices it holds.
    #[getter]
    fn entries(&self) -> u64 {
        self.0.entries
    }

    /// When its content was last changed, as an aware `datetime`.
    #[getter]
    fn modified(&self) -> SystemTime {
        self.0.modified
    }

    fn __str__(&self) -> String {
        self.0.id.to_string()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        crate::record::shown(slf, "Image", &FIELDS)
    }
}

/// What is shown of an image.
pub(crate) const FIELDS: [&str; 5] = ["name", "version", "size", "entries", "modified"];

/// An image that was made of the host's programs, and which of them it has got.
#[pyclass(frozen, extends = Image, module = "xdocker")]
pub(crate) struct InstalledImage(TestImageReport);

#[pymethods]
impl InstalledImage {
    /// The programs that it has, as paths inside.
    #[getter]
    fn programs(&self) -> Vec<PathBuf> {
        self.0.programs.clone()
    }

    /// The programs that it would have too if this host had them, or needed no more for them than can be copied.
    #[getter]
    fn missing(&self) -> Vec<String> {
        self.0.missing.clone()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        crate::record::shown(slf, "InstalledImage", &[&FIELDS[..], &["programs", "missing"]].concat())
    }
}

/// The images of a home.
///
/// ``image`` is everywhere a record, ``"NAME:VERSION"``, or ``"NAME"`` for the highest version of that name.
#[pyclass(frozen, module = "xdocker")]
pub(crate) struct Images(pub(crate) Engine);

#[pymethods]
impl Images {
    /// All images, by name and version.
    fn list(&self, py: Python<'_>) -> PyResult<Vec<Image>> {
        let images = py.detach(|| self.0.images().list()).map_err(to_python)?;
        Ok(images.into_iter().map(Image).collect())
    }

    /// The image ``NAME:VERSION``, or the highest version of ``NAME``. Raises :class:`NotFound`.
    fn get(&self, py: Python<'_>, image: ImageArgument) -> PyResult<Image> {
        py.detach(|| self.0.images().get(&image.0)).map(Image).map_err(to_python)
    }

    /// Deletes an image; with ``force`` also one that containers stand on.
    ///
    /// Raises :class:`NotFound`, and :class:`Conflict` for one in use.
    #[pyo3(signature = (image, *, force=false))]
    fn delete(&self, py: Python<'_>, image: ImageArgument, force: bool) -> PyResult<()> {
        let store = self.0.images();
        apart(py, move || store.delete(&image.0, IfUsed::forced(force)))
    }

    /// Copies an image to the new name ``to``: ``NAME`` or ``NAME:VERSION``.
    ///
    /// ``progress`` is called many times a second with a :class:`Progress`; what it raises ends the copy and leaves no image,
    /// and so does Ctrl-C. Raises :class:`NotFound`, :class:`AlreadyExists`.
    #[pyo3(signature = (image, to, *, progress=None))]
    fn copy(
        &self,
        py: Python<'_>,
        image: ImageArgument,
        to: &str,
        progress: Option<Callback>,
    ) -> PyResult<Image> {
        let (store, id) = (self.0.images(), image_id(to)?);
        let image = py.detach(|| store.get(&image.0)).map_err(to_python)?;
        let count = Count::Content(Some(image.size));
        told(py, progress, count, |heard| store.copy(&image.id.into(), &id, heard)).map(Image)
    }

    /// Gives an image another version; with ``force`` also one that containers stand on.
    ///
    /// Raises :class:`NotFound`, :class:`AlreadyExists`, :class:`Conflict`.
    #[pyo3(signature = (image, version, *, force=false))]
    fn set_version(
        &self,
        py: Python<'_>,
        image: ImageArgument,
        version: &str,
        force: bool,
    ) -> PyResult<Image> {
        let (store, version) = (self.0.images(), parsed(version)?);
        apart(py, move || {
            let id = store.set_version(&image.0, &version, IfUsed::forced(force))?;
            store.get(&id.into())
        })
        .map(Image)
    }

    /// Makes the image ``test``, from the host's own programs, or with ``busybox`` from its static busybox.
    ///
    /// Raises :class:`AlreadyExists`, and :class:`NotFound` where there is no busybox.
    #[pyo3(signature = (version=None, *, busybox=false))]
    fn install_test(
        &self,
        py: Python<'_>,
        version: Option<&str>,
        busybox: bool,
    ) -> PyResult<Py<InstalledImage>> {
        let (store, version) = (self.0.images(), option(version)?.unwrap_or_else(Version::none));
        let content = if busybox { TestImage::busybox() } else { TestImage::new() };
        let (image, report) = apart(py, move || store.install_test(version, &content))?;
        Py::new(py, PyClassInitializer::from(Image(image)).add_subclass(InstalledImage(report)))
    }

    fn __repr__(&self) -> &'static str {
        "Images()"
    }
}
