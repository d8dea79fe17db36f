//! nfnetlink messages of nf_tables, as the kernel's `linux/netfilter/nf_tables.h` numbers them.

/// A message of nf_tables.
#[derive(Clone, Copy)]
#[repr(u16)]
pub(super) enum Kind {
    NewTable = 0,
    DeleteTable = 2,
    NewChain = 3,
    GetChain = 4,
    NewRule = 6,
    GetRule = 7,
    DeleteRule = 8,
    NewSet = 9,
    GetSet = 10,
    NewElement = 12,
    GetElement = 13,
    DeleteElement = 14,
    /// Deletes what is there, and does not mind what is not. Since Linux 6.3.
    DestroyElement = 30,
}

/// Whose packets a table sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Family {
    Any = 0,
    Ipv4 = 2,
    Bridge = 7,
    Ipv6 = 10,
}

pub(super) const REQUEST: u16 = libc::NLM_F_REQUEST as u16;
pub(super) const ACK: u16 = libc::NLM_F_ACK as u16;
pub(super) const CREATE: u16 = libc::NLM_F_CREATE as u16;
pub(super) const EXCLUSIVE: u16 = libc::NLM_F_EXCL as u16;
pub(super) const APPEND: u16 = libc::NLM_F_APPEND as u16;
pub(super) const DUMP: u16 = libc::NLM_F_DUMP as u16;

const SUBSYSTEM: u16 = libc::NFNL_SUBSYS_NFTABLES as u16;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NESTED: u16 = libc::NLA_F_NESTED as u16;
/// Bytes of `struct nlmsghdr` and `struct nfgenmsg`.
const HEADER: usize = 20;

/// Attributes, one behind the other, each padded to four bytes.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<u8>);

impl Attributes {
    pub(super) fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len() + 4).expect("an attribute is short");
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// A number, as the kernel wants those of netfilter: the most significant byte first.
    pub(super) fn number(self, kind: u16, value: u32) -> Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    pub(super) fn text(self, kind: u16, value: &str) -> Self {
        self.bytes(kind, &[value.as_bytes(), &[0]].concat())
    }

    pub(super) fn nest(self, kind: u16, inner: Self) -> Self {
        self.bytes(kind | NESTED, &inner.0)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// One message.
pub(super) fn message(kind: Kind, family: Family, flags: u16, attributes: &Attributes) -> Vec<u8> {
    framed(SUBSYSTEM << 8 | kind as u16, family as u8, flags, 0, &attributes.0)
}

fn framed(kind: u16, family: u8, flags: u16, resource: u16, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + payload.len()).expect("a message is short");
    let mut bytes = Vec::with_capacity(length as usize);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((REQUEST | flags).to_ne_bytes());
    // Sequence number and port: nobody looks at them.
    bytes.extend([0; 8]);
    bytes.extend([family, 0]);
    bytes.extend(resource.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Messages that the kernel takes as a whole or not at all.
#[derive(Debug)]
pub(super) struct Batch(Vec<u8>);

impl Batch {
    pub(super) fn new() -> Self {
        Self(framed(BATCH_BEGIN, 0, 0, SUBSYSTEM, &[]))
    }

    /// Adds a message, which the kernel acknowledges.
    pub(super) fn add(&mut self, kind: Kind, family: Family, flags: u16, attributes: &Attributes) {
        self.0.extend(message(kind, family, ACK | flags, attributes));
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.extend(framed(BATCH_END, 0, 0, SUBSYSTEM, &[]));
        self.0
    }
}

/// The attributes of an answer: kind and value.
pub(super) fn attributes(message: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    nested(message.get(HEADER..).unwrap_or_default())
}

/// The attributes in the value of another one.
pub(super) fn nested(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?) & !NESTED;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Family of an answer, as the kernel numbers it.
pub(super) fn family(message: &[u8]) -> u8 {
    message.get(HEADER - 4).copied().unwrap_or_default()
}

/// Makes a message one about the table of a family that may be none of ours.
pub(super) fn set_family(message: &mut [u8], family: u8) {
    message[HEADER - 4] = family;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let inner = Attributes::default().text(1, "abcd").number(2, 0x0102_0304);
        let all = Attributes::default().bytes(7, &[9]).nest(8, inner);
        assert_eq!(all.len(), 8 + 4 + 12 + 8, "each is padded");
        let sent = message(Kind::NewTable, Family::Ipv6, CREATE, &all);
        assert_eq!(sent.len(), u32::from_ne_bytes(sent[..4].try_into().unwrap()) as usize);
        assert_eq!(family(&sent), Family::Ipv6 as u8);
        let read: Vec<_> = attributes(&sent).collect();
        assert_eq!((read[0], read[1].0, read.len()), ((7, &[9][..]), 8, 2));
        let inner: Vec<_> = nested(read[1].1).collect();
        assert_eq!(inner, [(1, &b"abcd\0"[..]), (2, &[1, 2, 3, 4][..])]);
    }

    #[test]
    fn a_batch_begins_and_ends() {
        let mut batch = Batch::new();
        batch.add(Kind::DeleteTable, Family::Bridge, 0, &Attributes::default());
        let bytes = batch.finish();
        let kinds = bytes.chunks(HEADER).map(|message| u16::from_ne_bytes([message[4], message[5]]));
        assert_eq!(
            kinds.collect::<Vec<_>>(),
            [BATCH_BEGIN, SUBSYSTEM << 8 | Kind::DeleteTable as u16, BATCH_END]
        );
    }

    proptest! {
        #[test]
        fn any_answer_is_read_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(attributes(&bytes).count() <= 16);
            prop_assert!(nested(&bytes).map(|(_, value)| value.len()).sum::<usize>() <= bytes.len());
            family(&bytes);
        }
    }
}
