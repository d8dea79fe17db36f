//! Programs that are run to their end, in the manner of `subprocess.run`.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Output};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyString};
use xdocker_core::{Command, Stdio, User};

use crate::convert::option;
use crate::error::{class, invalid, to_python};
use crate::wait::{sliced, too_late};

/// How a process ended: its exit code, or minus the signal that ended it.
pub(crate) fn returncode(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| -status.signal().unwrap_or_default())
}

/// A program as it was given.
pub(crate) enum Arguments {
    /// A line for the shell.
    Line(String),
    /// The program and its arguments.
    List(Vec<OsString>),
}

impl FromPyObject<'_, '_> for Arguments {
    type Error = PyErr;
    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<PyString>() {
            return object.extract().map(Self::Line);
        }
        let arguments: Vec<PathBuf> = object.extract()?;
        Ok(Self::List(arguments.into_iter().map(PathBuf::into_os_string).collect()))
    }
}

/// What a program is, beside its words.
enum What {
    /// They are all.
    Words,
    /// They are a line for the image's shell.
    Line(String),
    /// It is the image's shell itself.
    LoginShell,
}

/// What a program is started with.
pub(crate) struct Program {
    /// The program and its arguments; a line for the shell alone.
    pub(crate) args: Vec<OsString>,
    what: What,
    env: Option<HashMap<OsString, OsString>>,
    workdir: Option<PathBuf>,
    user: Option<User>,
}

impl Program {
    /// Checked as far as it can be without the container.
    pub(crate) fn new(
        args: Arguments,
        shell: bool,
        env: Option<HashMap<OsString, OsString>>,
        workdir: Option<PathBuf>,
        user: Option<&str>,
    ) -> PyResult<Self> {
        let (args, what) = match (args, shell) {
            (Arguments::List(args), false) => (args, What::Words),
            (Arguments::Line(line), true) => (vec![line.clone().into()], What::Line(line)),
            (Arguments::Line(_), false) => {
                return Err(PyTypeError::new_err(
                    "argument 'args': a list is wanted; a line for the shell goes with shell=True",
                ));
            }
            (Arguments::List(_), true) => {
                return Err(PyTypeError::new_err("argument 'args': with shell=True a str is wanted"));
            }
        };
        if args.is_empty() {
            return Err(invalid("args `[]`: the program is missing"));
        }
        Ok(Self { args, what, env, workdir, user: option(user)? })
    }

    /// The image's shell, as one who logs in gets it.
    pub(crate) fn login_shell(
        env: Option<HashMap<OsString, OsString>>,
        workdir: Option<PathBuf>,
        user: Option<&str>,
    ) -> PyResult<Self> {
        Ok(Self {
            args: vec!["login shell".into()],
            what: What::LoginShell,
            env,
            workdir,
            user: option(user)?,
        })
    }

    /// The core's command for it, in `container`.
    pub(crate) fn command(&self, container: &xdocker_core::Container) -> xdocker_core::Result<Command> {
        let mut command = match &self.what {
            What::Line(line) => container.shell(line)?,
            What::LoginShell => container.login_shell()?,
            What::Words => {
                let mut command = container.command(&self.args[0]);
                command.args(&self.args[1..]);
                command
            }
        };
        for (name, value) in self.env.iter().flatten() {
            command.env(name, value);
        }
        if let Some(directory) = &self.workdir {
            command.current_dir(directory);
        }
        if let Some(user) = &self.user {
            command.user(user.clone());
        }
        Ok(command)
    }

    /// What to call it.
    pub(crate) fn name(args: &[OsString]) -> String {
        args.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// Standard input as it was given.
#[derive(FromPyObject)]
pub(crate) enum Input {
    /// As text, for UTF-8.
    Text(String),
    /// As it is.
    Bytes(PyBackedBytes),
}

impl From<Input> for Vec<u8> {
    fn from(input: Input) -> Self {
        match input {
            Input::Text(text) => text.into_bytes(),
            Input::Bytes(bytes) => bytes.to_vec(),
        }
    }
}

/// A program that has been run.
#[pyclass(frozen, get_all, module = "xdocker")]
pub(crate) struct CompletedRun {
    /// The program and its arguments; with ``shell`` the line alone.
    args: Vec<OsString>,
    /// Exit code, or minus the signal that ended it.
    returncode: i32,
    /// What it has printed: bytes, or with ``text`` a str.
    stdout: Py<PyAny>,
    /// What it has printed as errors: bytes, or with ``text`` a str.
    stderr: Py<PyAny>,
}

#[pymethods]
impl CompletedRun {
    /// Raises :class:`CommandFailed` unless it ended with 0.
    fn check_returncode(slf: &Bound<'_, Self>) -> PyResult<()> {
        match slf.get().returncode {
            0 => Ok(()),
            _ => Err(PyErr::from_type(class(slf.py(), "CommandFailed")?, (slf.clone().unbind(),))),
        }
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        crate::record::shown(slf, "CompletedRun", &["args", "returncode", "stdout", "stderr"])
    }
}

/// What was printed, as bytes or text.
fn printed<'py>(py: Python<'py>, bytes: &[u8], text: bool) -> PyResult<Bound<'py, PyAny>> {
    match text {
        true => Ok(PyString::from_bytes(py, bytes)?.into_any()),
        false => Ok(PyBytes::new(py, bytes).into_any()),
    }
}

/// A program that is being run: what an event loop waits for on ``fileno()``.
#[pyclass(frozen, module = "xdocker")]
pub(crate) struct Exchange {
    args: Vec<OsString>,
    text: bool,
    check: bool,
    /// `None` once it is over.
    inner: Mutex<Option<xdocker_core::Exchange>>,
}

impl Exchange {
    /// Starts it.
    pub(crate) fn start(
        py: Python<'_>,
        container: &xdocker_core::Container,
        program: Program,
        input: Option<Input>,
        text: bool,
        check: bool,
    ) -> PyResult<Self> {
        let stdin = if input.is_some() { Stdio::Piped } else { Stdio::Null };
        let input = input.map(Vec::from).unwrap_or_default();
        let start = || {
            let mut command = program.command(container)?;
            command.stdin(stdin).stdout(Stdio::Piped).stderr(Stdio::Piped);
            xdocker_core::Exchange::new(command.spawn()?, input)
        };
        let inner = py.detach(start).map_err(to_python)?;
        Ok(Self { args: program.args, text, check, inner: Mutex::new(Some(inner)) })
    }

    /// Waits for its end.
    pub(crate) fn finish(&self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Py<CompletedRun>> {
        let over = sliced(py, deadline, |slice| {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(exchange) = inner.as_mut() else { return Ok(Some(())) };
            Ok(exchange.advance(Some(Instant::now() + slice))?.then_some(()))
        });
        match over {
            Ok(Some(())) => self.result(py),
            Ok(None) => Err(self.timed_out(py)?),
            Err(error) => {
                self.take(py, true)?;
                Err(error)
            }
        }
    }

    /// Takes what was printed, and with `kill` ends the process.
    fn take(&self, py: Python<'_>, kill: bool) -> PyResult<Output> {
        let taken = self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
        let exchange = taken.ok_or_else(|| invalid("the result has been taken already"))?;
        let end = || -> xdocker_core::Result<Output> {
            if kill {
                exchange.child().kill()?;
                // Not longer: what keeps it now is the kernel's, and the monitor goes on.
                exchange.child().ends_within(crate::wait::SLICE)?;
            }
            Ok(exchange.into_output())
        };
        py.detach(end).map_err(to_python)
    }
}

#[pymethods]
impl Exchange {
    /// A descriptor that is readable when :meth:`advance` has something to do.
    fn fileno(&self) -> PyResult<i32> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let exchange = inner.as_ref().ok_or_else(|| invalid("the result has been taken already"))?;
        Ok(exchange.as_fd().as_raw_fd())
    }

    /// Does what there is to do without waiting; whether all is over.
    fn advance(&self, py: Python<'_>) -> PyResult<bool> {
        py.detach(|| match self.inner.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(exchange) => exchange.advance(Some(Instant::now())),
            None => Ok(true),
        })
        .map_err(to_python)
    }

    /// The result, once all is over.
    fn result(&self, py: Python<'_>) -> PyResult<Py<CompletedRun>> {
        let output = self.take(py, false)?;
        let run = CompletedRun {
            args: self.args.clone(),
            returncode: returncode(output.status),
            stdout: printed(py, &output.stdout, self.text)?.unbind(),
            stderr: printed(py, &output.stderr, self.text)?.unbind(),
        };
        let run = Bound::new(py, run)?;
        if self.check {
            CompletedRun::check_returncode(&run)?;
        }
        Ok(run.unbind())
    }

    /// Kills the process and gives the :class:`Timeout` to raise, with what was printed until then as ``stdout`` and
    /// ``stderr``.
    fn timed_out(&self, py: Python<'_>) -> PyResult<PyErr> {
        let output = self.take(py, true)?;
        let error = too_late(py, format!("{} did not end in time and was killed", Program::name(&self.args)));
        error.value(py).setattr("stdout", PyBytes::new(py, &output.stdout))?;
        error.value(py).setattr("stderr", PyBytes::new(py, &output.stderr))?;
        Ok(error)
    }

    /// Kills the process and forgets it.
    fn abandon(&self, py: Python<'_>) -> PyResult<()> {
        let taken = self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| taken.map_or(Ok(()), |exchange| exchange.child().kill())).map_err(to_python)
    }
}
