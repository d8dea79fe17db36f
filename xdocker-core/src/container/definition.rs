//! `container.json`: what a container is, whether it runs or not.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::home::{Durability, Home, Stage, record};
use crate::name::{ImageId, Version};
use crate::spec::{
    ContainerSpec, Hostname, LogSize, Network, Resources, RestartPolicy, Sandbox, StopSignal, Tmpfs, Volume,
};
use crate::users::IdRange;

const FILE: &str = "container.json";

/// Definition of a container, as it is kept. Its name is that of its directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Definition {
    /// Its layers, the lowest first.
    pub(crate) images: Vec<ImageId>,
    pub(crate) hostname: Hostname,
    pub(crate) network: Network,
    #[serde(default, skip_serializing_if = "Sandbox::is_default")]
    pub(crate) sandbox: Sandbox,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tmpfs: Vec<Tmpfs>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) volumes: Vec<Volume>,
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub(crate) resources: Resources,
    #[serde(default, skip_serializing_if = "LogSize::is_default")]
    pub(crate) log: LogSize,
    #[serde(default, skip_serializing_if = "RestartPolicy::is_no")]
    pub(crate) restart: RestartPolicy,
    #[serde(default, skip_serializing_if = "StopSignal::is_default")]
    pub(crate) stop_signal: StopSignal,
    /// What its users are outside, if they are its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ids: Option<IdRange>,
    pub(crate) created: SystemTime,
    /// Version of the image that it was made of, for the image that it becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<Version>,
    /// It goes with its owner.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) ephemeral: bool,
}

impl Definition {
    /// What `spec` asks for, on these images, with what has been found for it.
    pub(crate) fn new(
        spec: &ContainerSpec,
        images: Vec<ImageId>,
        hostname: Hostname,
        network: Network,
        ids: Option<IdRange>,
    ) -> Self {
        Self {
            images,
            hostname,
            network,
            sandbox: spec.sandbox.clone(),
            tmpfs: spec.tmpfs.clone(),
            volumes: spec.volumes.clone(),
            resources: spec.resources.clone(),
            log: spec.log,
            restart: spec.restart,
            stop_signal: spec.stop_signal,
            ids,
            created: SystemTime::now(),
            version: None,
            ephemeral: false,
        }
    }

    /// Reads it from a container's directory; `None` when that has none, or is not there.
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>> {
        record::read(&directory.join(FILE))
    }

    /// Whether there is one in a container's directory, readable or not.
    pub(crate) fn is_in(directory: &Path) -> bool {
        directory.join(FILE).exists()
    }

    pub(crate) fn write(&self, directory: &Path, durability: Durability) -> Result<()> {
        record::write(&directory.join(FILE), self, durability)
    }

    /// How lasting a change of it is to be.
    pub(crate) fn durability(&self) -> Durability {
        if self.ephemeral { Durability::Unsynced } else { Durability::Synced }
    }
}

/// The directory of a new container, stopped and with nothing written in it, as a stage.
pub(crate) fn build(home: &Home, definition: &Definition) -> Result<Stage> {
    let stage = home.stage("container")?;
    for part in ["rwlayer", "workdir", "merged"] {
        let path = stage.path().join(part);
        fs::create_dir(&path).map_err(Error::file("create", &path))?;
    }
    definition.write(stage.path(), Durability::Unsynced)?;
    Ok(stage)
}
