//! What a user wants: plain values, valid by construction. Nothing here looks at a disk or a kernel.

mod capability;
mod container;
mod hostname;
mod network;
mod process;
mod resources;
mod sandbox;
pub(crate) mod seccomp;
mod tmpfs;

pub use capability::Capabilities;
pub use container::ContainerSpec;
pub use hostname::Hostname;
pub use network::{NetnsName, Network};
pub use process::{Exec, WindowSize};
pub use resources::{CpuQuota, CpuSet, MemorySize, PidsLimit, Resources, Weight};
pub use sandbox::Sandbox;
pub use seccomp::{Seccomp, SeccompProfile};
pub use tmpfs::Tmpfs;
