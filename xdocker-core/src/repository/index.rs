//! What an archive on a server is made of: its members, by the digests of what is in them.

use std::collections::HashMap;
use std::fmt::Write;

use sha2::{Digest as _, Sha256};

use super::cksum::Remainder;
use crate::image::UNIT;

/// The SHA-256 of a chunk of a tar.
pub(super) type Digest = [u8; 32];

/// The digest of a chunk.
pub(super) fn digest(chunk: &[u8]) -> Digest {
    Sha256::digest(chunk).into()
}

/// A digest in hexadecimal digits.
pub(super) fn hex(digest: &Digest) -> String {
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads what [`hex`] has written.
pub(super) fn digest_of_hex(hex: &str) -> Option<Digest> {
    let mut digest = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(digest)
}

/// First line of an index.
const HEAD: &str = "xdocker-index 1";
/// Its last line.
const END: &str = "end";
/// Bytes of a member, and of what is in it, that an index may speak of: members are held in memory, several at a time.
const MOST: u64 = 4 << 20;

/// A gzip member of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Of what is in it.
    pub(super) digest: Digest,
    /// Its length, in blocks of [`UNIT`] bytes.
    pub(super) blocks: u64,
    /// How many bytes are in it.
    pub(super) content: u64,
    /// The remainder of its own bytes.
    pub(super) remainder: Remainder,
}

/// The members of an archive, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) members: Vec<Member>,
}

impl Index {
    /// Bytes of the archive.
    pub(super) fn size(&self) -> u64 {
        self.members.iter().map(|member| member.blocks * UNIT as u64).sum()
    }

    /// What cksum(1) says of the archive.
    pub(super) fn sum(&self) -> u32 {
        let all = self.members.iter().fold(Remainder::default(), |all, member| {
            all.join(member.remainder, member.blocks * UNIT as u64)
        });
        all.sum(self.size())
    }

    /// The index as text.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for member in &self.members {
            let Member { digest, blocks, content, remainder } = member;
            let _ = writeln!(text, "{} {blocks} {content} {:x}", hex(digest), remainder.0);
        }
        text + END + "\n"
    }

    /// Reads an index; `None` where it is none, or that of an archive of another size.
    pub(super) fn parse<'a>(lines: impl IntoIterator<Item = &'a str>, size: u64) -> Option<Self> {
        let mut lines = lines.into_iter();
        if lines.next() != Some(HEAD) {
            return None;
        }
        let mut index = Self::default();
        for line in lines {
            if line == END {
                return (index.size() == size).then_some(index);
            }
            index.members.push(member(line)?);
        }
        None
    }
}

fn member(line: &str) -> Option<Member> {
    let mut fields = line.split(' ');
    let digest = digest_of_hex(fields.next()?)?;
    let bounded = |blocks: &u64| (1..=MOST / UNIT as u64).contains(blocks);
    let blocks = fields.next()?.parse().ok().filter(bounded)?;
    let content = fields.next()?.parse().ok().filter(|content| (1..=MOST).contains(content))?;
    let remainder = Remainder(u32::from_str_radix(fields.next()?, 16).ok()?);
    Some(Member { digest, blocks, content, remainder })
}

/// Where a member can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of the archive that has it.
    pub(super) archive: usize,
    /// Blocks before it.
    pub(super) skip: u64,
    pub(super) member: Member,
}

/// The members of several archives, by what is in them.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<Digest, Place>);

impl Known {
    /// Adds the members of the archive of that number.
    pub(super) fn add(&mut self, archive: usize, index: &Index) {
        let mut skip = 0;
        for member in &index.members {
            self.0.entry(member.digest).or_insert(Place { archive, skip, member: *member });
            skip += member.blocks;
        }
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<&Place> {
        self.0.get(digest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn index() -> Index {
        let member = |n: u64| Member {
            digest: digest(&n.to_le_bytes()),
            blocks: n + 1,
            content: n * 1000 + 1,
            remainder: Remainder(n as u32),
        };
        Index { members: (0..5).map(member).collect() }
    }

    #[test]
    fn what_is_written_is_read() {
        let text = index().text();
        assert_eq!(Index::parse(text.lines(), index().size()), Some(index()));
        // What follows is filling.
        assert_eq!(Index::parse((text.clone() + "\n\n").lines(), index().size()), Some(index()));
        assert_eq!(Index::parse(text.lines(), index().size() + 512), None);
        for cut in 0..text.len() - 1 {
            assert_eq!(Index::parse(text[..cut].lines(), index().size()), None, "{cut}");
        }
    }

    proptest! {
        #[test]
        fn noise_is_no_index(lines in proptest::collection::vec(".{0,80}", 0..5), size: u64) {
            let all = [HEAD].into_iter().chain(lines.iter().map(String::as_str));
            if let Some(index) = Index::parse(all, size) {
                prop_assert_eq!(index.size(), size);
            }
        }
    }
}
