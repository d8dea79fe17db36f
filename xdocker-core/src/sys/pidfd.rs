//! pidfd_open(2) and its kin: a process by a descriptor, which no other process can take over.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A process.
#[derive(Debug)]
pub(crate) struct PidFd(OwnedFd);

impl PidFd {
    /// The process that has this number now. Whether it is the one that was meant is for the caller to
    /// check afterwards.
    ///
    /// # Errors
    /// ESRCH when no process has it.
    pub(crate) fn open(pid: u32) -> io::Result<Self> {
        // SAFETY: takes two integers; a result that is not negative is a new descriptor, ours alone.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
        if fd < 0 {
            let why = io::Error::last_os_error();
            // The number is still there, of a thread or of a process that is just being reaped: EINVAL up to Linux 6.14, which
            // has no other reason for us, and ENOENT after it.
            return Err(match why.raw_os_error() {
                Some(libc::EINVAL | libc::ENOENT) => io::Error::from_raw_os_error(libc::ESRCH),
                _ => why,
            });
        }
        // SAFETY: as above.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd as i32) }))
    }

    /// pidfd_send_signal(2). A process that has ended is no error.
    pub(crate) fn signal(&self, signal: i32) -> io::Result<()> {
        // SAFETY: a live descriptor, an integer, no siginfo.
        let result = unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), signal, std::ptr::null::<u8>(), 0)
        };
        match io::Error::last_os_error() {
            _ if result == 0 => Ok(()),
            why if why.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            why => Err(why),
        }
    }

    /// Waits until the process has ended, at most until `deadline`; says whether it has.
    pub(crate) fn wait_until(&self, deadline: Option<Instant>) -> io::Result<bool> {
        loop {
            let timeout = match deadline {
                None => PollTimeout::NONE,
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    // Rounded up: poll(2) counts milliseconds, and waking early would spin.
                    let left = left + Duration::from_micros(999);
                    PollTimeout::try_from(left.as_millis().min(i32::MAX as u128) as i32)
                        .unwrap_or(PollTimeout::MAX)
                }
            };
            match poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], timeout) {
                Ok(0) if deadline.is_some_and(|deadline| Instant::now() < deadline) => continue,
                Ok(ready) => return Ok(ready > 0),
                Err(nix::Error::EINTR) => continue,
                Err(why) => return Err(why.into()),
            }
        }
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_no_process() {
        let thread = std::thread::spawn(|| PidFd::open(nix::unistd::gettid().as_raw().cast_unsigned()));
        let why = thread.join().unwrap().unwrap_err();
        assert_eq!(why.raw_os_error(), Some(libc::ESRCH));
    }
}
