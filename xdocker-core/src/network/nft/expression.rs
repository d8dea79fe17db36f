//! Expressions: what a rule of nf_tables is made of. Each works on registers of four bytes.

use std::net::Ipv6Addr;

use super::message::Attributes;

/// Registers of four bytes begin here (`NFT_REG32_00`).
const REGISTERS: u32 = 8;
/// Attribute of an item in a list (`NFTA_LIST_ELEM`).
pub(super) const ITEM: u16 = 1;
/// Attribute of a plain value (`NFTA_DATA_VALUE`).
pub(super) const VALUE: u16 = 1;

/// A rule: expressions, each of which sees a packet only if the ones before have let it pass.
#[derive(Debug, Default)]
pub(super) struct Rule(Attributes);

/// What of a packet's surroundings is asked for (`enum nft_meta_keys`).
#[derive(Clone, Copy)]
pub(super) enum Meta {
    InputName = 6,
    OutputName = 7,
    Transport = 16,
}

/// A field of a packet: header, offset, length.
#[derive(Clone, Copy)]
pub(super) struct Field(u32, u32, u32);

impl Field {
    pub(super) const ETHER_SOURCE: Self = Self(0, 6, 6);
    pub(super) const ETHER_TYPE: Self = Self(0, 12, 2);
    pub(super) const IPV4_SOURCE: Self = Self(1, 12, 4);
    pub(super) const IPV6_SOURCE: Self = Self(1, 8, 16);
    pub(super) const ARP_SENDER_MAC: Self = Self(1, 8, 6);
    pub(super) const ARP_SENDER_IP: Self = Self(1, 14, 4);
    /// Where TCP, UDP and SCTP have it.
    pub(super) const PORT: Self = Self(2, 2, 2);
    pub(super) const ICMPV6_TYPE: Self = Self(2, 0, 1);
    /// Of neighbour discovery (RFC 4861): whose Ethernet address is asked for or told.
    pub(super) const ND_TARGET: Self = Self(2, 8, 16);
    /// The first option, by kind and length (in units of eight bytes), and the Ethernet address in it.
    pub(super) const ND_OPTION: Self = Self(2, 24, 2);
    pub(super) const ND_MAC: Self = Self(2, 26, 6);
}

/// What the two versions of IP differ in.
#[derive(Clone, Copy)]
pub(super) struct Ip {
    pub(super) source: Field,
    pub(super) destination: Field,
    /// What an address begins with that never leaves its host.
    loopback: &'static [u8],
    /// The address of a host for itself.
    pub(super) localhost: &'static [u8],
    /// `AF_INET` or `AF_INET6`.
    family: i32,
    /// Whether the sender's check sum covers the header.
    header_sum: bool,
}

impl Ip {
    pub(super) const V4: Self = Self {
        source: Field::IPV4_SOURCE,
        destination: Field(1, 16, 4),
        loopback: &[127],
        localhost: &[127, 0, 0, 1],
        family: libc::AF_INET,
        header_sum: true,
    };
    pub(super) const V6: Self = Self {
        source: Field::IPV6_SOURCE,
        destination: Field(1, 24, 16),
        loopback: &Ipv6Addr::LOCALHOST.octets(),
        localhost: &Ipv6Addr::LOCALHOST.octets(),
        family: libc::AF_INET6,
        header_sum: false,
    };

    /// How many registers an address takes.
    pub(super) fn registers(self) -> u32 {
        self.source.2 / 4
    }
}

/// Where a rule sends a packet.
#[derive(Clone, Copy)]
pub(super) enum Verdict {
    Drop,
    /// Back to whoever asked this chain.
    Return,
    Jump(&'static str),
}

/// State of a connection (`enum nft_ct_keys`), and the bits that are asked for.
#[derive(Clone, Copy)]
pub(super) struct Connection(u32, u32);

impl Connection {
    /// Seen before, or belongs to one that was.
    pub(super) const KNOWN: Self = Self(0, 0b110);
    /// Its destination was translated (`IPS_DST_NAT`).
    pub(super) const TRANSLATED: Self = Self(2, 1 << 5);
}

impl Rule {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The list of expressions.
    pub(super) fn list(self) -> Attributes {
        self.0
    }

    fn push(self, name: &str, data: Attributes) -> Self {
        Self(self.0.nest(ITEM, Attributes::default().text(1, name).nest(2, data)))
    }

    pub(super) fn load_meta(self, meta: Meta, register: u32) -> Self {
        self.push("meta", Attributes::default().number(1, REGISTERS + register).number(2, meta as u32))
    }

    pub(super) fn load(self, field: Field, register: u32) -> Self {
        let data = Attributes::default().number(1, REGISTERS + register);
        self.push("payload", data.number(2, field.0).number(3, field.1).number(4, field.2))
    }

    /// Register 0 is that, or is not.
    fn compare(self, equal: bool, value: &[u8]) -> Self {
        let data = Attributes::default().number(1, REGISTERS).number(2, u32::from(!equal));
        self.push("cmp", data.nest(3, Attributes::default().bytes(VALUE, value)))
    }

    /// The name of the link is that.
    pub(super) fn link_is(self, meta: Meta, name: &str) -> Self {
        self.load_meta(meta, 0).compare(true, &link_name(name))
    }

    /// The name of the link is another one.
    pub(super) fn link_is_not(self, meta: Meta, name: &str) -> Self {
        self.load_meta(meta, 0).compare(false, &link_name(name))
    }

    /// The field has that value.
    pub(super) fn is(self, field: Field, value: &[u8]) -> Self {
        self.load(field, 0).compare(true, value)
    }

    /// The field has another value.
    pub(super) fn differs(self, field: Field, value: &[u8]) -> Self {
        self.load(field, 0).compare(false, value)
    }

    /// The address is one of 127.0.0.0/8, or ::1.
    pub(super) fn with_loopback(self, ip: Ip, Field(header, offset, _): Field) -> Self {
        self.load(Field(header, offset, ip.loopback.len() as u32), 0).compare(true, ip.loopback)
    }

    /// The packet is of that protocol.
    pub(super) fn transport_is(self, number: u8) -> Self {
        self.load_meta(Meta::Transport, 0).compare(true, &[number])
    }

    /// What the registers from 0 on hold is in the set.
    pub(super) fn in_set(self, set: &str) -> Self {
        self.push("lookup", Attributes::default().text(1, set).number(2, REGISTERS))
    }

    /// It is not.
    pub(super) fn not_in_set(self, set: &str) -> Self {
        self.push("lookup", Attributes::default().text(1, set).number(2, REGISTERS).number(5, 1))
    }

    /// What the map has for the registers from 0 on comes into the registers from 0 on.
    pub(super) fn map(self, map: &str) -> Self {
        self.push("lookup", Attributes::default().text(1, map).number(2, REGISTERS).number(3, REGISTERS))
    }

    /// The destination is an address of the host's (`RTN_LOCAL`).
    pub(super) fn for_this_host(self) -> Self {
        const RESULT_TYPE: u32 = 3;
        const DESTINATION: u32 = 2;
        const LOCAL: u32 = 2;
        let data = Attributes::default().number(1, REGISTERS).number(2, RESULT_TYPE).number(3, DESTINATION);
        self.push("fib", data).compare(true, &LOCAL.to_ne_bytes())
    }

    /// The connection is such a one.
    pub(super) fn connection(self, Connection(key, bits): Connection) -> Self {
        let loaded = self.push("ct", Attributes::default().number(1, REGISTERS).number(2, key));
        let value = |bits: u32| Attributes::default().bytes(VALUE, &bits.to_ne_bytes());
        let both = Attributes::default().number(1, REGISTERS).number(2, REGISTERS).number(3, 4);
        loaded.push("bitwise", both.nest(4, value(bits)).nest(5, value(0))).compare(false, &[0; 4])
    }

    /// Writes the address into the field, and corrects the check sums.
    pub(super) fn set_address(self, ip: Ip, Field(header, offset, length): Field, address: &[u8]) -> Self {
        const INTERNET: u32 = 1;
        const OF_IP: u32 = 10;
        const PSEUDO_HEADER: u32 = 1;
        let value =
            Attributes::default().number(1, REGISTERS).nest(2, Attributes::default().bytes(VALUE, address));
        let mut target = Attributes::default().number(2, header).number(3, offset).number(4, length);
        target = target.number(5, REGISTERS);
        if ip.header_sum {
            target = target.number(6, INTERNET).number(7, OF_IP);
        }
        self.push("immediate", value).push("payload", target.number(8, PSEUDO_HEADER))
    }

    /// Translates the destination to the address in the registers from 0 on and the port in the one behind it.
    pub(super) fn translate_destination(self, ip: Ip) -> Self {
        const DESTINATION: u32 = 1;
        let port = REGISTERS + ip.registers();
        let data = Attributes::default().number(1, DESTINATION).number(2, ip.family as u32);
        self.push("nat", data.number(3, REGISTERS).number(4, REGISTERS).number(5, port).number(6, port))
    }

    /// Translates the source to the host's own address there.
    pub(super) fn masquerade(self) -> Self {
        self.push("masq", Attributes::default())
    }

    pub(super) fn verdict(self, verdict: Verdict) -> Self {
        const CODE: u16 = 1;
        const CHAIN: u16 = 2;
        const VERDICT: u16 = 2;
        let (code, chain): (i32, _) = match verdict {
            Verdict::Drop => (0, None),
            Verdict::Jump(chain) => (-3, Some(chain)),
            Verdict::Return => (-5, None),
        };
        let mut inner = Attributes::default().number(CODE, code as u32);
        if let Some(chain) = chain {
            inner = inner.text(CHAIN, chain);
        }
        // Register 0 of the kernel's, not one of four bytes, is the verdict's (`NFT_REG_VERDICT`).
        let data = Attributes::default().number(1, 0).nest(2, Attributes::default().nest(VERDICT, inner));
        self.push("immediate", data)
    }
}

/// The name of a link as the kernel compares it.
pub(super) fn link_name(name: &str) -> [u8; libc::IFNAMSIZ] {
    let mut bytes = [0; libc::IFNAMSIZ];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes
}
