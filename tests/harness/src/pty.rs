//! A program on a terminal of its own, and somebody who types and reads.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;

use crate::wait::PATIENCE;

/// The size of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Lines.
    pub rows: u16,
    /// Characters a line.
    pub columns: u16,
}

impl From<Window> for Winsize {
    fn from(window: Window) -> Self {
        Self { ws_row: window.rows, ws_col: window.columns, ws_xpixel: 0, ws_ypixel: 0 }
    }
}

/// A program on a terminal of its own. It is killed when this is dropped.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    master: File,
    /// Our own hold of the terminal: what its mode is can be asked when the program has gone.
    slave: OwnedFd,
    mode: Termios,
    /// All that came out.
    seen: Vec<u8>,
    /// How much of it was expected and has come.
    past: usize,
}

impl Terminal {
    /// Starts `command` as the leader of a session with a new terminal, on which its three streams are.
    ///
    /// # Panics
    /// There is no terminal to be had, or no such program.
    #[must_use]
    pub fn spawn(mut command: Command, window: Window) -> Self {
        let OpenptyResult { master, slave } = openpty(&Winsize::from(window), None).expect("a terminal");
        let mode = tcgetattr(&slave).expect("its mode");
        let stream = || slave.try_clone().expect("a stream");
        command.stdin(stream()).stdout(stream()).stderr(stream());
        // A terminal has a kind, whatever ours is, or is not.
        if !command.get_envs().any(|(key, _)| key == "TERM") {
            command.env("TERM", "xterm");
        }
        lead_session(&mut command);
        let child = command.spawn().expect("the program");
        Self { child, master: master.into(), slave, mode, seen: Vec::new(), past: 0 }
    }

    /// Presses keys.
    ///
    /// # Panics
    /// The terminal takes none.
    pub fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("room for keys");
    }

    /// Waits until `text` comes out, after what was expected before. What came until its end is returned.
    ///
    /// # Panics
    /// It does not.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let new = &self.seen[self.past..];
            if let Some(at) = new.windows(text.len()).position(|part| part == text.as_bytes()) {
                let until = at + text.len();
                let came = String::from_utf8_lossy(&new[..until]).into_owned();
                self.past += until;
                return came;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && self.read(left), "`{text}` does not come: {:?}", self.all());
        }
    }

    /// Reads what there is, and waits for it; false if nothing came.
    fn read(&mut self, patience: Duration) -> bool {
        let mut polled = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        match poll(&mut polled, timeout) {
            Err(Errno::EINTR) => return true,
            ready => {
                if ready.expect("a terminal to wait for") == 0 {
                    return false;
                }
            }
        }
        let mut chunk = [0; 4096];
        let count = self.master.read(&mut chunk).expect("what the terminal shows");
        self.seen.extend_from_slice(&chunk[..count]);
        count > 0
    }

    /// All that came out so far.
    #[must_use]
    pub fn all(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Changes the size of the terminal, as its window does.
    ///
    /// # Panics
    /// The kernel does not.
    #[allow(unsafe_code)]
    pub fn resize(&self, window: Window) {
        let size = Winsize::from(window);
        // SAFETY: TIOCSWINSZ reads one winsize, which lives until the call has returned.
        let result = unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }

    /// Sends the program a signal.
    ///
    /// # Panics
    /// It has gone.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("a process to signal");
    }

    /// Whether the mode of the terminal is that in which the program found it.
    ///
    /// # Panics
    /// The terminal cannot be asked.
    #[must_use]
    pub fn is_restored(&self) -> bool {
        tcgetattr(&self.slave).expect("the mode of the terminal") == self.mode
    }

    /// Waits until the program has ended. What it has printed after what was expected is returned too.
    ///
    /// # Panics
    /// It does not end.
    #[track_caller]
    pub fn ends(&mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            // Output is taken meanwhile: a program that cannot print cannot end.
            self.read(Duration::from_millis(10));
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end: {:?}", self.all());
        };
        while self.read(Duration::ZERO) {}
        let rest = String::from_utf8_lossy(&self.seen[self.past..]).into_owned();
        self.past = self.seen.len();
        (status, rest)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended, and been waited for, long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
        assert!(self.is_restored() || thread::panicking(), "the terminal is not as it was before");
    }
}

/// Makes the program of `command` the leader of a session, with its standard input as the terminal of that.
#[allow(unsafe_code)]
fn lead_session(command: &mut Command) {
    let lead = || {
        nix::unistd::setsid()?;
        // SAFETY: TIOCSCTTY takes a number and no pointer; descriptor 0 is open by now.
        Errno::result(unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) })?;
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes two system calls and touches no memory of ours.
    unsafe { command.pre_exec(lead) };
}
