//! What is done, step by step: the events of the core and our own, as lines in `xdocker.log` and with `-d` on
//! standard error too.
//!
//! A line is written by one `write(2)` with `O_APPEND`, so that commands that run at once do not mix theirs up.
//! Events that happen before it is known where the home is wait for it. Failing to write the log fails nothing:
//! a command must work on a full disk, if only to make room.

use std::fmt::{self, Write as _};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;
use nix::fcntl::{Flock, FlockArg};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::report::Failure;
use crate::text::printable;

/// The least important events that are kept.
const LEVEL: Level = Level::DEBUG;

/// Most bytes that wait for the file.
const WAITING_MAX: usize = 64 << 10;

/// Size in bytes at which the log becomes the older one, `xdocker.log.1`.
const WHOLE: u64 = 16 << 20;

/// Where lines go.
enum Sink {
    /// It is not known yet where the home is; these are the lines so far.
    Waiting(String),
    /// The log.
    File(File),
    /// There is no log.
    Nowhere,
}

struct Log {
    sink: Mutex<Sink>,
    /// Whether lines go to standard error too.
    shown: bool,
}

static LOG: OnceLock<Log> = OnceLock::new();

/// Hands every event from now on to the log, and to standard error if `shown`.
pub(crate) fn start(shown: bool) {
    LOG.get_or_init(|| Log { sink: Mutex::new(Sink::Waiting(String::new())), shown });
    // Somebody else's subscriber can only be there if this was called before.
    let _ = tracing::subscriber::set_global_default(Events);
}

/// Opens the log in `home`.
pub(crate) fn keep_in(home: &Path) {
    if let Some(log) = LOG.get() {
        log.open(&home.join("xdocker.log"));
    }
}

/// Keeps how a command failed; the user is told in another way.
pub(crate) fn failure(failure: &Failure) {
    if let Some(log) = LOG.get() {
        log.keep(&line(Level::ERROR, &failure.chain().join(": ")));
    }
}

impl Log {
    fn sink(&self) -> MutexGuard<'_, Sink> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, path: &Path) {
        let mut sink = self.sink();
        let Sink::Waiting(lines) = &*sink else { return };
        *sink = match rotated(path) {
            Ok(mut file) => {
                let _ = file.write_all(lines.as_bytes());
                Sink::File(file)
            }
            Err(_) => Sink::Nowhere,
        };
    }

    fn keep(&self, line: &str) {
        match &mut *self.sink() {
            Sink::Waiting(lines) if lines.len() < WAITING_MAX => lines.push_str(line),
            Sink::File(file) => drop(file.write_all(line.as_bytes())),
            Sink::Waiting(_) | Sink::Nowhere => {}
        }
    }
}

/// The log at `path`, to write at its end; a new one where that had become too long.
fn rotated(path: &Path) -> io::Result<File> {
    let open = || OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let file = open()?;
    let metadata = file.metadata()?;
    if metadata.len() < WHOLE {
        return Ok(file);
    }
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        // Of those who see that it is too long one renames it, once.
        Ok(lock) if fs::metadata(path)?.ino() == metadata.ino() => {
            fs::rename(path, path.with_extension("log.1"))?;
            drop(lock);
            open()
        }
        Ok(_) => open(),
        Err((file, _)) => Ok(file),
    }
}

/// `2018-11-10T09:21:12.000000Z 4711 DEBUG message`
fn line(level: Level, message: &str) -> String {
    let now = Timestamp::try_from(SystemTime::now()).unwrap_or_default();
    format!("{now:.6} {} {level} {}\n", std::process::id(), printable(message))
}

/// The subscriber. Spans are not kept: a command does one thing.
struct Events;

impl Subscriber for Events {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LEVEL.into())
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= LEVEL
    }

    fn event(&self, event: &Event<'_>) {
        let Some(log) = LOG.get() else { return };
        let mut message = Message::default();
        event.record(&mut message);
        let message = message.text + &message.fields;
        log.keep(&line(*event.metadata().level(), &message));
        if log.shown {
            let _ = io::stderr().write_all(format!("{}\n", printable(&message)).as_bytes());
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// An event as text: its message, then ` name=value` for each field.
#[derive(Default)]
struct Message {
    text: String,
    fields: String,
}

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.text.push_str(value);
        } else {
            let _ = write!(self.fields, " {field}={value}");
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.text, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Log {
        Log { sink: Mutex::new(Sink::Waiting(String::new())), shown: false }
    }

    #[test]
    fn what_happened_before_the_home_was_known_is_kept() {
        let path = std::env::temp_dir().join(format!("xdocker-log-{}", std::process::id()));
        // A process of that number may have been killed at this once.
        let _ = std::fs::remove_file(&path);
        let log = log();
        log.keep("one\n");
        log.open(&path);
        log.keep("two\n");
        let text = std::fs::read_to_string(&path);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text.unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_log_that_is_long_becomes_the_older_one() {
        let home = tempfile::tempdir().unwrap();
        let [path, older] = ["xdocker.log", "xdocker.log.1"].map(|name| home.path().join(name));
        File::create(&path).unwrap().set_len(WHOLE).unwrap();
        let log = log();
        log.open(&path);
        log.keep("one\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
        assert_eq!(fs::metadata(&older).unwrap().len(), WHOLE);
        // Somebody else is about to rename it.
        File::options().write(true).open(&path).unwrap().set_len(WHOLE).unwrap();
        let renaming = Flock::lock(File::open(&path).unwrap(), FlockArg::LockExclusive).unwrap();
        let other = Log { sink: Mutex::new(Sink::Waiting(String::new())), shown: false };
        other.open(&path);
        other.keep("two\n");
        drop(renaming);
        assert_eq!(fs::metadata(&path).unwrap().len(), WHOLE + 4);
    }

    #[test]
    fn a_log_that_cannot_be_written_fails_nothing() {
        let nowhere = log();
        nowhere.keep("one\n");
        nowhere.open(Path::new("/nonexistent/xdocker.log"));
        nowhere.keep("two\n");
        let full = log();
        full.keep("one\n");
        full.open(Path::new("/dev/full"));
        full.keep("two\n");
    }

    #[test]
    fn a_line_is_one_line() {
        let line = line(Level::INFO, "a\nb\x1b[0m");
        assert_eq!(line.matches('\n').count(), 1);
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.ends_with('Z') && time.contains('.'), "{time}");
        assert_eq!(rest, format!("{} INFO a\\nb\\u{{1b}}[0m\n", std::process::id()));
    }
}
