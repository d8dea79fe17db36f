//! Tests of archives as a whole: what the rooms do together, on real directories.

mod gnu;
mod hostile;
mod round_trip;
mod tree;

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use super::block::{BLOCK, padding};
use super::header::{Header, kind};
use super::pax::Records;
use super::{PackOptions, Summary, UnpackOptions, Whiteouts, pack, unpack};
use crate::error::Result;

/// The layer in `from` as an archive.
fn packed(from: &Path, whiteouts: Whiteouts) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let options = PackOptions { whiteouts, ..PackOptions::default() };
    let summary = pack(File::open(from).unwrap().as_fd(), &mut out, &options, &|_| Ok(()))?;
    assert_eq!(summary.archive, out.len() as u64);
    Ok(out)
}

/// Unpacks `archive` into the empty directory `into`.
fn unpacked(archive: &[u8], into: &Path, options: &UnpackOptions) -> Result<Summary> {
    unpack(archive, File::open(into).unwrap().as_fd(), options, &|_| Ok(()))
}

/// A tar put together by hand.
#[derive(Clone, Default)]
struct Tar(Vec<u8>);

impl Tar {
    /// Adds an entry of a name, with what `change` makes of its header, and its data.
    fn entry(mut self, kind: u8, name: &[u8], data: &[u8], change: impl FnOnce(&mut Header)) -> Self {
        let mut header = Header { path: name.to_vec(), kind, mode: 0o644, ..Header::default() };
        header.size = data.len() as u64;
        change(&mut header);
        // Names longer than a header's field are cut off here: tests write the long ones themselves.
        self.0.extend_from_slice(&header.encode(&mut Records::default()));
        self.0.extend_from_slice(data);
        self.0.resize(self.0.len() + padding(data.len() as u64) as usize, 0);
        self
    }

    fn file(self, name: &[u8], data: &[u8]) -> Self {
        self.entry(kind::FILE, name, data, |_| {})
    }

    fn directory(self, name: &[u8]) -> Self {
        self.entry(kind::DIRECTORY, name, b"", |header| header.mode = 0o755)
    }

    fn link(self, kind: u8, name: &[u8], target: &[u8]) -> Self {
        self.entry(kind, name, b"", |header| header.link = target.to_vec())
    }

    fn pax(self, records: &[(&[u8], &[u8])]) -> Self {
        let mut all = Records::default();
        for (key, value) in records {
            all.push(key, value);
        }
        self.entry(kind::PAX, b"PaxHeaders/x", all.bytes(), |_| {})
    }

    /// The whole archive, with the blocks that end it.
    fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 2 * BLOCK, 0);
        self.0
    }
}
