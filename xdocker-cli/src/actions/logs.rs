//! What containers have printed.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use xdocker_core::{LogEntry, LogLine, LogOrigin, LogStream};

use super::container;
use super::show::instant;
use crate::grammar::Given;
use crate::report::{Failure, Outcome};

/// `-s logs`
pub(crate) fn show(given: Given) -> Outcome {
    let mut logs = container(&given)?.logs(&given.logs)?;
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
        _ => "unknown".into(),
    }
}
