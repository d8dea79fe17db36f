//! `SOCK_SEQPACKET` sockets (unix(7)): one message is one report or request, descriptors included.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use nix::cmsg_space;
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
    bind, connect, listen, recvmsg, sendmsg, socket, socketpair,
};
use xdockerinit::wire::{MAGIC, Report, Request};

/// One end of a connection to a monitor or a session.
#[derive(Debug)]
pub(crate) struct Connection(OwnedFd);

/// A connected pair.
pub(crate) fn pair() -> io::Result<(Connection, OwnedFd)> {
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    Ok((Connection(ours), theirs))
}

/// A path below `directory`, however long that directory's own path is: 108 bytes is all that a socket
/// address holds.
fn address(directory: &File, name: &str) -> nix::Result<UnixAddr> {
    UnixAddr::new(Path::new(&format!("/proc/self/fd/{}/{name}", directory.as_raw_fd())))
}

fn new_socket() -> nix::Result<OwnedFd> {
    socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)
}

/// A listening socket `name` in `directory`.
pub(crate) fn listener(directory: &File, name: &str) -> io::Result<OwnedFd> {
    let socket = new_socket()?;
    bind(socket.as_raw_fd(), &address(directory, name)?)?;
    listen(&socket, Backlog::MAXCONN)?;
    Ok(socket)
}

impl Connection {
    /// Connects to `name` in `directory`.
    pub(crate) fn to(directory: &File, name: &str) -> io::Result<Self> {
        let socket = new_socket()?;
        connect(socket.as_raw_fd(), &address(directory, name)?)?;
        Ok(Self(socket))
    }

    /// Sends a request with the descriptors that belong to it.
    pub(crate) fn ask(&self, kind: u32, argument: u64, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let request = Request { magic: MAGIC, kind, argument };
        let mut bytes = [0u8; size_of::<Request>()];
        bytes[..4].copy_from_slice(&request.magic.to_ne_bytes());
        bytes[4..8].copy_from_slice(&request.kind.to_ne_bytes());
        bytes[8..].copy_from_slice(&request.argument.to_ne_bytes());
        let fds: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&fds)];
        let control: &[ControlMessage<'_>] = if fds.is_empty() { &[] } else { &rights };
        loop {
            match sendmsg::<()>(
                self.0.as_raw_fd(),
                &[IoSlice::new(&bytes)],
                control,
                MsgFlags::MSG_NOSIGNAL,
                None,
            ) {
                Err(nix::Error::EINTR) => continue,
                Err(why) => return Err(why.into()),
                Ok(_) => return Ok(()),
            }
        }
    }

    /// The next report, with the descriptor that came with it; `None` when the other side has gone.
    pub(crate) fn report(&self) -> io::Result<Option<(Report, Option<OwnedFd>)>> {
        let mut bytes = [0u8; size_of::<Report>()];
        let mut control = cmsg_space!([RawFd; 1]);
        let mut vector = [IoSliceMut::new(&mut bytes)];
        let (length, fd) = loop {
            match recvmsg::<()>(
                self.0.as_raw_fd(),
                &mut vector,
                Some(&mut control),
                MsgFlags::MSG_CMSG_CLOEXEC,
            ) {
                Err(nix::Error::EINTR) => continue,
                // The other end closed with something of ours unread.
                Err(nix::Error::ECONNRESET) => return Ok(None),
                Err(why) => return Err(why.into()),
                Ok(message) => {
                    let fd = message.cmsgs()?.find_map(|part| match part {
                        ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
                        _ => None,
                    });
                    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
                    break (message.bytes, fd.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
                }
            }
        };
        if length == 0 {
            return Ok(None);
        }
        if length != bytes.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let word = |at: usize| i32::from_ne_bytes(bytes[at * 4..at * 4 + 4].try_into().expect("four bytes"));
        let report = Report {
            kind: word(0) as u32,
            section: word(1) as u32,
            step: word(2) as u32,
            errno: word(3),
            pid: word(4),
            status: word(5),
            run: word(6) as u32,
        };
        Ok(Some((report, fd)))
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
