//! Signals to us as something to wait for, instead of something that happens in the middle.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitCode;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::SigSet;
pub(crate) use nix::sys::signal::Signal;
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::report::Failure;

/// What ends a program that does nothing about it, and what a change of the window sends.
const SIGNALS: [Signal; 5] =
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGWINCH];

/// While this is there, the signals come here; dropping it brings back what they did before.
pub(crate) struct Signals {
    fd: SignalFd,
    before: SigSet,
}

impl Signals {
    /// Takes the signals.
    ///
    /// # Errors
    /// The kernel gives no descriptor.
    pub(crate) fn take() -> io::Result<Self> {
        let set: SigSet = SIGNALS.into_iter().collect();
        let before = SigSet::thread_get_mask()?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        set.thread_block()?;
        Ok(Self { fd, before })
    }

    /// The next one that has come, if there is one.
    ///
    /// # Errors
    /// The descriptor cannot be read.
    pub(crate) fn next(&self) -> io::Result<Option<Signal>> {
        match self.fd.read_signal()? {
            Some(info) => Ok(Some(Signal::try_from(info.ssi_signo.cast_signed())?)),
            None => Ok(None),
        }
    }
}

impl Signals {
    /// Waits until `over` is readable, handing what comes meanwhile to `pass_on`. Whoever asks a second time that
    /// we end is not kept waiting by what does not: that signal is returned.
    ///
    /// # Errors
    /// Those of `pass_on`; a wait that fails.
    pub(crate) fn pass_until(
        &self,
        over: BorrowedFd<'_>,
        mut pass_on: impl FnMut(Signal) -> Result<(), xdocker_core::Error>,
    ) -> Result<Option<Signal>, Failure> {
        let mut asked = false;
        loop {
            let mut polled = [over, self.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            match poll(&mut polled, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Failure::stream("wait for the end")(errno)),
            }
            if polled[0].any() == Some(true) {
                return Ok(None);
            }
            while let Some(signal) = self.next().map_err(Failure::stream("read a signal"))? {
                match signal {
                    Signal::SIGWINCH => {}
                    // A program may take this as "read your configuration again", any number of times.
                    Signal::SIGHUP => pass_on(signal)?,
                    _ if asked => return Ok(Some(signal)),
                    _ => {
                        asked = true;
                        pass_on(signal)?;
                    }
                }
            }
        }
    }
}

impl AsFd for Signals {
    /// Readable when one has come.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // The mask was valid when it was ours.
        let _ = self.before.thread_set_mask();
    }
}

/// Has a file that may not grow any more (`ulimit -f`) be an error like any other, in place of our end.
pub(crate) fn survive_large_files() {
    let set: SigSet = [Signal::SIGXFSZ].into_iter().collect();
    // It takes no other set than this one of ours.
    let _ = set.thread_block();
}

/// The exit code of a program that `signal` has ended.
pub(crate) fn exit_code(signal: Signal) -> ExitCode {
    ExitCode::from(128 + signal as u8)
}
