//! What a container has printed.

use std::time::SystemTime;

use pyo3::prelude::*;
use xdocker_core::{Error, LogOptions, LogOrigin};

use super::Container;
use crate::convert::parsed;
use crate::error::to_python;
use crate::logs::{LogLine, Logs, Pattern};
use crate::wait::{deadline, too_late};

#[pymethods]
impl Container {
    /// What its program and its detached runs have printed, as far as it is kept, from this run and from those before.
    ///
    /// With ``follow`` the iterator goes on, and waits, until the container has ended. ``tail`` is how many of the lines
    /// that are there already are wanted; ``since`` is an aware `datetime`, before which lines are left out; ``run`` is the
    /// id of a detached run whose lines alone are wanted. What goes to a caller, as with :meth:`run` and :meth:`popen`, is
    /// not kept. Raises :class:`NotFound`.
    #[pyo3(signature = (*, follow=false, tail=None, since=None, run=None))]
    fn logs(
        &self,
        py: Python<'_>,
        follow: bool,
        tail: Option<usize>,
        since: Option<SystemTime>,
        run: Option<u32>,
    ) -> PyResult<Logs> {
        let mut options = LogOptions::new().follow(follow);
        if let Some(lines) = tail {
            options = options.tail(lines);
        }
        if let Some(time) = since {
            options = options.since(time);
        }
        if let Some(id) = run {
            options = options.origin(LogOrigin::Run(parsed(&id.to_string())?));
        }
        py.detach(|| self.inner.logs(&options)).map(Logs::new).map_err(to_python)
    }

    /// Waits until a line of its log has ``pattern``, and returns that line; one that is there already counts.
    ///
    /// ``pattern`` is a text, bytes, or a compiled pattern of `re`. Raises :class:`Timeout` after ``timeout`` seconds, and
    /// :class:`Conflict` when the container ends without such a line.
    #[pyo3(signature = (pattern, timeout=30.0, *, run=None))]
    fn wait_for_log(
        &self,
        py: Python<'_>,
        pattern: Pattern,
        timeout: f64,
        run: Option<u32>,
    ) -> PyResult<LogLine> {
        let deadline = deadline(Some(timeout))?;
        let logs = self.logs(py, true, None, None, run)?;
        while let Some(line) = logs.next(py, deadline)? {
            if pattern.is_in(py, &line)? {
                return Ok(line);
            }
        }
        let name = self.name();
        match logs.is_over() {
            true => Err(to_python(Error::NotRunning(self.inner.name().clone()))),
            false => Err(too_late(py, format!("container {name} did not print such a line in time"))),
        }
    }
}
