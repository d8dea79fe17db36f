//! `container.json`: what a container is, whether it runs or not.

use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::home::{Durability, record};
use crate::name::ImageId;
use crate::spec::{Hostname, Network};

const FILE: &str = "container.json";

/// Definition of a container, as it is kept. Its name is that of its directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Definition {
    /// Its layers, the lowest first.
    pub(crate) images: Vec<ImageId>,
    pub(crate) hostname: Hostname,
    pub(crate) network: Network,
    pub(crate) created: SystemTime,
    /// It goes with its owner.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) ephemeral: bool,
}

impl Definition {
    /// Reads it from a container's directory; `None` when that has none, or is not there.
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>> {
        record::read(&directory.join(FILE))
    }

    pub(crate) fn write(&self, directory: &Path, durability: Durability) -> Result<()> {
        record::write(&directory.join(FILE), self, durability)
    }
}
