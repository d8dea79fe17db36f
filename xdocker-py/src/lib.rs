//! xdocker for Python. It converts, releases the GIL and lets Ctrl-C through; what it does, `xdocker_core` does.
//!
//! A file is one topic, a submodule of `xdocker._native`, and a stub of the same name beside the Python sources.
#![forbid(unsafe_code)]

mod archive;
mod bond;
mod container;
mod containers;
mod convert;
mod doctor;
mod engine;
mod error;
mod events;
mod files;
mod images;
mod info;
mod keywords;
mod limits;
mod logs;
mod network;
mod options;
mod process;
mod progress;
mod record;
mod repository;
mod run;
mod runs;
mod sandbox;
mod stats;
mod top;
mod volumes;
mod wait;
mod watch;

/// Defines the module behind the package `xdocker`, and its submodules, each of which is found by its name: `import`
/// looks for it there.
macro_rules! native {
    ($($(#[$doc:meta])* $topic:ident { $($export:tt)* })*) => {
        /// The module behind the package `xdocker`.
        #[pyo3::pymodule(gil_used = false)]
        mod _native {
            use pyo3::prelude::*;
            use pyo3::types::IntoPyDict;

            #[pymodule_export]
            #[allow(non_upper_case_globals)] // Python's name for it
            const __version__: &str = env!("CARGO_PKG_VERSION");

            $(
                $(#[$doc])*
                #[pymodule]
                mod $topic {
                    #[pymodule_export]
                    $($export)*
                }
            )*

            #[pymodule_init]
            fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
                let modules = module.py().import("sys")?.getattr("modules")?;
                $(
                    let name = concat!("xdocker._native.", stringify!($topic));
                    let topic = module.getattr(stringify!($topic))?;
                    topic.setattr("__name__", name)?;
                    modules.set_item(name, topic)?;
                )*
                let hooks = [("after_in_child", wrap_pyfunction!(crate::bond::forked, module)?)];
                let hooks = hooks.into_py_dict(module.py())?;
                module.py().import("os")?.call_method("register_at_fork", (), Some(&hooks))?;
                Ok(())
            }
        }
    };
}
native! {
    /// Images as files.
    archive { use crate::archive::{Progress, Summary}; }
    /// One container.
    container { use crate::container::Container; }
    /// Containers of a home.
    containers { use crate::containers::Containers; }
    /// What this host offers.
    doctor { use crate::doctor::{Feature, HostReport, doctor}; }
    /// The door.
    engine { use crate::engine::Engine; }
    /// What happens to containers.
    events { use crate::events::{Event, Events}; }
    /// Images of a home.
    images { use crate::images::{Image, Images, InstalledImage}; }
    /// What a container is at a moment.
    info { use crate::info::{ContainerInfo, Exit}; }
    /// What a container may use.
    limits { use crate::limits::Limits; }
    /// What containers have printed.
    logs { use crate::logs::{LogLine, Logs}; }
    /// The bridge.
    network { use crate::network::Bridge; }
    /// Programs that are talked with.
    process {
        use crate::process::Process;
        #[pymodule_export]
        const DEVNULL: i32 = crate::process::DEVNULL;
        #[pymodule_export]
        const PIPE: i32 = crate::process::PIPE;
        #[pymodule_export]
        const STDOUT: i32 = crate::process::STDOUT;
    }
    /// Images on an ssh server.
    repository { use crate::repository::{PulledImage, RemoteImage, Transfer}; }
    /// Programs that are run to their end.
    run { use crate::run::{CompletedRun, Exchange}; }
    /// Programs that need nobody.
    runs { use crate::runs::{DetachedRun, RunInfo}; }
    /// How tight a container is.
    sandbox { use crate::sandbox::Sandbox; }
    /// What a container uses.
    stats { use crate::stats::{CpuStats, IoStats, MemoryStats, NetworkStats, PidsStats, Stats}; }
    /// Processes of a container.
    top { use crate::top::ProcessInfo; }
    /// The end of a container.
    watch { use crate::watch::Watch; }
}
