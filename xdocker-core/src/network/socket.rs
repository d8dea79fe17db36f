//! A netlink socket: messages out, answers in, one after the other. The kernel works on a message while it is sent, so
//! that every answer is there when sending returns, and nothing has to be waited for.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

/// Bytes of `struct nlmsghdr` (netlink(7)).
pub(super) const HEADER: usize = 16;

const NLMSG_ERROR: u16 = libc::NLMSG_ERROR as u16;
const NLMSG_DONE: u16 = libc::NLMSG_DONE as u16;

/// A netlink socket in the network namespace of the thread that opened it, wherever it is used.
#[derive(Debug)]
pub(super) struct Socket(OwnedFd);

impl Socket {
    pub(super) fn open(protocol: SockProtocol) -> io::Result<Self> {
        let fd = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        Ok(Self(fd))
    }

    /// Sends `messages` and returns what the kernel answers, acknowledgements apart, each with its header.
    ///
    /// # Errors
    /// The first error that the kernel answers.
    pub(super) fn transact(&self, messages: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        send(self.0.as_raw_fd(), messages, MsgFlags::empty())?;
        let mut answers = Vec::new();
        let mut failure = None;
        // As large as the kernel makes the parts of a long answer.
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => length,
                Err(nix::Error::EAGAIN) => break,
                Err(nix::Error::EINTR) => continue,
                Err(why) => return Err(why.into()),
            };
            for message in split(&buffer[..length]) {
                match kind(message) {
                    NLMSG_DONE => {}
                    NLMSG_ERROR => failure = failure.or(errno(message)),
                    _ => answers.push(message.to_vec()),
                }
            }
        }
        failure.map_or(Ok(answers), |errno| Err(io::Error::from_raw_os_error(errno)))
    }
}

/// The messages that follow one another in `bytes`.
fn split(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
        let message = bytes.get(..length).filter(|message| message.len() >= HEADER)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// What sort of message this is.
pub(super) fn kind(message: &[u8]) -> u16 {
    u16::from_ne_bytes([message[4], message[5]])
}

/// The errno in an error message; none in an acknowledgement.
fn errno(message: &[u8]) -> Option<i32> {
    let word = message.get(HEADER..HEADER + 4)?.try_into().ok()?;
    Some(-i32::from_ne_bytes(word)).filter(|errno| *errno != 0)
}
