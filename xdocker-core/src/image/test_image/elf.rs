//! What the dynamic loader reads of a program or library: little-endian ELF, 32 and 64 bits.
//!
//! Every read is bounded, whatever the file claims, so a damaged file is an error and never a panic or a
//! large allocation.

use std::ffi::OsString;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Most program headers that are looked at. Real files have about a dozen.
const MAX_SEGMENTS: u64 = 256;
/// Most bytes of dynamic section that are looked at. Real files have under 1 KiB.
const MAX_DYNAMIC: u64 = 64 * 1024;
/// Longest string, as the kernel's `PATH_MAX`.
const MAX_STRING: u64 = 4096;

const PT_LOAD: u64 = 1;
const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;

const DT_NULL: u64 = 0;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_SONAME: u64 = 14;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;

/// What a program is compiled for; it loads libraries of the same target only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// 32 or 64 bits.
    class: Class,
    /// `e_machine`.
    machine: u64,
}

/// Width of the addresses, and with it the layout of every structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Bits32,
    Bits64,
}

/// A program or library, as far as its loading goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Elf {
    /// What it is compiled for.
    pub(super) target: Target,
    /// The dynamic loader that the kernel starts for it.
    pub(super) interpreter: Option<PathBuf>,
    /// Names of the libraries that it needs, in order.
    pub(super) needed: Vec<OsString>,
    /// Its own name, if it is a library.
    pub(super) soname: Option<OsString>,
    /// `:`-separated directories for its libraries and the libraries of those.
    pub(super) rpath: Option<OsString>,
    /// `:`-separated directories for its own libraries; where there are any, `rpath` does not count.
    pub(super) runpath: Option<OsString>,
}

impl Elf {
    /// Reads `file`; `None` if it is something else, such as a script.
    ///
    /// # Errors
    /// `InvalidData` or `UnexpectedEof` for a damaged file, and whatever reading gives.
    pub(super) fn read(file: &mut (impl Read + Seek)) -> io::Result<Option<Self>> {
        let mut start = Vec::with_capacity(64);
        file.seek(SeekFrom::Start(0))?;
        file.by_ref().take(64).read_to_end(&mut start)?;
        let class = match start.get(..6) {
            Some(b"\x7fELF\x01\x01") => Class::Bits32,
            Some(b"\x7fELF\x02\x01") => Class::Bits64,
            _ => return Ok(None),
        };
        if start.len() < class.header_size() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let target = Target { class, machine: number(&start, 18, 2) };
        let segments = Segments::read(file, class, &start)?;
        let interpreter = match segments.find(PT_INTERP) {
            Some(segment) => Some(string_at(file, segment.offset)?.into()),
            None => None,
        };
        let mut elf =
            Self { target, interpreter, needed: Vec::new(), soname: None, rpath: None, runpath: None };
        if let Some(dynamic) = segments.find(PT_DYNAMIC) {
            elf.read_dynamic(file, &segments, dynamic)?;
        }
        Ok(Some(elf))
    }

    /// Whether it runs with nothing else beside it.
    pub(super) fn is_static(&self) -> bool {
        self.interpreter.is_none() && self.needed.is_empty()
    }

    fn read_dynamic(
        &mut self,
        file: &mut (impl Read + Seek),
        segments: &Segments,
        dynamic: &Segment,
    ) -> io::Result<()> {
        let word = self.target.class.word();
        let bytes = bytes_at(file, dynamic.offset, dynamic.size.min(MAX_DYNAMIC))?;
        let entries: Vec<(u64, u64)> = bytes
            .chunks_exact(2 * word)
            .map(|entry| (number(entry, 0, word), number(entry, word, word)))
            .take_while(|(tag, _)| *tag != DT_NULL)
            .collect();
        let Some((_, strings)) = entries.iter().find(|(tag, _)| *tag == DT_STRTAB) else {
            return Ok(());
        };
        let strings = segments.offset_of(*strings)?;
        for (tag, value) in entries {
            let mut string = || string_at(file, strings.checked_add(value).ok_or_else(damaged)?);
            match tag {
                DT_NEEDED => self.needed.push(string()?),
                DT_SONAME => self.soname = Some(string()?),
                DT_RPATH => self.rpath = Some(string()?),
                DT_RUNPATH => self.runpath = Some(string()?),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Class {
    fn header_size(self) -> usize {
        match self {
            Self::Bits32 => 52,
            Self::Bits64 => 64,
        }
    }

    /// Bytes of an address.
    fn word(self) -> usize {
        match self {
            Self::Bits32 => 4,
            Self::Bits64 => 8,
        }
    }
}

/// A piece of the file with its address in memory.
struct Segment {
    kind: u64,
    offset: u64,
    address: u64,
    size: u64,
}

struct Segments(Vec<Segment>);

impl Segments {
    fn read(file: &mut (impl Read + Seek), class: Class, header: &[u8]) -> io::Result<Self> {
        let (offset, entry_size, count) = match class {
            Class::Bits32 => (number(header, 28, 4), number(header, 42, 2), number(header, 44, 2)),
            Class::Bits64 => (number(header, 32, 8), number(header, 54, 2), number(header, 56, 2)),
        };
        let expected = match class {
            Class::Bits32 => 32,
            Class::Bits64 => 56,
        };
        if count > MAX_SEGMENTS || (count > 0 && entry_size != expected) {
            return Err(damaged());
        }
        let bytes = bytes_at(file, offset, count * expected)?;
        let segment = |entry: &[u8]| match class {
            Class::Bits32 => Segment {
                kind: number(entry, 0, 4),
                offset: number(entry, 4, 4),
                address: number(entry, 8, 4),
                size: number(entry, 16, 4),
            },
            Class::Bits64 => Segment {
                kind: number(entry, 0, 4),
                offset: number(entry, 8, 8),
                address: number(entry, 16, 8),
                size: number(entry, 32, 8),
            },
        };
        Ok(Self(bytes.chunks_exact(if class == Class::Bits32 { 32 } else { 56 }).map(segment).collect()))
    }

    fn find(&self, kind: u64) -> Option<&Segment> {
        self.0.iter().find(|segment| segment.kind == kind)
    }

    /// Where in the file that is which will be at `address` in memory.
    fn offset_of(&self, address: u64) -> io::Result<u64> {
        self.0
            .iter()
            .filter(|segment| segment.kind == PT_LOAD)
            .find_map(|segment| {
                let within = address.checked_sub(segment.address)?;
                (within < segment.size).then(|| segment.offset.checked_add(within))?
            })
            .ok_or_else(damaged)
    }
}

/// The `width` bytes at `at` as a number; both are within `bytes` wherever this is called.
fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    bytes[at..at + width].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn bytes_at(file: &mut (impl Read + Seek), offset: u64, size: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    let read = file.by_ref().take(size).read_to_end(&mut bytes)?;
    match read as u64 == size {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The NUL-terminated string at `offset`.
fn string_at(file: &mut (impl Read + Seek), offset: u64) -> io::Result<OsString> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.by_ref().take(MAX_STRING).read_to_end(&mut bytes)?;
    let end = bytes.iter().position(|byte| *byte == 0).ok_or_else(damaged)?;
    bytes.truncate(end);
    Ok(OsString::from_vec(bytes))
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a well-formed ELF file")
}
