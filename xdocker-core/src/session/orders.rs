//! What a monitor is told about its container as a whole.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use xdockerinit::wire::{report, request};

use super::{SOCKET, gone, readable};
use crate::error::{Error, Result};
use crate::launch::{Plan, failure, memfd};
use crate::sys::seqpacket::Connection;

/// Has every terminal session of the container at `directory` hang up.
///
/// # Errors
/// When its monitor cannot be reached.
pub(crate) fn hang_up(directory: &File) -> io::Result<()> {
    Connection::to(directory, SOCKET)?.ask(request::HANG_UP, 0, &[])
}

/// Has the monitor of the container at `directory` never start it again. When this returns that is certain, or the monitor
/// has gone.
///
/// # Errors
/// When it does not answer.
pub(crate) fn stay_down(directory: &Path) -> io::Result<()> {
    /// How long a monitor may be busy with ending one run and starting another.
    const PATIENCE: Duration = Duration::from_secs(10);
    let deadline = Instant::now() + PATIENCE;
    let gone = |why: &io::Error| {
        use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound};
        matches!(why.kind(), NotFound | ConnectionRefused | ConnectionReset | BrokenPipe)
    };
    let ask = || -> io::Result<bool> {
        let connection = Connection::to(&File::open(directory)?, SOCKET)?;
        connection.ask(request::STOP, 0, &[])?;
        if !readable(&connection, Some(deadline))? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(connection.report()?.is_none_or(|(told, _)| told.kind == report::STOPPED))
    };
    loop {
        match ask() {
            Ok(true) => return Ok(()),
            Err(why) if gone(&why) => return Ok(()),
            // It has no room for another client just now.
            Ok(false) if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
            Ok(false) => return Err(io::ErrorKind::TimedOut.into()),
            Err(why) => return Err(why),
        }
    }
}

/// Has the monitor of the container at `directory` start it by `plan`, when it starts it again.
///
/// # Errors
/// When it does not take it.
pub(crate) fn start_again_by(directory: &Path, plan: &Plan) -> Result<()> {
    let file = memfd(plan)?;
    let ask = || -> io::Result<_> {
        let connection = Connection::to(&File::open(directory)?, SOCKET)?;
        connection.ask(request::PLAN, 0, &[file.as_fd()])?;
        connection.report()
    };
    match ask().map_err(Error::system("hand a plan to the monitor"))? {
        Some((told, _)) if told.kind == report::TAKEN => Ok(()),
        Some((told, _)) => Err(failure(plan, &told)),
        None => Err(gone()),
    }
}
