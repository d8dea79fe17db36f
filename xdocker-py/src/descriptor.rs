//! Descriptors that come from Python as numbers.

use std::os::fd::{FromRawFd, OwnedFd};

use pyo3::prelude::*;

/// A copy of an open descriptor, which nobody else closes and no child of ours inherits.
pub(crate) fn duplicate(py: Python<'_>, number: i32) -> PyResult<OwnedFd> {
    let copy: i32 = py.import("os")?.call_method1("dup", (number,))?.extract()?;
    // SAFETY: os.dup has just made it (it raises otherwise), and its number is known here only.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}
