//! Messages to the kernel over netlink(7), ready-made.

use crate::sys::{self, Cloned, EAGAIN, ENOENT, EPROTO, Errno, Result};
use crate::wire::fd;

/// `NETLINK_NETFILTER`.
const NETFILTER: u64 = 12;

/// What the kernel is being told.
pub struct Telling {
    answer: i32,
    goes_on: bool,
}

impl Telling {
    /// Has `messages` sent over a new socket of `protocol`. Whether or not it `goes_on` after a failure, the first one is
    /// told.
    ///
    /// Another process does it, as we go on with something else, and is left alone with the end of the socket.
    pub fn begin(protocol: u64, messages: &[u8], goes_on: bool) -> Result<Self> {
        let [answer, tell] = sys::pipe()?;
        // A child of our parent's, which waits for orphans: we have others to wait for.
        match sys::clone_process(sys::CLONE_PARENT, None) {
            Err(why) => {
                sys::close(answer);
                sys::close(tell);
                Err(why)
            }
            Ok(Cloned::Child) => {
                // Whatever else we have is the monitor's. Its lock we have with it until the kernel has heard: should it die
                // meanwhile, nobody clears up after it and has us come later.
                close_all_but([tell, fd::RUN]);
                let socket = sys::netlink_socket(protocol);
                let outcome = socket.and_then(|socket| transact(socket, messages, goes_on));
                let errno = outcome.err().map_or(0, |why| why.0);
                sys::close(fd::RUN);
                let _ = sys::write(tell, &errno.to_ne_bytes());
                sys::close(tell);
                if let Ok(socket) = socket
                    && protocol == NETFILTER
                {
                    wait_for_quiet(socket);
                }
                sys::exit(0)
            }
            Ok(Cloned::Parent { .. }) => {
                sys::close(tell);
                Ok(Self { answer, goes_on })
            }
        }
    }

    /// Waits for what the kernel says. What was to be taken out of something and is not there is fine.
    pub fn outcome(self) -> Result<()> {
        let mut errno = [0; 4];
        let length = sys::read(self.answer, &mut errno);
        sys::close(self.answer);
        match (length?, Errno(i32::from_ne_bytes(errno))) {
            (4, Errno(0)) => Ok(()),
            (4, ENOENT) if self.goes_on => Ok(()),
            (4, why) => Err(why),
            _ => Err(EPROTO),
        }
    }
}

fn close_all_but([one, other]: [i32; 2]) {
    let (low, high) = (one.min(other), one.max(other));
    for (first, last) in [(0, low - 1), (low + 1, high - 1), (high + 1, i32::MAX)] {
        if first <= last {
            let _ = sys::close_range(first, last as u32);
        }
    }
}

/// Sends messages, batch by batch where that is what they are: the kernel takes one at a time. Where one that fails keeps no
/// other one back it `goes_on`; the first failure is told.
fn transact(socket: i32, messages: &[u8], goes_on: bool) -> Result<()> {
    /// What a batch begins and ends with (`NFNL_MSG_BATCH_BEGIN`, `NFNL_MSG_BATCH_END`).
    const BATCH: [u16; 2] = [0x10, 0x11];
    let (mut rest, mut outcome) = (messages, Ok(()));
    while !rest.is_empty() && (goes_on || outcome.is_ok()) {
        let mut end = 0;
        while let Some(head) = rest.get(end..).and_then(|left| left.get(..6)) {
            let kind = u16::from_ne_bytes([head[4], head[5]]);
            if kind == BATCH[0] && end > 0 {
                break;
            }
            end += (u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize).next_multiple_of(4);
            if kind == BATCH[1] {
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

/// Waits until a socket of nf_tables can be closed without harm. The kernel frees some 10 ms later what was deleted, and
/// whoever closes such a socket meanwhile waits for that with the lock of all rules in his hands: nobody else could change
/// any, and so no other container could boot. It is over when for a while there has been no new generation of rules; where
/// there is one all the time this is bounded.
fn wait_for_quiet(socket: i32) {
    const WHILE: i32 = 25;
    const MOST: u32 = 40;
    let mut before = None;
    for _ in 0..MOST {
        let _ = sys::poll(&mut [], WHILE);
        let now = generation(socket);
        if now.is_none() || now == before {
            return;
        }
        before = now;
    }
}

/// The number of the generation of rules (`NFT_MSG_GETGEN`).
fn generation(socket: i32) -> Option<[u8; 4]> {
    const GET: u16 = 10 << 8 | 16;
    const REQUEST: u16 = 1;
    /// Bytes of `struct nlmsghdr` and `struct nfgenmsg`, and of the head of an attribute.
    const HEADER: usize = 20;
    const ATTRIBUTE: usize = 4;
    let mut asked = [0; HEADER];
    asked[0] = HEADER as u8;
    asked[4..6].copy_from_slice(&GET.to_ne_bytes());
    asked[6..8].copy_from_slice(&REQUEST.to_ne_bytes());
    sys::send(socket, &asked, -1).ok()?;
    let mut answer = [0; 128];
    let length = sys::receive_now(socket, &mut answer).ok()?;
    let value = answer.get(..length)?.get(HEADER + ATTRIBUTE..HEADER + ATTRIBUTE + 4)?;
    value.try_into().ok()
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
