//! Ending: shutdown, kill, destroy.

use std::fs::File;
use std::time::{Duration, Instant};
use std::{io, thread};

use super::processes::{is_shielded, members, open_others};
use super::{AT_ONCE, CLEARING, Container, keep_rules};
use crate::cgroup::thaw;
use crate::error::{Error, Result};
use crate::session;
use crate::spec::IfRunning;
use crate::state::{ExitRecord, Found};
use crate::sys::pidfd::PidFd;

/// How often it is looked whether a container that ends has ended.
const MOMENT: Duration = Duration::from_millis(1);

impl Container {
    /// Asks the root process to end, by SIGTERM or the container's own [`StopSignal`](crate::StopSignal), and returns when
    /// the container is gone, for good: whatever its restart policy, it is not started again. What has not ended after
    /// `patience` is killed.
    ///
    /// Our own PID 1 passes the signal on to every process inside and ends after the last of them. What a program that is
    /// PID 1 itself leaves behind when it ends is killed by the kernel. One that neither handles nor ignores the signal
    /// would die of it anywhere else, but the kernel keeps it from PID 1 (pid_namespaces(7)): then those that it has started
    /// are told, and it is killed when they have ended.
    ///
    /// # Errors
    /// [`Error::NotRunning`]; [`Error::Timeout`] when even SIGKILL does not end it.
    pub fn shutdown(&self, patience: Duration) -> Result<()> {
        self.end(None, patience)
    }

    /// Kills every process of the container and returns when it is gone.
    ///
    /// # Errors
    /// Those of [`Self::shutdown`].
    pub fn kill(&self) -> Result<()> {
        self.end(Some(libc::SIGKILL), Duration::ZERO)
    }

    /// Sends a signal to the root process, and does not wait for what comes of it.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::System`].
    pub fn signal(&self, signal: i32) -> Result<()> {
        let record = self.running()?;
        let root = self.records().root_process(&record)?;
        let root = root.ok_or_else(|| Error::NotRunning(self.name.clone()))?;
        root.signal(signal).map_err(Error::system(format!("signal container {}", self.name)))
    }

    /// Asks the root process to end as [`Self::shutdown`] does, for good, and does not wait.
    ///
    /// # Errors
    /// Those of [`Self::signal`].
    pub fn terminate(&self) -> Result<()> {
        if let Some(record) = self.stay_down()?
            && let Some(root) = self.records().root_process(&record)?
        {
            let sent = root.signal(record.stop_signal());
            sent.map_err(Error::system(format!("signal container {}", self.name)))?;
            self.hang_up();
        }
        Ok(())
    }

    /// Waits until the container has ended and nothing of it is left, and says how it ended. One that does not
    /// run has ended already; `None` if it never ran.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`], [`Error::System`], [`Error::File`].
    pub fn wait(&self) -> Result<Option<ExitRecord>> {
        if let Some(watch) = self.watch()? {
            while !watch.ends_within(Duration::MAX)? {}
        }
        self.settle()?;
        match self.records().exit()? {
            // It was destroyed, and its records with it, before we could look.
            None if !self.directory().exists() => Err(Error::NoSuchContainer(self.name.clone())),
            exit => Ok(exit),
        }
    }

    /// Kills every process of the container whatever keeps it: also one whose monitor does not answer, which is killed
    /// then, and cleared up after.
    ///
    /// # Errors
    /// [`Error::NotRunning`]; what could not be cleared up.
    pub fn kill_by_force(&self) -> Result<()> {
        match self.kill() {
            Err(Error::Timeout { .. } | Error::System { .. }) => {}
            other => return other,
        }
        if let Found::Running(record) | Found::Pausing(record) = self.records().look()?
            && let Some(monitor) = self.records().monitor(&record)?
        {
            tracing::warn!("container {}: its monitor does not answer, and is killed", self.name);
            let failed = |why| Error::system(format!("kill the monitor of container {}", self.name))(why);
            monitor.signal(libc::SIGKILL).map_err(failed)?;
            monitor.wait_until(Some(Instant::now() + CLEARING)).map_err(failed)?;
        }
        self.settle()
    }

    /// `None` is the signal that the container has for that.
    fn end(&self, signal: Option<i32>, patience: Duration) -> Result<()> {
        let failed = |why| Error::system(format!("end container {}", self.name))(why);
        keep_rules(&self.home);
        // From here on nobody starts it again. If its monitor does not answer, what can be ended is.
        let (record, unanswered) = match self.stay_down() {
            Ok(None) => return self.settle(),
            Ok(Some(record)) => (record, None),
            Err(error @ (Error::Timeout { .. } | Error::System { .. })) => (self.run()?, Some(error)),
            // Of one whose monitor was killed something may be left.
            Err(error) => return self.settle().and(Err(error)),
        };
        let records = self.records();
        let Some(monitor) = records.monitor(&record)? else {
            // It ended in this moment.
            return self.settle();
        };
        let root = records.root_process(&record)?;
        if let Some(root) = &root {
            let signal = signal.unwrap_or(record.stop_signal());
            // Before it hears of it: whoever is on the way to hear looks as if nobody would.
            let shielded = signal != libc::SIGKILL && is_shielded(record.pid(), signal);
            let asked = Instant::now();
            root.signal(signal).map_err(failed)?;
            if signal != libc::SIGKILL {
                self.hang_up();
                let deadline = asked.checked_add(patience);
                let deadline = match shielded {
                    true => Some(tell_others(record.pid(), signal, deadline).map_err(failed)?),
                    false => deadline,
                };
                if !wait_for(root, &monitor, deadline).map_err(failed)? {
                    let waited = asked.elapsed().as_secs_f32();
                    tracing::debug!("container {}: SIGKILL after {waited} s", self.name);
                    root.signal(libc::SIGKILL).map_err(failed)?;
                }
            }
        }
        if let Some(error) = unanswered {
            return Err(error);
        }
        if root.is_some() && !monitor.wait_until(Some(Instant::now() + AT_ONCE)).map_err(failed)? {
            for cgroup in thaw(members(record.pid())) {
                tracing::warn!("container {}: thawed {}, to end it", self.name, cgroup.display());
            }
        }
        if !monitor.wait_until(Some(Instant::now() + CLEARING)).map_err(failed)? {
            return Err(Error::Timeout {
                what: format!("the end of container {}", self.name),
                limit: CLEARING,
            });
        }
        self.settle()
    }

    /// Whoever is attached learns that the container goes down.
    fn hang_up(&self) {
        let asked = File::open(self.directory()).and_then(|directory| session::hang_up(&directory));
        // No reason to stop: what does not hang up is killed when the patience is over, and a monitor that
        // cannot be reached has just ended.
        if let Err(why) = asked {
            tracing::debug!("container {}: nobody to hang up: {why}", self.name);
        }
    }

    /// The monitor has gone: by itself, or killed, and then the rest is ours.
    fn settle(&self) -> Result<()> {
        match self.records().look()? {
            Found::Abandoned(_) => self.repair(&self.lock()?),
            _ => Ok(()),
        }
    }

    /// What the container does: of one whose root process has ended, once its monitor is done with that.
    pub(super) fn look_past_the_end(&self) -> Result<Found> {
        let (records, deadline) = (self.records(), Instant::now() + CLEARING);
        loop {
            let found = records.look()?;
            let Found::Running(record) = &found else { return Ok(found) };
            let failed = Error::system(format!("watch the root process of container {}", self.name));
            let goes_on = match records.root_process(record)? {
                Some(root) => !root.wait_until(Some(Instant::now())).map_err(failed)?,
                None => false,
            };
            if goes_on || Instant::now() > deadline {
                return Ok(found);
            }
            thread::sleep(MOMENT);
        }
    }

    /// Deletes the container and all that it has written. Of one whose root process has ended, but not all else, the end is
    /// waited for.
    ///
    /// # Errors
    /// [`Error::Running`], if that is to be [refused](IfRunning::Refuse); [`Error::TearDown`] with all that could not be removed, after
    /// everything else has been.
    pub fn destroy(&self, if_running: IfRunning) -> Result<()> {
        let (mut failures, force) = (Vec::new(), if_running == IfRunning::Kill);
        keep_rules(&self.home);
        if force
            && let Err(error) = self.kill_by_force()
            && !matches!(error, Error::NotRunning(_))
        {
            failures.push(error);
        }
        let lock = self.lock()?;
        match self.look_past_the_end()? {
            Found::Stopped => (),
            Found::Abandoned(_) => failures.extend(self.repair(&lock).err()),
            Found::Starting | Found::Running(_) | Found::Pausing(_) => {
                failures.push(Error::Running(self.name.clone()));
                return one_error(format!("destroying container {}", self.name), failures);
            }
        }
        failures.extend(self.remove_network().err());
        if failures.is_empty() || force {
            failures.extend(self.home.discard(&self.directory()).err());
            failures.extend(self.forget_address().err());
        }
        one_error(format!("destroying container {}", self.name), failures)
    }
}

/// Tells those whom a root process has started that the end has come, since it does not hear it itself, and waits for them.
/// Says how long to wait for the root process then.
fn tell_others(root: u32, signal: i32, deadline: Option<Instant>) -> io::Result<Instant> {
    /// Who has waited for the others ends now, and who waits for nobody will not.
    const A_WHILE: Duration = Duration::from_millis(200);
    let others = open_others(root);
    others.iter().try_for_each(|other| other.signal(signal))?;
    for other in &others {
        other.wait_until(deadline)?;
    }
    let end = Instant::now() + if others.is_empty() { Duration::ZERO } else { A_WHILE };
    Ok(deadline.map_or(end, |deadline| deadline.min(end)))
}

/// Waits for the root process, or for the monitor: it sees the end first and may be gone before we look.
fn wait_for(root: &PidFd, monitor: &PidFd, deadline: Option<Instant>) -> io::Result<bool> {
    Ok(root.wait_until(deadline)? || monitor.wait_until(Some(Instant::now()))?)
}

/// None, the one, or all failures of a tear-down as one error.
pub(super) fn one_error(what: String, mut failures: Vec<Error>) -> Result<()> {
    match failures.len() {
        0 => Ok(()),
        1 => Err(failures.remove(0)),
        _ => Err(Error::TearDown { what, failures }),
    }
}
