//! What containers have printed.

use std::os::fd::AsRawFd;
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use xdocker_core::{LogEntry, LogOrigin, LogStream};

use crate::error::{invalid, to_python};
use crate::record::record;
use crate::wait::sliced;

record!(
    /// A line that was printed, or a gap. ``str(line)`` is its text, without the new line.
    LogLine {
        /// When its first byte came, as an aware `datetime`.
        time: SystemTime,
        /// Where it was printed: ``stdout`` or ``stderr``; ``lost`` for a gap.
        stream: &'static str,
        /// The id of the detached run that has printed it; ``None`` for the container's own program.
        run: Option<u32>,
        /// The bytes, whatever they are, with the new line at their end if there was one; empty for a gap.
        data: Vec<u8>,
        /// Of a gap: how many bytes could not be kept, because the disk was full for example; ``None`` if that is unknown.
        lost: Option<u64>,
    }
);

impl From<LogEntry> for LogLine {
    fn from(entry: LogEntry) -> Self {
        match entry {
            LogEntry::Line(line) => Self {
                time: line.time,
                stream: match line.stream {
                    LogStream::Stdout => "stdout",
                    LogStream::Stderr => "stderr",
                },
                run: match line.origin {
                    LogOrigin::Run(id) => Some(id.get()),
                    _ => None,
                },
                data: line.bytes,
                lost: None,
            },
            LogEntry::Lost { time, bytes } => {
                Self { time, stream: "lost", run: None, data: Vec::new(), lost: bytes }
            }
            _ => Self { time: SystemTime::now(), stream: "lost", run: None, data: Vec::new(), lost: None },
        }
    }
}

#[pymethods]
impl LogLine {
    fn __str__(&self) -> String {
        let line = self.data.strip_suffix(b"\n").unwrap_or(&self.data);
        String::from_utf8_lossy(line).into_owned()
    }
}

/// Lines that were printed, in the order in which they ended: an iterator of :class:`LogLine`.
///
/// One that follows waits for more, and ends with its container.
#[pyclass(frozen, module = "xdocker")]
pub(crate) struct Logs(Mutex<xdocker_core::Logs>);

impl Logs {
    pub(crate) fn new(logs: xdocker_core::Logs) -> Self {
        Self(Mutex::new(logs))
    }

    /// The next line; `None` when nothing more can come, or `deadline` has passed.
    pub(crate) fn next(&self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<LogLine>> {
        let next = sliced(py, deadline, |slice| {
            let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match logs.try_next()? {
                Some(entry) => return Ok(Some(Some(entry))),
                None if logs.is_over() => return Ok(Some(None)),
                None => logs.wait_within(slice)?,
            }
            Ok(None)
        })?;
        Ok(next.flatten().map(LogLine::from))
    }
}

#[pymethods]
impl Logs {
    /// What is there already, the next line of it; ``None`` when for the moment, or for ever, there is nothing more.
    fn next_now(&self, py: Python<'_>) -> PyResult<Option<LogLine>> {
        let next = || self.0.lock().unwrap_or_else(PoisonError::into_inner).try_next();
        Ok(py.detach(next).map_err(to_python)?.map(LogLine::from))
    }

    /// Whether nothing more can come.
    #[getter]
    pub(crate) fn is_over(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_over()
    }

    /// A descriptor that is readable when :meth:`next_now`, which has returned ``None``, may have something.
    ///
    /// Raises :class:`InvalidArgument` for one that does not follow.
    fn fileno(&self) -> PyResult<i32> {
        let logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fd = logs.poll_fd().ok_or_else(|| invalid("follow `False`: nothing more will come"))?;
        Ok(fd.as_raw_fd())
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<LogLine>> {
        self.next(py, None)
    }
}

/// What a line is looked for by: a text or bytes that it holds, or a compiled pattern of `re`.
pub(crate) struct Pattern(Py<PyAny>);

impl FromPyObject<'_, '_> for Pattern {
    type Error = PyErr;
    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let known = object.is_instance_of::<PyString>()
            || object.is_instance_of::<PyBytes>()
            || object.hasattr("search")?;
        match known {
            true => Ok(Self(object.to_owned().unbind())),
            false => Err(PyTypeError::new_err("a text, bytes or a pattern of re is wanted")),
        }
    }
}

impl Pattern {
    /// Whether the line has it. A pattern of texts is looked for in the line's text.
    pub(crate) fn is_in(&self, py: Python<'_>, line: &LogLine) -> PyResult<bool> {
        let pattern = self.0.bind(py);
        let text = || String::from_utf8_lossy(&line.data).into_owned();
        let data = || PyBytes::new(py, &line.data);
        if pattern.is_instance_of::<PyString>() {
            return Ok(text().contains(&pattern.extract::<String>()?));
        }
        if pattern.is_instance_of::<PyBytes>() {
            return data().contains(pattern);
        }
        let found = match pattern.getattr("pattern")?.is_instance_of::<PyString>() {
            true => pattern.call_method1("search", (text(),))?,
            false => pattern.call_method1("search", (data(),))?,
        };
        Ok(!found.is_none())
    }
}
