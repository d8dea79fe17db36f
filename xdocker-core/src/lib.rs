//! xdocker: a container engine that is a library.
//!
//! No daemon, nothing to install beside it: an [`Engine`] is a home directory, and a [`Container`] is
//! booted, entered and destroyed from inside your process.
//!
//! ```no_run
//! use std::time::Duration;
//! use xdocker_core::{Boot, ContainerSpec, Engine, IfRunning};
//!
//! # fn main() -> xdocker_core::Result<()> {
//! let engine = Engine::open("/var/xdocker")?;
//! let container = engine.create(&ContainerSpec::new(["test".parse()?]))?;
//! container.boot(&Boot::new())?;
//! let output = container.command("hostname").output()?;
//! container.shutdown(Duration::from_secs(10))?;
//! container.destroy(IfRunning::Refuse)?;
//! # Ok(())
//! # }
//! ```
//!
//! What it needs: Linux 5.12 or later on x86_64, and root. [`HostReport`] tells what a host lacks. The calling process is
//! left as it is: no namespace, signal handler, working directory or child of it is touched. Every type can be sent to and
//! shared with other threads, and any number of engines, in any number of processes, may work on one home.
//!
//! # A server for a test
//!
//! A container of [`Engine::create_ephemeral`] goes with its value, and with the process, even when that is killed.
//!
//! ```no_run
//! # use xdocker_core::*;
//! # fn main() -> Result<()> {
//! # let engine = Engine::from_env()?;
//! let network = Network::Bridge(Endpoint::new().ports("18080:80".parse()?));
//! let server = engine.create_ephemeral(&ContainerSpec::new(["nginx".parse()?]).network(network))?;
//! server.boot(&Boot::new().exec(Exec::new("nginx").args(["-g", "daemon off;"])))?;
//! while !server.listens(80, Transport::Tcp)? {
//!     std::thread::sleep(std::time::Duration::from_millis(10));
//! }
//! // 127.0.0.1:18080 is its port 80; `server.logs` has what it prints.
//! server.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! # A command that one did not write
//!
//! The default [`Sandbox`] is meant for it. What it may use is limited by [`Resources`], and how long by
//! [`Command::timeout`]; an [`Exchange`] keeps what was printed when the time is up, and can stop at any amount of it.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use xdocker_core::*;
//! # fn main() -> Result<()> {
//! # let engine = Engine::from_env()?;
//! let limits = Resources::new().memory("100M".parse()?).pids("64".parse()?).cpu_quota("50%".parse()?);
//! let sandbox = Sandbox::new().read_only(true).capabilities(Capabilities::NONE);
//! let spec = ContainerSpec::new(["test".parse()?])
//!     .network(Network::Custom) // nothing but a loopback
//!     .sandbox(sandbox)
//!     .resources(limits)
//!     .tmpfs(["/tmp".parse()?]);
//! let cell = engine.create_ephemeral(&spec)?;
//! cell.boot(&Boot::new())?;
//! let mut command = cell.command("./build");
//! command.current_dir("/tmp").user("nobody".parse()?).timeout(Duration::from_secs(60));
//! match command.output() {
//!     Ok(output) => println!("{}: {} bytes", output.status, output.stdout.len()),
//!     Err(error) if error.kind() == ErrorKind::Timeout => println!("{error}"),
//!     Err(error) => return Err(error),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Many containers, for long
//!
//! Those of [`Engine::create`] run on their own: they outlive the process, and another one finds them by
//! [`Engine::container`]. [`Container::wait`] waits for one, [`Engine::events`] tells of all, and a [`RestartPolicy`] starts
//! one again without anybody's doing.
//!
//! ```no_run
//! # use std::thread;
//! # use xdocker_core::*;
//! # fn main() -> Result<()> {
//! # let engine = Engine::from_env()?;
//! thread::scope(|scope| {
//!     for info in engine.containers()? {
//!         let container = engine.container(&info.name)?;
//!         scope.spawn(move || {
//!             while let Ok(Some(exit)) = container.wait()
//!                 && !exit.status().success()
//!             {
//!                 eprintln!("{}: {}, {} kills for want of memory", container.name(), exit.status(), exit.oom_kills());
//!                 if container.boot(&Boot::new()).is_err() {
//!                     return;
//!                 }
//!             }
//!         });
//!     }
//!     Ok(())
//! })
//! # }
//! ```
#![deny(unsafe_code)]

mod accounts;
mod address;
mod bare;
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
    Capabilities, ContainerSpec, CpuQuota, CpuSet, Endpoint, Exec, HostPort, Hostname, IfRunning, IfUsed,
    InterfaceName, IoMax, LogSize, MemorySize, NetnsName, Network, PidsLimit, PortMap, Resources,
    RestartPolicy, Sandbox, Seccomp, SeccompProfile, StopSignal, Subnet, Tmpfs, Transport, User, Volume,
    Weight, WindowSize,
};
pub use state::{ExitRecord, State};
pub use template::Mapping;
pub use users::IdRange;
