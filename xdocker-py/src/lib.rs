//! xdocker for Python. It converts and releases the GIL; what it does, `xdocker_core` does.

use std::path::PathBuf;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// The message of an error, with its sources.
fn to_python(error: xdocker_core::Error) -> PyErr {
    PyRuntimeError::new_err(error.chain())
}

/// A container engine on one home directory.
#[pyclass(frozen, module = "xdocker")]
struct Engine(xdocker_core::Engine);

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

    #[getter]
    fn home(&self) -> PathBuf {
        self.0.home().to_owned()
    }

    fn containers(&self, py: Python<'_>) -> PyResult<Vec<ContainerInfo>> {
        let infos = py.detach(|| self.0.containers()).map_err(to_python)?;
        Ok(infos.iter().map(ContainerInfo::from).collect())
    }

    fn __repr__(&self) -> String {
        format!("Engine(home='{}')", self.0.home().display())
    }
}

/// A container as a list shows it.
#[pyclass(frozen, eq, get_all, module = "xdocker")]
#[derive(PartialEq, Eq)]
struct ContainerInfo {
    name: String,
    state: String,
}

impl From<&xdocker_core::ContainerInfo> for ContainerInfo {
    fn from(info: &xdocker_core::ContainerInfo) -> Self {
        Self { name: info.name.to_string(), state: info.state.to_string() }
    }
}

#[pymethods]
impl ContainerInfo {
    fn __repr__(&self) -> String {
        format!("ContainerInfo(name='{}', state='{}')", self.name, self.state)
    }
}

#[pymodule]
mod _xdocker {
    #[pymodule_export]
    use super::{ContainerInfo, Engine};

    #[pymodule_export]
    #[allow(non_upper_case_globals)] // Python's name for it
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
