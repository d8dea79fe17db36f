//! Waiting for the end of a container by whoever has an event loop, or something else to listen for.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::Container;
use crate::error::{Error, Result};
use crate::sys::pidfd::PidFd;

/// A run of a container that somebody waits for. It holds a descriptor, and keeps nothing alive.
#[derive(Debug)]
pub struct Watch {
    container: Container,
    monitor: PidFd,
}

impl Container {
    /// The run that is under way, to wait for its end; `None` when the container does not run.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`], [`Error::System`], [`Error::File`].
    pub fn watch(&self) -> Result<Option<Watch>> {
        let record = match self.run() {
            Err(Error::NotRunning(_)) => return Ok(None),
            other => other?,
        };
        let monitor = self.records().monitor(&record)?;
        Ok(monitor.map(|monitor| Watch { container: self.clone(), monitor }))
    }
}

impl Watch {
    /// Whether the container has ended, and nothing of it is left, within `limit`. [`Container::wait`] tells how then.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn ends_within(&self, limit: Duration) -> Result<bool> {
        let failed = Error::system(format!("wait for the end of container {}", self.container.name));
        // Who cannot say when is patient for ever.
        self.monitor.wait_until(Instant::now().checked_add(limit)).map_err(failed)
    }
}

impl AsFd for Watch {
    /// A descriptor that is readable once the container has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.monitor.as_fd()
    }
}
