//! Messages to the kernel over netlink(7), ready-made.

use crate::sys::{self, Cloned, EAGAIN, EPROTO, Errno, Result};

/// Sends `messages` over a new socket of `protocol` and waits for what the kernel answers.
///
/// Another process does it, and is left alone with the end of the socket, which may take the kernel 20 ms.
pub fn tell_kernel(protocol: u64, messages: &[u8]) -> Result<()> {
    let [answer, tell] = sys::pipe()?;
    // A child of our parent's, which waits for orphans: we have others to wait for.
    match sys::clone_process(sys::CLONE_PARENT, None) {
        Err(why) => {
            sys::close(answer);
            sys::close(tell);
            Err(why)
        }
        Ok(Cloned::Child) => {
            // Whatever else we have is the monitor's, its lock above all.
            let _ = sys::close_range(0, tell as u32 - 1);
            let _ = sys::close_range(tell + 1, u32::MAX);
            let errno = transact(protocol, messages).err().map_or(0, |why| why.0);
            let _ = sys::write(tell, &errno.to_ne_bytes());
            sys::exit(0)
        }
        Ok(Cloned::Parent { .. }) => {
            sys::close(tell);
            let mut errno = [0; 4];
            let length = sys::read(answer, &mut errno);
            sys::close(answer);
            match (length?, i32::from_ne_bytes(errno)) {
                (4, 0) => Ok(()),
                (4, errno) => Err(Errno(errno)),
                _ => Err(EPROTO),
            }
        }
    }
}

/// Sends messages, or batch by batch where that is what they are: the kernel takes one at a time, and one that fails keeps
/// no other one back. The first failure is told.
fn transact(protocol: u64, messages: &[u8]) -> Result<()> {
    /// What a batch ends with (`NFNL_MSG_BATCH_END`).
    const BATCH_END: u16 = 0x11;
    let socket = sys::netlink_socket(protocol)?;
    let (mut rest, mut outcome) = (messages, Ok(()));
    while !rest.is_empty() {
        let mut end = 0;
        while let Some(head) = rest.get(end..).and_then(|left| left.get(..6)) {
            end += (u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize).next_multiple_of(4);
            if u16::from_ne_bytes([head[4], head[5]]) == BATCH_END {
                break;
            }
        }
        let (batch, others) = rest.split_at_checked(end).filter(|_| end > 0).ok_or(EPROTO)?;
        let sent = send(socket, batch);
        outcome = outcome.and(sent);
        rest = others;
    }
    outcome
}

/// Sends and reads on, until the kernel, which works while one sends, has nothing more to say.
fn send(socket: i32, messages: &[u8]) -> Result<()> {
    /// Of an error message: where its type and its errno are (`struct nlmsghdr`, `struct nlmsgerr`).
    const KIND: usize = 4;
    const ERRNO: usize = 16;
    const NLMSG_ERROR: u16 = 2;
    sys::send(socket, messages, -1)?;
    let mut buffer = [0u8; 8192];
    loop {
        let length = match sys::receive_now(socket, &mut buffer) {
            Err(EAGAIN) => return Ok(()),
            length => length?,
        };
        let mut rest = &buffer[..length];
        while let Some(word) = rest.get(..4) {
            let length = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]) as usize;
            let message = rest.get(..length).filter(|message| message.len() >= ERRNO + 4).ok_or(EPROTO)?;
            let kind = u16::from_ne_bytes([message[KIND], message[KIND + 1]]);
            let errno = &message[ERRNO..ERRNO + 4];
            let errno = i32::from_ne_bytes([errno[0], errno[1], errno[2], errno[3]]);
            if kind == NLMSG_ERROR && errno != 0 {
                return Err(Errno(-errno));
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}
