//! What containers have printed, and detached runs.

use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;

use serde::Serialize;
use xdocker_core::{Container, LogEntry, LogLine, LogOrigin, LogStream, RunId, RunInfo, RunState};

use super::container;
use super::show::{instant, json};
use crate::clock;
use crate::grammar::Given;
use crate::report::{self, Failure, Outcome, exit_code};
use crate::table;

/// `-s runs`
pub(crate) fn runs(given: Given) -> Outcome {
    let runs = container(&given)?.detached_runs()?;
    if given.json {
        return json(&runs.iter().map(RunObject::from).collect::<Vec<_>>());
    }
    let zone = clock::zone();
    report::print(&table::RUNS.text(runs.iter().map(|run| {
        let words: Vec<_> = run.command.iter().map(|word| word.to_string_lossy()).collect();
        let more = if run.command_is_whole { "" } else { " ..." };
        [
            run.id.to_string(),
            clock::local_time(run.started, &zone),
            status(&run.state),
            format!("{}{more}", words.join(" ")),
        ]
    })))
}

/// What has become of a run, in a word.
fn status(state: &RunState) -> String {
    match state {
        RunState::Running { pid } => format!("RUNNING({pid})"),
        RunState::Ended { timed_out: true, .. } => "TIMED_OUT".into(),
        RunState::Ended { status, .. } => format!("ENDED({})", report::code(*status)),
        _ => "LOST".into(),
    }
}

/// `-a wait` of a detached run.
pub(super) fn wait_for_run(container: &Container, id: RunId, as_json: bool) -> Outcome {
    let run = container.detached_run(id)?.wait()?;
    let (code, shown) = match run.state {
        RunState::Ended { timed_out: true, .. } => (ExitCode::from(report::TIMED_OUT), report::TIMED_OUT),
        RunState::Ended { status, .. } => (exit_code(status), report::code(status)),
        // As with a container: by SIGKILL, as far as anybody knows.
        _ => (ExitCode::from(report::LOST), report::LOST),
    };
    if as_json {
        json(&RunObject::from(&run))?;
    } else {
        report::print(&format!("{shown}\n"))?;
    }
    Ok(code)
}

/// `-s logs`
pub(crate) fn show(given: Given) -> Outcome {
    let container = container(&given)?;
    let options = match given.run {
        // One that is not known is an error, and not an empty log.
        Some(id) => given.logs.origin(LogOrigin::Run(container.detached_run(id)?.id())),
        None => given.logs,
    };
    let mut logs = container.logs(&options)?;
    let (mut out, mut errors) = (io::BufWriter::new(io::stdout().lock()), io::stderr().lock());
    let unprinted = || Failure::stream("print the log");
    loop {
        let entry = match logs.try_next()? {
            Some(entry) => entry,
            None => {
                // Before we wait for more.
                out.flush().map_err(unprinted())?;
                match logs.next() {
                    None => return Ok(ExitCode::SUCCESS),
                    Some(entry) => entry?,
                }
            }
        };
        let printed = match (&entry, given.json) {
            (_, true) => {
                let object =
                    serde_json::to_string(&Object::from(&entry)).expect("what we print has text for keys");
                writeln!(out, "{object}")
            }
            (LogEntry::Line(LogLine { stream: LogStream::Stdout, bytes, .. }), _) => out.write_all(bytes),
            // In the order in which they came, where both go to one terminal.
            (LogEntry::Line(LogLine { bytes, .. }), _) => out.flush().and_then(|()| errors.write_all(bytes)),
            (LogEntry::Lost { bytes: Some(bytes), .. }, _) => out
                .flush()
                .and_then(|()| writeln!(errors, "*** LOST : {bytes} bytes that could not be written")),
            (_, _) => out.flush().and_then(|()| writeln!(errors, "*** LOST : what was rotated away unread")),
        };
        printed.map_err(unprinted())?;
    }
}

/// An entry for scripts.
#[derive(Default, Serialize)]
struct Object {
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'static str>,
    /// Without the new line; what is no UTF-8 in it is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    /// The same as it was, in hexadecimal digits, where something had to be replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    /// Whether the line has an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<bool>,
    /// Something is missing here, and how many bytes, as far as that is known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    lost: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_bytes: Option<u64>,
}

impl From<&LogEntry> for Object {
    fn from(entry: &LogEntry) -> Self {
        match entry {
            LogEntry::Line(line) => {
                let (bytes, ended) = match line.bytes.strip_suffix(b"\n") {
                    Some(bytes) => (bytes, true),
                    None => (&*line.bytes, false),
                };
                let hex = std::str::from_utf8(bytes).is_err();
                Self {
                    time: instant(line.time),
                    origin: Some(origin(line.origin)),
                    stream: Some(if line.stream == LogStream::Stdout { "stdout" } else { "stderr" }),
                    line: Some(String::from_utf8_lossy(bytes).into_owned()),
                    hex: hex.then(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
                    ended: Some(ended),
                    ..Self::default()
                }
            }
            LogEntry::Lost { time, bytes } => {
                Self { time: instant(*time), lost: true, lost_bytes: *bytes, ..Self::default() }
            }
            _ => Self::default(),
        }
    }
}

/// `root`, or the id of a detached run.
fn origin(origin: LogOrigin) -> String {
    match origin {
        LogOrigin::Root => "root".into(),
        LogOrigin::Run(id) => id.to_string(),
        _ => "unknown".into(),
    }
}

/// A detached run for scripts. What is no UTF-8 in it is replaced.
#[derive(Serialize)]
struct RunObject {
    run: u32,
    command: Vec<String>,
    command_is_whole: bool,
    started: Option<String>,
    state: &'static str,
    pid: Option<u32>,
    /// Either `code` or `signal` is there for one that has ended.
    code: Option<i32>,
    signal: Option<i32>,
    ended: Option<String>,
    timed_out: bool,
}

impl From<&RunInfo> for RunObject {
    fn from(run: &RunInfo) -> Self {
        let mut object = Self {
            run: run.id.get(),
            command: run.command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            command_is_whole: run.command_is_whole,
            started: instant(run.started),
            state: "lost",
            pid: None,
            code: None,
            signal: None,
            ended: None,
            timed_out: false,
        };
        match run.state {
            RunState::Running { pid } => {
                object.state = "running";
                object.pid = Some(pid);
            }
            RunState::Ended { status, time, timed_out } => {
                object.state = "ended";
                object.code = status.code();
                object.signal = status.signal();
                object.ended = instant(time);
                object.timed_out = timed_out;
            }
            _ => {}
        }
        object
    }
}
