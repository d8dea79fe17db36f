//! What a container has printed: the reading side of the log that its monitor writes.
//!
//! The files and their frames are described in [`xdockerinit::wire::log`]. A reader takes no lock and stops nobody: a
//! frame is there or not, and a file that was renamed while it is read stays open until its end.

mod file;
mod lines;

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xdockerinit::wire::log::kind;

use crate::error::{Error, Result};
use crate::follow::Follower;
use crate::name::RunId;
use crate::state::Records;
pub(crate) use file::cut_torn;
use file::{LogFile, Place};
use lines::Lines;

/// Which part of a log to read, and for how long.
///
/// ```
/// # use xdocker_core::LogOptions;
/// let last_ten_and_whatever_comes = LogOptions::new().tail(10).follow(true);
/// ```
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    follow: bool,
    since: Option<SystemTime>,
    tail: Option<usize>,
    origin: Option<LogOrigin>,
}

impl LogOptions {
    /// All that is kept.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on, and waits, until the container has ended.
    #[must_use]
    pub fn follow(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }

    /// Only lines that began at this time or later.
    #[must_use]
    pub fn since(mut self, time: SystemTime) -> Self {
        self.since = Some(time);
        self
    }

    /// Only what this one has printed, and what is lost.
    #[must_use]
    pub fn origin(mut self, origin: LogOrigin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Of what is there already only so many lines, the last ones.
    #[must_use]
    pub fn tail(mut self, lines: usize) -> Self {
        self.tail = Some(lines);
        self
    }
}

/// Where a program has printed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogStream {
    /// On its standard output.
    Stdout,
    /// On its standard error.
    Stderr,
}

/// Who has printed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LogOrigin {
    /// The root process, and what it has started.
    Root,
    /// A detached run, and what that has started.
    Run(RunId),
}

/// A line, as it was printed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// When its first byte came.
    pub time: SystemTime,
    /// Who has printed it.
    pub origin: LogOrigin,
    /// Where.
    pub stream: LogStream,
    /// The bytes, whatever they are, with the new line at their end. Without one there was none: the program ended, or
    /// has printed a MiB without any.
    pub bytes: Vec<u8>,
}

/// What a log has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogEntry {
    /// A line.
    Line(LogLine),
    /// Here something is missing.
    Lost {
        /// When that was noticed.
        time: SystemTime,
        /// How many bytes could not be written, because the disk was full for example. `None` for a follower who was too
        /// slow: what had been written was given up before he came to read it.
        bytes: Option<u64>,
    },
}

impl LogEntry {
    fn time(&self) -> SystemTime {
        match self {
            Self::Line(LogLine { time, .. }) | Self::Lost { time, .. } => *time,
        }
    }
}

/// Nanoseconds since 1970 as a time.
fn time(nanoseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}

/// What a container has printed, line by line, in the order in which the lines ended.
///
/// Following, [`Iterator::next`] waits for more without asking again and again, and returns `None` when the container
/// has ended and all has been read. Who waits for other things too polls [`Self::poll_fd`] and calls [`Self::try_next`].
#[derive(Debug)]
pub struct Logs {
    directory: PathBuf,
    since: Option<SystemTime>,
    origin: Option<LogOrigin>,
    file: Option<LogFile>,
    lines: Lines,
    ready: VecDeque<LogEntry>,
    follower: Option<Follower>,
    over: bool,
}

impl Logs {
    /// Opens the log of the container in `directory`.
    pub(crate) fn open(directory: &Path, records: Records, options: &LogOptions) -> Result<Self> {
        // Before the first look: what happens after it is not missed.
        let follower = options.follow.then(|| Follower::new(directory, records)).transpose()?;
        let mut logs = Self {
            directory: directory.to_owned(),
            since: options.since,
            origin: options.origin,
            file: LogFile::oldest(directory)?,
            lines: Lines::default(),
            ready: VecDeque::new(),
            follower,
            over: false,
        };
        if let Some(lines) = options.tail {
            let following = logs.is_followed()?;
            while logs.read()? {
                let surplus = logs.ready.len().saturating_sub(lines);
                logs.ready.drain(..surplus);
            }
            if !following {
                logs.end();
                let surplus = logs.ready.len().saturating_sub(lines);
                logs.ready.drain(..surplus);
            }
        }
        Ok(logs)
    }

    /// The next of what is there already. `None` says that for the moment, or for ever, there is nothing more.
    ///
    /// # Errors
    /// [`Error::File`] when a file cannot be read, or is damaged.
    pub fn try_next(&mut self) -> Result<Option<LogEntry>> {
        while self.ready.is_empty() && !self.over {
            if self.read()? {
                continue;
            }
            let following = self.is_followed()?;
            // What was printed before the end is there after it has been seen.
            match self.read()? {
                true => {}
                false if following => return Ok(None),
                false => self.end(),
            }
        }
        Ok(self.ready.pop_front())
    }

    /// Waits until [`Self::try_next`], which has returned `None`, may have something, at most for `limit`. It does not wait
    /// for a log that is not followed.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn wait_within(&self, limit: Duration) -> Result<()> {
        self.follower.as_ref().map_or(Ok(()), |follower| follower.wait(Some(limit)))
    }

    /// Whether nothing more can come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over && self.ready.is_empty()
    }

    /// Becomes readable when [`Self::try_next`], which has returned `None`, may have something. Only a log that is
    /// followed has it.
    #[must_use]
    pub fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.follower.as_ref().map(Follower::as_fd)
    }

    /// Whether more may come from the container.
    fn is_followed(&mut self) -> Result<bool> {
        match &mut self.follower {
            Some(follower) => follower.goes_on(),
            None => Ok(false),
        }
    }

    /// All has been read, and nobody will finish his line.
    fn end(&mut self) {
        self.over = true;
        self.lines.finish(&mut self.ready);
        self.sift();
    }

    /// Reads one frame, if there is one.
    fn read(&mut self) -> Result<bool> {
        let Some(file) = &mut self.file else {
            self.file = LogFile::oldest(&self.directory)?;
            return Ok(self.file.is_some());
        };
        if let Some((frame, payload)) = file.next()? {
            self.lines.take(&frame, payload, &mut self.ready);
            self.sift();
            return Ok(true);
        }
        let (next, place) = match file.successor(&self.directory)? {
            None => return Ok(false),
            Some(found) => found,
        };
        // What was written into ours before it was renamed may have come after the look above.
        if let Some((frame, payload)) = file.next()? {
            self.lines.take(&frame, payload, &mut self.ready);
            self.sift();
            return Ok(true);
        }
        if place == Place::Later {
            self.lines.finish(&mut self.ready);
            self.ready.push_back(LogEntry::Lost { time: SystemTime::now(), bytes: None });
        }
        self.file = Some(next);
        Ok(true)
    }

    /// Drops what is too old, or of others.
    fn sift(&mut self) {
        if let Some(wanted) = self.origin {
            self.ready.retain(|entry| !matches!(entry, LogEntry::Line(line) if line.origin != wanted));
        }
        if let Some(since) = self.since {
            self.ready.retain(|entry| entry.time() >= since);
        }
    }
}

impl Iterator for Logs {
    type Item = Result<LogEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.try_next() {
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
                Ok(Some(entry)) => return Some(Ok(entry)),
                Ok(None) if self.over => return None,
                Ok(None) => match &self.follower {
                    Some(follower) => {
                        if let Err(error) = follower.wait(None) {
                            self.over = true;
                            return Some(Err(error));
                        }
                    }
                    None => return None,
                },
            }
        }
    }
}

/// Who has printed what stands in a frame, and where; `None` for frames of another kind.
fn printer(kind: u32, origin: u64) -> Option<(LogOrigin, LogStream)> {
    let stream = match kind {
        kind::STDOUT | kind::END_STDOUT => LogStream::Stdout,
        kind::STDERR | kind::END_STDERR => LogStream::Stderr,
        _ => return None,
    };
    let run = u32::try_from(origin).ok().and_then(RunId::new);
    Some((run.map_or(LogOrigin::Root, LogOrigin::Run), stream))
}

fn damaged(path: &Path, at: u64) -> Error {
    let why = format!("it is damaged at byte {at}");
    Error::file("read", path)(std::io::Error::new(std::io::ErrorKind::InvalidData, why))
}
