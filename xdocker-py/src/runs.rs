//! Detached runs: programs in a container that need nobody.

use std::ffi::OsString;
use std::time::SystemTime;

use pyo3::prelude::*;
use xdocker_core::RunState;

use crate::error::to_python;
use crate::record::record;
use crate::run::returncode;
use crate::wait::{deadline, sliced, too_late};

record!(
    /// A detached run as it is at a moment.
    RunInfo {
        /// Its id, unique in its container.
        id: u32,
        /// The program and its arguments; of a long command line only the beginning.
        command: Vec<OsString>,
        /// When it was started, as an aware `datetime`.
        started: SystemTime,
        /// ``running``, ``ended``, or ``lost`` when nobody saw how it ended.
        state: &'static str,
        /// Its process on the host, while it runs.
        pid: Option<u32>,
        /// How it ended: exit code, or minus the signal that ended it; ``None`` while it runs, and when nobody saw it.
        returncode: Option<i32>,
        /// When it ended, as an aware `datetime`; ``None`` while it runs, and when nobody saw it.
        ended: Option<SystemTime>,
        /// Whether it was ended because its time was up.
        timed_out: bool,
    }
);

impl From<xdocker_core::RunInfo> for RunInfo {
    fn from(info: xdocker_core::RunInfo) -> Self {
        let mut record = Self {
            id: info.id.get(),
            command: info.command,
            started: info.started,
            state: "lost",
            pid: None,
            returncode: None,
            ended: None,
            timed_out: false,
        };
        match info.state {
            RunState::Running { pid } => {
                record.state = "running";
                record.pid = Some(pid);
            }
            RunState::Ended { status, time, timed_out } => {
                record.state = "ended";
                record.returncode = Some(returncode(status));
                record.ended = Some(time);
                record.timed_out = timed_out;
            }
            _ => {}
        }
        record
    }
}

/// A detached run. It goes on when this object goes, and when our process ends; its container can be asked for it by id.
#[pyclass(frozen, module = "xdocker")]
pub(crate) struct DetachedRun(pub(crate) xdocker_core::DetachedRun);

#[pymethods]
impl DetachedRun {
    /// Its id, unique in its container.
    #[getter]
    fn id(&self) -> u32 {
        self.0.id().get()
    }

    /// What is known of it. The last 1024 runs of a container are, and those that run. Raises :class:`NotFound`.
    fn info(&self, py: Python<'_>) -> PyResult<RunInfo> {
        py.detach(|| self.0.info()).map(RunInfo::from).map_err(to_python)
    }

    /// Waits for its end, and says how it ended. Raises :class:`Timeout` after ``timeout`` seconds; it runs on then.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<RunInfo> {
        let ended = sliced(py, deadline(timeout)?, |slice| self.0.wait_timeout(slice))?;
        ended
            .map(RunInfo::from)
            .ok_or_else(|| too_late(py, format!("detached run {} did not end in time", self.id())))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        crate::record::shown(slf, "DetachedRun", &["id"])
    }
}
