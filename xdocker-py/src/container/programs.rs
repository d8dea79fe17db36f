//! Programs in a container.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

use pyo3::prelude::*;
use xdocker_core::WindowSize;

use super::Container;
use crate::convert::parsed;
use crate::error::{invalid, to_python};
use crate::process::Process;
use crate::run::{Arguments, CompletedRun, Exchange, Input, Program};
use crate::runs::{DetachedRun, RunInfo};
use crate::wait::{deadline, duration};

#[pymethods]
impl Container {
    /// Runs a program in it to its end, in the manner of ``subprocess.run``.
    ///
    /// ``args`` are the program and its arguments; with ``shell`` they are a line for the image's shell. After
    /// ``timeout`` seconds the program is killed and :class:`Timeout` raised. Without ``input`` it reads
    /// ``/dev/null``. ``text`` decodes the outputs as UTF-8; ``check`` raises :class:`CommandFailed` unless it ends
    /// with 0. Its environment has ``PATH``, ``HOME`` and ``env``; ``workdir`` is an absolute path inside, ``/``
    /// otherwise; ``user`` is a name or number of the image's, such as ``"www"`` or ``"33:33"``, root otherwise.
    /// Raises :class:`NotFound` for a program that is not there, :class:`PermissionDenied` for one that may not be
    /// executed, :class:`Conflict` when the container does not run.
    #[pyo3(signature = (args, *, shell=false, timeout=None, input=None, text=false, check=false, env=None,
                        workdir=None, user=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn run(
        &self,
        py: Python<'_>,
        args: Arguments,
        shell: bool,
        timeout: Option<f64>,
        input: Option<Input>,
        text: bool,
        check: bool,
        env: Option<HashMap<OsString, OsString>>,
        workdir: Option<PathBuf>,
        user: Option<&str>,
    ) -> PyResult<Py<CompletedRun>> {
        let deadline = deadline(timeout)?;
        let program = Program::new(args, shell, env, workdir, user)?;
        Exchange::start(py, &self.inner, program, input, text, check)?.finish(py, deadline)
    }

    /// Starts what :meth:`run` does and returns at once: for event loops.
    #[pyo3(signature = (args, *, shell=false, input=None, text=false, check=false, env=None, workdir=None, user=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn start_run(
        &self,
        py: Python<'_>,
        args: Arguments,
        shell: bool,
        input: Option<Input>,
        text: bool,
        check: bool,
        env: Option<HashMap<OsString, OsString>>,
        workdir: Option<PathBuf>,
        user: Option<&str>,
    ) -> PyResult<Exchange> {
        let program = Program::new(args, shell, env, workdir, user)?;
        Exchange::start(py, &self.inner, program, input, text, check)
    }

    /// Starts a program in it, in the manner of ``subprocess.Popen``.
    ///
    /// A standard stream is ``PIPE``, ``DEVNULL``, an open file or its descriptor, or ``None`` for ours; ``stderr`` may be
    /// ``STDOUT``. With ``pty`` the program gets a terminal of its own of that many rows and columns instead. After
    /// ``timeout`` seconds it gets SIGTERM and, two seconds later, SIGKILL, whatever has become of us, and
    /// :meth:`Process.wait` raises :class:`Timeout`. The rest is as for :meth:`run`.
    #[pyo3(signature = (args, *, shell=false, stdin=None, stdout=None, stderr=None, pty=false, rows=24, columns=80,
                        text=false, timeout=None, env=None, workdir=None, user=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn popen(
        &self,
        py: Python<'_>,
        args: Arguments,
        shell: bool,
        stdin: Option<Bound<'_, PyAny>>,
        stdout: Option<Bound<'_, PyAny>>,
        stderr: Option<Bound<'_, PyAny>>,
        pty: bool,
        rows: u16,
        columns: u16,
        text: bool,
        timeout: Option<f64>,
        env: Option<HashMap<OsString, OsString>>,
        workdir: Option<PathBuf>,
        user: Option<&str>,
    ) -> PyResult<Process> {
        if pty && (stdin.is_some() || stdout.is_some() || stderr.is_some()) {
            return Err(invalid("pty `True`: its terminal takes the place of stdin, stdout and stderr"));
        }
        let size = pty.then_some(WindowSize { rows, columns });
        let program = Program::new(args, shell, env, workdir, user)?;
        let limit = timeout.map(|seconds| duration("timeout", seconds)).transpose()?;
        Process::start(py, &self.inner, program, [stdin, stdout, stderr], text, size, limit)
    }

    /// Starts the image's shell as one who logs in has it, on a terminal of its own: bash where there is one, else sh.
    ///
    /// It is in ``/root`` unless ``workdir`` says otherwise. The rest is as for :meth:`popen` with ``pty``.
    #[pyo3(signature = (*, rows=24, columns=80, text=false, timeout=None, env=None, workdir=None, user=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn login_shell(
        &self,
        py: Python<'_>,
        rows: u16,
        columns: u16,
        text: bool,
        timeout: Option<f64>,
        env: Option<HashMap<OsString, OsString>>,
        workdir: Option<PathBuf>,
        user: Option<&str>,
    ) -> PyResult<Process> {
        let program = Program::login_shell(env, workdir, user)?;
        let limit = timeout.map(|seconds| duration("timeout", seconds)).transpose()?;
        let terminal = Some(WindowSize { rows, columns });
        Process::start(py, &self.inner, program, [None, None, None], text, terminal, limit)
    }

    /// Starts a program such that it needs nobody: it goes on when our process ends, and ends with its container.
    ///
    /// It reads nothing, and what it prints is kept in the container's log. After ``timeout`` seconds it gets SIGTERM and,
    /// two seconds later, SIGKILL. The rest, and what is raised, is as for :meth:`run`.
    #[pyo3(signature = (args, *, shell=false, timeout=None, env=None, workdir=None, user=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn run_detached(
        &self,
        py: Python<'_>,
        args: Arguments,
        shell: bool,
        timeout: Option<f64>,
        env: Option<HashMap<OsString, OsString>>,
        workdir: Option<PathBuf>,
        user: Option<&str>,
    ) -> PyResult<DetachedRun> {
        let program = Program::new(args, shell, env, workdir, user)?;
        let limit = timeout.map(|seconds| duration("timeout", seconds)).transpose()?;
        let start = || {
            let mut command = program.command(&self.inner)?;
            if let Some(limit) = limit {
                command.timeout(limit);
            }
            command.spawn_detached()
        };
        py.detach(start).map(DetachedRun).map_err(to_python)
    }

    /// The detached run of that id, in this run of the container or an earlier one. Raises :class:`NotFound`.
    fn detached_run(&self, py: Python<'_>, id: u32) -> PyResult<DetachedRun> {
        let id = parsed(&id.to_string())?;
        py.detach(|| self.inner.detached_run(id)).map(DetachedRun).map_err(to_python)
    }

    /// The detached runs that are known, the oldest first: those that run, and of the others the last ones, 1024 in all.
    fn detached_runs(&self, py: Python<'_>) -> PyResult<Vec<RunInfo>> {
        let runs = py.detach(|| self.inner.detached_runs()).map_err(to_python)?;
        Ok(runs.into_iter().map(RunInfo::from).collect())
    }
}
