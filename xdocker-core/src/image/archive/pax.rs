//! Extended headers of POSIX tar ("PAX"): lines of `LENGTH KEY=VALUE` for what a header has no room for.

use std::fmt;

use super::acl;
use super::block::decimal;
use super::sparse::Segment;

/// A time as the file system has it; `nanoseconds` count up from `seconds` before the epoch too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Time {
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
}

impl Time {
    /// Reads `[-]SECONDS[.FRACTION]`; what is below a nanosecond is cut off.
    fn parse(text: &[u8]) -> Option<Self> {
        let (negative, text) = match text.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let point = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
        let fraction = text.get(point + 1..).unwrap_or_default();
        if !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let whole = i128::from(decimal(&text[..point])?);
        let parts = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(9);
        let billionths = parts.fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
        let total = whole * 1_000_000_000 + billionths;
        let total = if negative { -total } else { total };
        Some(Self {
            seconds: total.div_euclid(1_000_000_000).try_into().ok()?,
            nanoseconds: total.rem_euclid(1_000_000_000).try_into().ok()?,
        })
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanoseconds);
        let (sign, total) = (if total < 0 { "-" } else { "" }, total.unsigned_abs());
        write!(f, "{sign}{}", total / 1_000_000_000)?;
        match total % 1_000_000_000 {
            0 => Ok(()),
            fraction => f.write_str(format!(".{fraction:09}").trim_end_matches('0')),
        }
    }
}

/// Records being written.
#[derive(Debug, Default)]
pub(super) struct Records(Vec<u8>);

impl Records {
    /// Adds a record.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) {
        // The length counts its own digits.
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + length.ilog10() as usize + 1 {
            length += 1;
        }
        self.0.extend_from_slice(format!("{length} ").as_bytes());
        self.0.extend_from_slice(key);
        self.0.push(b'=');
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }

    /// Adds an extended attribute of a file, in the way of star and GNU tar.
    pub(super) fn push_xattr(&mut self, name: &[u8], value: &[u8]) {
        // `=` would end the key.
        let mut key = XATTR.to_vec();
        for byte in name {
            match byte {
                b'%' => key.extend_from_slice(b"%25"),
                b'=' => key.extend_from_slice(b"%3D"),
                _ => key.push(*byte),
            }
        }
        self.push(&key, value);
    }

    /// All records.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What a key begins with that is an extended attribute's.
const XATTR: &[u8] = b"SCHILY.xattr.";

/// Our own key: this name begins with `.wh.` and is a file's all the same.
pub(super) const LITERAL: &[u8] = b"XDOCKER.literal";

/// The name of an attribute, from what stands after [`XATTR`].
fn xattr_name(mut text: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(text.len());
    while let [first, after @ ..] = text {
        let (byte, rest) = match text {
            [b'%', b'2', b'5', rest @ ..] => (b'%', rest),
            [b'%', b'3', b'D', rest @ ..] => (b'=', rest),
            _ => (*first, after),
        };
        name.push(byte);
        text = rest;
    }
    name
}

/// What extended headers say of one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extended {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<Time>,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) literal: bool,
    pub(super) sparse: Sparse,
}

/// GNU's records for sparse files, of all three versions of theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sparse {
    /// 1.0: the map stands before the data.
    pub(super) version: (Option<u64>, Option<u64>),
    /// The file's name; the header's is one for readers that know no sparse files.
    pub(super) name: Option<Vec<u8>>,
    /// The file's size, holes and all.
    pub(super) size: Option<u64>,
    /// 0.0 and 0.1: the map.
    pub(super) map: Vec<Segment>,
    /// 0.0: an offset whose length is yet to come.
    pub(super) offset: Option<u64>,
}

impl Extended {
    /// Takes in the records of an `x` header, which are about the next entry.
    pub(super) fn local(&mut self, records: &[u8]) -> Result<(), &'static str> {
        parse(records, |key, value| self.record(key, value))
    }

    /// Takes in the records of a `g` header, which are about all entries from there on. What can only be true of
    /// one entry is refused: readers disagree about what it would mean.
    pub(super) fn global(&mut self, records: &[u8]) -> Result<(), &'static str> {
        parse(records, |key, value| match key {
            b"path" | b"linkpath" | b"size" => Err("a global header has what can only be one entry's"),
            _ if key.starts_with(b"GNU.sparse.") || key.starts_with(b"SCHILY.") || key == LITERAL => {
                Err("a global header has what can only be one entry's")
            }
            _ => self.record(key, value),
        })
    }

    /// Takes in one record; keys that we do not know say nothing that we could keep.
    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        const NUMBER: &str = "an extended header's number cannot be read";
        /// A number, or with no value at all the header's own again.
        fn number(value: &[u8]) -> Result<Option<u64>, &'static str> {
            if value.is_empty() { Ok(None) } else { decimal(value).map(Some).ok_or(NUMBER) }
        }
        let name = |value: &[u8]| match value {
            b"" => Ok(None),
            _ if value.contains(&0) => Err("a name holds a zero byte"),
            _ => Ok(Some(value.to_vec())),
        };
        match key {
            b"path" => self.path = name(value)?,
            b"linkpath" => self.link = name(value)?,
            b"size" => self.size = number(value)?,
            b"uid" => self.uid = number(value)?,
            b"gid" => self.gid = number(value)?,
            b"mtime" if value.is_empty() => self.mtime = None,
            b"mtime" => self.mtime = Some(Time::parse(value).ok_or("a time cannot be read")?),
            b"GNU.sparse.major" => self.sparse.version.0 = number(value)?,
            b"GNU.sparse.minor" => self.sparse.version.1 = number(value)?,
            b"GNU.sparse.name" => self.sparse.name = name(value)?,
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = number(value)?,
            b"GNU.sparse.offset" => self.sparse.offset = Some(decimal(value).ok_or(NUMBER)?),
            b"GNU.sparse.numbytes" => {
                let offset = self.sparse.offset.take().ok_or("a sparse file's map is not in pairs")?;
                self.sparse.map.push(Segment { offset, length: decimal(value).ok_or(NUMBER)? });
            }
            b"GNU.sparse.map" => {
                let numbers = value.split(|byte| *byte == b',').map(decimal).collect::<Option<Vec<_>>>();
                let (pairs, rest) = numbers.as_deref().ok_or(NUMBER)?.as_chunks();
                if !rest.is_empty() {
                    return Err("a sparse file's map is not in pairs");
                }
                self.sparse.map = pairs.iter().map(|&[offset, length]| Segment { offset, length }).collect();
            }
            b"SCHILY.acl.access" => self.acl(b"system.posix_acl_access", value)?,
            b"SCHILY.acl.default" => self.acl(b"system.posix_acl_default", value)?,
            _ if key == LITERAL => self.literal = true,
            _ => {
                if let Some(name) = key.strip_prefix(XATTR) {
                    let name = xattr_name(name);
                    if name.is_empty() || name.contains(&0) {
                        return Err("an attribute has no proper name");
                    }
                    self.xattrs.push((name, value.to_vec()));
                }
            }
        }
        Ok(())
    }

    /// Takes in an access list.
    fn acl(&mut self, name: &[u8], text: &[u8]) -> Result<(), &'static str> {
        self.xattrs.push((name.to_vec(), acl::attribute(text)?));
        Ok(())
    }
}

/// Calls `each` with key and value of all records.
fn parse(
    mut bytes: &[u8],
    mut each: impl FnMut(&[u8], &[u8]) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    const DAMAGED: &str = "an extended header's record cannot be read";
    while !bytes.is_empty() {
        let blank = bytes.iter().take(20).position(|byte| *byte == b' ').ok_or(DAMAGED)?;
        let length =
            decimal(&bytes[..blank]).and_then(|length| usize::try_from(length).ok()).ok_or(DAMAGED)?;
        let record = bytes.get(blank + 1..length).ok_or(DAMAGED)?;
        let record = record.strip_suffix(b"\n").ok_or(DAMAGED)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or(DAMAGED)?;
        each(&record[..equals], &record[equals + 1..])?;
        bytes = &bytes[length..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_come_back(seconds: i64, nanoseconds in 0u32..1_000_000_000) {
            let time = Time { seconds, nanoseconds };
            prop_assert_eq!(Time::parse(time.to_string().as_bytes()), Some(time));
        }

        #[test]
        fn records_come_back(pairs in proptest::collection::vec((
            proptest::collection::vec(1u8..=255, 1..300), proptest::collection::vec(any::<u8>(), 0..12_000),
        ), 0..4)) {
            let mut records = Records::default();
            for (name, value) in &pairs {
                records.push_xattr(name, value);
            }
            let mut extended = Extended::default();
            extended.local(records.bytes()).unwrap();
            prop_assert_eq!(extended.xattrs, pairs);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Extended::default().local(&bytes);
        }
    }

    #[test]
    fn times_of_other_writers() {
        for (text, seconds, nanoseconds) in [
            ("0", 0, 0),
            ("-1", -1, 0),
            ("-1.5", -2, 500_000_000),
            ("-0.000000001", -1, 999_999_999),
            ("12.0000000019", 12, 1),
            ("3.", 3, 0),
        ] {
            assert_eq!(Time::parse(text.as_bytes()), Some(Time { seconds, nanoseconds }), "{text}");
        }
        for text in ["", "-", "x", "1.x", "1.5.5", "--1", "99999999999999999999"] {
            assert_eq!(Time::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn damaged_records_are_refused() {
        for records in [
            &b"path=a\n"[..],
            b"9 path=a\n9",
            b"99 path=a\n",
            b"8 path=a\n",
            b"5 a\n",
            b"0 =\n",
            b"18446744073709551616 path=a\n",
            b"13 size=-100\n",
            b"22 GNU.sparse.map=1,2,3\n",
            b"25 GNU.sparse.numbytes=5\n",
        ] {
            assert!(Extended::default().local(records).is_err(), "{}", records.escape_ascii());
        }
        assert!(Extended::default().local(b"10 path=a\n").is_ok());
    }

    #[test]
    fn a_global_header_is_about_no_single_entry() {
        assert!(Extended::default().global(b"10 size=5\n").is_err());
        assert!(Extended::default().global(b"13 comment=x\n").is_ok());
    }
}
