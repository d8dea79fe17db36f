//! What a user wants: plain values, valid by construction. Nothing here looks at a disk or a kernel.

mod container;
mod hostname;
mod network;
mod process;
mod resources;

pub use container::ContainerSpec;
pub use hostname::Hostname;
pub use network::{NetnsName, Network};
pub use process::{Exec, WindowSize};
pub use resources::{CpuQuota, CpuSet, MemorySize, PidsLimit, Resources, Weight};
