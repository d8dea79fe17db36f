//! `-s events`: what happens to containers, a line each.

use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;
use std::time::Duration;

use jiff::tz::TimeZone;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;
use xdocker_core::{Event, EventKind, ExitRecord};

use super::show::{ExitObject, instant, json};
use super::{engine, session};
use crate::clock;
use crate::grammar::Given;
use crate::report::{self, Failure, Outcome};
use crate::signals::{Signal, Signals};

/// `-s events`
pub(crate) fn follow(given: Given) -> Outcome {
    let signals = session::taken_signals()?;
    let mut events = engine()?.events()?;
    let zone = clock::zone();
    loop {
        while let Some(event) = events.next_timeout(Duration::ZERO)? {
            // It need not be there yet.
            if given.container.as_ref().is_some_and(|name| *name != event.container) {
                continue;
            }
            match given.json {
                true => json(&EventObject::from(&event))?,
                false => report::print(&line(&event, &zone))?,
            };
        }
        let mut polled = [events.as_fd(), signals.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Failure::stream("wait for events")(errno)),
        }
        if ends(&signals)? {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// Whether somebody has asked that we end.
fn ends(signals: &Signals) -> Result<bool, Failure> {
    while let Some(signal) = signals.next().map_err(Failure::stream("read a signal"))? {
        if signal != Signal::SIGWINCH {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `2018-11-10T09:21:12 ended     test: exit code 3`
fn line(event: &Event, zone: &TimeZone) -> String {
    let word = word(&event.kind);
    let detail = match &event.kind {
        EventKind::Booted { pid: Some(pid) } => format!(": root process {pid}"),
        EventKind::Ended { exit: Some(exit) } => format!(": {}", end(exit)),
        EventKind::Ended { exit: None } => ": nobody saw how".to_owned(),
        _ => String::new(),
    };
    format!("{} {word:<9} {}{detail}\n", clock::local_time(event.time, zone), event.container)
}

fn word(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Created => "created",
        EventKind::Booted { .. } => "booted",
        EventKind::Ended { .. } => "ended",
        EventKind::Destroyed => "destroyed",
        _ => "changed",
    }
}

/// How a run ended, in words.
fn end(exit: &ExitRecord) -> String {
    let status = exit.status();
    let how = match (exit.is_lost(), status.code(), status.signal()) {
        (true, ..) => "nobody saw how".to_owned(),
        (false, Some(code), _) => format!("exit code {code}"),
        (false, None, signal) => format!("signal {}", signal.unwrap_or_default()),
    };
    if exit.oom_kills() > 0 { format!("{how}, out of memory") } else { how }
}

/// An event for scripts.
#[derive(Serialize)]
struct EventObject<'a> {
    time: Option<String>,
    event: &'static str,
    container: &'a str,
    /// The root process of one that was booted.
    pid: Option<u32>,
    exit: Option<ExitObject>,
}

impl<'a> From<&'a Event> for EventObject<'a> {
    fn from(event: &'a Event) -> Self {
        let (pid, exit) = match &event.kind {
            EventKind::Booted { pid } => (*pid, None),
            EventKind::Ended { exit } => (None, exit.as_ref().map(ExitObject::from)),
            _ => (None, None),
        };
        let container = event.container.as_str();
        Self { time: instant(event.time), event: word(&event.kind), container, pid, exit }
    }
}
