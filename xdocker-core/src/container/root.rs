//! The root process of a container that is bound to us.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::Container;
use crate::error::{Error, Result};
use crate::launch::Monitor;

/// A running container that ends with us: when this value is dropped, and when our process ends, even by
/// SIGKILL.
#[must_use = "the container ends when this is dropped"]
#[derive(Debug)]
pub struct Root {
    container: Container,
    monitor: Monitor,
    status: Option<ExitStatus>,
}

impl Root {
    pub(super) fn new(container: Container, monitor: Monitor) -> Self {
        Self { container, monitor, status: None }
    }

    /// The container.
    #[must_use]
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// Its root process, in the host's PID namespace.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.monitor.pid
    }

    /// Waits until the container has ended and nothing of it is left in the kernel.
    ///
    /// # Errors
    /// [`Error::System`] when the monitor was killed.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        let what = || format!("wait for the end of container {}", self.container.name);
        match self.monitor.control.report().map_err(Error::system(what()))? {
            Some((told, _)) => Ok(*self.status.insert(ExitStatus::from_raw(told.status))),
            None => Err(Error::system(what())(std::io::Error::other("its monitor was killed"))),
        }
    }
}

impl AsFd for Root {
    /// A descriptor that becomes readable when the container has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.monitor.control.as_fd()
    }
}
