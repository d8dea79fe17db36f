//! What a user wants: plain values, valid by construction. Nothing here looks at a disk or a kernel.

mod capability;
mod container;
mod endpoint;
mod hostname;
mod io_max;
mod log_size;
mod network;
mod port_map;
mod process;
mod resources;
mod sandbox;
pub(crate) mod seccomp;
mod subnet;
mod tmpfs;
mod user;
mod volume;

pub use capability::Capabilities;
pub use container::ContainerSpec;
pub use endpoint::{Endpoint, InterfaceName};
pub use hostname::Hostname;
pub use io_max::IoMax;
pub use log_size::LogSize;
pub use network::{NetnsName, Network};
pub use port_map::{HostPort, PortMap, Transport};
pub use process::{Exec, WindowSize};
pub use resources::{CpuQuota, CpuSet, MemorySize, PidsLimit, Resources, Weight};
pub use sandbox::Sandbox;
pub use seccomp::{Seccomp, SeccompProfile};
pub use subnet::Subnet;
pub use tmpfs::Tmpfs;
pub(crate) use user::Account;
pub use user::User;
pub use volume::Volume;
