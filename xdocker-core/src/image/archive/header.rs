//! The block of 512 bytes before each entry: v7, ustar and GNU read, ustar written.

use super::block::{BLOCK, Block, number, text};
use super::pax::{Records, Time};

/// Types of entries, by the byte that stands for them.
pub(super) mod kind {
    pub(in super::super) const FILE: u8 = b'0';
    pub(in super::super) const FILE_V7: u8 = 0;
    pub(in super::super) const HARD_LINK: u8 = b'1';
    pub(in super::super) const SYMLINK: u8 = b'2';
    pub(in super::super) const CHARACTER_DEVICE: u8 = b'3';
    pub(in super::super) const BLOCK_DEVICE: u8 = b'4';
    pub(in super::super) const DIRECTORY: u8 = b'5';
    pub(in super::super) const FIFO: u8 = b'6';
    pub(in super::super) const CONTIGUOUS: u8 = b'7';
    pub(in super::super) const PAX: u8 = b'x';
    pub(in super::super) const PAX_GLOBAL: u8 = b'g';
    pub(in super::super) const GNU_LONG_NAME: u8 = b'L';
    pub(in super::super) const GNU_LONG_LINK: u8 = b'K';
    pub(in super::super) const GNU_SPARSE: u8 = b'S';
    pub(in super::super) const GNU_LABEL: u8 = b'V';
}

// Places of the fields. The last ones are ustar's; GNU has others there.
const NAME: std::ops::Range<usize> = 0..100;
const MODE: std::ops::Range<usize> = 100..108;
const UID: std::ops::Range<usize> = 108..116;
const GID: std::ops::Range<usize> = 116..124;
const SIZE: std::ops::Range<usize> = 124..136;
const MTIME: std::ops::Range<usize> = 136..148;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const KIND: usize = 156;
const LINK: std::ops::Range<usize> = 157..257;
const MAGIC: std::ops::Range<usize> = 257..265;
const MAJOR: std::ops::Range<usize> = 329..337;
const MINOR: std::ops::Range<usize> = 337..345;
const PREFIX: std::ops::Range<usize> = 345..500;

/// What a header says, before extended headers have their say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) kind: u8,
    pub(super) mode: u32,
    pub(super) uid: i64,
    pub(super) gid: i64,
    pub(super) size: u64,
    pub(super) mtime: Time,
    /// Major and minor number of a device.
    pub(super) device: (u32, u32),
}

impl Header {
    /// Reads a block. `None` is a block of zeros, which ends an archive.
    pub(super) fn decode(block: &Block) -> Result<Option<Self>, &'static str> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let (unsigned, signed) = checksums(block);
        let told = number(&block[CHECKSUM])?;
        // Some old tars added the bytes up as signed ones.
        if told != unsigned && told != signed {
            return Err("the header's checksum is wrong");
        }
        let posix = block[MAGIC].starts_with(b"ustar\0");
        let gnu = block[MAGIC] == *b"ustar  \0";
        let mut path = text(&block[NAME]).to_vec();
        let prefix = text(&block[PREFIX]);
        if posix && !prefix.is_empty() {
            path = [prefix, &path].join(&b'/');
        }
        let device = |range: std::ops::Range<usize>| {
            let value = if posix || gnu { number(&block[range])? } else { 0 };
            u32::try_from(value).map_err(|_| "a device's number is out of range")
        };
        Ok(Some(Self {
            path,
            link: text(&block[LINK]).to_vec(),
            kind: block[KIND],
            mode: (number(&block[MODE])? & 0o7777) as u32,
            uid: number(&block[UID])?,
            gid: number(&block[GID])?,
            size: number(&block[SIZE])?.try_into().map_err(|_| "a size is negative")?,
            mtime: Time { seconds: number(&block[MTIME])?, nanoseconds: 0 },
            device: (device(MAJOR)?, device(MINOR)?),
        }))
    }

    /// Writes a ustar block, and to `records` what does not fit into it.
    pub(super) fn encode(&self, records: &mut Records) -> Block {
        let mut block = [0; BLOCK];
        match split_name(&self.path) {
            Some((prefix, name)) => {
                block[PREFIX][..prefix.len()].copy_from_slice(prefix);
                block[NAME][..name.len()].copy_from_slice(name);
            }
            None => {
                records.push(b"path", &self.path);
                put_text(&mut block[NAME], &self.path);
            }
        }
        if self.link.len() > LINK.len() {
            records.push(b"linkpath", &self.link);
        }
        put_text(&mut block[LINK], &self.link);
        put_number(&mut block[MODE], i64::from(self.mode & 0o7777));
        if !put_number(&mut block[UID], self.uid) {
            records.push(b"uid", self.uid.to_string().as_bytes());
        }
        if !put_number(&mut block[GID], self.gid) {
            records.push(b"gid", self.gid.to_string().as_bytes());
        }
        // No file is over i64::MAX bytes long; the kernel counts so.
        if !put_number(&mut block[SIZE], i64::try_from(self.size).unwrap_or(i64::MAX)) {
            records.push(b"size", self.size.to_string().as_bytes());
        }
        if !put_number(&mut block[MTIME], self.mtime.seconds) || self.mtime.nanoseconds != 0 {
            records.push(b"mtime", self.mtime.to_string().as_bytes());
        }
        put_number(&mut block[MAJOR], i64::from(self.device.0));
        put_number(&mut block[MINOR], i64::from(self.device.1));
        block[KIND] = self.kind;
        block[MAGIC].copy_from_slice(b"ustar\x0000");
        let (sum, _) = checksums(&block);
        block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

/// The sums of all bytes, as unsigned and as signed ones, with blanks in the checksum's own place.
fn checksums(block: &Block) -> (i64, i64) {
    let blanks = CHECKSUM.len() as i64 * i64::from(b' ');
    let rest = block[..CHECKSUM.start].iter().chain(&block[CHECKSUM.end..]);
    rest.fold((blanks, blanks), |(unsigned, signed), byte| {
        (unsigned + i64::from(*byte), signed + i64::from(byte.cast_signed()))
    })
}

/// The prefix and name fields for a path, if it can be cut at a `/` so that both fit.
fn split_name(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= NAME.len() {
        return Some((&[], path));
    }
    let earliest = path.len().checked_sub(NAME.len() + 1)?;
    let cuts = earliest.max(1)..path.len().min(PREFIX.len() + 1);
    let cut = cuts.into_iter().find(|at| path[*at] == b'/' && at + 1 < path.len())?;
    Some((&path[..cut], &path[cut + 1..]))
}

/// As much of `value` as there is room for.
fn put_text(field: &mut [u8], value: &[u8]) {
    let length = value.len().min(field.len());
    field[..length].copy_from_slice(&value[..length]);
}

/// Writes a number as octal digits and a zero byte and says true; if there is no room for that, base-256.
fn put_number(field: &mut [u8], value: i64) -> bool {
    let width = field.len() - 1;
    let fits = value >= 0 && value >> (3 * width).min(63) == 0;
    if fits {
        field[..width].copy_from_slice(format!("{value:0width$o}").as_bytes());
        field[width] = 0;
    } else {
        let bytes = i128::from(value).to_be_bytes();
        field.copy_from_slice(&bytes[bytes.len() - field.len()..]);
        field[0] |= 0x80;
    }
    fits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::image::archive::pax::Extended;

    /// A path as a walk of a tree gives it.
    fn path() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(proptest::collection::vec(1u8..=255, 1..120), 1..6).prop_map(|parts| {
            let clean =
                |part: &Vec<u8>| part.iter().map(|b| if *b == b'/' { b'_' } else { *b }).collect::<Vec<_>>();
            parts.iter().map(clean).collect::<Vec<_>>().join(&b'/')
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            path in path(), link in path(), mode in 0u32..0o10000, uid: u32, gid: u32,
            size in 0..=i64::MAX as u64, seconds: i64, nanoseconds in 0u32..1_000_000_000,
            device in (0u32..4096, 0u32..1 << 20),
        ) {
            let header = Header {
                path, link, kind: kind::FILE, mode, uid: uid.into(), gid: gid.into(), size,
                mtime: Time { seconds, nanoseconds }, device,
            };
            let mut records = Records::default();
            let block = header.encode(&mut records);
            let mut read = Header::decode(&block).unwrap().unwrap();
            let mut extended = Extended::default();
            extended.local(records.bytes()).unwrap();
            // What a reader without extended headers would get wrong is none of the numbers it must have.
            prop_assert_eq!((read.uid, read.gid, read.size), (header.uid, header.gid, header.size));
            read.path = extended.path.unwrap_or(read.path);
            read.link = extended.link.unwrap_or(read.link);
            read.mtime = extended.mtime.unwrap_or(read.mtime);
            prop_assert_eq!(read, header);
        }

        #[test]
        fn numbers_come_back(value: i64, width in prop_oneof![Just(8usize), Just(12)]) {
            let value = if width == 8 { value >> 8 } else { value };
            let mut field = vec![0; width];
            put_number(&mut field, value);
            prop_assert_eq!(number(&field), Ok(value));
        }

        #[test]
        fn any_block_is_read_or_refused(block in proptest::array::uniform32(any::<[u8; 16]>())) {
            let mut bytes = [0; BLOCK];
            bytes.copy_from_slice(block.as_flattened());
            let sum = checksums(&bytes).0;
            bytes[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            let _ = Header::decode(&bytes);
        }
    }

    #[test]
    fn numbers_of_other_writers() {
        for (field, value) in [
            (&b"0000644\0"[..], 0o644),
            (b"   644 \0", 0o644),
            (b"644\0junk", 0o644),
            (b"\0\0\0\0\0\0\0\0", 0),
            (b"77777777", 0o77777777),
            (b"\x80\0\0\0\0\x20\0\0", 0x200000),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfe", -2),
        ] {
            assert_eq!(number(field), Ok(value), "{}", field.escape_ascii());
        }
        for field in
            [&b"0000648\0"[..], b"-1\0\0\0\0\0\0", b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"]
        {
            assert!(number(field).is_err(), "{}", field.escape_ascii());
        }
    }

    #[test]
    fn a_wrong_checksum_is_refused() {
        let mut block = Header { path: b"a".to_vec(), ..Header::default() }.encode(&mut Records::default());
        block[0] = b'b';
        assert_eq!(Header::decode(&block), Err("the header's checksum is wrong"));
    }
}
