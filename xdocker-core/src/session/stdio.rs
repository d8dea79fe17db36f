//! The standard streams of a process in a container.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::stat::{SFlag, fstat};

use crate::error::{Error, Result};
use crate::sys::descriptor;

/// Where a descriptor of a new process leads.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Stdio {
    /// Ours; `/dev/null` where we have closed it, or have it closed for programs that we execute (`FD_CLOEXEC`).
    #[default]
    Inherit,
    /// `/dev/null`.
    Null,
    /// A new pipe, whose other end the [`Child`](super::Child) has.
    Piped,
    /// This file.
    File(OwnedFd),
    /// For standard error: where standard output leads.
    Output,
}

impl Stdio {
    /// A copy of the descriptor that has this number in our process, which no child of ours inherits.
    ///
    /// # Errors
    /// [`Error::System`] when none has.
    pub fn copy_of(number: RawFd) -> Result<Self> {
        let copy = descriptor::copy(number);
        copy.map(Self::File).map_err(Error::system(format!("copy descriptor {number}")))
    }
}

/// Another descriptor of the process's standard output, for its standard error.
pub(super) fn share(output: Option<&OwnedFd>) -> Result<OwnedFd> {
    let Some(output) = output else {
        return Err(Error::invalid(
            "standard stream",
            "output",
            "standard error alone can lead to the output",
        ));
    };
    output.try_clone().map_err(Error::system("open the descriptors of a process"))
}

/// Opens one descriptor: the process's end, and ours if it is a pipe.
pub(super) fn open(stdio: Stdio, number: usize) -> Result<(OwnedFd, Option<File>)> {
    let opened = match stdio {
        Stdio::Inherit => inherited(number).map(|fd| (fd, None)),
        Stdio::Null => null().map(|fd| (fd, None)),
        Stdio::File(fd) => Ok((fd, None)),
        Stdio::Output => return Ok((share(None)?, None)),
        Stdio::Piped => io::pipe().map(|(reader, writer)| match number {
            0 => (reader.into(), Some(File::from(OwnedFd::from(writer)))),
            _ => (writer.into(), Some(File::from(OwnedFd::from(reader)))),
        }),
    };
    let (theirs, ours) = opened.map_err(Error::system("open the descriptors of a process"))?;
    refuse_directory(number, &theirs)?;
    Ok((theirs, ours))
}

/// Our own standard stream of that number, as a program that we executed would have it: where that is closed, the number
/// may be that of something else, which no program gets, and least of all one inside.
fn inherited(number: usize) -> io::Result<OwnedFd> {
    let (input, output, errors) = (io::stdin(), io::stdout(), io::stderr());
    let ours = [input.as_fd(), output.as_fd(), errors.as_fd()][number];
    match fcntl(ours, FcntlArg::F_GETFD) {
        Ok(flags) if !FdFlag::from_bits_retain(flags).contains(FdFlag::FD_CLOEXEC) => {
            ours.try_clone_to_owned()
        }
        Ok(_) | Err(Errno::EBADF) => null(),
        Err(why) => Err(why.into()),
    }
}

/// Refuses a directory as a standard stream: from there a program inside would come to all files of the host.
///
/// # Errors
/// [`Error::Invalid`], [`Error::System`].
pub(crate) fn refuse_directory(number: usize, stream: impl AsFd) -> Result<()> {
    const NAMES: [&str; 3] = ["input", "output", "error"];
    let found = fstat(stream).map_err(Error::system("examine the descriptors of a process"))?;
    match SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFDIR => {
            Err(Error::invalid("standard stream", NAMES[number], "it is a directory of the host's"))
        }
        _ => Ok(()),
    }
}

/// `/dev/null`, for reading and writing.
pub(crate) fn null() -> io::Result<OwnedFd> {
    Ok(OpenOptions::new().read(true).write(true).open("/dev/null")?.into())
}
