//! What takes its time: it is told to Python how far it is, and what Python raises meanwhile ends it.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use xdocker_core::Progress as Now;

use crate::archive::Progress;
use crate::error::to_python;

/// What the core tells of its progress.
pub(crate) type Heard<'a> = &'a dyn Fn(Now) -> ControlFlow<()>;

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

/// What counts of the progress of something.
#[derive(Clone, Copy)]
pub(crate) enum Count {
    /// Bytes of the archive, of so many.
    Archive(u64),
    /// Bytes of the files, of so many where that is known.
    Content(Option<u64>),
}

impl Count {
    /// What is around the bytes that were counted beforehand is no reason to run past the end.
    fn record(self, now: Now) -> Progress {
        let (done, total) = match self {
            Self::Archive(total) => (now.archive, Some(total)),
            Self::Content(total) => (now.content, total),
        };
        let done = total.map_or(done, |total| done.min(total));
        Progress { done, total, archive: now.archive, content: now.content }
    }
}

/// Does `work` without the GIL. The core calls back in this thread, many times a second whatever it waits for, so a signal
/// is heard as soon; what its handler or `progress` raises ends the work, and is raised when nothing of it is left.
pub(crate) fn told<T: Send>(
    py: Python<'_>,
    progress: Option<Callback>,
    count: Count,
    work: impl FnOnce(Heard<'_>) -> xdocker_core::Result<T> + Send,
) -> PyResult<T> {
    let raised = Mutex::new(None);
    let keep = || raised.lock().unwrap_or_else(PoisonError::into_inner);
    let tell = |now| {
        let told = Python::attach(|py| {
            py.check_signals()?;
            progress.as_ref().map_or(Ok(()), |told| told.0.call1(py, (count.record(now),)).map(drop))
        });
        match told {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                keep().get_or_insert(error);
                ControlFlow::Break(())
            }
        }
    };
    let result = py.detach(|| work(&tell));
    // It goes before what came of it.
    match keep().take() {
        Some(error) => Err(error),
        None => result.map_err(to_python),
    }
}
