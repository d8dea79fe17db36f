//! What a container has printed, and what was started in it by [`Command::spawn_detached`](crate::Command).

use super::Container;
use crate::error::{Error, Result};
use crate::logs::{LogOptions, Logs};
use crate::name::RunId;
use crate::runs::{self, DetachedRun, RunInfo};

impl Container {
    /// What the container has printed in this run and in those before, as far as it is kept: a program that is its root
    /// process, and detached runs. What goes to a caller, as with [`Self::boot_bound`] and [`Self::command`], is not kept.
    ///
    /// ```no_run
    /// # use xdocker_core::{Engine, LogEntry, LogOptions};
    /// let container = Engine::from_env()?.container(&"web".parse()?)?;
    /// for entry in container.logs(&LogOptions::new().tail(10).follow(true))? {
    ///     if let LogEntry::Line(line) = entry? {
    ///         print!("{}", String::from_utf8_lossy(&line.bytes));
    ///     }
    /// }
    /// # Ok::<(), xdocker_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`], [`Error::File`].
    pub fn logs(&self, options: &LogOptions) -> Result<Logs> {
        let directory = self.directory();
        if !directory.is_dir() {
            return Err(Error::NoSuchContainer(self.name.clone()));
        }
        Logs::open(&directory, self.records(), options)
    }

    /// The detached run of that id, in this run of the container or an earlier one.
    ///
    /// # Errors
    /// [`Error::NoSuchRun`], [`Error::NoSuchContainer`], [`Error::File`].
    pub fn detached_run(&self, id: RunId) -> Result<DetachedRun> {
        let run = DetachedRun::new(self.name.clone(), self.directory(), id);
        run.info().map(|_| run)
    }

    /// The detached runs that are known, the oldest first: those that run, and of the others the last ones, 1024 in all.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`], [`Error::File`].
    pub fn detached_runs(&self) -> Result<Vec<RunInfo>> {
        runs::list(&self.directory(), &self.name)
    }
}
