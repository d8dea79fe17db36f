//! A place on a bridge of xdocker's: a pair of links, an address and a route inside, and what the rules say of one container
//! with one mapped port. The messages are those of rtnetlink(7) and of the kernel's `linux/netfilter/nf_tables.h`.

use crate::kernel::call;
use crate::must;

const CLOSE: usize = 3;
const SOCKET: usize = 41;
const SENDTO: usize = 44;
const RECVFROM: usize = 45;
const IOCTL: usize = 16;
const AF_NETLINK: usize = 16;
const RAW: usize = 3;
const ROUTE: usize = 0;
const NETFILTER: usize = 12;

const REQUEST: u16 = 0x1;
const ACK: u16 = 0x4;
const EXCLUSIVE: u16 = 0x200;
const CREATE: u16 = 0x400;
const NEW: u16 = REQUEST | ACK | EXCLUSIVE | CREATE;
const NESTED: u16 = 0x8000;

const UP: u32 = 1;
const LOOPBACK: u32 = 1;
/// The first link that comes into a new namespace.
const INSIDE: u32 = 2;
const BRIDGE: u8 = 7;
const IPV4: u8 = 2;

const ADDRESS: [u8; 4] = [166, 88, 0, 250];
const GATEWAY: [u8; 4] = [166, 88, 0, 1];
const MAC: [u8; 6] = [0x02, b'x', 166, 88, 0, 250];
const TCP: u8 = 6;
/// The mapped port of the host, and where it leads.
const PORT: [u8; 2] = 8090u16.to_be_bytes();
const WEB: [u8; 2] = 80u16.to_be_bytes();

/// Messages in the making.
struct Messages {
    bytes: [u8; 2048],
    length: usize,
}

/// Where something begins whose length is written when it ends.
struct Begun(usize);

impl Messages {
    fn new() -> Self {
        Self { bytes: [0; 2048], length: 0 }
    }

    fn put(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(place) = self.bytes.get_mut(self.length) {
                *place = *byte;
            }
            self.length += 1;
        }
        self.length = self.length.next_multiple_of(4);
    }

    fn message(&mut self, kind: u16, flags: u16) -> Begun {
        let begun = Begun(self.length);
        self.put(&[0; 4]);
        self.put(&(u32::from(flags) << 16 | u32::from(kind)).to_ne_bytes());
        self.put(&[0; 8]);
        begun
    }

    fn end(&mut self, Begun(start): Begun) {
        let length = ((self.length - start) as u32).to_ne_bytes();
        for (at, byte) in length.into_iter().enumerate() {
            if let Some(place) = self.bytes.get_mut(start + at) {
                *place = byte;
            }
        }
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = (value.len() + 4) as u32;
        self.put(&(u32::from(kind) << 16 | length).to_ne_bytes());
        self.put(value);
    }

    fn nest(&mut self, kind: u16) -> Begun {
        let begun = Begun(self.length);
        self.put(&(u32::from(kind) << 16).to_ne_bytes());
        begun
    }

    fn end_nest(&mut self, Begun(start): Begun) {
        let length = ((self.length - start) as u16).to_ne_bytes();
        for (at, byte) in length.into_iter().enumerate() {
            if let Some(place) = self.bytes.get_mut(start + at) {
                *place = byte;
            }
        }
    }

    /// `struct ifinfomsg`.
    fn link(&mut self, index: u32, flags: u32) {
        for word in [0, index, flags, flags] {
            self.put(&word.to_ne_bytes());
        }
    }

    /// Sends them, and fails with the first error that the kernel answers.
    fn send(&self, step: i32, socket: usize) {
        const DONT_WAIT: usize = 0x40;
        let mut answer = [0u8; 4096];
        // SAFETY: plain system calls on memory that lives as long as they take.
        unsafe {
            must(step, call(SENDTO, [socket, self.bytes.as_ptr().addr(), self.length, 0, 0, 0]));
            loop {
                let room = [socket, answer.as_mut_ptr().addr(), answer.len(), DONT_WAIT, 0, 0];
                let length = call(RECVFROM, room);
                if length < 0 {
                    return;
                }
                let mut at = 0;
                while let Some(head) =
                    answer.get(at..length as usize).and_then(|rest| rest.first_chunk::<20>())
                {
                    must(step, i32::from_ne_bytes([head[16], head[17], head[18], head[19]]) as isize);
                    at +=
                        u32::from_ne_bytes([head[0], head[1], head[2], head[3]]).next_multiple_of(4) as usize;
                }
            }
        }
    }
}

fn socket(step: i32, protocol: usize) -> usize {
    // SAFETY: integers only.
    must(step, unsafe { call(SOCKET, [AF_NETLINK, RAW, protocol]) })
}

/// The place on the bridge.
pub struct Network {
    route: usize,
    filter: usize,
    bridge: u32,
    /// The host's end, which is called differently each time: the one before goes when the kernel finds the time.
    link: [u8; 16],
}

impl Network {
    /// On the bridge of that name, which ends with a NUL.
    pub fn new(bridge: *const u8, number: usize) -> Self {
        const SIOCGIFINDEX: usize = 0x8933;
        let (route, filter) = (socket(40, ROUTE), socket(40, NETFILTER));
        let mut request = [0u8; 40];
        for (at, place) in request[..15].iter_mut().enumerate() {
            // SAFETY: up to the NUL that the name ends with.
            match unsafe { bridge.add(at).read() } {
                0 => break,
                byte => *place = byte,
            }
        }
        // SAFETY: a `struct ifreq` has 40 bytes.
        must(41, unsafe { call(IOCTL, [route, SIOCGIFINDEX, request.as_mut_ptr().addr()]) });
        let bridge = u32::from_ne_bytes([request[16], request[17], request[18], request[19]]);
        let mut link = [0; 16];
        link[..5].copy_from_slice(b"floor");
        for (at, place) in link[5..13].iter_mut().enumerate() {
            *place = b'a' + (number >> (4 * at) & 15) as u8;
        }
        Self { route, filter, bridge, link }
    }

    /// Makes the pair, the one end in the namespace of a process.
    pub fn connect(&self, process: usize) {
        let mut made = Messages::new();
        let message = made.message(16, NEW);
        made.link(0, UP);
        made.attribute(3, &self.link);
        made.attribute(10, &self.bridge.to_ne_bytes());
        let info = made.nest(18);
        made.attribute(1, b"veth\0");
        let data = made.nest(2);
        let peer = made.nest(1);
        made.link(INSIDE, 0);
        made.attribute(3, b"eth0\0");
        made.attribute(1, &MAC);
        made.attribute(19, &(process as u32).to_ne_bytes());
        made.end_nest(peer);
        made.end_nest(data);
        made.end_nest(info);
        made.end(message);
        made.send(42, self.route);
    }

    /// Opens the ways in, or closes them.
    pub fn publish(&self, open: bool) {
        const KINDS: [u16; 2] = [14, 12];
        const SUBSYSTEM: u16 = 10;
        let (kind, flags) = (SUBSYSTEM << 8 | KINDS[usize::from(open)], if open { CREATE } else { 0 });
        let mut batch = Messages::new();
        framed(&mut batch, 16);
        let mut element = |family: u8, set: &[u8], keys: &[(&[u8], &[u8], bool)]| {
            let message = batch.message(kind, REQUEST | ACK | flags);
            batch.put(&[family, 0, 0, 0]);
            batch.attribute(1, b"xdocker0\0");
            batch.attribute(2, set);
            let list = batch.nest(3 | NESTED);
            for (key, data, ends) in keys {
                let item = batch.nest(1 | NESTED);
                for (kind, value) in [(1, key), (2, data)] {
                    if !value.is_empty() && (kind == 1 || open) {
                        let part = batch.nest(kind | NESTED);
                        batch.attribute(1, value);
                        batch.end_nest(part);
                    }
                }
                if *ends {
                    batch.attribute(3, &1u32.to_be_bytes());
                }
                batch.end_nest(item);
            }
            batch.end_nest(list);
            batch.end(message);
        };
        let mut sender = [0; 28];
        sender[..16].copy_from_slice(&self.link);
        sender[16..22].copy_from_slice(&MAC);
        sender[24..].copy_from_slice(&ADDRESS);
        let claim = |port: u16| {
            let mut key = [0; 16];
            key[1] = TCP;
            key[2..4].copy_from_slice(&port.to_be_bytes());
            key
        };
        let port = u16::from_be_bytes(PORT);
        element(BRIDGE, b"links\0", &[(&self.link, &[], false)]);
        element(BRIDGE, b"senders\0", &[(&sender, &[], false)]);
        element(IPV4, b"containers\0", &[(&ADDRESS, &[], false)]);
        element(IPV4, b"claims\0", &[(&claim(port), &[], false), (&claim(port + 1), &[], true)]);
        let key = [TCP, 0, 0, 0, PORT[0], PORT[1], 0, 0];
        let data = [ADDRESS[0], ADDRESS[1], ADDRESS[2], ADDRESS[3], WEB[0], WEB[1], 0, 0];
        element(IPV4, b"published\0", &[(&key, &data, false)]);
        framed(&mut batch, 17);
        batch.send(if open { 43 } else { 44 }, self.filter);
    }

    /// Leaves the socket of the rules to a process that nobody waits for: closing it now would wait for the kernel.
    pub fn leave(&self) {
        const CLONE3: usize = 435;
        const POLL: usize = 7;
        const A_WHILE: usize = 50;
        let clone: [u64; 8] = [0; 8];
        // SAFETY: a process with a copy of all memory; plain system calls on integers.
        unsafe {
            if must(45, call(CLONE3, [(&raw const clone).addr(), size_of_val(&clone)])) == 0 {
                call(POLL, [0, 0, A_WHILE]);
                crate::kernel::exit(0);
            }
        }
    }
}

/// Begin or end of a batch.
fn framed(batch: &mut Messages, kind: u16) {
    let message = batch.message(kind, REQUEST);
    batch.put(&[0, 0, 0, 10]);
    batch.end(message);
}

/// Inside: loopback and the link up, the address, the way out.
pub fn configure() {
    let route = socket(46, ROUTE);
    let mut made = Messages::new();
    for index in [LOOPBACK, INSIDE] {
        let message = made.message(16, REQUEST | ACK);
        made.link(index, UP);
        made.end(message);
    }
    let message = made.message(20, NEW);
    made.put(&[IPV4, 24, 0, 0]);
    made.put(&INSIDE.to_ne_bytes());
    made.attribute(2, &ADDRESS);
    made.attribute(1, &ADDRESS);
    made.end(message);
    let message = made.message(24, NEW);
    made.put(&[IPV4, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0]);
    made.attribute(5, &GATEWAY);
    made.attribute(4, &INSIDE.to_ne_bytes());
    made.end(message);
    made.send(47, route);
    // SAFETY: an integer only.
    unsafe { call(CLOSE, [route]) };
}
