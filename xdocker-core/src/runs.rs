//! Detached runs: processes in a container that need no client, and the records of them.
//!
//! The monitor writes the records, in places of a fixed number ([`xdockerinit::wire::runs`]); reading takes no lock.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use xdockerinit::wire::runs::{COMMAND_MAX, ENTRY, Entry, FILE, FILE_MAGIC, MOST, state};

use crate::error::{Error, Result};
use crate::follow::Follower;
use crate::name::{ContainerName, RunId};
use crate::state::{Found, Records};

/// What has become of a detached run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunState {
    /// It runs.
    Running {
        /// The process in the host's PID namespace.
        pid: u32,
    },
    /// It has ended.
    Ended {
        /// Its exit code, or the signal that ended it.
        status: ExitStatus,
        /// When.
        time: SystemTime,
        /// Whether it was ended because its time was up.
        timed_out: bool,
    },
    /// It has ended with its container, whose monitor was killed: nobody saw how.
    Lost,
}

/// A detached run as it is at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunInfo {
    /// Its id.
    pub id: RunId,
    /// The program and its arguments; of a long command line only the beginning.
    pub command: Vec<OsString>,
    /// Whether that is all of it.
    pub command_is_whole: bool,
    /// When it was started.
    pub started: SystemTime,
    /// What has become of it.
    pub state: RunState,
}

/// A detached run. It goes on when this is dropped, and when we end; its container can be asked for it by its id.
#[derive(Clone, Debug)]
pub struct DetachedRun {
    container: ContainerName,
    directory: PathBuf,
    id: RunId,
}

impl DetachedRun {
    pub(crate) fn new(container: ContainerName, directory: PathBuf, id: RunId) -> Self {
        Self { container, directory, id }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.id
    }

    /// What is known of it. The last 1024 runs of a container are, and those that run.
    ///
    /// # Errors
    /// [`Error::NoSuchRun`], [`Error::NoSuchContainer`], [`Error::File`].
    pub fn info(&self) -> Result<RunInfo> {
        let unknown = || Error::NoSuchRun { container: self.container.clone(), run: self.id };
        let book = Book::open(&self.directory, &self.container)?.ok_or_else(unknown)?;
        let entry = book.entry(self.id.get() % MOST)?.filter(|entry| entry.id == self.id.get());
        entry.and_then(|entry| book.info(&entry)).ok_or_else(unknown)
    }

    /// Waits for its end. One that has ended is not waited for.
    ///
    /// # Errors
    /// Those of [`Self::info`]; [`Error::System`].
    pub fn wait(&self) -> Result<RunInfo> {
        loop {
            if let Some(info) = self.wait_timeout(Duration::MAX)? {
                return Ok(info);
            }
        }
    }

    /// The same, but for at most `limit`; `None` when it runs on.
    ///
    /// # Errors
    /// Those of [`Self::wait`].
    pub fn wait_timeout(&self, limit: Duration) -> Result<Option<RunInfo>> {
        let over = |info: &RunInfo| !matches!(info.state, RunState::Running { .. });
        let info = self.info()?;
        if over(&info) {
            return Ok(Some(info));
        }
        let deadline = Instant::now().checked_add(limit);
        let mut follower = Follower::new(&path(&self.directory), Records::of(self.directory.clone()))?;
        loop {
            follower.goes_on()?;
            let info = self.info()?;
            if over(&info) {
                return Ok(Some(info));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            follower.wait(left)?;
        }
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join(std::ffi::OsStr::from_bytes(FILE.to_bytes()))
}

/// The runs of the container in `directory` that are known, the oldest first.
pub(crate) fn list(directory: &Path, container: &ContainerName) -> Result<Vec<RunInfo>> {
    let Some(book) = Book::open(directory, container)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for place in 0..MOST {
        match book.entry(place)? {
            Some(entry) => found.extend(book.info(&entry)),
            None => break,
        }
    }
    found.sort_by_key(|info| (info.started, info.id));
    Ok(found)
}

/// The records of a container, and what they are to be judged by.
struct Book {
    path: PathBuf,
    file: File,
    /// Who watches over the container, if it runs.
    monitor: Option<u32>,
}

impl Book {
    /// Opens it; `None` when nothing was ever run.
    fn open(directory: &Path, container: &ContainerName) -> Result<Option<Self>> {
        let path = path(directory);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                return match directory.is_dir() {
                    true => Ok(None),
                    false => Err(Error::NoSuchContainer(container.clone())),
                };
            }
            Err(why) => return Err(Error::file("read", path)(why)),
        };
        let mut magic = [0; 8];
        let known = file.read_at(&mut magic, 0).map_err(Error::file("read", &path))? == magic.len();
        if !known || u64::from_ne_bytes(magic) != FILE_MAGIC {
            return Ok(None);
        }
        let monitor = match Records::of(directory.to_owned()).look()? {
            Found::Running(record) | Found::Pausing(record) => record.monitor_pid(),
            _ => None,
        };
        Ok(Some(Self { path, file, monitor }))
    }

    /// The record in a place; `None` past the end of the file.
    fn entry(&self, place: u32) -> Result<Option<Entry>> {
        let mut bytes = [0; ENTRY];
        let at = u64::from(place + 1) * ENTRY as u64;
        match self.file.read_exact_at(&mut bytes, at) {
            Ok(()) => Ok(Some(decode(&bytes))),
            Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(why) => Err(Error::file("read", &self.path)(why)),
        }
    }

    fn info(&self, entry: &Entry) -> Option<RunInfo> {
        let time = |nanoseconds| UNIX_EPOCH + Duration::from_nanos(nanoseconds);
        let state = match entry.state {
            state::ENDED | state::TIMED_OUT => RunState::Ended {
                status: ExitStatus::from_raw(entry.status),
                time: time(entry.ended),
                timed_out: entry.state == state::TIMED_OUT,
            },
            _ if self.monitor == Some(entry.monitor as u32) => RunState::Running { pid: entry.pid as u32 },
            // Whoever started it has not lived to see its end.
            _ => RunState::Lost,
        };
        let kept = &entry.command[..(entry.kept as usize).min(COMMAND_MAX)];
        let words = kept.strip_suffix(b"\0").unwrap_or(kept).split(|byte| *byte == 0);
        Some(RunInfo {
            id: RunId::new(entry.id)?,
            command: words.map(|word| OsString::from_vec(word.to_vec())).collect(),
            command_is_whole: entry.kept == entry.length,
            started: time(entry.started),
            state,
        })
    }
}

fn decode(bytes: &[u8; ENTRY]) -> Entry {
    let half = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let whole = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    Entry {
        id: half(0),
        state: half(4),
        pid: half(8) as i32,
        status: half(12) as i32,
        started: whole(16),
        ended: whole(24),
        length: half(32),
        kept: half(36),
        monitor: half(40) as i32,
        reserved: half(44),
        command: bytes[48..].try_into().expect("the rest of the record"),
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn a_record_lies_as_the_helper_writes_it() {
        assert_eq!(ENTRY, 256);
        let halves = [offset_of!(Entry, state), offset_of!(Entry, pid), offset_of!(Entry, status)];
        assert_eq!(halves, [4, 8, 12]);
        assert_eq!([offset_of!(Entry, started), offset_of!(Entry, ended)], [16, 24]);
        let rest = [offset_of!(Entry, kept), offset_of!(Entry, monitor), offset_of!(Entry, command)];
        assert_eq!(rest, [36, 40, 48]);
    }
}
