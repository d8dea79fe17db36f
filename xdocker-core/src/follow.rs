//! Waiting for what happens to a container: the kernel tells of changes to its files, and of its monitor's death.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::state::{Found, Records};
use crate::sys::pidfd::PidFd;
use crate::sys::watch::Watch;

/// How long to sleep when somebody boots the container, of whose death nobody would tell.
const STARTING: Duration = Duration::from_secs(1);

/// Watches a container.
#[derive(Debug)]
pub(crate) struct Follower {
    watch: Watch,
    records: Records,
    /// Its monitor, once it has one.
    monitor: Option<PidFd>,
}

impl Follower {
    /// Watches what lies directly in the container's directory, or one file of it: `path`.
    pub(crate) fn new(path: &Path, records: Records) -> Result<Self> {
        let watch = Watch::new(path).map_err(Error::file("watch", path))?;
        Ok(Self { watch, records, monitor: None })
    }

    /// Whether the container runs. What happens from here on wakes whoever waits.
    pub(crate) fn goes_on(&mut self) -> Result<bool> {
        let failed = || Error::system("watch a container");
        self.watch.clear().map_err(failed())?;
        if let Some(monitor) = &self.monitor
            && monitor.wait_until(Some(Instant::now())).map_err(failed())?
        {
            // Closed, it wakes nobody any more. There may be another one: somebody has booted the container again.
            self.monitor = None;
        }
        match self.records.look()? {
            Found::Running(record) | Found::Pausing(record) => {
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

    /// Waits for a change, at most for `limit`.
    pub(crate) fn wait(&self, limit: Option<Duration>) -> Result<()> {
        let most = if self.monitor.is_some() { None } else { Some(STARTING) };
        let limit = limit.into_iter().chain(most).min();
        self.watch.wait(limit).map_err(Error::system("watch a container"))
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}
