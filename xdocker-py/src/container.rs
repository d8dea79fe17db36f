//! One container.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pyo3::prelude::*;
use xdocker_core::{Boot, ContainerSpec, Engine, Ephemeral, Error, Root, WindowSize};

use crate::containers::{Limits, boot};
use crate::convert::{Amount, parsed};
use crate::error::{invalid, to_python};
use crate::info::{ContainerInfo, word};
use crate::process::Process;
use crate::run::{CompletedRun, Exchange, Input, Program};
use crate::stats::Stats;
use crate::wait::{apart, deadline, duration};

/// What ties a container to the process that made it. A fork of that process does not own it.
struct Bond {
    owner: u32,
    /// The run that ends with us. Before the container, which cannot go while it runs.
    root: Option<Root>,
    ephemeral: Option<Ephemeral>,
}

impl Drop for Bond {
    fn drop(&mut self) {
        if self.owner != process::id() {
            // What ends the container is the owner's to do.
            std::mem::forget((self.root.take(), self.ephemeral.take()));
        }
    }
}

/// A container.
#[pyclass(frozen, module = "xdocker", weakref)]
pub(crate) struct Container {
    inner: xdocker_core::Container,
    bond: Mutex<Bond>,
}

impl Container {
    fn new(inner: xdocker_core::Container, ephemeral: Option<Ephemeral>) -> Self {
        Self { inner, bond: Mutex::new(Bond { owner: process::id(), root: None, ephemeral }) }
    }

    /// One that stays.
    pub(crate) fn detached(inner: xdocker_core::Container) -> Self {
        Self::new(inner, None)
    }

    /// One that goes with us.
    pub(crate) fn bound(ephemeral: Ephemeral) -> Self {
        Self::new((*ephemeral).clone(), Some(ephemeral))
    }

    /// One that goes with us, running.
    pub(crate) fn booted(engine: &Engine, spec: &ContainerSpec, boot: &Boot) -> xdocker_core::Result<Self> {
        let container = Self::bound(engine.create_ephemeral(spec)?);
        container.start(boot)?;
        Ok(container)
    }

    fn bond(&self) -> MutexGuard<'_, Bond> {
        self.bond.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Boots it, bound to us if it is.
    fn start(&self, boot: &Boot) -> xdocker_core::Result<()> {
        let mut bond = self.bond();
        if bond.ephemeral.is_none() {
            return self.inner.boot(boot);
        }
        let null = OpenOptions::new().read(true).write(true).open("/dev/null");
        let null = null.map_err(|source| Error::File { action: "open", path: "/dev/null".into(), source })?;
        let null = OwnedFd::from(null);
        bond.root = Some(self.inner.boot_bound(boot, [&null, &null, &null])?);
        Ok(())
    }

    /// Ends and deletes it. One of another process is left to that.
    fn end(&self, force: bool) -> xdocker_core::Result<()> {
        let mut bond = self.bond();
        match bond.ephemeral.take() {
            None => self.inner.destroy(force),
            Some(ephemeral) if bond.owner == process::id() => {
                drop(bond.root.take());
                ephemeral.close()
            }
            Some(ephemeral) => {
                bond.ephemeral = Some(ephemeral);
                Err(Error::Busy(format!("container {}, which is another process's,", self.inner.name())))
            }
        }
    }
}

#[pymethods]
impl Container {
    /// Its name.
    #[getter]
    fn name(&self) -> String {
        self.inner.name().to_string()
    }

    /// Where its root appears on the host while it runs.
    #[getter]
    fn root(&self) -> PathBuf {
        self.inner.root()
    }

    /// `stopped`, `starting`, `running` or `broken`.
    #[getter]
    fn state(&self, py: Python<'_>) -> PyResult<&'static str> {
        py.detach(|| self.inner.state()).map(word).map_err(to_python)
    }

    /// All that is known of it at this moment.
    fn info(&self, py: Python<'_>) -> PyResult<ContainerInfo> {
        py.detach(|| self.inner.info()).map(ContainerInfo::from).map_err(to_python)
    }

    /// What it uses now, and has used since it was booted.
    fn stats(&self, py: Python<'_>) -> PyResult<Stats> {
        py.detach(|| self.inner.stats()).map(Stats::from).map_err(to_python)
    }

    /// Changes limits: at once if it runs, and for every boot from now on.
    #[pyo3(signature = (*, cpus=None, cpu_quota=None, cpu_weight=None, memory=None, memory_reservation=None,
                        pids=None, io_weight=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn limit(
        &self,
        py: Python<'_>,
        cpus: Option<Amount>,
        cpu_quota: Option<String>,
        cpu_weight: Option<Amount>,
        memory: Option<Amount>,
        memory_reservation: Option<Amount>,
        pids: Option<Amount>,
        io_weight: Option<Amount>,
    ) -> PyResult<()> {
        let limits = Limits { cpus, cpu_quota, cpu_weight, memory, memory_reservation, pids, io_weight };
        let changes = limits.resources()?;
        py.detach(|| self.inner.limit(&changes)).map_err(to_python)
    }

    /// Boots it, with `command` as PID 1 if there is one.
    #[pyo3(signature = (command=None, *, env=None, cwd=None))]
    fn boot(
        &self,
        py: Python<'_>,
        command: Option<Vec<PathBuf>>,
        env: Option<HashMap<String, String>>,
        cwd: Option<PathBuf>,
    ) -> PyResult<()> {
        let boot = boot(command, env, cwd)?;
        py.detach(|| self.start(&boot)).map_err(to_python)
    }

    /// Runs a program in it to its end.
    #[pyo3(signature = (args, *, timeout=None, input=None, text=false, check=false, env=None, cwd=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn run(
        &self,
        py: Python<'_>,
        args: Vec<PathBuf>,
        timeout: Option<f64>,
        input: Option<Input>,
        text: bool,
        check: bool,
        env: Option<HashMap<String, String>>,
        cwd: Option<PathBuf>,
    ) -> PyResult<Py<CompletedRun>> {
        let deadline: Option<Instant> = deadline(timeout)?;
        Exchange::start(py, &self.inner, Program { args, env, cwd }, input, text, check)?.finish(py, deadline)
    }

    /// Starts what `run` does and returns at once: for event loops.
    #[pyo3(signature = (args, *, input=None, text=false, check=false, env=None, cwd=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn start_run(
        &self,
        py: Python<'_>,
        args: Vec<PathBuf>,
        input: Option<Input>,
        text: bool,
        check: bool,
        env: Option<HashMap<String, String>>,
        cwd: Option<PathBuf>,
    ) -> PyResult<Exchange> {
        Exchange::start(py, &self.inner, Program { args, env, cwd }, input, text, check)
    }

    /// Starts a program in it. Standard streams are `PIPE`, `DEVNULL`, a file, or `None` for ours.
    #[pyo3(signature = (args, *, stdin=None, stdout=None, stderr=None, pty=false, rows=24, columns=80, text=false,
                        env=None, cwd=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn popen(
        &self,
        py: Python<'_>,
        args: Vec<PathBuf>,
        stdin: Option<Bound<'_, PyAny>>,
        stdout: Option<Bound<'_, PyAny>>,
        stderr: Option<Bound<'_, PyAny>>,
        pty: bool,
        rows: u16,
        columns: u16,
        text: bool,
        env: Option<HashMap<String, String>>,
        cwd: Option<PathBuf>,
    ) -> PyResult<Process> {
        if pty && (stdin.is_some() || stdout.is_some() || stderr.is_some()) {
            return Err(invalid("pty `True`: its terminal takes the place of stdin, stdout and stderr"));
        }
        let size = pty.then_some(WindowSize { rows, columns });
        let program = Program { args, env, cwd };
        Process::start(py, &self.inner, program, [stdin, stdout, stderr], text, size)
    }

    /// Asks it to end, and kills what has not after so many seconds.
    #[pyo3(signature = (timeout=10.0))]
    fn shutdown(&self, py: Python<'_>, timeout: f64) -> PyResult<()> {
        let (container, patience) = (self.inner.clone(), duration("timeout", timeout)?);
        apart(py, move || container.shutdown(patience))
    }

    /// Kills all that runs in it.
    fn kill(&self, py: Python<'_>) -> PyResult<()> {
        let container = self.inner.clone();
        apart(py, move || container.kill())
    }

    /// Sends a signal to its root process.
    fn send_signal(&self, py: Python<'_>, signal: i32) -> PyResult<()> {
        py.detach(|| self.inner.signal(signal)).map_err(to_python)
    }

    /// Deletes it and all that it has written; with `force` it is killed first if it runs.
    #[pyo3(signature = (*, force=false))]
    fn destroy(&self, py: Python<'_>, force: bool) -> PyResult<()> {
        py.detach(|| self.end(force)).map_err(to_python)
    }

    /// Makes it the image `name`, `NAME` or `NAME:VERSION`, in constant time: there is no such container any more.
    fn to_image(&self, py: Python<'_>, name: &str) -> PyResult<String> {
        let wanted: xdocker_core::ImageRef = parsed(name)?;
        let convert = || self.inner.clone().into_image(wanted.name, wanted.version);
        py.detach(convert).map(|id| id.to_string()).map_err(to_python)
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// One that goes with us goes now; another stays as it is.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> PyResult<()> {
        let close = || {
            let bound = self.bond().ephemeral.is_some();
            if bound { self.end(true) } else { Ok(()) }
        };
        py.detach(close).map_err(to_python)
    }

    fn __repr__(&self) -> String {
        format!("Container('{}')", self.inner.name())
    }
}
