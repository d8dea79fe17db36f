//! Waiting from Python: without the GIL, and no deafer to Ctrl-C than a slice of the wait is long.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::error::{class, invalid, to_python};

/// How long we wait before we ask whether there was a signal.
pub(crate) const SLICE: Duration = Duration::from_millis(50);

/// When a wait of so many seconds is over; `None` for one without end.
pub(crate) fn deadline(seconds: Option<f64>) -> PyResult<Option<Instant>> {
    let limit = seconds.map(|seconds| duration("timeout", seconds)).transpose()?;
    Ok(limit.and_then(|limit| Instant::now().checked_add(limit)))
}

/// A number of seconds.
pub(crate) fn duration(what: &str, seconds: f64) -> PyResult<Duration> {
    let duration = Duration::try_from_secs_f64(seconds);
    duration.map_err(|_| invalid(format!("{what} `{seconds}`: not a number of seconds from 0 on")))
}

/// What is raised when `what` did not happen in time.
pub(crate) fn too_late(py: Python<'_>, what: impl Into<String>) -> PyErr {
    match class(py, "Timeout") {
        Ok(class) => PyErr::from_type(class, (what.into(),)),
        Err(error) => error,
    }
}

/// Does `wait` for slices of time until it gives something, `None` when `deadline` comes first.
pub(crate) fn sliced<T: Send>(
    py: Python<'_>,
    deadline: Option<Instant>,
    mut wait: impl FnMut(Duration) -> xdocker_core::Result<Option<T>> + Send,
) -> PyResult<Option<T>> {
    loop {
        let left = deadline.map_or(SLICE, |deadline| deadline.saturating_duration_since(Instant::now()));
        if let Some(value) = py.detach(|| wait(left.min(SLICE))).map_err(to_python)? {
            return Ok(Some(value));
        }
        py.check_signals()?;
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(None);
        }
    }
}

/// Does `work`, which cannot be cut into slices, in a thread of its own while we listen for signals. After one it
/// goes on to its end unheard: nothing is left half done.
pub(crate) fn apart<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> xdocker_core::Result<T> + Send + 'static,
) -> PyResult<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let worker = thread::Builder::new().name("xdocker".into()).spawn(move || {
        // Nobody hears it after a signal.
        let _ = sender.send(work());
    });
    worker.map_err(PyErr::from)?;
    // Only a mutable reference to it may go where the GIL is not.
    let mut receiver = receiver;
    loop {
        let receiver = &mut receiver;
        match py.detach(move || receiver.recv_timeout(SLICE)) {
            Ok(result) => return result.map_err(to_python),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(PyRuntimeError::new_err("the thread that did it has panicked"));
            }
        }
    }
}
