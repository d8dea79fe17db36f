//! xdocker: a container engine that is a library.
//!
//! No daemon, nothing to install beside it: an [`Engine`] is a home directory, and a [`Container`] is
//! booted, entered and destroyed from inside your process.
//!
//! ```no_run
//! use std::time::Duration;
//! use xdocker_core::{Boot, ContainerSpec, Engine};
//!
//! # fn main() -> xdocker_core::Result<()> {
//! let engine = Engine::open("/var/xdocker")?;
//! let container = engine.create(&ContainerSpec::new(["test".parse()?]))?;
//! container.boot(&Boot::new())?;
//! let output = container.command("hostname").output()?;
//! container.shutdown(Duration::from_secs(10))?;
//! container.destroy(false)?;
//! # Ok(())
//! # }
//! ```
//!
//! What it needs: Linux 5.12 or later on x86_64, and root. The calling process is left as it is: no
//! namespace, signal handler, working directory or child of it is touched.
#![deny(unsafe_code)]

mod accounts;
mod address;
mod cgroup;
mod container;
mod doctor;
mod engine;
mod error;
mod etc;
mod files;
mod follow;
mod home;
mod host;
mod image;
mod launch;
mod logs;
mod name;
mod network;
mod progress;
mod repository;
mod rootfs;
mod runs;
mod security;
mod session;
mod spec;
mod state;
mod sys;
mod template;
mod tree;
mod users;
mod volumes;

pub use address::RepositoryAddress;
pub use cgroup::{CgroupName, CpuStats, IoStats, MemoryStats, NetworkStats, PidsStats, Stats, Throttling};
pub use container::{
    Boot, Container, ContainerInfo, Ephemeral, Event, EventKind, Events, Process, Root, Watch,
};
pub use doctor::{Feature, HostReport};
pub use engine::Engine;
pub use error::{ArchiveError, Error, ErrorKind, NetworkError, RepositoryError, Result};
pub use image::{
    Image, ImageStore, Limits, PackOptions, Summary, TestImage, TestImageReport, UnpackOptions, Whiteouts,
};
pub use logs::{LogEntry, LogLine, LogOptions, LogOrigin, LogStream, Logs};
pub use name::{ContainerName, ImageId, ImageName, ImageRef, NAME_MAX, NameError, NameFault, RunId, Version};
pub use network::BridgeSettings;
pub use progress::Progress;
pub use repository::{PullOptions, PushOptions, RemoteImage, Repository, Transfer};
pub use runs::{DetachedRun, RunInfo, RunState};
pub use session::{Child, Command, Exchange, Stdio, Terminal};
pub use spec::{
    Capabilities, ContainerSpec, CpuQuota, CpuSet, Endpoint, Exec, HostPort, Hostname, InterfaceName, IoMax,
    LogSize, MemorySize, NetnsName, Network, PidsLimit, PortMap, Resources, RestartPolicy, Sandbox, Seccomp,
    SeccompProfile, StopSignal, Subnet, Tmpfs, Transport, User, Volume, Weight, WindowSize,
};
pub use state::{ExitRecord, State};
pub use template::Mapping;
pub use users::IdRange;
