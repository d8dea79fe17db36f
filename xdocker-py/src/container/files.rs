//! Files into a container and out of it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyString};
use xdocker_core::{Error, Mapping};

use super::Container;
use crate::archive::{Summary, pack_options, unpack_options};
use crate::error::to_python;
use crate::files::{Archive, Raised, Stream, Words, word};
use crate::progress::{Callback, Count, told};

/// What a file object or a path could not be made to do.
fn cannot(action: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::File { action, path: "the archive".into(), source }
}

#[pymethods]
impl Container {
    /// Copies the file or the tree ``source`` of the host to ``to`` inside, by the rules of ``cp -a``, and returns how many
    /// bytes its files hold. The container may run or not.
    ///
    /// Where ``to`` is a directory the copy is in it, else it is called so; ``"tree/."`` is the content of a directory. All
    /// of ``to`` is resolved inside. ``progress`` is called many times a second with a :class:`Progress`; what it raises ends
    /// the copy before anything has its name, and so does Ctrl-C. Raises :class:`NotFound`, :class:`Conflict` for what a
    /// mount covers.
    #[pyo3(signature = (source, to, *, progress=None))]
    fn put(&self, py: Python<'_>, source: PathBuf, to: PathBuf, progress: Option<Callback>) -> PyResult<u64> {
        told(py, progress, Count::Content(None), |heard| self.inner.put(&source, &to, heard))
    }

    /// Copies the file or the tree ``source`` inside to ``to`` on the host, as :meth:`put` does the other way.
    #[pyo3(signature = (source, to, *, progress=None))]
    fn get(&self, py: Python<'_>, source: PathBuf, to: PathBuf, progress: Option<Callback>) -> PyResult<u64> {
        told(py, progress, Count::Content(None), |heard| self.inner.get(&source, &to, heard))
    }

    /// The content of the file ``path`` inside, which holds 64 MiB at most. Raises :class:`NotFound`.
    fn read_bytes<'py>(&self, py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.inner.read(path)).map_err(to_python)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The content of the file ``path`` inside, as UTF-8. Raises :class:`NotFound`, :class:`UnicodeDecodeError`.
    fn read_text<'py>(&self, py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyString>> {
        let bytes = py.detach(|| self.inner.read(path)).map_err(to_python)?;
        PyString::from_bytes(py, &bytes)
    }

    /// Makes ``data`` the content of the file ``path`` inside, at once.
    ///
    /// A file that is there keeps owner and mode; a new one is root's, and others may read it. Raises :class:`NotFound` for
    /// a directory that is not there.
    fn write_bytes(&self, py: Python<'_>, path: PathBuf, data: PyBackedBytes) -> PyResult<()> {
        py.detach(|| self.inner.write(path, &data)).map_err(to_python)
    }

    /// Makes ``text`` the content of the file ``path`` inside, in UTF-8; as :meth:`write_bytes` does.
    fn write_text(&self, py: Python<'_>, path: PathBuf, text: String) -> PyResult<()> {
        py.detach(|| self.inner.write(path, text)).map_err(to_python)
    }

    /// Replaces keys in the file ``template`` inside by their values, and writes what comes of it to ``to``, or in the
    /// template's own place. Returns the keys that stand nowhere.
    ///
    /// Keys and values are texts or bytes. The instance has the template's mode and owner, and is there whole or not at
    /// all. Raises :class:`NotFound`, :class:`InvalidArgument` for an empty key.
    #[pyo3(signature = (template, mapping, to=None))]
    fn replace(
        &self,
        py: Python<'_>,
        template: PathBuf,
        mapping: HashMap<Words, Words>,
        to: Option<PathBuf>,
    ) -> PyResult<Vec<OsString>> {
        let mapping = Mapping::of(mapping).map_err(to_python)?;
        let replace = || self.inner.replace(&template, &mapping, to.as_deref());
        let mut unused = py.detach(replace).map_err(to_python)?;
        unused.sort_unstable();
        Ok(unused.into_iter().map(word).collect())
    }

    /// Unpacks a tar, as it is or compressed by gzip or zstd, into the directory ``to`` inside, which is made if need be.
    ///
    /// ``archive`` is a path, or a file object with ``read``, which is called in a thread of ours. Nothing of it has a name
    /// before all has been read. Its bounds are those of :meth:`Images.import_`, and ``progress`` is that of :meth:`put`;
    /// what is waiting in ``read`` just then is waited for. Raises :class:`InvalidArgument` for what is wrong with it, and
    /// nothing has changed then; what ``read`` raises.
    #[pyo3(signature = (archive, to, *, devices=true, max_bytes=None, max_entries=None, max_ratio=None, progress=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn put_archive(
        &self,
        py: Python<'_>,
        archive: Archive,
        to: PathBuf,
        devices: bool,
        max_bytes: Option<u64>,
        max_entries: Option<u64>,
        max_ratio: Option<u64>,
        progress: Option<Callback>,
    ) -> PyResult<Summary> {
        let options = unpack_options(devices, max_bytes, max_entries, max_ratio);
        let raised = Raised::default();
        let result = told(py, progress, Count::Content(None), |heard| {
            let stream = Stream::read(archive, &raised).map_err(cannot("read"))?;
            self.inner.put_archive(stream, &to, &options, heard)
        });
        raised.take().map_or_else(|| result.map(Summary::from), Err)
    }

    /// Writes the file or the tree ``source`` inside as a gzipped tar, whose names begin with its own.
    ///
    /// ``archive`` is the path of a new file, or a file object with ``write``, which is called in a thread of ours. ``level``
    /// is how hard gzip tries, from 1 to 9; with 0 it is a plain tar. ``progress`` is that of :meth:`put`; what was written
    /// until then stays. Raises :class:`NotFound`; what ``write`` raises.
    #[pyo3(signature = (source, archive, *, level=4, progress=None))]
    fn get_archive(
        &self,
        py: Python<'_>,
        source: PathBuf,
        archive: Archive,
        level: u32,
        progress: Option<Callback>,
    ) -> PyResult<Summary> {
        let options = pack_options("overlay", level)?;
        let raised = Raised::default();
        let result = told(py, progress, Count::Content(None), |heard| {
            let stream = Stream::write(archive, &raised).map_err(cannot("write"))?;
            self.inner.get_archive(&source, stream, &options, heard)
        });
        raised.take().map_or_else(|| result.map(Summary::from), Err)
    }
}
