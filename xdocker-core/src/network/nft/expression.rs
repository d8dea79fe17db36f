//! Expressions: what a rule of nf_tables is made of. Each works on registers of four bytes.

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
    pub(super) const IP_SOURCE: Self = Self(1, 12, 4);
    pub(super) const IP_DESTINATION: Self = Self(1, 16, 4);
    pub(super) const ARP_SENDER_MAC: Self = Self(1, 8, 6);
    pub(super) const ARP_SENDER_IP: Self = Self(1, 14, 4);
    /// Where TCP, UDP and SCTP have it.
    pub(super) const PORT: Self = Self(2, 2, 2);
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

    /// The address is one of 127.0.0.0/8.
    pub(super) fn with_loopback(self, Field(header, offset, _): Field) -> Self {
        self.load(Field(header, offset, 1), 0).compare(true, &[127])
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
    pub(super) fn set_address(self, Field(header, offset, length): Field, address: [u8; 4]) -> Self {
        const INTERNET: u32 = 1;
        const OF_IP: u32 = 10;
        const PSEUDO_HEADER: u32 = 1;
        let value =
            Attributes::default().number(1, REGISTERS).nest(2, Attributes::default().bytes(VALUE, &address));
        let target = Attributes::default().number(2, header).number(3, offset).number(4, length);
        let target =
            target.number(5, REGISTERS).number(6, INTERNET).number(7, OF_IP).number(8, PSEUDO_HEADER);
        self.push("immediate", value).push("payload", target)
    }

    /// Translates the destination to the address in register 0 and the port in register 1.
    pub(super) fn translate_destination(self) -> Self {
        const DESTINATION: u32 = 1;
        let data = Attributes::default().number(1, DESTINATION).number(2, libc::AF_INET as u32);
        let data = data.number(3, REGISTERS).number(4, REGISTERS);
        self.push("nat", data.number(5, REGISTERS + 1).number(6, REGISTERS + 1))
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
