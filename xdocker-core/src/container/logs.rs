//! What a container has printed.

use super::Container;
use crate::error::{Error, Result};
use crate::logs::{LogOptions, Logs};

impl Container {
    /// What the container has printed in this run and in those before, as far as it is kept: a program that is its root
    /// process. What goes to a caller, as with [`Self::boot_bound`] and [`Self::command`], is not kept.
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
}
