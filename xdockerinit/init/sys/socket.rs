//! Sockets, and polling.

use core::ptr::null_mut;

use super::{EINTR, EMFILE, O_CLOEXEC, Result, call};

pub const POLLIN: i16 = 1;
pub const POLLERR: i16 = 8;

/// `struct pollfd`; a negative descriptor is passed over.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Poll {
    pub fd: i32,
    pub events: i16,
    pub got: i16,
}

impl Poll {
    pub fn new(fd: i32, events: i16) -> Self {
        Self { fd, events, got: 0 }
    }
}

/// poll(2); `timeout` in milliseconds, -1 for none.
pub fn poll(set: &mut [Poll], timeout: i32) -> Result<usize> {
    loop {
        match call!(7, set.as_mut_ptr(), set.len(), timeout) {
            Err(EINTR) => continue,
            result => return result,
        }
    }
}

/// Whether the process of this pidfd has ended.
pub fn has_ended(pidfd: i32) -> bool {
    poll(&mut [Poll::new(pidfd, POLLIN)], 0).is_ok_and(|ended| ended > 0)
}

pub fn accept(listener: i32) -> Result<i32> {
    call!(288, listener, 0, 0, O_CLOEXEC).map(|fd| fd as i32)
}

/// A connected pair of sequenced-packet sockets.
pub fn socketpair() -> Result<[i32; 2]> {
    const AF_UNIX: u32 = 1;
    const SOCK_SEQPACKET: u64 = 5;
    let mut ends = [0i32; 2];
    call!(53, AF_UNIX, SOCK_SEQPACKET | O_CLOEXEC, 0, ends.as_mut_ptr())?;
    Ok(ends)
}

/// `struct msghdr` with one `iovec` and room for descriptors (recvmsg(2), unix(7)).
#[repr(C)]
struct Message {
    name: *mut u8,
    name_length: u32,
    vector: *mut [usize; 2],
    vector_length: usize,
    control: *mut Control,
    control_length: usize,
    flags: i32,
}

/// How many descriptors a message of ours can carry.
pub const PASSED: usize = 4;
/// Bytes of a `struct cmsghdr`.
const CONTROL_HEAD: usize = 16;

#[repr(C, align(8))]
struct Control {
    length: usize,
    level: i32,
    kind: i32,
    fds: [i32; PASSED],
}

const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;

/// Sends one message, with a descriptor when `fd` is not negative. Never blocks, never raises SIGPIPE.
pub fn send(socket: i32, bytes: &[u8], fd: i32) -> Result<()> {
    const MSG_DONTWAIT: u32 = 0x40;
    const MSG_NOSIGNAL: u32 = 0x4000;
    let mut vector = [bytes.as_ptr() as usize, bytes.len()];
    let mut control =
        Control { length: CONTROL_HEAD + 4, level: SOL_SOCKET, kind: SCM_RIGHTS, fds: [fd, -1, -1, -1] };
    let message = Message {
        name: null_mut(),
        name_length: 0,
        vector: &raw mut vector,
        vector_length: 1,
        control: if fd < 0 { null_mut() } else { &raw mut control },
        control_length: if fd < 0 { 0 } else { CONTROL_HEAD + 8 },
        flags: 0,
    };
    call!(46, socket, &raw const message, MSG_DONTWAIT | MSG_NOSIGNAL).map(drop)
}

/// Receives one message into `buffer`: its length, and the descriptors that came with it (-1 for none). `EMFILE` when not
/// all of them could.
pub fn receive(socket: i32, buffer: &mut [u8]) -> Result<(usize, [i32; PASSED])> {
    const MSG_CMSG_CLOEXEC: u32 = 0x4000_0000;
    let mut vector = [buffer.as_mut_ptr() as usize, buffer.len()];
    let mut control = Control { length: 0, level: 0, kind: 0, fds: [-1; PASSED] };
    let mut message = Message {
        name: null_mut(),
        name_length: 0,
        vector: &raw mut vector,
        vector_length: 1,
        control: &raw mut control,
        control_length: size_of::<Control>(),
        flags: 0,
    };
    const MSG_CTRUNC: i32 = 8;
    let length = call!(47, socket, &raw mut message, MSG_CMSG_CLOEXEC)?;
    let mut fds = [-1; PASSED];
    if message.control_length > CONTROL_HEAD && control.level == SOL_SOCKET && control.kind == SCM_RIGHTS {
        let count = (control.length - CONTROL_HEAD) / 4;
        fds[..count.min(PASSED)].copy_from_slice(&control.fds[..count.min(PASSED)]);
    }
    if message.flags & MSG_CTRUNC != 0 {
        fds.into_iter().filter(|fd| *fd >= 0).for_each(super::close);
        return Err(EMFILE);
    }
    Ok((length, fds))
}

pub fn netlink_socket(protocol: u64) -> Result<i32> {
    const AF_NETLINK: u32 = 16;
    const SOCK_RAW: u64 = 3;
    call!(41, AF_NETLINK, SOCK_RAW | O_CLOEXEC, protocol).map(|fd| fd as i32)
}

/// Receives what is there; `EAGAIN` when nothing is.
pub fn receive_now(socket: i32, buffer: &mut [u8]) -> Result<usize> {
    const MSG_DONTWAIT: u32 = 0x40;
    call!(45, socket, buffer.as_mut_ptr(), buffer.len(), MSG_DONTWAIT, 0, 0)
}
