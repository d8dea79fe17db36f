//! Talking with a process until it has ended: input in, output collected, by one thread and one descriptor.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::Output;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::Child;
use crate::error::{Error, Result};

/// How soon the monitor's word comes that the time of a process was up.
const SOON: Duration = Duration::from_millis(50);

/// Most bytes taken from one stream before the others have their turn.
const TURN: u64 = 1 << 20;

/// What the events of the descriptors are told apart by.
const STDIN: u64 = 0;
const STDOUT: u64 = 1;
const STDERR: u64 = 2;
const END: u64 = 3;

/// A process with pipes, its input, and what it has printed so far.
///
/// It does nothing by itself and has no thread: [`Self::advance`] is called until it says that all is over, by
/// whoever waits, and [`AsFd`] tells an event loop when a call has something to do.
#[derive(Debug)]
pub struct Exchange {
    child: Child,
    epoll: Epoll,
    input: Vec<u8>,
    written: usize,
    output: Output,
    ended: bool,
}

impl Exchange {
    /// Begins to write `input` to the pipe that is the standard input of `child`, and to read those of its outputs
    /// that are pipes.
    ///
    /// # Errors
    /// [`Error::System`] when the descriptors cannot be watched.
    pub fn new(child: Child, input: Vec<u8>) -> Result<Self> {
        let prepared = || -> io::Result<Epoll> {
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
            let watch = |fd: BorrowedFd<'_>, flags, key| epoll.add(fd, EpollEvent::new(flags, key));
            watch(child.as_fd(), EpollFlags::EPOLLIN, END)?;
            let pipes = [
                (&child.stdin, EpollFlags::EPOLLOUT, STDIN),
                (&child.stdout, EpollFlags::EPOLLIN, STDOUT),
                (&child.stderr, EpollFlags::EPOLLIN, STDERR),
            ];
            for (pipe, flags, key) in pipes {
                if let Some(pipe) = pipe {
                    // Our end of a pipe has flags of its own: the process's end goes on blocking.
                    fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
                    watch(pipe.as_fd(), flags, key)?;
                }
            }
            Ok(epoll)
        };
        let epoll = prepared().map_err(Error::system("watch a process in a container"))?;
        let output = Output { status: Default::default(), stdout: Vec::new(), stderr: Vec::new() };
        Ok(Self { child, epoll, input, written: 0, output, ended: false })
    }

    /// The process.
    pub fn child(&self) -> &Child {
        &self.child
    }

    /// Whether the process has ended and its outputs are closed. Waits for that until `deadline`, for ever without
    /// one, but comes back early when a signal arrives.
    ///
    /// # Errors
    /// Those of [`Child::wait`]; [`Error::System`] when a pipe fails.
    pub fn advance(&mut self, deadline: Option<Instant>) -> Result<bool> {
        let failed = "read the output of a process in a container";
        let mut events = [EpollEvent::empty(); 4];
        while !self.is_over() {
            let ready = match self.epoll.wait(&mut events, timeout(deadline)) {
                Err(Errno::EINTR) | Ok(0) => return Ok(false),
                other => other.map_err(Error::system(failed))?,
            };
            for event in &events[..ready] {
                match event.data() {
                    STDIN => self.write().map_err(Error::system("write to a process in a container"))?,
                    STDOUT => collect(&self.epoll, &mut self.child.stdout, &mut self.output.stdout)
                        .map_err(Error::system(failed))?,
                    STDERR => collect(&self.epoll, &mut self.child.stderr, &mut self.output.stderr)
                        .map_err(Error::system(failed))?,
                    _ => self.end()?,
                }
            }
        }
        Ok(true)
    }

    /// What the process has printed, and how it ended if [`Self::advance`] has said that it has.
    #[must_use]
    pub fn into_output(self) -> Output {
        self.output
    }

    fn is_over(&self) -> bool {
        self.ended && self.child.stdout.is_none() && self.child.stderr.is_none()
    }

    /// The end of the process has been reported.
    fn end(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            self.output.status = status;
            self.ended = true;
            let closed = self.epoll.delete(self.child.as_fd()).map_err(io::Error::from);
            // Nobody reads its input any more.
            let closed = closed.and_then(|()| close(&self.epoll, &mut self.child.stdin));
            closed.map_err(Error::system("watch a process in a container"))?;
        }
        Ok(())
    }

    /// Writes what the pipe takes; closes it after the last byte, or when nobody reads it any more.
    fn write(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.child.stdin else { return Ok(()) };
        while self.written < self.input.len() {
            match pipe.write(&self.input[self.written..]) {
                Ok(count) => self.written += count,
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(why) if why.kind() == io::ErrorKind::BrokenPipe => break,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => (),
                Err(why) => return Err(why),
            }
        }
        close(&self.epoll, &mut self.child.stdin)
    }
}

impl Child {
    /// Closes our end of its standard input, collects what it prints and waits for its end.
    ///
    /// What it has started may hold its outputs open after it has ended. As in std that is waited for; where it has a
    /// [time limit](crate::Command::timeout), until that is over. What was printed by then is lost; [`Exchange`] has it.
    ///
    /// # Errors
    /// Those of [`Self::wait`]; [`Error::System`] when a pipe cannot be read; [`Error::Timeout`] when it has ended in time,
    /// and others hold its outputs open.
    pub fn wait_with_output(self) -> Result<Output> {
        let limit = self.timeout;
        let mut deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut exchange = Exchange::new(self, Vec::new())?;
        while !exchange.advance(deadline)? {
            match limit {
                Some(limit)
                    if exchange.ended && deadline.is_some_and(|deadline| Instant::now() >= deadline) =>
                {
                    let what = "the end of what a process in a container prints".into();
                    return Err(Error::Timeout { what, limit });
                }
                // A signal has arrived, or it is about to be ended.
                _ => deadline = deadline.map(|deadline| deadline.max(Instant::now() + SOON)),
            }
        }
        Ok(exchange.into_output())
    }
}

impl AsFd for Exchange {
    /// A descriptor that is readable when [`Exchange::advance`] has something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

/// Closes our end of a pipe. Closing alone leaves it in the set while a fork of ours holds it too.
fn close(epoll: &Epoll, pipe: &mut Option<File>) -> io::Result<()> {
    if let Some(file) = pipe.take() {
        epoll.delete(&file)?;
    }
    Ok(())
}

/// Reads what is there, and closes the pipe at its end.
fn collect(epoll: &Epoll, pipe: &mut Option<File>, bytes: &mut Vec<u8>) -> io::Result<()> {
    let Some(file) = pipe else { return Ok(()) };
    // On failure it has appended what it could read.
    match file.take(TURN).read_to_end(bytes) {
        Ok(count) if count as u64 == TURN => Ok(()),
        Ok(_) => close(epoll, pipe),
        Err(why) if why.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(why) => Err(why),
    }
}

/// Time left until `deadline`, rounded up.
fn timeout(deadline: Option<Instant>) -> EpollTimeout {
    let Some(deadline) = deadline else { return EpollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
    EpollTimeout::try_from(left.min(i32::MAX as u128) as i32).unwrap_or(EpollTimeout::MAX)
}
