//! What this host offers containers.

use pyo3::prelude::*;

use crate::record::record;

record!(
    /// Something that a host has or has not.
    Feature {
        /// What it is called.
        name: String,
        /// Whether it is there.
        present: bool,
        /// Whether no container can be booted without it.
        required: bool,
        /// Which one it is, as a version or a list of parts; may be empty.
        detail: String,
        /// What does not work where it is missing.
        without: String,
    }
);
record!(
    /// What a host offers, and what then does not work.
    HostReport {
        /// Release of the kernel.
        kernel: String,
        /// Whether containers can be booted.
        can_boot: bool,
        /// Everything that was looked at.
        features: Vec<Feature>,
    }
);

/// What this host offers containers, asked without changing anything.
#[pyfunction]
pub(crate) fn doctor(py: Python<'_>) -> HostReport {
    let report = py.detach(xdocker_core::HostReport::probe);
    let can_boot = report.can_boot();
    let feature = |feature: xdocker_core::Feature| Feature {
        name: feature.name.to_owned(),
        present: feature.present,
        required: feature.required,
        detail: feature.detail,
        without: feature.without.to_owned(),
    };
    HostReport {
        kernel: report.kernel,
        can_boot,
        features: report.features.into_iter().map(feature).collect(),
    }
}
