//! Containers that are started again: by their monitors, and all together when the host has come up.

use std::path::PathBuf;

use super::{Boot, Container, Definition, names};
use crate::error::{Error, Result};
use crate::home::{Durability, Home, record};
use crate::name::ContainerName;
use crate::session;
use crate::spec::{Resources, RestartPolicy};
use crate::state::{Found, RunRecord};

/// How a container with a restart policy was booted the last time, for those who boot it again on its behalf.
const FILE: &str = "boot.json";

impl Container {
    /// Gives the container another restart policy.
    ///
    /// # Errors
    /// [`Error::Running`]; [`Error::Invalid`] for one that goes with its owner, who alone starts it.
    pub fn set_restart_policy(&self, policy: RestartPolicy) -> Result<()> {
        let _lock = self.lock_stopped()?;
        let mut definition = self.definition()?;
        check(policy, definition.ephemeral)?;
        definition.restart = policy;
        definition.write(&self.directory(), definition.durability())
    }

    fn boot_path(&self) -> PathBuf {
        self.directory().join(FILE)
    }

    /// Keeps how it is booted. It has to be there after a power failure, and is seldom another than before.
    pub(super) fn remember(&self, boot: &Boot) -> Result<()> {
        let known: Option<Boot> = record::read(&self.boot_path()).unwrap_or_default();
        match known.as_ref() == Some(boot) {
            true => Ok(()),
            false => record::write(&self.boot_path(), boot, Durability::Synced),
        }
    }

    /// Whether it is to run after the host has come up: it always is, or it did when the host went down.
    fn is_wanted(&self) -> Result<bool> {
        let policy = self.definition()?.restart;
        let ran = || -> Result<bool> {
            Ok(match self.records().look()? {
                Found::Abandoned(_) => true,
                // Somebody has looked since.
                Found::Stopped => self.records().exit()?.is_some_and(|exit| exit.is_lost()),
                _ => false,
            })
        };
        match policy {
            RestartPolicy::No => Ok(false),
            RestartPolicy::OnFailure { .. } => ran(),
            RestartPolicy::Always => Ok(true),
        }
    }

    /// Boots it as the last time, unless it runs.
    fn boot_again(&self) -> Result<()> {
        let boot: Boot = record::read(&self.boot_path())?.unwrap_or_default();
        match self.boot(&boot) {
            Err(Error::Running(_)) => Ok(()),
            other => other,
        }
    }

    /// Has its monitor, and whoever boots it on its behalf, give it these limits too when it is started again.
    pub(super) fn limit_again(
        &self,
        run: &RunRecord,
        definition: &Definition,
        changes: &Resources,
    ) -> Result<()> {
        if !run.restarts_are_wanted() {
            return Ok(());
        }
        let boot: Boot = record::read(&self.boot_path())?.unwrap_or_default();
        let boot = boot.limited_by(changes);
        session::start_again_by(&self.directory(), &self.plan_again(definition, &boot, run)?)?;
        self.remember(&boot)
    }

    /// Has its monitor never start it again, and returns what is its run from then on; `None` when that is over.
    pub(super) fn stay_down(&self) -> Result<Option<RunRecord>> {
        let record = match self.records().look()? {
            Found::Running(record) | Found::Pausing(record) => record,
            _ => return self.running().map(Some),
        };
        if !record.restarts_are_wanted() {
            return Ok(Some(record));
        }
        tracing::debug!("container {}: not to be started again", self.name);
        let directory = self.directory();
        let failed = Error::system(format!("tell the monitor of container {}", self.name));
        session::stay_down(&directory).map_err(failed)?;
        Ok(match self.records().look()? {
            Found::Running(record) | Found::Pausing(record) => Some(record),
            _ => None,
        })
    }
}

/// Whether a container may have this policy.
pub(crate) fn check(policy: RestartPolicy, ephemeral: bool) -> Result<()> {
    match ephemeral && !policy.is_no() {
        true => {
            Err(Error::invalid("restart policy", policy.to_string(), "the container goes with its owner"))
        }
        false => Ok(()),
    }
}

/// Boots all containers of `home` that are to run after the host has come up, and says what came of each.
pub(crate) fn boot_all(home: &Home) -> Result<Vec<(ContainerName, Result<()>)>> {
    let mut booted = Vec::new();
    for name in names(home)? {
        let container = Container::new(home.clone(), name.clone());
        match container.is_wanted() {
            Ok(false) | Err(Error::NoSuchContainer(_)) => {}
            Ok(true) => booted.push((name, container.boot_again())),
            Err(error) => booted.push((name, Err(error))),
        }
    }
    Ok(booted)
}
