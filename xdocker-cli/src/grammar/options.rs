//! Every option there is, once, with the type of its value: a file a topic.

mod files;
mod images;
mod lifecycle;
mod network;
mod resources;
mod sandbox;
mod session;
mod values;

use std::ffi::OsString;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use xdocker_core::{
    Capabilities, ContainerName, Hostname, ImageRef, InterfaceName, LogOptions, LogSize, Network,
    PackOptions, PortMap, RepositoryAddress, Resources, RestartPolicy, RunId, Seccomp, StopSignal, Subnet,
    TestImage, Tmpfs, UnpackOptions, User, Version, Volume,
};

use super::{Opt, Takes};
use crate::signals::Signal;
pub(crate) use files::*;
pub(crate) use images::*;
pub(crate) use lifecycle::*;
pub(crate) use network::*;
pub(crate) use resources::*;
pub(crate) use sandbox::*;
pub(crate) use session::*;
use values::parsed;
pub(crate) use values::program;

/// What the command line gave, typed. What an action needs is there: the grammar has seen to it.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) debug: bool,
    pub(crate) json: bool,
    pub(crate) container: Option<ContainerName>,
    pub(crate) images: Vec<ImageRef>,
    pub(crate) hostname: Option<Hostname>,
    pub(crate) network: Option<Network>,
    pub(crate) cap_add: Vec<Capabilities>,
    pub(crate) cap_drop: Vec<Capabilities>,
    pub(crate) privileged: bool,
    pub(crate) read_only: bool,
    pub(crate) tmpfs: Vec<Tmpfs>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) new_privileges: Option<bool>,
    pub(crate) user_namespace: bool,
    pub(crate) seccomp: Option<Seccomp>,
    pub(crate) resources: Resources,
    pub(crate) log_size: Option<LogSize>,
    pub(crate) logs: LogOptions,
    pub(crate) detach: bool,
    pub(crate) restart: Option<RestartPolicy>,
    pub(crate) all_restart: bool,
    pub(crate) stop_signal: Option<StopSignal>,
    pub(crate) run: Option<RunId>,
    pub(crate) vip: Option<Ipv4Addr>,
    pub(crate) vip6: Option<Ipv6Addr>,
    pub(crate) ports: Option<PortMap>,
    pub(crate) host_interface: Option<InterfaceName>,
    pub(crate) bridge: Option<InterfaceName>,
    pub(crate) subnet: Option<Subnet>,
    /// That, or none.
    pub(crate) subnet6: Option<Option<Subnet<Ipv6Addr>>>,
    pub(crate) boot: bool,
    pub(crate) attach: bool,
    /// From `--exec` or from behind `--`: a program and its arguments.
    pub(crate) program: Option<Vec<OsString>>,
    pub(crate) wait: bool,
    pub(crate) remove: bool,
    pub(crate) command: Option<String>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) user: Option<User>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) time: Option<Duration>,
    pub(crate) signal: Option<Signal>,
    pub(crate) forcely: bool,
    pub(crate) shutdown: bool,
    pub(crate) version: Option<Version>,
    pub(crate) test_image: TestImage,
    pub(crate) from_image: Option<ImageRef>,
    pub(crate) to_image: Option<ImageRef>,
    pub(crate) file: Option<PathBuf>,
    /// Where the ssh image repository is, what names there must hold, and what to run in place of ssh.
    pub(crate) repository: Option<RepositoryAddress>,
    pub(crate) matching: String,
    pub(crate) ssh: Option<Vec<OsString>>,
    /// A template and its instance inside, and the mapping outside.
    pub(crate) template: Option<PathBuf>,
    pub(crate) mapping: Option<PathBuf>,
    pub(crate) instance: Option<PathBuf>,
    /// What is copied, and where to: one inside, one outside.
    pub(crate) source: Option<PathBuf>,
    pub(crate) target: Option<PathBuf>,
    /// How an archive is written, and what one that is read may ask for.
    pub(crate) pack: PackOptions,
    pub(crate) unpack: UnpackOptions,
}

impl Given {
    /// Adds a limit.
    fn limit(&mut self, add: impl FnOnce(Resources) -> Resources) {
        self.resources = add(std::mem::take(&mut self.resources));
    }
}

pub(crate) static DEBUG: Opt = Opt {
    short: Some('d'),
    long: "debug",
    alias: None,
    takes: Takes::Nothing(|given| given.debug = true),
    about: "say on standard error what is done, step by step",
};

pub(crate) static JSON: Opt = Opt {
    short: None,
    long: "json",
    alias: None,
    takes: Takes::Nothing(|given| given.json = true),
    about: "print tables and errors as JSON, for scripts",
};

pub(crate) static CONTAINER: Opt = Opt {
    short: Some('c'),
    long: "container",
    alias: None,
    takes: Takes::Value("(container)", |given, value| {
        given.container = Some(parsed(value)?);
        Ok(())
    }),
    about: "name of the container",
};

pub(crate) static FORCELY: Opt = Opt {
    short: Some('f'),
    long: "forcely",
    alias: None,
    takes: Takes::Nothing(|given| given.forcely = true),
    about: "go on past errors and report them at the end",
};
