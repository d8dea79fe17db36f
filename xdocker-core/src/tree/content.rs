//! Contents of files, copied in the way that the file systems offer: shared blocks, else within the kernel.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::errno::Errno;
use nix::fcntl::copy_file_range;
use nix::sys::sendfile::sendfile;
use nix::sys::stat::FileStat;
use nix::unistd::{Whence, ftruncate, lseek};

use crate::progress::Gauge;
use crate::sys::reflink::clone_file;

/// How many bytes are copied before they are counted, and before one looks whether there shall be more.
const STRETCH: usize = 2 << 20;

/// Most bytes of a file that says it is empty and is not, as those of /proc.
const MADE_UP_MAX: usize = 16 << 20;

/// What is known of two file systems, and how much has gone from the one to the other.
pub(super) struct Contents<'a> {
    /// Whether the source is in a file system that the kernel makes up.
    pub(super) made_up: bool,
    /// Whether blocks can be shared, as far as we know.
    reflink: AtomicBool,
    /// Whether the kernel copies from the one to the other, as far as we know.
    kernel: AtomicBool,
    /// Bytes copied.
    bytes: AtomicU64,
    gauge: &'a Gauge,
}

impl<'a> Contents<'a> {
    pub(super) fn new(made_up: bool, gauge: &'a Gauge) -> Self {
        Self {
            made_up,
            reflink: AtomicBool::new(true),
            kernel: AtomicBool::new(true),
            bytes: AtomicU64::new(0),
            gauge,
        }
    }

    /// So many bytes more. Fails when there shall be no more.
    fn count(&self, bytes: u64) -> io::Result<()> {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.gauge.count(bytes) { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
    }

    /// How many bytes have been copied.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Makes the content of the empty file `to` that of `from`.
    pub(super) fn copy(&self, from: &OwnedFd, to: &OwnedFd, stat: &FileStat) -> io::Result<()> {
        let size = stat.st_size;
        if size == 0 {
            return if self.made_up { self.made_up_data(from, to) } else { Ok(()) };
        }
        if self.reflink.load(Ordering::Relaxed) {
            match clone_file(from, to) {
                Ok(()) => return self.count(size.unsigned_abs()),
                Err(Errno::EOPNOTSUPP | Errno::ENOTTY | Errno::EXDEV | Errno::EINVAL | Errno::ENOSYS) => {
                    self.reflink.store(false, Ordering::Relaxed);
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        // Its blocks do not tell whether it has holes: attributes take some too.
        let (mut end, mut position) = (0, 0);
        while end < size {
            let start = match lseek(from, end, Whence::SeekData) {
                // No more data: a hole up to the end.
                Err(Errno::ENXIO) => break,
                start => start?,
            };
            end = match lseek(from, start, Whence::SeekHole) {
                // It has been cut meanwhile.
                Err(Errno::ENXIO) => break,
                end => end?,
            };
            self.range(from, to, (start, end), &mut position)?;
        }
        if end < size {
            ftruncate(to, size)?;
        }
        Ok(())
    }

    /// Copies the bytes from `start` to `end`, or up to the end of the file. `position` is the offset of the target itself.
    fn range(
        &self,
        from: &OwnedFd,
        to: &OwnedFd,
        (start, end): (i64, i64),
        position: &mut i64,
    ) -> io::Result<()> {
        let (mut input, mut output) = (start, start);
        while output < end {
            let length = usize::try_from(end - output).unwrap_or(usize::MAX).min(STRETCH);
            let count = if self.kernel.load(Ordering::Relaxed) {
                match copy_file_range(from, Some(&mut input), to, Some(&mut output), length) {
                    Err(Errno::EXDEV | Errno::EINVAL | Errno::EOPNOTSUPP | Errno::ENOSYS) => {
                        self.kernel.store(false, Ordering::Relaxed);
                        continue;
                    }
                    count => count?,
                }
            } else {
                // It writes where the target's own offset is.
                if *position != output {
                    lseek(to, output, Whence::SeekSet)?;
                }
                let count = sendfile(to, from, Some(&mut input), length)?;
                (output, *position) = (input, input);
                count
            };
            if count == 0 {
                break;
            }
            self.count(count as u64)?;
        }
        Ok(())
    }

    /// Copies what a file gives that says it is empty.
    fn made_up_data(&self, from: &OwnedFd, to: &OwnedFd) -> io::Result<()> {
        let mut text = Vec::new();
        File::from(from.try_clone()?).take(MADE_UP_MAX as u64 + 1).read_to_end(&mut text)?;
        if text.len() > MADE_UP_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.count(text.len() as u64)?;
        File::from(to.try_clone()?).write_all(&text)
    }
}
