//! What happens to the containers of a home.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use pyo3::prelude::*;
use xdocker_core::EventKind;

use crate::error::to_python;
use crate::info::Exit;
use crate::record::record;
use crate::wait::sliced;

record!(
    /// Something that has happened to a container.
    ///
    /// Of one container they come in this order: ``created``, then any number of times ``booted`` and ``ended``, then
    /// ``destroyed``.
    Event {
        /// When, as an aware `datetime`; of what left no record, when it was seen.
        time: SystemTime,
        /// Name of the container.
        container: String,
        /// ``created``, ``booted``, ``ended`` or ``destroyed``; becoming a container or an image counts, too.
        kind: &'static str,
        /// Of ``booted``: its root process on the host, unless it had ended before we looked.
        pid: Option<u32>,
        /// Of ``ended``: how, if there is still a record of it.
        exit: Option<Exit>,
    }
);

impl From<xdocker_core::Event> for Event {
    fn from(event: xdocker_core::Event) -> Self {
        let (kind, pid, exit) = match event.kind {
            EventKind::Created => ("created", None, None),
            EventKind::Booted { pid } => ("booted", pid, None),
            EventKind::Ended { exit } => ("ended", None, exit.map(Exit::from)),
            _ => ("destroyed", None, None),
        };
        Self { time: event.time, container: event.container.to_string(), kind, pid, exit }
    }
}

/// What happens to the containers of a home from the call on, whoever does it: an iterator that waits for the next
/// :class:`Event`, and has no end.
///
/// It is for who goes on reading: of what came and went between two looks it may tell less.
#[pyclass(frozen, module = "xdocker")]
pub(crate) struct Events(pub(crate) Mutex<xdocker_core::Events>);

impl Events {
    fn within(&self, limit: Duration) -> xdocker_core::Result<Option<Event>> {
        let event = self.0.lock().unwrap_or_else(PoisonError::into_inner).next_timeout(limit)?;
        Ok(event.map(Event::from))
    }
}

#[pymethods]
impl Events {
    /// The next one of those that are there already; ``None`` when there is none for the moment.
    fn next_now(&self, py: Python<'_>) -> PyResult<Option<Event>> {
        py.detach(|| self.within(Duration::ZERO)).map_err(to_python)
    }

    /// A descriptor that is readable when :meth:`next_now`, which has returned ``None``, may have something.
    fn fileno(&self) -> i32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_fd().as_raw_fd()
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Event>> {
        sliced(py, None, |slice| self.within(slice))
    }
}
