//! The bridge of a home: its name and its addresses.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::home::{Durability, Home, record};
use crate::spec::{InterfaceName, Subnet};

/// The bridge that containers of a home are connected to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeSettings {
    /// Its name. The tables of its rules have the same one.
    pub bridge: InterfaceName,
    /// Its address, and those that containers may have.
    ///
    /// The default, 166.88.0.1/24, is what there has always been, and is somebody's: who needs to reach that somebody
    /// from within a container chooses another range.
    pub subnet: Subnet,
}

impl Default for BridgeSettings {
    fn default() -> Self {
        Self { bridge: "xdocker0".parse().expect("a name"), subnet: Subnet::DEFAULT }
    }
}

impl BridgeSettings {
    pub(crate) fn read(home: &Home) -> Result<Self> {
        Ok(record::read(&home.bridge_record())?.unwrap_or_default())
    }

    pub(crate) fn write(&self, home: &Home) -> Result<()> {
        record::write(&home.bridge_record(), self, Durability::Synced)
    }
}
