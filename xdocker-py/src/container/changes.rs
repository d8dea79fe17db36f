//! What can be changed of a container.

use std::net::IpAddr;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::Container;
use crate::convert::parsed;
use crate::keywords::Keywords;
use crate::limits::LimitKeywords;
use crate::network::{Ports, address};
use crate::volumes::Volumes;

#[pymethods]
impl Container {
    /// Changes limits: at once if it runs, and for every boot from now on. What is left out stays.
    ///
    /// The limits are those of :class:`xdocker.options.LimitOptions`. Raises :class:`InvalidArgument`,
    /// :class:`Unsupported`, :class:`EngineError` when the kernel refuses.
    #[pyo3(signature = (**limits))]
    fn limit(&self, py: Python<'_>, limits: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let changes = LimitKeywords::read(limits)?.resources()?;
        self.apart(py, move |container, _| container.limit(&changes))
    }

    /// Gives it another restart policy while it does not run: ``no``, ``on-failure``, ``on-failure:N`` or ``always``.
    ///
    /// Raises :class:`Conflict` when it runs, :class:`InvalidArgument` for one that goes with its owner.
    fn set_restart(&self, py: Python<'_>, policy: &str) -> PyResult<()> {
        let policy = parsed(policy)?;
        self.apart(py, move |container, _| container.set_restart_policy(policy))
    }

    /// Gives it other volumes, in the place of those that it has, while it does not run.
    ///
    /// They are ``{"/on/the/host": "/inside"}``, where what is inside may end in ``:ro``, or texts such as
    /// ``"/on/the/host:/inside:ro"``. Raises :class:`Conflict` when it runs.
    fn set_volumes(&self, py: Python<'_>, volumes: Volumes) -> PyResult<()> {
        let volumes = volumes.volumes()?;
        self.apart(py, move |container, _| container.set_volumes(volumes))
    }

    /// Gives it other mapped ports while it does not run: ``{8080: 80}``, or a text such as ``"127.0.0.1:53:5353/udp"``.
    ///
    /// Raises :class:`Conflict` when it runs, :class:`InvalidArgument` when it is not on the bridge.
    fn set_ports(&self, py: Python<'_>, ports: Ports) -> PyResult<()> {
        let ports = parsed(&ports.text())?;
        self.apart(py, move |container, _| container.set_ports(ports))
    }

    /// Gives it another address on the bridge while it does not run.
    ///
    /// Raises :class:`Conflict` when it runs or the address is taken, :class:`InvalidArgument` when it is not on the bridge.
    fn set_vip(&self, py: Python<'_>, vip: &str) -> PyResult<()> {
        let vip: IpAddr = address("vip", vip, "IP")?;
        self.apart(py, move |container, _| container.set_vip(vip))
    }
}
