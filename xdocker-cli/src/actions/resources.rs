//! What containers may use, and what they do use.

use std::env;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use serde::Serialize;
use xdocker_core::{Container, Engine, Error, State, Stats};

use super::show::json;
use super::{container, engine, session};
use crate::grammar::{Fault, Given, Misuse};
use crate::report::{self, Failure, Outcome};
use crate::signals::Signal;
use crate::table::{self, Size};

/// How long is waited for a signal at a time, in milliseconds.
const PAUSE: u8 = 200;
/// How many pauses are between two pictures.
const PAUSES: usize = 5;

/// `-a limit`
pub(crate) fn limit(given: Given) -> Outcome {
    if given.resources.is_empty() {
        let (wanting, missing) = ("-a limit".into(), "one of the cgroup options".into());
        return Err(Misuse::from(Fault::Missing { wanting, missing }).into());
    }
    container(&given)?.limit(&given.resources)?;
    report::ok()
}

/// `-s stats`
pub(crate) fn stats(given: Given) -> Outcome {
    let engine = engine()?;
    let named = given.container.as_ref().map(|_| container(&given)).transpose()?;
    let take = || Sample::take(&engine, named.as_ref());
    if given.json {
        return json(&take()?);
    }
    // Where the picture cannot be drawn over, there is one.
    let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
    if io::stdout().is_terminal() && !dumb { watch(take) } else { report::print(&text(&take()?, &[])) }
}

/// What one container uses at a moment.
#[derive(Serialize)]
struct Sample {
    name: String,
    #[serde(flatten)]
    stats: Stats,
    #[serde(skip)]
    taken: Instant,
}

impl Sample {
    /// Of the container that is named, which has to run, or of all that do.
    fn take(engine: &Engine, named: Option<&Container>) -> Result<Vec<Self>, Error> {
        let of = |container: &Container| {
            let stats = container.stats()?;
            Ok(Self { name: container.name().to_string(), stats, taken: Instant::now() })
        };
        if let Some(container) = named {
            return Ok(vec![of(container)?]);
        }
        let running =
            engine.containers()?.into_iter().filter(|info| matches!(info.state, State::Running { .. }));
        let samples = running.map(|info| of(&engine.container(&info.name)?));
        // One that has ended meanwhile does not run.
        samples
            .filter(|sample| !matches!(sample, Err(Error::NotRunning(_) | Error::NoSuchContainer(_))))
            .collect()
    }

    /// Share of one core that was used since `before`, in percent.
    fn cpu_share(&self, before: &Self) -> Option<f64> {
        let used = self.stats.cpu?.total.checked_sub(before.stats.cpu?.total)?;
        Some(100.0 * used.as_secs_f64() / (self.taken - before.taken).as_secs_f64().max(1e-3))
    }

    /// The cells of a row; what is not counted here is `-`.
    fn cells(&self, before: &[Self]) -> [String; 12] {
        let none = || "-".to_owned();
        let time = |time: Duration| format!("{:.2}s", time.as_secs_f64());
        let size = |bytes: u64| Size(bytes).to_string();
        let Stats { cpu, memory, pids, io, network, .. } = &self.stats;
        let share =
            before.iter().find(|other| other.name == self.name).and_then(|other| self.cpu_share(other));
        [
            self.name.clone(),
            share.map_or_else(none, |share| format!("{share:.0}%")),
            cpu.map_or_else(none, |cpu| time(cpu.total)),
            cpu.and_then(|cpu| cpu.throttling).map_or_else(none, |throttling| time(throttling.time)),
            memory.map_or_else(none, |memory| size(memory.current)),
            memory.and_then(|memory| memory.peak).map_or_else(none, size),
            memory.and_then(|memory| memory.limit).map_or_else(none, size),
            memory.map_or_else(none, |memory| memory.oom_kills.to_string()),
            pids.map_or_else(none, |pids| {
                let limit = pids.limit.map_or_else(|| "max".to_owned(), |limit| limit.to_string());
                format!("{}/{limit}", pids.current)
            }),
            io.map_or_else(none, |io| size(io.read)),
            io.map_or_else(none, |io| size(io.written)),
            network.map_or_else(none, |net| format!("{} in, {} out", size(net.received), size(net.sent))),
        ]
    }
}

/// The table of `samples`, with the use of the CPU since `before`.
fn text(samples: &[Sample], before: &[Sample]) -> String {
    table::STATS.text(samples.iter().map(|sample| sample.cells(before)))
}

/// Draws the table again and again, until a signal ends it.
fn watch(take: impl Fn() -> Result<Vec<Sample>, Error>) -> Outcome {
    /// To the upper left corner, and nothing behind what is printed there (ECMA-48).
    const CLEAR: &str = "\x1b[H\x1b[J";
    let signals = session::taken_signals()?;
    let mut before = Vec::new();
    loop {
        let samples = take()?;
        report::print(&format!("{CLEAR}{}", text(&samples, &before)))?;
        before = samples;
        for _ in 0..PAUSES {
            match poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], PAUSE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Failure::stream("wait for a signal")(errno)),
            }
            match signals.next().map_err(Failure::stream("read a signal"))? {
                None => {}
                Some(Signal::SIGWINCH) => break,
                Some(_) => return Ok(ExitCode::SUCCESS),
            }
        }
    }
}
