//! Images as files: how far an export or import has come, and what Python says of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::error::to_python;
use crate::record::record;

record!(
    /// How far an export or import has come.
    Progress {
        /// Bytes that are through, of ``total``: of the archive for an import, of the files otherwise.
        done: u64,
        /// Bytes that there are; ``None`` where nobody has counted them.
        total: Option<u64>,
        /// Bytes of the archive read or written so far.
        archive: u64,
        /// Bytes of the tar inside it.
        content: u64,
    }
);
record!(
    /// What an export has written.
    Summary {
        /// Entries of the tar, the layer's own directory included.
        entries: u64,
        /// Bytes in its files.
        size: u64,
        /// Bytes of the archive.
        archive: u64,
        /// Sockets, which no archive can hold, left out.
        sockets: u64,
    }
);

impl From<xdocker_core::Summary> for Summary {
    fn from(written: xdocker_core::Summary) -> Self {
        let xdocker_core::Summary { entries, bytes: size, archive, sockets, .. } = written;
        Self { entries, size, archive, sockets }
    }
}

/// Something that can be called.
pub(crate) struct Callback(Py<PyAny>);

impl FromPyObject<'_, '_> for Callback {
    type Error = PyErr;
    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        match object.is_callable() {
            true => Ok(Self(object.to_owned().unbind())),
            false => Err(PyTypeError::new_err("something that can be called is wanted")),
        }
    }
}

/// Tells Python of progress, and keeps what it raises until the core has given up.
pub(crate) struct Report {
    callback: Option<Py<PyAny>>,
    total: Option<u64>,
    raised: Mutex<Option<PyErr>>,
}

impl Report {
    /// Of something that is to go through `total` bytes, if that is known.
    pub(crate) fn new(callback: Option<Callback>, total: impl Into<Option<u64>>) -> Self {
        let total = total.into();
        Self { callback: callback.map(|callback| callback.0), total, raised: Mutex::new(None) }
    }

    /// What is around the bytes that were counted beforehand is no reason to run past the end.
    pub(crate) fn call(&self, done: u64, now: xdocker_core::Progress) -> ControlFlow<()> {
        let told = Python::attach(|py| {
            py.check_signals()?;
            if let Some(callback) = &self.callback {
                let (done, total) = (self.total.map_or(done, |total| done.min(total)), self.total);
                callback
                    .call1(py, (Progress { done, total, archive: now.archive, content: now.content },))?;
            }
            Ok(())
        });
        match told {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.raised.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                ControlFlow::Break(())
            }
        }
    }

    /// Fails once Python has raised something.
    pub(crate) fn check(&self) -> io::Result<()> {
        match *self.raised.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(_) => Err(io::Error::other("it was interrupted")),
            None => Ok(()),
        }
    }

    /// What was raised, if something was.
    pub(crate) fn raised(&self) -> Option<PyErr> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What was raised goes before what came of it.
    pub(crate) fn result<T>(
        &self,
        result: io::Result<xdocker_core::Result<T>>,
        action: &'static str,
        path: &Path,
    ) -> PyResult<T> {
        if let Some(error) = self.raised() {
            return Err(error);
        }
        let file = |source| xdocker_core::Error::File { action, path: path.to_owned(), source };
        result.map_err(file).and_then(|result| result).map_err(to_python)
    }
}

/// A file that fails once Python has raised something.
pub(crate) struct Heard<'a, F> {
    pub(crate) file: F,
    pub(crate) report: &'a Report,
}

impl<F: Read> Read for Heard<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.report.check()?;
        self.file.read(buffer)
    }
}

impl<F: Write> Write for Heard<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.report.check()?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file that gets its name when it is whole, and is gone without it.
pub(crate) struct Draft {
    pub(crate) file: File,
    path: PathBuf,
}

impl Draft {
    /// Beside the `target` that it is to become.
    pub(crate) fn of(target: &Path) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = target.with_file_name(format!(".xdockerimage-{}-{count}", process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Self { file, path })
    }

    /// Brings it to the disk and gives it its name; with `force` in the place of what has it now.
    pub(crate) fn publish(self, target: &Path, force: bool) -> io::Result<()> {
        self.file.sync_all()?;
        match force {
            true => fs::rename(&self.path, target),
            false => fs::hard_link(&self.path, target),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // One that was renamed is not there; of another, what counts has been told already.
        let _ = fs::remove_file(&self.path);
    }
}
