//! Waiting for more: the kernel tells of changes in the container's directory, and of its monitor's death.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::state::{Found, Records};
use crate::sys::pidfd::PidFd;
use crate::sys::watch::Watch;

/// How long to sleep when somebody boots the container, of whose death nobody would tell.
const STARTING: Duration = Duration::from_secs(1);

/// Watches a container.
#[derive(Debug)]
pub(super) struct Follower {
    watch: Watch,
    records: Records,
    /// Its monitor, once it has one.
    monitor: Option<PidFd>,
}

impl Follower {
    pub(super) fn new(directory: &Path, records: Records) -> Result<Self> {
        let watch = Watch::new(directory).map_err(Error::file("watch", directory))?;
        Ok(Self { watch, records, monitor: None })
    }

    /// Whether the container runs. What happens from here on wakes whoever waits.
    pub(super) fn goes_on(&mut self) -> Result<bool> {
        let failed = || Error::system("watch a container");
        self.watch.clear().map_err(failed())?;
        match self.records.look()? {
            Found::Running(record) => {
                if self.monitor.is_none()
                    && let Some(monitor) = self.records.monitor(&record)?
                {
                    self.watch.add(&monitor).map_err(failed())?;
                    self.monitor = Some(monitor);
                }
                Ok(true)
            }
            Found::Starting => Ok(true),
            Found::Stopped | Found::Abandoned(_) => Ok(false),
        }
    }

    /// Waits for a change.
    pub(super) fn wait(&self) -> Result<()> {
        let limit = if self.monitor.is_some() { None } else { Some(STARTING) };
        self.watch.wait(limit).map_err(Error::system("watch a container"))
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}
