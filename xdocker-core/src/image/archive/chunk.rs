//! The tar, cut into chunks, each of which becomes a gzip member of its own.
//!
//! Where it is cut depends on what stands there and on nothing before it, so that two layers that have much in common
//! have most of their chunks in common: what has changed changes the chunk that it is in. No byte is looked at for it: a cut comes before some entries, told by
//! a hash of their names, and before the data of a large file, which is cut at the same places wherever the file is.
//!
//! These numbers are part of the format: with others the same layer gives other chunks, which are unpacked just as
//! well and are shared with none that were made before.

use crate::error::Result;

/// No cut before an entry leaves fewer bytes than this behind, so that a chunk of many small files is worth compressing.
const LEAST: usize = 64 << 10;
/// One entry in so many begins a chunk, when the chunk before it has enough.
const ONE_IN: u32 = 4;
/// The data of files from this size on begins a chunk.
const LARGE: u64 = 256 << 10;
/// Bytes of the largest chunks.
pub(super) const MOST: usize = 512 << 10;

/// Where the tar goes.
pub(super) struct Sink<'a> {
    chunk: Vec<u8>,
    filled: usize,
    content: u64,
    /// Takes a chunk, and how many bytes of the tar there were up to its end.
    emit: &'a mut dyn FnMut(Vec<u8>, u64) -> Result<()>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(emit: &'a mut dyn FnMut(Vec<u8>, u64) -> Result<()>) -> Self {
        Self { chunk: vec![0; MOST], filled: 0, content: 0, emit }
    }

    /// Room for the next bytes, at least one. [`Sink::advance`] says how many of them are there.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.chunk[self.filled..]
    }

    /// Takes the first `count` bytes of [`Sink::room`].
    pub(super) fn advance(&mut self, count: usize) -> Result<()> {
        self.filled += count;
        self.content += count as u64;
        if self.filled == MOST { self.cut() } else { Ok(()) }
    }

    /// Takes `bytes`.
    pub(super) fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = self.room();
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            self.advance(count)?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Takes `count` zeros.
    pub(super) fn zeros(&mut self, mut count: u64) -> Result<()> {
        while count > 0 {
            let room = self.room();
            let now = usize::try_from(count).unwrap_or(usize::MAX).min(room.len());
            room[..now].fill(0);
            self.advance(now)?;
            count -= now as u64;
        }
        Ok(())
    }

    /// An entry of that name comes next.
    pub(super) fn entry(&mut self, path: &[u8]) -> Result<()> {
        if self.filled >= LEAST && hash(path).is_multiple_of(ONE_IN) { self.cut() } else { Ok(()) }
    }

    /// So many bytes of a file come next.
    pub(super) fn data(&mut self, size: u64) -> Result<()> {
        if size >= LARGE { self.cut() } else { Ok(()) }
    }

    /// Ends the chunk here, if there is anything in it.
    pub(super) fn cut(&mut self) -> Result<()> {
        if self.filled == 0 {
            return Ok(());
        }
        let mut chunk = std::mem::replace(&mut self.chunk, vec![0; MOST]);
        chunk.truncate(std::mem::take(&mut self.filled));
        (self.emit)(chunk, self.content)
    }
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The chunks of entries of these names and sizes, each filled with what its name says.
    fn chunks(entries: impl IntoIterator<Item = (u32, usize)>) -> Vec<Vec<u8>> {
        let mut chunks = Vec::new();
        let mut emit = |chunk: Vec<u8>, _| {
            chunks.push(chunk);
            Ok(())
        };
        let mut sink = Sink::new(&mut emit);
        for (name, size) in entries {
            sink.entry(&name.to_le_bytes()).unwrap();
            sink.put(&[name as u8; 512]).unwrap();
            sink.data(size as u64).unwrap();
            let data: Vec<u8> =
                (0..size).map(|at| (at as u32 ^ name.wrapping_mul(0x9e37_79b9)) as u8).collect();
            sink.put(&data).unwrap();
        }
        sink.cut().unwrap();
        chunks
    }

    /// Files of many sizes, a large one among them.
    fn files() -> impl Iterator<Item = (u32, usize)> {
        (0..3_000u32)
            .map(|name| (name, if name == 1_000 { 5_000_000 } else { (name as usize * 7919) % 30_000 }))
    }

    #[test]
    fn what_has_changed_changes_the_chunks_around_it_alone() {
        let before: HashSet<_> = chunks(files()).into_iter().collect();
        for changed in [3, 1_500, 2_999] {
            let changed =
                files().map(|(name, size)| (name, if name == changed { size + 12_345 } else { size }));
            let new = chunks(changed).into_iter().filter(|chunk| !before.contains(chunk)).count();
            assert!(new <= 2, "{new} of {} chunks", before.len());
        }
        let without = files().filter(|(name, _)| *name != 700);
        assert!(chunks(without).iter().filter(|chunk| !before.contains(*chunk)).count() <= 2);
    }

    #[test]
    fn chunks_are_of_a_size_that_is_worth_it() {
        let chunks = chunks(files());
        let all: usize = chunks.iter().map(Vec::len).sum();
        assert!(chunks.iter().all(|chunk| chunk.len() <= MOST));
        assert!((LEAST..MOST).contains(&(all / chunks.len())), "{} chunks of {all} bytes", chunks.len());
    }
}
