//! What a container is at a moment, as records.

use std::path::PathBuf;
use std::time::SystemTime;

use xdocker_core::{ExitRecord, State};

use crate::limits::Limits;
use crate::record::record;
use crate::run::returncode;
use crate::sandbox::Sandbox;

record!(
    /// How the last run of a container ended.
    Exit {
        /// Exit code of its root process, or minus the signal that ended it.
        returncode: i32,
        /// When, as an aware `datetime`.
        ended: SystemTime,
        /// Whether nobody saw how it ended.
        lost: bool,
        /// How often the kernel has killed a process of it for want of memory.
        oom_kills: u64,
        /// Why it could not be started again after that, when that was last tried; ``None`` where it was, or was not tried.
        not_restarted: Option<String>,
    }
);
record!(
    /// A container as it is at a moment.
    ContainerInfo {
        /// Its name.
        name: String,
        /// Its layers, the lowest first.
        images: Vec<String>,
        /// Its host name.
        hostname: String,
        /// Its network model: `HOST`, `CUSTOM` or `BRIDGE`.
        network: String,
        /// Its network namespace, as `ip netns` shows it, if it has one of its own.
        netns: Option<String>,
        /// Its address on the bridge, if it is connected to one.
        vip: Option<String>,
        /// Its IPv6 address there, if the bridge has such ones.
        vip6: Option<String>,
        /// The ports of the host that lead into it, such as `8080:80,53:5353/udp`; empty for none.
        ports: String,
        /// The interface of the host that it is limited to, if it is.
        host_eth: Option<String>,
        /// What its programs may do.
        sandbox: Sandbox,
        /// With users of its own: what its root is on the host, and how many users it has.
        ids: Option<(u32, u32)>,
        /// Directories of it that lie in memory.
        tmpfs: Vec<PathBuf>,
        /// Directories and files of the host that it has, as ``HOST:INSIDE`` or ``HOST:INSIDE:ro``.
        volumes: Vec<String>,
        /// How much of what it prints is kept: a number of bytes, or ``none``.
        log: String,
        /// Whether it is started again when it has ended: ``no``, ``on-failure``, ``on-failure:N`` or ``always``.
        restart: String,
        /// How often it was since it was booted.
        restarts: u32,
        /// The signal that asks it to end.
        stop_signal: i32,
        /// What it may use, whenever it is booted.
        limits: Limits,
        /// Bytes that it has written above its layers.
        size: u64,
        /// When it was created, as an aware `datetime`.
        created: SystemTime,
        /// What it is doing: ``stopped``, ``starting``, ``running``, ``restarting``, or ``broken`` when whoever watched over it has died and it
        /// could not be cleared up.
        state: &'static str,
        /// Its root process on the host, while it runs.
        pid: Option<u32>,
        /// How its last run ended; `None` before that, and while it runs.
        exit: Option<Exit>,
    }
);

/// The word for a state.
pub(crate) fn word(state: State) -> &'static str {
    match state {
        State::Stopped => "stopped",
        State::Starting => "starting",
        State::Restarting => "restarting",
        State::Running { .. } => "running",
        _ => "broken",
    }
}

impl From<ExitRecord> for Exit {
    fn from(exit: ExitRecord) -> Self {
        Self {
            returncode: returncode(exit.status()),
            ended: exit.ended(),
            lost: exit.is_lost(),
            oom_kills: exit.oom_kills(),
            not_restarted: exit.not_restarted().map(|why| why.to_string()),
        }
    }
}

impl From<xdocker_core::ContainerInfo> for ContainerInfo {
    fn from(info: xdocker_core::ContainerInfo) -> Self {
        let pid = match info.state {
            State::Running { pid } => Some(pid),
            _ => None,
        };
        let endpoint = info.network.endpoint();
        Self {
            name: info.name.to_string(),
            images: info.images.iter().map(ToString::to_string).collect(),
            hostname: info.hostname.to_string(),
            netns: info.netns.map(|netns| netns.to_string()),
            vip: endpoint.and_then(|endpoint| endpoint.address()).map(|vip| vip.to_string()),
            vip6: endpoint.and_then(|endpoint| endpoint.address6()).map(|vip| vip.to_string()),
            ports: endpoint.map(|endpoint| endpoint.port_map().to_string()).unwrap_or_default(),
            host_eth: endpoint.and_then(|endpoint| endpoint.interface()).map(ToString::to_string),
            network: info.network.to_string(),
            sandbox: Sandbox::from(&info.sandbox),
            ids: info.ids.map(|ids| (ids.first(), ids.count())),
            tmpfs: info.tmpfs.iter().map(|tmpfs| tmpfs.path().to_owned()).collect(),
            volumes: info.volumes.iter().map(ToString::to_string).collect(),
            log: info.log.to_string(),
            restart: info.restart.to_string(),
            restarts: info.restarts,
            stop_signal: info.stop_signal.number(),
            limits: Limits::from(&info.resources),
            size: info.size,
            created: info.created,
            state: word(info.state),
            pid,
            exit: info.exit.map(Exit::from),
        }
    }
}
