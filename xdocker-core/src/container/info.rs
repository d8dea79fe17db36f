//! What can be seen of a container without touching it.

use std::time::SystemTime;

use super::{Container, ephemeral};
use crate::error::{Error, Result};
use crate::image::TreeSize;
use crate::name::{ContainerName, ImageId};
use crate::spec::{
    Hostname, IfRunning, LogSize, NetnsName, Network, Resources, RestartPolicy, Sandbox, StopSignal, Tmpfs,
    Volume,
};
use crate::state::{ExitRecord, Found, RunRecord, State};
use crate::users::IdRange;

/// A container as it is at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerInfo {
    /// Its name.
    pub name: ContainerName,
    /// Its layers, the lowest first.
    pub images: Vec<ImageId>,
    /// Its host name.
    pub hostname: Hostname,
    /// Its network model.
    pub network: Network,
    /// Its network namespace, if it has one of its own.
    pub netns: Option<NetnsName>,
    /// What its programs may do.
    pub sandbox: Sandbox,
    /// Directories of it that lie in memory.
    pub tmpfs: Vec<Tmpfs>,
    /// Directories and files of the host that it has.
    pub volumes: Vec<Volume>,
    /// What it may use, whenever it is booted.
    pub resources: Resources,
    /// How much of what it prints is kept.
    pub log: LogSize,
    /// Whether it is started again when it has ended.
    pub restart: RestartPolicy,
    /// How often it was since it was booted.
    pub restarts: u32,
    /// The signal that asks it to end.
    pub stop_signal: StopSignal,
    /// What its users are on the host, if they are its own.
    pub ids: Option<IdRange>,
    /// Bytes that it has written above its layers, counted like those of images.
    pub size: u64,
    /// When it was created.
    pub created: SystemTime,
    /// What it is doing.
    pub state: State,
    /// How its last run ended; `None` before that, and while it runs.
    pub exit: Option<ExitRecord>,
}

impl Container {
    /// Looks at the container. What a monitor that was killed has left behind is cleared up first.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`], [`Error::File`], [`Error::Record`].
    pub fn info(&self) -> Result<ContainerInfo> {
        let definition = self.definition()?;
        let found = self.found()?;
        let restarts = match &found {
            Found::Running(record) | Found::Pausing(record) => record.restarts(),
            _ => 0,
        };
        let state = State::from(found);
        if definition.ephemeral && state == State::Stopped && !ephemeral::is_owned(&self.directory())? {
            // Its owner was killed, and with it the container; what is left is rubbish.
            self.destroy(IfRunning::Refuse)?;
            return Err(Error::NoSuchContainer(self.name.clone()));
        }
        let over = matches!(state, State::Stopped | State::Restarting);
        let exit = if over { self.records().exit()? } else { None };
        let layer = self.directory().join("rwlayer");
        let size = TreeSize::measure(&layer).map_err(Error::file("measure", &layer))?.bytes;
        Ok(ContainerInfo {
            name: self.name.clone(),
            netns: self.netns(&definition),
            images: definition.images,
            hostname: definition.hostname,
            network: definition.network,
            sandbox: definition.sandbox,
            tmpfs: definition.tmpfs,
            volumes: definition.volumes,
            resources: definition.resources,
            log: definition.log,
            restart: definition.restart,
            restarts,
            stop_signal: definition.stop_signal,
            ids: definition.ids,
            size,
            created: definition.created,
            state,
            exit,
        })
    }

    /// What the container is doing.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn state(&self) -> Result<State> {
        self.found().map(State::from)
    }

    /// The same with its records, after what a monitor that was killed has left behind has been cleared up.
    fn found(&self) -> Result<Found> {
        match self.records().look()? {
            // Whoever works on it just now clears up, or is the cause of what we saw: look again then.
            Found::Abandoned(_) => match self.lock().and_then(|lock| self.repair(&lock)) {
                Ok(()) => self.records().look(),
                Err(Error::NoSuchContainer(name)) => Err(Error::NoSuchContainer(name)),
                Err(error) => {
                    tracing::warn!("cannot clear up container {}: {}", self.name, error.chain());
                    self.records().look()
                }
            },
            found => Ok(found),
        }
    }

    /// The record of its run, if it runs or is to be started again.
    pub(super) fn run(&self) -> Result<RunRecord> {
        match self.records().look()? {
            Found::Pausing(record) => Ok(record),
            _ => self.running(),
        }
    }

    /// The record of its run, if it runs.
    pub(super) fn running(&self) -> Result<RunRecord> {
        match self.records().look()? {
            Found::Running(record) => Ok(record),
            _ if !self.directory().exists() => Err(Error::NoSuchContainer(self.name.clone())),
            _ => Err(Error::NotRunning(self.name.clone())),
        }
    }
}
