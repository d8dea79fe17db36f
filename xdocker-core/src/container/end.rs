//! Ending: shutdown, kill, destroy, and clearing up after a monitor that was killed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, umount2};

use super::{CLEARING, Container};
use crate::cgroup::Group;
use crate::error::{Error, Result};
use crate::home::DirectoryLock;
use crate::logs;
use crate::session::{self, SOCKET};
use crate::state::{ExitRecord, Found, remove};
use crate::sys::pidfd::PidFd;

impl Container {
    /// Asks the root process to end, by SIGTERM or the container's own [`StopSignal`](crate::StopSignal), and returns when
    /// the container is gone, for good: whatever its restart policy, it is not started again. What has not ended after
    /// `patience` is killed.
    ///
    /// Our own PID 1 passes the signal on to every process inside and ends after the last of them. What a program that is
    /// PID 1 itself leaves behind when it ends is killed by the kernel; one that does not handle the signal is not ended
    /// by it, since the kernel protects PID 1 (pid_namespaces(7)).
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

    /// `None` is the signal that it has for that.
    fn end(&self, signal: Option<i32>, patience: Duration) -> Result<()> {
        // From here on nobody starts it again.
        let Some(record) = self.stay_down()? else { return self.settle() };
        let records = self.records();
        let Some(monitor) = records.monitor(&record)? else {
            // It ended in this moment.
            return self.settle();
        };
        let failed = |why| Error::system(format!("end container {}", self.name))(why);
        let Some(root) = records.root_process(&record)? else { return self.see_it_go(&monitor) };
        let signal = signal.unwrap_or(record.stop_signal());
        root.signal(signal).map_err(failed)?;
        let asked = Instant::now();
        if signal != libc::SIGKILL {
            self.hang_up();
        }
        if signal != libc::SIGKILL && !wait_for(&root, &monitor, asked + patience).map_err(failed)? {
            tracing::debug!("container {}: SIGKILL after {} s", self.name, patience.as_secs_f32());
            root.signal(libc::SIGKILL).map_err(failed)?;
        }
        self.see_it_go(&monitor)
    }

    /// Waits for the end of the monitor, which is about to come.
    fn see_it_go(&self, monitor: &PidFd) -> Result<()> {
        let failed = |why| Error::system(format!("end container {}", self.name))(why);
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

    /// Deletes the container and all that it has written.
    ///
    /// With `force`, one that runs is killed first.
    ///
    /// # Errors
    /// [`Error::Running`] without `force`; [`Error::TearDown`] with all that could not be removed, after
    /// everything else has been.
    pub fn destroy(&self, force: bool) -> Result<()> {
        let mut failures = Vec::new();
        if force
            && let Err(error) = self.kill()
            && !matches!(error, Error::NotRunning(_))
        {
            failures.push(error);
        }
        let lock = self.lock()?;
        match self.records().look()? {
            Found::Stopped => (),
            Found::Abandoned(_) => failures.extend(self.repair(&lock).err()),
            Found::Starting | Found::Running(_) | Found::Pausing(_) => {
                return Err(Error::Running(self.name.clone()));
            }
        }
        failures.extend(self.remove_network().err());
        if failures.is_empty() || force {
            failures.extend(self.home.discard(&self.directory()).err());
            failures.extend(self.forget_address().err());
        }
        one_error(format!("destroying container {}", self.name), failures)
    }

    /// Clears up what a monitor that was killed has left: process, cgroups, mount, socket, record.
    ///
    /// # Errors
    /// [`Error::TearDown`] with everything that failed; the record stays then.
    pub(super) fn repair(&self, lock: &DirectoryLock) -> Result<()> {
        let records = self.records();
        // Somebody else may have been faster while we waited for the lock.
        let Found::Abandoned(record) = records.look()? else { return Ok(()) };
        tracing::info!("container {}: its monitor was killed, clearing up", self.name);
        let mut failures = Vec::new();
        if let Some(record) = &record {
            failures.extend(kill_orphan(record.orphan(), record.pid()).err());
        }
        let merged = lock.path().join("merged");
        let group = record.as_ref().map(|record| Group::recorded(record.cgroups().to_vec()));
        let oom_kills = group.as_ref().map_or(0, Group::oom_kills);
        failures.extend(group.iter().flat_map(Group::remove));
        failures.extend(unmount(&merged).map_err(Error::file("unmount", &merged)).err());
        failures.extend(remove(&lock.path().join(SOCKET)).err());
        failures.extend(logs::cut_torn(lock.path()).err());
        let withdrawn =
            self.definition().and_then(|it| self.attachment(&it)?.map_or(Ok(()), |it| it.withdraw()));
        failures.extend(withdrawn.err());
        if failures.is_empty() {
            failures.extend(records.close_run(record.as_ref(), oom_kills).err());
        }
        one_error(format!("clearing up container {}", self.name), failures)
    }
}

/// Waits for the root process, or for the monitor: it sees the end first and may be gone before we look.
fn wait_for(root: &PidFd, monitor: &PidFd, deadline: Instant) -> io::Result<bool> {
    Ok(root.wait_until(Some(deadline))? || monitor.wait_until(Some(Instant::now()))?)
}

/// Kills the root process of a dead monitor. The kernel does so itself (PR_SET_PDEATHSIG) unless the
/// program has changed its identity or asked not to be.
fn kill_orphan(orphan: io::Result<Option<PidFd>>, pid: u32) -> Result<()> {
    let failed = |why| Error::system(format!("kill process {pid}"))(why);
    let Some(orphan) = orphan.map_err(failed)? else { return Ok(()) };
    orphan.signal(libc::SIGKILL).map_err(failed)?;
    match orphan.wait_until(Some(Instant::now() + CLEARING)).map_err(failed)? {
        true => Ok(()),
        false => Err(Error::Timeout { what: format!("the end of process {pid}"), limit: CLEARING }),
    }
}

/// Takes away everything that is mounted at `path`.
fn unmount(path: &Path) -> io::Result<()> {
    /// A launch mounts one thing there; more than a few are not our doing.
    const MOST: usize = 8;
    for _ in 0..MOST {
        match umount2(path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
            Ok(()) => continue,
            // Nothing is mounted there, or it is not there at all.
            Err(nix::Error::EINVAL | nix::Error::ENOENT) => return Ok(()),
            // The kernel tells who is not root nothing; what such a boot has left is no mount.
            Err(nix::Error::EPERM) if !is_mounted(path)? => return Ok(()),
            Err(why) => return Err(why.into()),
        }
    }
    Ok(())
}

/// Whether the directory at `path` is the root of a file system other than the one that it lies in.
fn is_mounted(path: &Path) -> io::Result<bool> {
    let device = |path: &Path| fs::symlink_metadata(path).map(|data| data.dev());
    Ok(device(path)? != device(&path.join(".."))?)
}

/// None, the one, or all failures of a tear-down as one error.
fn one_error(what: String, mut failures: Vec<Error>) -> Result<()> {
    match failures.len() {
        0 => Ok(()),
        1 => Err(failures.remove(0)),
        _ => Err(Error::TearDown { what, failures }),
    }
}
