//! Images of a home.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::SystemTime;

use pyo3::prelude::*;
use xdocker_core::{ImageId, ImageStore, PackOptions, TestImage, UnpackOptions, Version, Whiteouts};

use crate::archive::{Callback, Draft, Heard, Report, Summary};
use crate::convert::{ImageArgument, image_id, option, parsed};
use crate::error::{invalid, to_python};
use crate::wait::apart;

/// An image that is there. ``str(image)`` is its name and version, as all calls take it.
#[pyclass(frozen, eq, hash, module = "xdocker")]
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

    /// Its version; empty for none.
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
        crate::record::shown(slf, "Image", &["name", "version", "size", "entries", "modified"])
    }
}

/// The images of a home.
///
/// ``image`` is everywhere a record, ``"NAME:VERSION"``, or ``"NAME"`` for the highest version of that name.
#[pyclass(frozen, module = "xdocker")]
pub(crate) struct Images(pub(crate) ImageStore);

#[pymethods]
impl Images {
    /// All images, by name and version.
    fn list(&self, py: Python<'_>) -> PyResult<Vec<Image>> {
        let images = py.detach(|| self.0.list()).map_err(to_python)?;
        Ok(images.into_iter().map(Image).collect())
    }

    /// The image ``NAME:VERSION``, or the highest version of ``NAME``. Raises :class:`NotFound`.
    fn get(&self, py: Python<'_>, image: ImageArgument) -> PyResult<Image> {
        py.detach(|| self.0.get(&image.0)).map(Image).map_err(to_python)
    }

    /// Deletes an image; with ``force`` also one that containers stand on.
    ///
    /// Raises :class:`NotFound`, and :class:`Conflict` for one in use.
    #[pyo3(signature = (image, *, force=false))]
    fn delete(&self, py: Python<'_>, image: ImageArgument, force: bool) -> PyResult<()> {
        let store = self.0.clone();
        apart(py, move || store.delete(&image.0, force))
    }

    /// Copies an image to the new name ``to``: ``NAME`` or ``NAME:VERSION``.
    ///
    /// Raises :class:`NotFound`, :class:`AlreadyExists`. After Ctrl-C the copy goes on to its end.
    fn copy(&self, py: Python<'_>, image: ImageArgument, to: &str) -> PyResult<Image> {
        let (store, id) = (self.0.clone(), image_id(to)?);
        apart(py, move || store.copy(&image.0, &id, &|_| ControlFlow::Continue(()))).map(Image)
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
        let (store, version) = (self.0.clone(), parsed(version)?);
        apart(py, move || {
            let id = store.set_version(&image.0, &version, force)?;
            store.get(&id.into())
        })
        .map(Image)
    }

    /// Makes the image ``test``, from the host's own programs, or with ``busybox`` from its static busybox.
    ///
    /// Raises :class:`AlreadyExists`, and :class:`NotFound` where there is no busybox.
    #[pyo3(signature = (version=None, *, busybox=false))]
    fn install_test(&self, py: Python<'_>, version: Option<&str>, busybox: bool) -> PyResult<Image> {
        let (store, version) = (self.0.clone(), option(version)?.unwrap_or_else(Version::none));
        let content = if busybox { TestImage::busybox() } else { TestImage::new() };
        apart(py, move || store.install_test(version, &content)).map(|(image, _)| Image(image))
    }

    /// Writes an image to the file ``path`` as a gzipped tar, which GNU tar reads.
    ///
    /// The file gets its name when it is whole; with ``force`` it takes the place of another one. ``whiteouts`` is the
    /// way in which deletions are written: ``"overlay"``, or ``"oci"`` for other engines. ``level`` is how hard gzip
    /// tries, from 1 to 9. ``progress`` is called now and then with a :class:`Progress`; what it raises ends the export
    /// and leaves no file. Raises :class:`NotFound`, :class:`AlreadyExists` when there is such a file.
    #[pyo3(signature = (image, path, *, force=false, whiteouts="overlay", level=6, progress=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn export(
        &self,
        py: Python<'_>,
        image: ImageArgument,
        path: PathBuf,
        force: bool,
        whiteouts: &str,
        level: u32,
        progress: Option<Callback>,
    ) -> PyResult<Summary> {
        let mut options = PackOptions::default();
        options.whiteouts = match whiteouts {
            "overlay" => Whiteouts::Overlay,
            "oci" => Whiteouts::Oci,
            _ => return Err(invalid(format!("whiteouts `{whiteouts}`: it is `overlay` or `oci`"))),
        };
        options.level = match level {
            1..=9 => level,
            _ => return Err(invalid(format!("level `{level}`: it is a number from 1 to 9"))),
        };
        let image = py.detach(|| self.0.get(&image.0)).map_err(to_python)?;
        let report = Report::new(progress, image.size);
        let export = || {
            if !force && path.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let draft = Draft::of(&path)?;
            let out = Heard { file: &draft.file, report: &report };
            let told = |now: xdocker_core::Progress| report.call(now.content, now);
            match self.0.export(&image.id.into(), out, &options, &told) {
                Ok(written) => {
                    report.check().and_then(|()| draft.publish(&path, force)).map(|()| Ok(written))
                }
                Err(error) => Ok(Err(error)),
            }
        };
        let result = py.detach(export);
        report.result(result, "write", &path).map(Summary::from)
    }

    /// Makes the image ``name`` of an archive: a tar, gzipped, zstd-compressed or plain, which is not trusted.
    ///
    /// ``devices`` says whether it may hold device nodes; ``max_bytes`` and ``max_entries`` bound what comes out of it,
    /// ``max_ratio`` how many bytes may come out of one. ``progress`` is called now and then with a :class:`Progress`;
    /// what it raises ends the import and leaves no image. Raises :class:`AlreadyExists`, :class:`NotFound`,
    /// :class:`InvalidArgument` for what is wrong with the archive.
    #[pyo3(signature = (path, name, *, devices=true, max_bytes=None, max_entries=None, max_ratio=None, progress=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn import_(
        &self,
        py: Python<'_>,
        path: PathBuf,
        name: &str,
        devices: bool,
        max_bytes: Option<u64>,
        max_entries: Option<u64>,
        max_ratio: Option<u64>,
        progress: Option<Callback>,
    ) -> PyResult<Image> {
        let mut options = UnpackOptions::default();
        options.devices = devices;
        let limits = &mut options.limits;
        limits.bytes = max_bytes.unwrap_or(limits.bytes);
        limits.entries = max_entries.unwrap_or(limits.entries);
        limits.ratio = max_ratio.unwrap_or(limits.ratio);
        let id = image_id(name)?;
        let open = || {
            let file = File::open(&path)?;
            let total = file.metadata()?.len();
            Ok((file, total))
        };
        let opened = py.detach(open);
        let (file, total) =
            opened.map_err(|source| to_python(xdocker_core::Error::File { action: "open", path, source }))?;
        let report = Report::new(progress, total);
        let import = || {
            let input = Heard { file, report: &report };
            let image = self.0.import(&id, input, &options, &|now| report.call(now.archive, now))?;
            if report.check().is_err() {
                // It was raised when the last byte was through.
                self.0.delete(&image.id.clone().into(), false)?;
            }
            Ok(image)
        };
        let result = py.detach(import);
        report.result(Ok(result), "read", name.as_ref()).map(Image)
    }

    fn __repr__(&self) -> &'static str {
        "Images()"
    }
}
