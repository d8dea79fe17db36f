//! Whatever an archive is compressed with, told by its first bytes; decompressed in a thread of its own, so that it
//! costs no time while files are written.
//!
//! gzip by zlib-rs, zstd by ruzstd: what reads a stranger's bytes is Rust throughout.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use flate2::bufread::GzDecoder;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::FrameDecoderError;

use super::Limits;
use super::block as tar;
use super::header::Header;
use super::reader::Source;
use crate::error::{ArchiveError, Result};
use crate::progress::Progress;

/// Bytes that go from thread to thread at once.
const BLOCK: usize = 256 << 10;

/// How many such blocks may wait.
const WAITING: usize = 16;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// zstd's frames without content begin with one of 16 numbers; these three bytes, after one from 0x50 to 0x5f.
const ZSTD_SKIPPED: &[u8] = &[0x2a, 0x4d, 0x18];

/// Calls `consume` with what `input` holds, decompressed, up to the limits.
pub(super) fn decompress<T>(
    input: impl Read + Send,
    limits: &Limits,
    progress: &dyn Fn(Progress) -> Result<()>,
    consume: impl FnOnce(&mut Blocks<'_>) -> Result<T>,
) -> Result<(T, u64)> {
    let (full, blocks) = sync_channel(WAITING);
    let (used, empty) = sync_channel(WAITING + 2);
    thread::scope(|scope| {
        let window = limits.window;
        scope.spawn(move || {
            if let Err(why) = produce(input, window, &full, &empty) {
                // Nobody listens any more if the consumer has failed.
                let _ = full.send(Err(why));
            }
        });
        let mut source = Blocks::new(blocks, used, limits, progress);
        let value = consume(&mut source)?;
        Ok((value, source.so_far.archive))
    })
}

/// Calls `consume` with a tar that somebody else decompresses, up to the limits. It ends when they hang up.
pub(super) fn decompressed<T>(
    blocks: Receiver<Result<Filled, ArchiveError>>,
    limits: &Limits,
    progress: &dyn Fn(Progress) -> Result<()>,
    consume: impl FnOnce(&mut Blocks<'_>) -> Result<T>,
) -> Result<(T, u64)> {
    // Nobody wants the blocks back.
    let (used, _) = sync_channel(0);
    let mut source = Blocks::new(blocks, used, limits, progress);
    let value = consume(&mut source)?;
    Ok((value, source.so_far.archive))
}

/// A block of the tar, and how much of the archive has been read for all blocks up to it.
pub(crate) struct Filled {
    pub(crate) bytes: Vec<u8>,
    pub(crate) read: u64,
}

/// The tar, as it comes out of the thread.
pub(super) struct Blocks<'a> {
    blocks: Receiver<Result<Filled, ArchiveError>>,
    used: SyncSender<Vec<u8>>,
    block: Vec<u8>,
    consumed: usize,
    so_far: Progress,
    limits: &'a Limits,
    progress: &'a dyn Fn(Progress) -> Result<()>,
}

impl Source for Blocks<'_> {
    fn fill(&mut self) -> Result<&[u8]> {
        if self.consumed == self.block.len() {
            let empty = std::mem::take(&mut self.block);
            self.consumed = 0;
            // At the end there is nobody left to use it again.
            let _ = self.used.try_send(empty);
            if let Ok(filled) = self.blocks.recv() {
                let Filled { bytes, read } = filled?;
                self.block = bytes;
                self.account(read)?;
            }
        }
        Ok(&self.block[self.consumed..])
    }

    fn consume(&mut self, count: usize) {
        self.consumed += count;
    }
}

impl<'a> Blocks<'a> {
    fn new(
        blocks: Receiver<Result<Filled, ArchiveError>>,
        used: SyncSender<Vec<u8>>,
        limits: &'a Limits,
        progress: &'a dyn Fn(Progress) -> Result<()>,
    ) -> Self {
        let so_far = Progress::default();
        Self { blocks, used, block: Vec::new(), consumed: 0, so_far, limits, progress }
    }

    /// Counts a block that has just come.
    fn account(&mut self, read: u64) -> Result<()> {
        let content = self.so_far.content + self.block.len() as u64;
        self.so_far = Progress { archive: read, content };
        if content > self.limits.bytes {
            return Err(ArchiveError::Limit { what: "bytes", limit: self.limits.bytes }.into());
        }
        if content > Limits::RATIO_FROM && content / self.limits.ratio.max(1) > read {
            let limit = self.limits.ratio;
            return Err(ArchiveError::Limit { what: "bytes for each compressed byte", limit }.into());
        }
        (self.progress)(self.so_far)
    }
}

/// Decompresses until the input ends or nobody wants more.
fn produce(
    input: impl Read,
    window: u64,
    full: &SyncSender<Result<Filled, ArchiveError>>,
    empty: &Receiver<Vec<u8>>,
) -> Result<(), ArchiveError> {
    let count = Cell::new(0);
    let mut input = Input::new(input, &count);
    let mut out = Output { bytes: vec![0; BLOCK], filled: 0, count: &count, full, empty };
    let start = input.peek(tar::BLOCK).map_err(ArchiveError::Read)?;
    let done = if start.starts_with(GZIP) {
        gzip(&mut input, &mut out)
    } else if is_zstd(start) {
        zstd(&mut input, window, &mut out)
    } else if is_tar(start) {
        out.take(&mut input)
    } else if start.is_empty() {
        Err(Stop::Bad(ArchiveError::Truncated))
    } else {
        Err(Stop::Bad(ArchiveError::Unknown))
    };
    // What came before an error counts: somebody may go on from there. A block without bytes is the end of all.
    let sent = if done.is_ok() || out.filled > 0 { out.send() } else { Ok(()) };
    match done.and(sent) {
        Ok(()) | Err(Stop::Unwanted) => Ok(()),
        Err(Stop::Bad(why)) => Err(why),
    }
}

/// Why decompression stops before the end.
enum Stop {
    /// The consumer has gone.
    Unwanted,
    /// The input is damaged.
    Bad(ArchiveError),
}

impl From<io::Error> for Stop {
    /// Decompressors report what is wrong with their input by errors that no system call gave.
    fn from(why: io::Error) -> Self {
        Self::Bad(match why.kind() {
            _ if why.raw_os_error().is_some() => ArchiveError::Read(why),
            io::ErrorKind::UnexpectedEof => ArchiveError::Truncated,
            _ => ArchiveError::Compression(why),
        })
    }
}

/// Whether a block of zstd begins here.
fn is_zstd(start: &[u8]) -> bool {
    start.starts_with(ZSTD) || skipped_zstd(start)
}

/// Whether it is one without content.
fn skipped_zstd(start: &[u8]) -> bool {
    matches!(start, [0x50..=0x5f, rest @ ..] if rest.starts_with(ZSTD_SKIPPED))
}

/// Whether these bytes begin a tar that is not compressed. A cut one is told by whoever reads it.
fn is_tar(start: &[u8]) -> bool {
    match start.as_chunks().0.first() {
        Some(block) => Header::decode(block).is_ok(),
        None => false,
    }
}

/// Decompresses all members of a gzip stream.
fn gzip(input: &mut Input<'_, impl Read>, out: &mut Output<'_>) -> Result<(), Stop> {
    loop {
        out.take(&mut GzDecoder::new(&mut *input))?;
        match input.peek(GZIP.len())? {
            [] => return Ok(()),
            start if start.starts_with(GZIP) => {}
            _ => return Err(Stop::Bad(ArchiveError::TrailingData)),
        }
    }
}

/// Decompresses all frames of a zstd stream.
fn zstd(input: &mut Input<'_, impl Read>, window: u64, out: &mut Output<'_>) -> Result<(), Stop> {
    let damaged = |why| Stop::from(io::Error::new(io::ErrorKind::InvalidData, why));
    loop {
        match input.peek(ZSTD.len())? {
            [] => return Ok(()),
            start if skipped_zstd(start) => {
                let mut header = [0; 8];
                input.read_exact(&mut header)?;
                let length = u64::from(u32::from_le_bytes([header[4], header[5], header[6], header[7]]));
                if io::copy(&mut input.take(length), &mut io::sink())? < length {
                    return Err(Stop::Bad(ArchiveError::Truncated));
                }
            }
            start if start.starts_with(ZSTD) => {
                let mut frame = match StreamingDecoder::new_with_max_window_size(&mut *input, window) {
                    Err(FrameDecoderError::WindowSizeTooBig { .. }) => {
                        let what = "bytes of a zstd window";
                        return Err(Stop::Bad(ArchiveError::Limit { what, limit: window }));
                    }
                    frame => frame.map_err(|why| damaged(why.to_string()))?,
                };
                out.take(&mut frame)?;
                let told = frame.decoder.get_checksum_from_data();
                if told.is_some() && told != frame.decoder.get_calculated_checksum() {
                    return Err(damaged("a frame's checksum is wrong".into()));
                }
            }
            _ => return Err(Stop::Bad(ArchiveError::TrailingData)),
        }
    }
}

/// Blocks on their way to the consumer.
struct Output<'a> {
    bytes: Vec<u8>,
    filled: usize,
    count: &'a Cell<u64>,
    full: &'a SyncSender<Result<Filled, ArchiveError>>,
    empty: &'a Receiver<Vec<u8>>,
}

impl Output<'_> {
    /// Takes all of `from`.
    fn take(&mut self, from: &mut impl Read) -> Result<(), Stop> {
        loop {
            match from.read(&mut self.bytes[self.filled..]) {
                Ok(0) => return Ok(()),
                Ok(count) => self.filled += count,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(why.into()),
            }
            if self.filled == self.bytes.len() {
                self.send()?;
            }
        }
    }

    /// Sends what there is.
    fn send(&mut self) -> Result<(), Stop> {
        let mut next = self.empty.try_recv().unwrap_or_default();
        next.resize(BLOCK, 0);
        let mut bytes = std::mem::replace(&mut self.bytes, next);
        bytes.truncate(std::mem::take(&mut self.filled));
        let filled = Filled { bytes, read: self.count.get() };
        self.full.send(Ok(filled)).map_err(|_| Stop::Unwanted)
    }
}

/// A buffered reader that can look ahead, and counts what has been read from it.
struct Input<'a, R> {
    inner: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    count: &'a Cell<u64>,
}

impl<'a, R: Read> Input<'a, R> {
    fn new(inner: R, count: &'a Cell<u64>) -> Self {
        Self { inner, buffer: vec![0; BLOCK], start: 0, end: 0, count }
    }

    /// The next `wanted` bytes without taking them, fewer at the end of the input.
    fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        while self.end - self.start < wanted {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= std::mem::take(&mut self.start);
            }
            match self.inner.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(count) => self.end += count,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(why),
            }
        }
        Ok(&self.buffer[self.start..self.end.min(self.start + wanted)])
    }
}

impl<R: Read> BufRead for Input<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.peek(1)?;
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
        self.count.set(self.count.get() + count as u64);
    }
}

impl<R: Read> Read for Input<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;
    use crate::error::Error;

    /// A tar of nothing but its end, and enough zeros to fill some blocks.
    static CONTENT: [u8; 700_000] = [0; 700_000];

    fn read(archive: &[u8]) -> Result<Vec<u8>> {
        let (bytes, archive_size) = decompress(archive, &Limits::default(), &|_| Ok(()), |blocks| {
            let mut all = Vec::new();
            loop {
                let bytes = blocks.fill()?;
                if bytes.is_empty() {
                    return Ok(all);
                }
                all.extend_from_slice(bytes);
                let count = bytes.len();
                blocks.consume(count);
            }
        })?;
        assert_eq!(archive_size, archive.len() as u64);
        Ok(bytes)
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zst(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        let (first, second) = CONTENT.split_at(300_000);
        let skipped = b"\x57\x2a\x4d\x18\x03\0\0\0abc".to_vec();
        for archive in [
            CONTENT.to_vec(),
            gz(&CONTENT),
            [gz(first), gz(second)].concat(),
            zst(&CONTENT),
            [skipped.clone(), zst(first), skipped, zst(second)].concat(),
        ] {
            assert!(read(&archive).unwrap() == CONTENT);
        }
    }

    #[test]
    fn trailing_data_is_refused() {
        for archive in [gz(&CONTENT), zst(&CONTENT)] {
            for rest in [&b"x"[..], b"\0\0\0\0\0\0\0\0", b"some text that goes on"] {
                let result = read(&[&archive, rest].concat());
                assert!(matches!(result, Err(Error::Archive(ArchiveError::TrailingData))));
            }
        }
    }

    #[test]
    fn cut_streams_are_refused() {
        let (gzip, zstd) = (gz(&CONTENT), zst(&CONTENT));
        for length in (2..gzip.len()).step_by(13) {
            let result = read(&gzip[..length]);
            assert!(matches!(result, Err(Error::Archive(ArchiveError::Truncated))), "{length}");
        }
        for length in 4..zstd.len().min(100) {
            assert!(matches!(read(&zstd[..length]), Err(Error::Archive(_))), "{length}");
        }
        assert!(matches!(read(b""), Err(Error::Archive(ArchiveError::Truncated))));
    }

    #[test]
    fn damaged_streams_are_refused() {
        let content: Vec<u8> =
            (0..20_000u32).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
        for archive in [gz(&content), zst(&content)] {
            for at in [archive.len() / 3, archive.len() / 2, archive.len() - 3] {
                let mut damaged = archive.clone();
                damaged[at] ^= 0x55;
                assert!(matches!(read(&damaged), Err(Error::Archive(_))), "{at}");
            }
        }
    }

    #[test]
    fn other_formats_are_refused() {
        for start in [&b"\xfd7zXZ\0"[..], b"BZh91AY&SY", b"PK\x03\x04", b"a"] {
            let mut file = start.to_vec();
            file.resize(2048, b'x');
            assert!(matches!(read(&file), Err(Error::Archive(ArchiveError::Unknown))));
        }
    }

    #[test]
    fn bombs_are_refused() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; 16 << 20]).unwrap();
        let result = read(&encoder.finish().unwrap().repeat(17));
        assert!(matches!(result, Err(Error::Archive(ArchiveError::Limit { limit: 200, .. }))));
    }

    #[test]
    fn windows_are_bounded() {
        // A frame of no content with a window of 2^31.
        let result = read(b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00");
        assert!(matches!(result, Err(Error::Archive(ArchiveError::Limit { .. }))));
    }
}
