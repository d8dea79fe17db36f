//! What a container does now: read from `run.json` and the lock on it, and from `exit.json`.
//!
//! `run.json` is there exactly as long as something of the container may be in the kernel. It is written
//! before anything is made and locked by whoever watches over it: the booting process first, then the
//! monitor. Hence, without a race and without trusting a pid:
//!
//! | `run.json` | lock | means |
//! |---|---|---|
//! | none | – | stopped |
//! | there, no pid | held | starting |
//! | there, a monitor and no pid | held | to be started again, after a pause |
//! | there | held | running |
//! | there | free | whoever watched has died: repair |

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::home::{Durability, record};
use crate::host::boot_id;
use crate::spec::StopSignal;
use crate::sys::pidfd::PidFd;
use crate::sys::runlock;

/// What a container is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Nothing of it is in the kernel.
    Stopped,
    /// Somebody is booting it.
    Starting,
    /// Its root process has ended, and its monitor will start it again after a pause.
    Restarting,
    /// It runs.
    Running {
        /// Its root process, in the host's PID namespace.
        pid: u32,
    },
    /// Its record says that it runs, but whoever watched over it has died, and it could not be cleared up.
    Broken {
        /// Its root process, as recorded; 0 when it had none yet.
        pid: u32,
    },
}

impl From<Found> for State {
    fn from(found: Found) -> Self {
        match found {
            Found::Stopped => Self::Stopped,
            Found::Starting => Self::Starting,
            Found::Pausing(_) => Self::Restarting,
            Found::Running(record) => Self::Running { pid: record.pid() },
            Found::Abandoned(record) => Self::Broken { pid: record.map_or(0, |record| record.pid()) },
        }
    }
}

impl fmt::Display for State {
    /// In the seed's words, its spelling included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("STOPED"),
            // To whoever reads the table it is all one: it does not run, and is about to.
            Self::Starting | Self::Restarting => f.write_str("STARTING"),
            Self::Running { pid } => write!(f, "RUNNING({pid})"),
            Self::Broken { pid } => write!(f, "EXPECTION({pid})"),
        }
    }
}

/// How the last run of a container ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    status: i32,
    ended_ns: u64,
    #[serde(default)]
    lost: bool,
    #[serde(default)]
    oom_kills: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_restarted: Option<i32>,
}

impl ExitRecord {
    /// Exit code or signal of the root process. SIGKILL when [`Self::is_lost`].
    #[must_use]
    pub fn status(&self) -> ExitStatus {
        ExitStatus::from_raw(self.status)
    }

    /// When it ended.
    #[must_use]
    pub fn ended(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.ended_ns)
    }

    /// Whether nobody saw how it ended: its monitor was killed, or the machine went down.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// How often the kernel has killed a process of the container because it was out of memory (OOM).
    #[must_use]
    pub fn oom_kills(&self) -> u64 {
        self.oom_kills
    }

    /// Why the container could not be started again after that, when it was last tried.
    #[must_use]
    pub fn not_restarted(&self) -> Option<io::Error> {
        self.not_restarted.map(io::Error::from_raw_os_error)
    }

    /// A record for an end that nobody saw.
    pub(crate) fn lost(oom_kills: u64) -> Self {
        Self { status: libc::SIGKILL, ended_ns: now_ns(), lost: true, oom_kills, not_restarted: None }
    }
}

/// `run.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    format: u32,
    boot_id: String,
    booted_ns: u64,
    /// When its monitor started it again, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    again_ns: Option<u64>,
    /// Its cgroups: those that exist, and those that may before it is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cgroups: Vec<PathBuf>,
    /// What its root process is told to end by.
    #[serde(default)]
    stop_signal: StopSignal,
    /// Whether its monitor may start it again.
    #[serde(default)]
    restarting: bool,
    /// How often it has.
    #[serde(default, skip_serializing_if = "is_zero")]
    restarts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pid_start: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    monitor: Option<u32>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Nanoseconds since 1970.
fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}

/// Names of the records in a container's directory.
pub(crate) const RUN: &str = "run.json";
const EXIT: &str = "exit.json";

/// The records of one container.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    directory: PathBuf,
}

/// What [`Records::look`] found.
#[derive(Debug)]
pub(crate) enum Found {
    Stopped,
    Starting,
    Running(RunRecord),
    /// Between two runs.
    Pausing(RunRecord),
    /// The record of somebody who has died; `None` when it died before it was whole.
    Abandoned(Option<RunRecord>),
}

impl Records {
    pub(crate) fn of(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn run_path(&self) -> PathBuf {
        self.directory.join(RUN)
    }

    /// Opens a run: makes `run.json` and takes the lock on it. The text is how the monitor's version of it
    /// begins.
    pub(crate) fn open_run(
        &self,
        cgroups: &[PathBuf],
        stop_signal: StopSignal,
        restarting: bool,
    ) -> Result<(File, String)> {
        let path = self.run_path();
        let record = RunRecord {
            format: 1,
            boot_id: boot_id().to_owned(),
            booted_ns: now_ns(),
            again_ns: None,
            cgroups: cgroups.to_vec(),
            stop_signal,
            restarting,
            restarts: 0,
            pid: None,
            pid_start: None,
            monitor: None,
        };
        let text =
            serde_json::to_string(&record).map_err(|source| Error::Record { path: path.clone(), source })?;
        let make = || -> io::Result<File> {
            let mut file =
                OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
            let written = runlock::take(&file).and_then(|()| file.write_all(text.as_bytes()));
            if written.is_err() {
                // A full disk: nothing has been made that the record would have to tell of.
                let _ = fs::remove_file(&path);
            }
            written.map(|()| file)
        };
        let file = make().map_err(Error::file("create", &path))?;
        Ok((file, record.beginning()?))
    }

    /// What the container does now.
    pub(crate) fn look(&self) -> Result<Found> {
        let path = self.run_path();
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Found::Stopped),
            Err(why) => return Err(Error::file("read", path)(why)),
        };
        let failed = |why| Error::file("read", path.clone())(why);
        let watched = runlock::is_taken(&file).map_err(failed)?;
        // Not whole when its writer was killed in the middle of it: then there is nothing in it to trust. Its monitor
        // may also be writing it anew just now.
        let mut read = || -> Result<Option<RunRecord>> {
            let mut text = String::new();
            file.rewind().and_then(|()| file.read_to_string(&mut text)).map_err(failed)?;
            Ok(serde_json::from_str(&text).ok())
        };
        let mut record = read()?;
        for _ in 0..3 {
            if record.is_none() && watched {
                record = read()?;
            }
        }
        Ok(match record {
            record if !watched && !path.exists() => {
                // It ended between our opening the file and asking for the lock.
                drop(record);
                Found::Stopped
            }
            record if !watched => Found::Abandoned(record),
            Some(record) if record.pid.is_some() => Found::Running(record),
            Some(record) if record.monitor.is_some() => Found::Pausing(record),
            _ => Found::Starting,
        })
    }

    /// Waits until nobody watches over the run any more, at most for `limit`.
    pub(crate) fn wait_unwatched(&self, limit: Duration) -> Result<()> {
        let give_up = Instant::now().checked_add(limit);
        while matches!(self.look()?, Found::Starting | Found::Running(_) | Found::Pausing(_))
            && give_up.is_none_or(|give_up| Instant::now() < give_up)
        {
            thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// How the last run ended.
    pub(crate) fn exit(&self) -> Result<Option<ExitRecord>> {
        record::read(&self.directory.join(EXIT))
    }

    /// Closes a run that nobody watches. How it ended is not known, unless the monitor came as far as to
    /// say so.
    pub(crate) fn close_run(&self, run: Option<&RunRecord>, oom_kills: u64) -> Result<()> {
        let told = |run: &RunRecord| matches!(self.exit(), Ok(Some(exit)) if exit.ended_ns >= run.began_ns());
        let path = self.directory.join(EXIT);
        if !run.is_some_and(told)
            && let Err(error) = record::write(&path, &ExitRecord::lost(oom_kills), Durability::Unsynced)
        {
            // A full disk must not keep a container that has ended from being seen so. Of how it ended
            // nothing is said then, least of all what is true of the run before.
            tracing::warn!("{}", error.chain());
            remove(&path)?;
        }
        remove(&self.run_path())
    }

    /// The record of a run that somebody watches over now.
    fn watched(&self) -> Result<Option<RunRecord>> {
        Ok(match self.look()? {
            Found::Running(now) | Found::Pausing(now) => Some(now),
            _ => None,
        })
    }

    /// The root process of a running container.
    pub(crate) fn root_process(&self, record: &RunRecord) -> Result<Option<PidFd>> {
        self.open_checked(record.pid, |now| now.is_of(record) && now.pid == record.pid)
    }

    /// The monitor of a container that runs or is to.
    pub(crate) fn monitor(&self, record: &RunRecord) -> Result<Option<PidFd>> {
        self.open_checked(record.monitor, |now| now.is_of(record))
    }

    /// Opens a process by its recorded pid. What `confirms` what was recorded afterwards is what it names, since a
    /// monitor keeps its root process a zombie for as long as that is recorded.
    fn open_checked(
        &self,
        pid: Option<u32>,
        confirms: impl FnOnce(&RunRecord) -> bool,
    ) -> Result<Option<PidFd>> {
        let Some(pid) = pid else { return Ok(None) };
        match PidFd::open(pid) {
            Ok(process) if self.watched()?.is_some_and(|now| confirms(&now)) => Ok(Some(process)),
            Ok(_) => Ok(None),
            Err(why) if why.raw_os_error() == Some(libc::ESRCH) => Ok(None),
            Err(why) => Err(Error::system(format!("open process {pid}"))(why)),
        }
    }
}

impl RunRecord {
    /// When this run of its root process began.
    fn began_ns(&self) -> u64 {
        self.again_ns.unwrap_or(self.booted_ns)
    }

    /// Whether both tell of one boot of the container.
    fn is_of(&self, other: &Self) -> bool {
        self.booted_ns == other.booted_ns && self.monitor == other.monitor
    }

    /// What its root process is told to end by.
    pub(crate) fn stop_signal(&self) -> i32 {
        self.stop_signal.number()
    }

    /// How the record begins that its monitor writes when it starts it again: as it did.
    pub(crate) fn beginning(&self) -> Result<String> {
        let first =
            Self { again_ns: None, restarts: 0, pid: None, pid_start: None, monitor: None, ..self.clone() };
        let text = serde_json::to_string(&first);
        let mut text = text.map_err(|source| Error::Record { path: RUN.into(), source })?;
        text.pop();
        text.push(',');
        Ok(text)
    }

    /// Whether its monitor may start it again.
    pub(crate) fn restarts_are_wanted(&self) -> bool {
        self.restarting
    }

    /// How often it has.
    pub(crate) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// The root process, as recorded.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.unwrap_or(0)
    }

    /// Its monitor, as recorded.
    pub(crate) fn monitor_pid(&self) -> Option<u32> {
        self.monitor
    }

    /// When it began.
    pub(crate) fn booted(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.began_ns())
    }

    /// Its cgroups: those that exist, and those that may before it is over.
    pub(crate) fn cgroups(&self) -> &[PathBuf] {
        &self.cgroups
    }

    /// The root process of a run whose monitor has died, if it is still there: same boot, same number,
    /// same start time.
    pub(crate) fn orphan(&self) -> io::Result<Option<PidFd>> {
        let (Some(pid), Some(start), true) = (self.pid, self.pid_start, self.boot_id == boot_id()) else {
            return Ok(None);
        };
        let process = match PidFd::open(pid) {
            Err(why) if why.raw_os_error() == Some(libc::ESRCH) => return Ok(None),
            other => other?,
        };
        // Read after the process was opened: if it is the right one now, it is the one we have open.
        Ok((start_time(pid) == Some(start)).then_some(process))
    }
}

/// When a process started, in clock ticks since boot (field 22 of proc_pid_stat(5)).
fn start_time(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything: fields are counted from its end.
    let (_, fields) = text.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Removes a file; none there is fine.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", path)(why)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::scratch::Scratch;

    #[test]
    fn the_lock_tells_who_lives() {
        let scratch = Scratch::new("state");
        let records = Records::of(scratch.path().to_owned());
        assert!(matches!(records.look().unwrap(), Found::Stopped));
        let (mut file, start) = records.open_run(&[], StopSignal::default(), false).unwrap();
        assert!(matches!(records.look().unwrap(), Found::Starting));
        assert!(records.open_run(&[], StopSignal::default(), false).is_err(), "a run is opened once");
        let me = std::process::id();
        let whole =
            format!("{start}\"pid\":{me},\"pid_start\":{},\"monitor\":{me}}}\n", start_time(me).unwrap());
        io::Seek::rewind(&mut file).unwrap();
        file.write_all(whole.as_bytes()).unwrap();
        let Found::Running(record) = records.look().unwrap() else { panic!("not running") };
        assert_eq!(record.pid(), me);
        assert!(records.root_process(&record).unwrap().is_some());
        drop(file);
        // Another test may have forked a moment ago, and have a copy of the file until it executes something.
        records.wait_unwatched(Duration::from_secs(10)).unwrap();
        let Found::Abandoned(Some(record)) = records.look().unwrap() else { panic!("not abandoned") };
        assert!(record.orphan().unwrap().is_some());
        let stranger = RunRecord { pid_start: Some(1), ..record.clone() };
        assert!(stranger.orphan().unwrap().is_none(), "same number, another process");
        let before = RunRecord { boot_id: "another boot".into(), ..record };
        assert!(before.orphan().unwrap().is_none());
        records.close_run(None, 0).unwrap();
        assert!(matches!(records.look().unwrap(), Found::Stopped));
        assert!(records.exit().unwrap().unwrap().is_lost());
    }
}
