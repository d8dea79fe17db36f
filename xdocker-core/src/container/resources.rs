//! Limits and use of a container that exists.

use super::Container;
use crate::cgroup::{Group, Stats, network};
use crate::error::{Error, Result};
use crate::home::Durability;
use crate::spec::Resources;
use crate::state::Found;

impl Container {
    /// Changes limits: at once if the container runs, and for every boot from now on.
    ///
    /// # Errors
    /// [`Error::Invalid`] and [`Error::Unsupported`] for what this host cannot give; [`Error::Launch`] when the kernel
    /// refuses, as less memory than is in use. What the container has for later boots is not changed then.
    pub fn limit(&self, changes: &Resources) -> Result<()> {
        let _lock = self.lock()?;
        let mut definition = self.definition()?;
        definition.resources = definition.resources.changed_by(changes);
        match self.records().look()? {
            Found::Running(record) => {
                Group::recorded(record.cgroups().to_vec()).change(changes)?;
                self.limit_again(&record, &definition, changes)?;
            }
            Found::Starting | Found::Pausing(_) => {
                return Err(Error::Busy(format!("container {}", self.name)));
            }
            Found::Stopped | Found::Abandoned(_) => {
                Group::new(&self.cgroup()).check(&definition.resources)?
            }
        }
        definition.write(&self.directory(), Durability::Synced)
    }

    /// What the container uses now, and has used since it was booted.
    ///
    /// # Errors
    /// [`Error::NotRunning`].
    pub fn stats(&self) -> Result<Stats> {
        let record = self.running()?;
        let mut stats = Group::recorded(record.cgroups().to_vec()).stats();
        if self.definition()?.network.has_namespace() {
            stats.network = network(record.pid());
        }
        Ok(stats)
    }
}
