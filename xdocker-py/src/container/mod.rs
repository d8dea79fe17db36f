//! One container: its life, and what can be seen of it.

mod changes;
mod files;
mod logs;
mod network;
mod programs;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use xdocker_core::{Boot, ContainerSpec, Engine, Ephemeral};

use crate::bond::Bond;
use crate::convert::{self, Amount, parsed};
use crate::error::{class, to_python};
use crate::images::Image;
use crate::info::{ContainerInfo, Exit, word};
use crate::keywords::Keywords;
use crate::limits::LimitKeywords;
use crate::options::boot;
use crate::stats::Stats;
use crate::top::ProcessInfo;
use crate::wait::{apart, deadline, duration, sliced, too_late};
use crate::watch::Watch;

/// A container. One of :meth:`Containers.run` goes with its ``with`` block, with this object and with our process.
#[pyclass(frozen, module = "xdocker", weakref)]
pub(crate) struct Container {
    engine: Engine,
    inner: xdocker_core::Container,
    bond: Arc<Bond>,
}

impl Container {
    fn new(engine: &Engine, inner: xdocker_core::Container, ephemeral: Option<Ephemeral>) -> Self {
        Self { engine: engine.clone(), inner, bond: Bond::new(ephemeral) }
    }

    /// One that stays.
    pub(crate) fn detached(engine: &Engine, inner: xdocker_core::Container) -> Self {
        Self::new(engine, inner, None)
    }

    /// One that goes with us.
    pub(crate) fn bound(engine: &Engine, ephemeral: Ephemeral) -> Self {
        Self::new(engine, (*ephemeral).clone(), Some(ephemeral))
    }

    /// One that goes with us, running.
    pub(crate) fn booted(engine: &Engine, spec: &ContainerSpec, boot: &Boot) -> xdocker_core::Result<Self> {
        let container = Self::bound(engine, engine.create_ephemeral(spec)?);
        container.bond.boot(&container.inner, boot)?;
        Ok(container)
    }

    /// Does something that takes its time, and is not left half done for a signal.
    fn apart<T: Send + 'static>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&xdocker_core::Container, &Bond) -> xdocker_core::Result<T> + Send + 'static,
    ) -> PyResult<T> {
        let (inner, bond) = (self.inner.clone(), self.bond.clone());
        apart(py, move || work(&inner, &bond))
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

    /// What it is doing: ``stopped``, ``starting``, ``running``, ``restarting`` while it waits to be started again, or
    /// ``broken`` when whoever watched over it has died and it could not be cleared up.
    #[getter]
    fn state(&self, py: Python<'_>) -> PyResult<&'static str> {
        py.detach(|| self.inner.state()).map(word).map_err(to_python)
    }

    /// All that is known of it at this moment. Raises :class:`NotFound`.
    fn info(&self, py: Python<'_>) -> PyResult<ContainerInfo> {
        py.detach(|| self.inner.info()).map(ContainerInfo::from).map_err(to_python)
    }

    /// What it uses now, and has used since it was booted. Raises :class:`Conflict` when it does not run.
    fn stats(&self, py: Python<'_>) -> PyResult<Stats> {
        py.detach(|| self.inner.stats()).map(Stats::from).map_err(to_python)
    }

    /// The processes inside, in the order of their numbers there. Raises :class:`Conflict` when it does not run.
    fn top(&self, py: Python<'_>) -> PyResult<Vec<ProcessInfo>> {
        let processes = py.detach(|| self.inner.processes()).map_err(to_python)?;
        Ok(processes.into_iter().map(ProcessInfo::from).collect())
    }

    /// Boots it, with ``command`` as PID 1 if there is one, and with more limits for this run.
    ///
    /// ``env`` and ``workdir`` are the command's; ``log`` is how much of what it prints is kept in this run, as a number of
    /// bytes, a text such as ``"16M"``, or ``"none"``; the limits are those of :class:`xdocker.options.LimitOptions`. Raises
    /// :class:`Conflict` when it runs, :class:`EngineError` with the ``step`` of the launch that failed. After Ctrl-C
    /// the boot goes on to its end.
    #[pyo3(signature = (command=None, *, env=None, workdir=None, log=None, **limits))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn boot(
        &self,
        py: Python<'_>,
        command: Option<Vec<PathBuf>>,
        env: Option<HashMap<OsString, OsString>>,
        workdir: Option<PathBuf>,
        log: Option<Amount>,
        limits: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let limits = LimitKeywords::read(limits)?.resources()?;
        let mut boot = boot(command, env, workdir)?.resources(limits);
        if let Some(size) = log {
            boot = boot.log(parsed(size.as_ref())?);
        }
        self.apart(py, move |container, bond| bond.boot(container, &boot))
    }

    /// Waits until it has ended and nothing of it is left, and says how it ended. One that does not run has ended
    /// already.
    ///
    /// Raises :class:`Timeout` after ``timeout`` seconds; it runs on then. Raises :class:`Conflict` when it never ran,
    /// :class:`NotFound` when it is destroyed meanwhile.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Exit> {
        let deadline = deadline(timeout)?;
        if let Some(watch) = py.detach(|| self.inner.watch()).map_err(to_python)? {
            let ended = sliced(py, deadline, |slice| Ok(watch.ends_within(slice)?.then_some(())))?;
            ended.ok_or_else(|| too_late(py, format!("container {} did not end in time", self.name())))?;
        }
        match py.detach(|| self.inner.wait()).map_err(to_python)? {
            Some(exit) => Ok(exit.into()),
            None => {
                let message = format!("container {} has never run", self.name());
                Err(PyErr::from_type(class(py, "Conflict")?, (message, "boot() starts it")))
            }
        }
    }

    /// What an event loop waits for to hear of its end; ``None`` when it does not run.
    fn watch(&self, py: Python<'_>) -> PyResult<Option<Watch>> {
        let watch = py.detach(|| self.inner.watch()).map_err(to_python)?;
        Ok(watch.map(Watch))
    }

    /// Asks it to end, by its stop signal, and hangs up its terminals; it is not started again. :meth:`shutdown` waits, too.
    ///
    /// Raises :class:`Conflict` when it does not run.
    fn terminate(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.inner.terminate()).map_err(to_python)
    }

    /// Asks it to end, kills what has not after ``timeout`` seconds, and returns when it is gone. It is not started again.
    ///
    /// Raises :class:`Conflict` when it does not run. After Ctrl-C it goes on ending.
    #[pyo3(signature = (timeout=10.0))]
    fn shutdown(&self, py: Python<'_>, timeout: f64) -> PyResult<()> {
        let patience = duration("timeout", timeout)?;
        self.apart(py, move |container, _| container.shutdown(patience))
    }

    /// Kills all that runs in it, and returns when it is gone; with ``force`` also when whoever watches over it does not
    /// answer, and is killed then. Raises :class:`Conflict` when it does not run.
    #[pyo3(signature = (*, force=false))]
    fn kill(&self, py: Python<'_>, force: bool) -> PyResult<()> {
        self.apart(py, move |container, _| if force { container.kill_by_force() } else { container.kill() })
    }

    /// Sends a signal to its root process. Raises :class:`Conflict` when it does not run.
    fn send_signal(&self, py: Python<'_>, signal: i32) -> PyResult<()> {
        let number = convert::signal(signal)?;
        py.detach(|| self.inner.signal(number)).map_err(to_python)
    }

    /// Deletes it and all that it has written; with ``force`` it is killed first if it runs.
    ///
    /// Raises :class:`Conflict` for one that runs, or that belongs to another process; :class:`NotFound`.
    #[pyo3(signature = (*, force=false))]
    fn destroy(&self, py: Python<'_>, force: bool) -> PyResult<()> {
        self.apart(py, move |container, bond| bond.end(container, force))
    }

    /// Makes it the image ``NAME`` or ``NAME:VERSION``, in constant time: there is no such container any more.
    ///
    /// Raises :class:`Conflict` for one that runs, :class:`AlreadyExists`.
    fn to_image(&self, py: Python<'_>, name: &str) -> PyResult<Image> {
        let wanted: xdocker_core::ImageRef = parsed(name)?;
        let images = self.engine.images();
        self.apart(py, move |container, _| {
            let id = container.clone().into_image(wanted.name, wanted.version)?;
            images.get(&id.into())
        })
        .map(Image::new)
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// One that goes with us goes now; another stays as it is.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> PyResult<()> {
        self.apart(py, |container, bond| if bond.is_ours() { bond.end(container, true) } else { Ok(()) })
    }

    fn __repr__(&self) -> String {
        format!("Container('{}')", self.inner.name())
    }
}
