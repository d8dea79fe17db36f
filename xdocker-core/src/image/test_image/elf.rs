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

    /// Bytes of a program header.
    fn segment_size(self) -> usize {
        match self {
            Self::Bits32 => 32,
            Self::Bits64 => 56,
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
        let expected = class.segment_size();
        if count > MAX_SEGMENTS || (count > 0 && entry_size != expected as u64) {
            return Err(damaged());
        }
        let bytes = bytes_at(file, offset, count * expected as u64)?;
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
        Ok(Self(bytes.chunks_exact(expected).map(segment).collect()))
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

#[cfg(test)]
pub(super) mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    /// A file of `class` with the dynamic entries `entries`, all of which are strings.
    pub(in super::super) fn sample(interpreter: Option<&str>, entries: &[(u64, &str)]) -> Vec<u8> {
        sample_of(Class::Bits64, interpreter, entries)
    }

    pub(in super::super) const NEEDED: u64 = DT_NEEDED;
    pub(in super::super) const SONAME: u64 = DT_SONAME;
    pub(in super::super) const RPATH: u64 = DT_RPATH;
    pub(in super::super) const RUNPATH: u64 = DT_RUNPATH;

    fn sample_of(class: Class, interpreter: Option<&str>, entries: &[(u64, &str)]) -> Vec<u8> {
        const BASE: u64 = 0x40_0000;
        let word = class.word();
        let put = |bytes: &mut Vec<u8>, number: u64, width: usize| {
            bytes.extend_from_slice(&number.to_le_bytes()[..width]);
        };
        let segment_size = class.segment_size();
        let strings_at = class.header_size() + 3 * segment_size;
        let mut strings = vec![0];
        let mut dynamic = Vec::new();
        for (tag, text) in entries {
            put(&mut dynamic, *tag, word);
            put(&mut dynamic, strings.len() as u64, word);
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
        }
        put(&mut dynamic, DT_STRTAB, word);
        put(&mut dynamic, BASE + strings_at as u64, word);
        dynamic.extend(vec![0; 2 * word]);
        let interpreter_at = strings_at + strings.len();
        if let Some(path) = interpreter {
            strings.extend_from_slice(path.as_bytes());
            strings.push(0);
        }
        let dynamic_at = strings_at + strings.len();
        let end = dynamic_at + dynamic.len();

        let mut file = b"\x7fELF\0\x01\x01".to_vec();
        file[4] = if class == Class::Bits32 { 1 } else { 2 };
        file.resize(16, 0);
        put(&mut file, 3, 2); // e_type: shared object
        put(&mut file, 62, 2); // e_machine: x86-64
        put(&mut file, 1, 4); // e_version
        put(&mut file, 0, word); // e_entry
        put(&mut file, class.header_size() as u64, word); // e_phoff
        put(&mut file, 0, word); // e_shoff
        put(&mut file, 0, 4); // e_flags
        put(&mut file, class.header_size() as u64, 2); // e_ehsize
        put(&mut file, segment_size as u64, 2); // e_phentsize
        put(&mut file, 3, 2); // e_phnum
        file.resize(class.header_size(), 0);
        let interpreter_kind = if interpreter.is_some() { PT_INTERP } else { 0 };
        for (kind, from, to) in
            [(PT_LOAD, 0, end), (interpreter_kind, interpreter_at, dynamic_at), (PT_DYNAMIC, dynamic_at, end)]
        {
            put(&mut file, kind, 4);
            if class == Class::Bits64 {
                put(&mut file, 0, 4); // p_flags
            }
            put(&mut file, from as u64, word);
            put(&mut file, BASE + from as u64, word);
            put(&mut file, BASE + from as u64, word);
            put(&mut file, (to - from) as u64, word);
            file.resize(file.len() + segment_size - if class == Class::Bits64 { 40 } else { 20 }, 0);
        }
        [file, strings, dynamic].concat()
    }

    fn read(bytes: &[u8]) -> io::Result<Option<Elf>> {
        Elf::read(&mut Cursor::new(bytes))
    }

    #[test]
    fn reads_what_the_loader_reads() {
        for class in [Class::Bits32, Class::Bits64] {
            let entries = [(DT_NEEDED, "libb.so.1"), (DT_SONAME, "liba.so.2"), (DT_NEEDED, "libc.so.6")];
            let paths = [(DT_RPATH, "/a:$ORIGIN"), (DT_RUNPATH, "/b")];
            let bytes = sample_of(class, Some("/lib/ld.so"), &[&entries[..], &paths].concat());
            let elf = read(&bytes).unwrap().unwrap();
            assert_eq!(elf.target, Target { class, machine: 62 });
            assert_eq!(elf.interpreter, Some("/lib/ld.so".into()));
            assert_eq!(elf.needed, ["libb.so.1", "libc.so.6"]);
            assert_eq!(elf.soname, Some("liba.so.2".into()));
            assert_eq!((elf.rpath, elf.runpath), (Some("/a:$ORIGIN".into()), Some("/b".into())));
        }
    }

    #[test]
    fn static_programs_are_told_apart() {
        assert!(read(&sample(None, &[])).unwrap().unwrap().is_static());
        assert!(!read(&sample(None, &[(DT_NEEDED, "libc.so.6")])).unwrap().unwrap().is_static());
        assert!(!read(&sample(Some("/lib/ld.so"), &[])).unwrap().unwrap().is_static());
    }

    #[test]
    fn other_files_are_none_and_cut_ones_an_error() {
        assert_eq!(read(b"").unwrap(), None);
        assert_eq!(read(b"#!/bin/sh\n").unwrap(), None);
        assert_eq!(read(b"\x7fELF\x02\x02 big-endian").unwrap(), None);
        let bytes = sample(Some("/lib/ld.so"), &[(DT_NEEDED, "libc.so.6")]);
        for end in 6..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "{end} of {}", bytes.len());
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(
            wide: bool,
            damage in prop::collection::vec((0_usize..512, any::<u8>()), 1..24),
        ) {
            let class = if wide { Class::Bits64 } else { Class::Bits32 };
            let mut bytes = sample_of(class, Some("/lib/ld.so"), &[(DT_NEEDED, "libc.so.6"), (DT_RPATH, "/")]);
            for (at, byte) in damage {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            _ = read(&bytes);
        }

        #[test]
        fn anything_behind_the_magic_never_panics(wide: bool, rest: Vec<u8>) {
            let magic: &[u8] = if wide { b"\x7fELF\x02\x01" } else { b"\x7fELF\x01\x01" };
            _ = read(&[magic, &rest].concat());
        }
    }
}
