//! xdocker for Python. It converts, releases the GIL and lets Ctrl-C through; what it does, `xdocker_core` does.

mod container;
mod containers;
mod convert;
mod descriptor;
mod engine;
mod error;
mod images;
mod info;
mod process;
mod run;
mod stats;
mod wait;

/// The module behind the package `xdocker`.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::{
        container::Container,
        containers::Containers,
        engine::Engine,
        images::{Image, Images, Progress, Summary},
        info::{ContainerInfo, Exit},
        process::Process,
        run::{CompletedRun, Exchange},
        stats::{CpuStats, IoStats, MemoryStats, NetworkStats, PidsStats, Stats},
    };

    #[pymodule_export]
    #[allow(non_upper_case_globals)] // Python's name for it
    const __version__: &str = env!("CARGO_PKG_VERSION");
    #[pymodule_export]
    const PIPE: i32 = super::process::PIPE;
    #[pymodule_export]
    const DEVNULL: i32 = super::process::DEVNULL;
}
