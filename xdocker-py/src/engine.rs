//! The door.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use pyo3::prelude::*;
use xdocker_core::BridgeSettings;

use crate::containers::Containers;
use crate::convert::option;
use crate::error::to_python;
use crate::events::Events;
use crate::images::Images;
use crate::network::Bridge;
use crate::wait::apart;

/// A container engine on one home directory.
///
/// There is no daemon: any number of engines, in any number of processes and threads, may work on one home at a time.
/// An engine made before a fork works after it, and one that is pickled is an engine on the same home elsewhere.
#[pyclass(frozen, module = "xdocker")]
pub(crate) struct Engine(xdocker_core::Engine);

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (home=None))]
    fn new(py: Python<'_>, home: Option<PathBuf>) -> PyResult<Self> {
        let open = || match home {
            Some(home) => xdocker_core::Engine::open(home),
            None => xdocker_core::Engine::from_env(),
        };
        py.detach(open).map(Self).map_err(to_python)
    }

    /// The home, as an absolute path.
    #[getter]
    fn home(&self) -> PathBuf {
        self.0.home().to_owned()
    }

    /// The images of this home.
    #[getter]
    fn images(&self) -> Images {
        Images(self.0.clone())
    }

    /// The containers of this home.
    #[getter]
    fn containers(&self) -> Containers {
        Containers(self.0.clone())
    }

    /// What happens to the containers of this home from now on, whoever does it: an iterator that waits.
    ///
    /// Raises :class:`EngineError` when there are no more watches of inotify(7).
    fn events(&self, py: Python<'_>) -> PyResult<Events> {
        py.detach(|| self.0.events()).map(|events| Events(Mutex::new(events))).map_err(to_python)
    }

    /// Boots all containers that are to run when the host has come up, as they were booted the last time, and says what came
    /// of each: ``None``, or the exception.
    ///
    /// Those are the ones with ``restart="always"``, and those with ``on-failure`` that ran when the host went down.
    fn boot_all(&self, py: Python<'_>) -> PyResult<BTreeMap<String, Option<PyErr>>> {
        let engine = self.0.clone();
        let booted = apart(py, move || engine.boot_all())?;
        Ok(booted.into_iter().map(|(name, result)| (name.to_string(), result.err().map(to_python))).collect())
    }

    /// The bridge that containers with ``net="BRIDGE"`` are connected to.
    fn bridge(&self, py: Python<'_>) -> PyResult<Bridge> {
        py.detach(|| self.0.bridge()).map(Bridge::from).map_err(to_python)
    }

    /// Chooses another bridge, or other addresses for it, while no container is connected.
    ///
    /// ``subnet`` is the bridge's own address and the prefix of those that containers may have, such as
    /// ``"10.88.0.1/24"``; ``subnet6`` is the same of IPv6, or ``"off"``; what is left out stays as it is. Raises
    /// :class:`Conflict` while a container is connected, :class:`InvalidArgument`.
    #[pyo3(signature = (name=None, *, subnet=None, subnet6=None))]
    fn set_bridge(
        &self,
        py: Python<'_>,
        name: Option<&str>,
        subnet: Option<&str>,
        subnet6: Option<&str>,
    ) -> PyResult<Bridge> {
        let (engine, name, subnet) = (self.0.clone(), option(name)?, option(subnet)?);
        let (off, subnet6) = (subnet6 == Some("off"), option(subnet6.filter(|text| *text != "off"))?);
        apart(py, move || {
            let now = engine.bridge()?;
            let changed = BridgeSettings {
                bridge: name.unwrap_or(now.bridge),
                subnet: subnet.unwrap_or(now.subnet),
                subnet6: subnet6.or(now.subnet6.filter(|_| !off)),
            };
            engine.set_bridge(&changed)?;
            Ok(changed)
        })
        .map(Bridge::from)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (PathBuf,)) {
        (slf.get_type().into_any(), (slf.get().home(),))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        crate::record::shown(slf, "Engine", &["home"])
    }
}
