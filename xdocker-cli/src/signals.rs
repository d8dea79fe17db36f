//! Signals to us as something to wait for, instead of something that happens in the middle.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

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
