//! Programs that are talked with, in the manner of `subprocess.Popen`.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use xdocker_core::{Child, Stdio, Terminal, WindowSize};

use crate::convert;
use crate::error::{invalid, to_python};
use crate::run::{Program, returncode};
use crate::wait::{deadline, sliced, too_late};

/// A new pipe, as in `subprocess`.
pub(crate) const PIPE: i32 = -1;
/// For standard error: where standard output leads, as in `subprocess`.
pub(crate) const STDOUT: i32 = -2;
/// `/dev/null`, as in `subprocess`.
pub(crate) const DEVNULL: i32 = -3;

/// A process in a container.
///
/// It gets SIGHUP, and SIGKILL two seconds later, when this object goes before it has ended.
#[pyclass(frozen, module = "xdocker")]
pub(crate) struct Process {
    /// The program and its arguments; with ``shell`` the line alone.
    #[pyo3(get)]
    args: Vec<OsString>,
    /// The process in the host's PID namespace.
    #[pyo3(get)]
    pid: u32,
    /// A file to write its standard input to, if that is a pipe; with a pty, its terminal for reading and writing.
    #[pyo3(get)]
    stdin: Option<Py<PyAny>>,
    /// A file to read its standard output from, if that is a pipe; with a pty, its terminal.
    #[pyo3(get)]
    stdout: Option<Py<PyAny>>,
    /// A file to read its standard error from, if that is a pipe.
    #[pyo3(get)]
    stderr: Option<Py<PyAny>>,
    child: RwLock<Child>,
    terminal: Option<Terminal>,
}

impl Process {
    /// Starts it with three standard streams of `PIPE`, `DEVNULL`, a file, or `None` for ours.
    pub(crate) fn start(
        py: Python<'_>,
        container: &xdocker_core::Container,
        program: Program,
        streams: [Option<Bound<'_, PyAny>>; 3],
        text: bool,
        terminal: Option<WindowSize>,
        limit: Option<Duration>,
    ) -> PyResult<Self> {
        let [stdin, stdout, stderr] = streams.map(stdio);
        let (stdin, stdout, stderr) = (stdin?, stdout?, stderr?);
        let start = || {
            let mut command = program.command(container)?;
            command.stdin(stdin).stdout(stdout).stderr(stderr);
            if let Some(size) = terminal {
                command.terminal(size);
            }
            if let Some(limit) = limit {
                command.timeout(limit);
            }
            command.spawn()
        };
        let mut child = py.detach(start).map_err(to_python)?;
        let terminal = child.terminal.take();
        let open = |pipe: Option<File>, mode| pipe.map(|pipe| stream(py, pipe, mode, text)).transpose();
        let (stdin, stdout) = match &terminal {
            None => (open(child.stdin.take(), "w")?, open(child.stdout.take(), "r")?),
            Some(terminal) => {
                let copy = || terminal.file().try_clone().map(Some);
                (open(copy()?, "w")?, open(copy()?, "r")?)
            }
        };
        let stderr = open(child.stderr.take(), "r")?;
        Ok(Self {
            args: program.args,
            pid: child.id(),
            stdin,
            stdout,
            stderr,
            child: RwLock::new(child),
            terminal,
        })
    }
}

#[pymethods]
impl Process {
    /// Exit code, or minus the signal that ended it; ``None`` while it runs.
    fn poll(&self, py: Python<'_>) -> PyResult<Option<i32>> {
        self.ended(py, Some(0.0))
    }

    /// Waits for its end: exit code, or minus the signal that ended it.
    ///
    /// Raises :class:`Timeout` after ``timeout`` seconds, and the process runs on then; or when it was ended because the
    /// time that :meth:`Container.popen` gave it was up.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<i32> {
        match self.ended(py, timeout)? {
            Some(code) => Ok(code),
            None => Err(too_late(py, format!("{} did not end in time", Program::name(&self.args)))),
        }
    }

    /// A descriptor that is readable when the process has ended.
    fn fileno(&self) -> i32 {
        self.child.read().unwrap_or_else(PoisonError::into_inner).as_fd().as_raw_fd()
    }

    /// Sends a signal to its process group. One that has ended is no error.
    fn send_signal(&self, py: Python<'_>, signal: i32) -> PyResult<()> {
        let signal = convert::signal(signal)?;
        let signal = || self.child.read().unwrap_or_else(PoisonError::into_inner).signal(signal);
        py.detach(signal).map_err(to_python)
    }

    /// Sends it SIGTERM.
    fn terminate(&self, py: Python<'_>) -> PyResult<()> {
        self.send_signal(py, 15)
    }

    /// Sends it SIGKILL.
    fn kill(&self, py: Python<'_>) -> PyResult<()> {
        self.send_signal(py, 9)
    }

    /// Gives its terminal another size. Raises :class:`InvalidArgument` when it has none.
    fn resize(&self, rows: u16, columns: u16) -> PyResult<()> {
        let terminal = self.terminal.as_ref().ok_or_else(|| invalid("pty `False`: it has no terminal"))?;
        terminal.resize(WindowSize { rows, columns }).map_err(to_python)
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Closes its streams and waits for its end; kills it first after an exception.
    #[pyo3(signature = (kind, _value, _traceback))]
    fn __exit__(
        &self,
        py: Python<'_>,
        kind: Option<Bound<'_, PyAny>>,
        _value: Option<Bound<'_, PyAny>>,
        _traceback: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if kind.is_some() {
            self.kill(py)?;
        }
        for file in [&self.stdin, &self.stdout, &self.stderr].into_iter().flatten() {
            file.call_method0(py, "close")?;
        }
        self.wait(py, None).map(drop)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        crate::record::shown(slf, "Process", &["args", "pid"])
    }
}

impl Process {
    /// Its code once it has ended, for which we wait so many seconds.
    fn ended(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<i32>> {
        sliced(py, deadline(timeout)?, |slice| {
            // Signals of other threads pass meanwhile; nobody else reads the status.
            if !self.child.read().unwrap_or_else(PoisonError::into_inner).ends_within(slice)? {
                return Ok(None);
            }
            Ok(self.child.write().unwrap_or_else(PoisonError::into_inner).try_wait()?.map(returncode))
        })
    }
}

/// What a standard stream is to be.
fn stdio(stream: Option<Bound<'_, PyAny>>) -> PyResult<Stdio> {
    let Some(stream) = stream else { return Ok(Stdio::Inherit) };
    let number = match stream.extract::<i32>() {
        Ok(PIPE) => return Ok(Stdio::Piped),
        Ok(STDOUT) => return Ok(Stdio::Output),
        Ok(DEVNULL) => return Ok(Stdio::Null),
        Ok(number) => number,
        Err(_) if stream.hasattr("fileno")? => stream.call_method0("fileno")?.extract()?,
        Err(_) => {
            let wrong = "a standard stream is PIPE, DEVNULL, an open file, its descriptor, or None";
            return Err(PyTypeError::new_err(wrong));
        }
    };
    Stdio::copy_of(number).map_err(to_python)
}

/// A file object of Python's, which owns `file` from here on.
fn stream(py: Python<'_>, file: File, mode: &str, text: bool) -> PyResult<Py<PyAny>> {
    let mode = if text { mode.to_owned() } else { format!("{mode}b") };
    let encoding = text.then_some("utf-8");
    let buffering = if text || mode == "rb" { -1 } else { 0 };
    let io = py.import("io")?;
    Ok(io.call_method1("open", (file.into_raw_fd(), mode, buffering, encoding))?.unbind())
}
