//! The end of a container, for event loops.

use std::os::fd::{AsFd, AsRawFd};

use pyo3::prelude::*;

/// A run of a container whose end an event loop waits for on ``fileno()``. It keeps nothing alive.
#[pyclass(frozen, module = "xdocker")]
pub(crate) struct Watch(pub(crate) xdocker_core::Watch);

#[pymethods]
impl Watch {
    /// A descriptor that is readable once the container has ended.
    fn fileno(&self) -> i32 {
        self.0.as_fd().as_raw_fd()
    }
}
