//! Images of a home.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use pyo3::prelude::*;
use xdocker_core::{ImageId, ImageStore, PackOptions, TestImage, UnpackOptions, Version};

use crate::convert::{ImageArgument, option, parsed};
use crate::error::to_python;
use crate::wait::apart;

/// An image that is there.
#[pyclass(frozen, eq, module = "xdocker")]
#[derive(PartialEq, Eq)]
pub(crate) struct Image(xdocker_core::Image);

impl Image {
    pub(crate) fn id(&self) -> ImageId {
        self.0.id.clone()
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

    fn __repr__(&self) -> String {
        format!("Image('{}', size={}, entries={})", self.0.id, self.0.size, self.0.entries)
    }
}

/// How far an export or import has come.
#[pyclass(frozen, get_all, module = "xdocker")]
pub(crate) struct Progress {
    /// Bytes of the archive read or written so far.
    archive: u64,
    /// Bytes of the tar inside it.
    content: u64,
}

#[pymethods]
impl Progress {
    fn __repr__(&self) -> String {
        format!("Progress(archive={}, content={})", self.archive, self.content)
    }
}

/// What an export has written.
#[pyclass(frozen, get_all, module = "xdocker")]
pub(crate) struct Summary {
    /// Entries of the tar, the layer's own directory included.
    entries: u64,
    /// Bytes in its files.
    size: u64,
    /// Bytes of the archive.
    archive: u64,
    /// Sockets, which no archive can hold, left out.
    sockets: u64,
}

#[pymethods]
impl Summary {
    fn __repr__(&self) -> String {
        let Self { entries, size, archive, sockets } = self;
        format!("Summary(entries={entries}, size={size}, archive={archive}, sockets={sockets})")
    }
}

/// The images of a home.
#[pyclass(frozen, module = "xdocker")]
pub(crate) struct Images(pub(crate) ImageStore);

#[pymethods]
impl Images {
    /// All images, by name and version.
    fn list(&self, py: Python<'_>) -> PyResult<Vec<Image>> {
        let images = py.detach(|| self.0.list()).map_err(to_python)?;
        Ok(images.into_iter().map(Image).collect())
    }

    /// The image `NAME:VERSION`, or the highest version of `NAME`.
    fn get(&self, py: Python<'_>, image: ImageArgument) -> PyResult<Image> {
        py.detach(|| self.0.get(&image.0)).map(Image).map_err(to_python)
    }

    /// Deletes an image; with `force` also one that containers stand on.
    #[pyo3(signature = (image, *, force=false))]
    fn delete(&self, py: Python<'_>, image: ImageArgument, force: bool) -> PyResult<()> {
        py.detach(|| self.0.delete(&image.0, force)).map_err(to_python)
    }

    /// Copies an image to the new name `to`, `NAME` or `NAME:VERSION`.
    fn copy(&self, py: Python<'_>, image: ImageArgument, to: &str) -> PyResult<Image> {
        let (store, id) = (self.0.clone(), id(to)?);
        apart(py, move || store.copy(&image.0, &id)).map(Image)
    }

    /// Gives an image another version.
    #[pyo3(signature = (image, version, *, force=false))]
    fn set_version(
        &self,
        py: Python<'_>,
        image: ImageArgument,
        version: &str,
        force: bool,
    ) -> PyResult<Image> {
        let version = parsed(version)?;
        let changed = || self.0.set_version(&image.0, &version, force).and_then(|id| self.0.get(&id.into()));
        py.detach(changed).map(Image).map_err(to_python)
    }

    /// Makes the image `test` from the host's own programs.
    #[pyo3(signature = (version=None, *, busybox=false))]
    fn install_test(&self, py: Python<'_>, version: Option<&str>, busybox: bool) -> PyResult<Image> {
        let (store, version) = (self.0.clone(), option(version)?.unwrap_or_else(Version::none));
        let content = if busybox { TestImage::busybox() } else { TestImage::new() };
        apart(py, move || store.install_test(version, &content)).map(|(image, _)| Image(image))
    }

    /// Writes an image to a new file as a gzipped tar.
    #[pyo3(signature = (image, path, *, progress=None))]
    fn export(
        &self,
        py: Python<'_>,
        image: ImageArgument,
        path: PathBuf,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Summary> {
        let report = Report::new(progress);
        let export = || {
            let out = OpenOptions::new().write(true).create_new(true).open(&path)?;
            let written = self.0.export(
                &image.0,
                Heard { file: out, report: &report },
                &PackOptions::default(),
                &|now| report.call(now),
            );
            Ok(written.inspect_err(|_| remove(&path)))
        };
        let result = py.detach(export);
        let written = report.result(result, &path)?;
        let xdocker_core::Summary { entries, bytes: size, archive, sockets, .. } = written;
        Ok(Summary { entries, size, archive, sockets })
    }

    /// Makes an image of an archive: a tar, gzipped, zstd-compressed or plain, which is not trusted.
    #[pyo3(signature = (path, name, *, progress=None))]
    fn import_(
        &self,
        py: Python<'_>,
        path: PathBuf,
        name: &str,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Image> {
        let (report, id) = (Report::new(progress), id(name)?);
        let import = || {
            let input = Heard { file: File::open(&path)?, report: &report };
            Ok(self.0.import(&id, input, &UnpackOptions::default(), &|now| report.call(now)))
        };
        let result = py.detach(import);
        report.result(result, &path).map(Image)
    }

    fn __repr__(&self) -> &'static str {
        "Images()"
    }
}

/// Name and version of an image that is to be.
fn id(text: &str) -> PyResult<ImageId> {
    let wanted: xdocker_core::ImageRef = parsed(text)?;
    Ok(ImageId { name: wanted.name, version: wanted.version.unwrap_or_default() })
}

/// Takes away what a failed export has written; that it failed is being told already.
fn remove(path: &Path) {
    let _ = std::fs::remove_file(path);
}

/// Tells Python of progress, and keeps what it raises until the core has given up.
struct Report {
    callback: Option<Py<PyAny>>,
    raised: Mutex<Option<PyErr>>,
}

impl Report {
    fn new(callback: Option<Py<PyAny>>) -> Self {
        Self { callback, raised: Mutex::new(None) }
    }

    fn call(&self, now: xdocker_core::Progress) {
        let told = Python::attach(|py| {
            py.check_signals()?;
            if let Some(callback) = &self.callback {
                callback.call1(py, (Progress { archive: now.archive, content: now.content },))?;
            }
            Ok(())
        });
        if let Err(error) = told {
            self.raised.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(error);
        }
    }

    /// Fails once Python has raised something.
    fn check(&self) -> io::Result<()> {
        match *self.raised.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            Some(_) => Err(io::Error::other("it was interrupted")),
            None => Ok(()),
        }
    }

    /// What was raised goes before what came of it.
    fn result<T>(self, result: io::Result<xdocker_core::Result<T>>, path: &Path) -> PyResult<T> {
        if let Some(error) = self.raised.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            return Err(error);
        }
        let file = |source| xdocker_core::Error::File { action: "open", path: path.to_owned(), source };
        result.map_err(file).and_then(|result| result).map_err(to_python)
    }
}

/// A file that fails once Python has raised something.
struct Heard<'a> {
    file: File,
    report: &'a Report,
}

impl Read for Heard<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.report.check()?;
        self.file.read(buffer)
    }
}

impl Write for Heard<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.report.check()?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
