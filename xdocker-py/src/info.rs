//! What a container is at a moment, as a record.

use std::time::SystemTime;

use pyo3::prelude::*;
use xdocker_core::State;

use crate::run::returncode;

/// How the last run of a container ended.
#[pyclass(frozen, eq, get_all, module = "xdocker")]
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    /// Exit code of its root process, or minus the signal that ended it.
    returncode: i32,
    /// When, as an aware `datetime`.
    ended: SystemTime,
    /// Whether nobody saw how it ended.
    lost: bool,
    /// How often the kernel has killed a process of it for want of memory.
    oom_kills: u64,
}

#[pymethods]
impl Exit {
    fn __repr__(&self) -> String {
        let lost = if self.lost { "True" } else { "False" };
        format!("Exit(returncode={}, lost={lost}, oom_kills={})", self.returncode, self.oom_kills)
    }
}

/// A container as it is at a moment.
#[pyclass(frozen, eq, get_all, module = "xdocker")]
#[derive(PartialEq, Eq)]
pub(crate) struct ContainerInfo {
    /// Its name.
    name: String,
    /// Its layers, the lowest first.
    images: Vec<String>,
    /// Its host name.
    hostname: String,
    /// Its network model.
    network: String,
    /// Its network namespace, as `ip netns` shows it, if it has one of its own.
    netns: Option<String>,
    /// Bytes that it has written above its layers.
    size: u64,
    /// When it was created, as an aware `datetime`.
    created: SystemTime,
    /// `stopped`, `starting`, `running` or `broken`.
    state: &'static str,
    /// Its root process on the host, while it runs.
    pid: Option<u32>,
    /// How its last run ended; `None` before that, and while it runs.
    exit: Option<Exit>,
}

/// The word for a state.
pub(crate) fn word(state: State) -> &'static str {
    match state {
        State::Stopped => "stopped",
        State::Starting => "starting",
        State::Running { .. } => "running",
        _ => "broken",
    }
}

impl From<xdocker_core::ContainerInfo> for ContainerInfo {
    fn from(info: xdocker_core::ContainerInfo) -> Self {
        let exit = info.exit.map(|exit| Exit {
            returncode: returncode(exit.status()),
            ended: exit.ended(),
            lost: exit.is_lost(),
            oom_kills: exit.oom_kills(),
        });
        let pid = match info.state {
            State::Running { pid } => Some(pid),
            _ => None,
        };
        Self {
            name: info.name.to_string(),
            images: info.images.iter().map(ToString::to_string).collect(),
            hostname: info.hostname.to_string(),
            network: info.network.to_string(),
            netns: info.netns.map(|netns| netns.to_string()),
            size: info.size,
            created: info.created,
            state: word(info.state),
            pid,
            exit,
        }
    }
}

#[pymethods]
impl ContainerInfo {
    fn __repr__(&self) -> String {
        let Self { name, images, state, size, .. } = self;
        format!("ContainerInfo(name='{name}', images={images:?}, state='{state}', size={size})")
    }
}
