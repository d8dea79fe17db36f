//! Who listens in a container's network.

use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use xdocker_core::Transport;

use super::Container;
use crate::error::{invalid, to_python};
use crate::wait::{deadline, sliced, too_late};

/// How long between two looks at what no descriptor tells of.
const GLANCE: Duration = Duration::from_millis(10);

/// A transport by its name.
fn transport(name: &str) -> PyResult<Transport> {
    match name {
        "tcp" => Ok(Transport::Tcp),
        "udp" => Ok(Transport::Udp),
        _ => Err(invalid(format!("transport `{name}`: it is `tcp` or `udp`"))),
    }
}

#[pymethods]
impl Container {
    /// Whether a program listens on ``port`` in its network, on any address; with ``net="HOST"`` that is the host's.
    ///
    /// ``transport`` is ``tcp`` or ``udp``. Nothing is sent to find out. Raises :class:`Conflict` when it does not run.
    #[pyo3(signature = (port, *, transport="tcp"))]
    fn listens(&self, py: Python<'_>, port: u16, transport: &str) -> PyResult<bool> {
        let transport = self::transport(transport)?;
        py.detach(|| self.inner.listens(port, transport)).map_err(to_python)
    }

    /// Waits until a program listens on ``port``, as :meth:`listens` has it.
    ///
    /// Raises :class:`Timeout` after ``timeout`` seconds, and :class:`Conflict` when the container ends before that.
    #[pyo3(signature = (port, timeout=30.0, *, transport="tcp"))]
    fn wait_for_port(&self, py: Python<'_>, port: u16, timeout: f64, transport: &str) -> PyResult<()> {
        let transport = self::transport(transport)?;
        let open = sliced(py, deadline(Some(timeout))?, |slice| {
            if self.inner.listens(port, transport)? {
                return Ok(Some(()));
            }
            thread::sleep(slice.min(GLANCE));
            Ok(None)
        })?;
        open.ok_or_else(|| {
            too_late(py, format!("nobody listened on port {port} of container {} in time", self.name()))
        })
    }
}
