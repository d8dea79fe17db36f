//! The door.

use std::path::PathBuf;

use pyo3::prelude::*;

use crate::containers::Containers;
use crate::error::to_python;
use crate::images::Images;

/// A container engine on one home directory.
///
/// There is no daemon: any number of engines, in any number of processes and threads, may work on one home at a time.
/// An engine made before a fork works after it.
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
        Images(self.0.images())
    }

    /// The containers of this home.
    #[getter]
    fn containers(&self) -> Containers {
        Containers(self.0.clone())
    }

    fn __repr__(&self) -> String {
        format!("Engine(home='{}')", self.0.home().display())
    }
}
