//! gzip on all processors. The stream is cut into blocks, each a gzip member of its own, which every gzip reads
//! as one stream. What a block becomes depends on nothing but its bytes, so the archive does not depend on how many
//! threads there were or who was faster.

use std::io::{self, Write};
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use flate2::{Compression, GzBuilder};

use super::Progress;
use crate::error::ArchiveError;
use crate::error::{Error, Result};

/// Bytes of a block: enough that starting anew costs under a hundredth in size, little enough that the blocks on their
/// way stay small beside the memory that an export may take.
const BLOCK: usize = 1 << 20;

/// A block on its way to a compressor, and where the result goes.
struct Job {
    block: Vec<u8>,
    done: SyncSender<io::Result<Vec<u8>>>,
}

/// Where the tar goes.
pub(super) struct Sink<'a> {
    block: Vec<u8>,
    filled: usize,
    content: u64,
    written: &'a AtomicU64,
    jobs: SyncSender<Job>,
    order: SyncSender<Receiver<io::Result<Vec<u8>>>>,
    progress: &'a dyn Fn(Progress),
}

impl Sink<'_> {
    /// Room for the next bytes, at least one. [`Sink::advance`] says how many of them are there.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.block[self.filled..]
    }

    /// Takes the first `count` bytes of [`Sink::room`].
    pub(super) fn advance(&mut self, count: usize) -> Result<()> {
        self.filled += count;
        self.content += count as u64;
        if self.filled == BLOCK { self.send() } else { Ok(()) }
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

    fn send(&mut self) -> Result<()> {
        let mut block = std::mem::replace(&mut self.block, vec![0; BLOCK]);
        block.truncate(std::mem::take(&mut self.filled));
        let (done, result) = sync_channel(1);
        // Whoever hung up has a reason, which `gzip` reports instead of this one.
        let stopped = |_| ArchiveError::Write(io::ErrorKind::BrokenPipe.into());
        self.order.send(result).map_err(|_| stopped(()))?;
        self.jobs.send(Job { block, done }).map_err(|_| stopped(()))?;
        (self.progress)(Progress { archive: self.written.load(Ordering::Relaxed), content: self.content });
        Ok(())
    }
}

/// Writes what `produce` puts into the sink to `out` as gzip of a `level` from 1 to 9, or as it is with 0. Gives what `produce` gave and
/// the bytes written.
pub(super) fn gzip<T>(
    out: impl Write + Send,
    level: u32,
    progress: &dyn Fn(Progress),
    produce: impl FnOnce(&mut Sink<'_>) -> Result<T>,
) -> Result<(T, u64)> {
    // More would hold more blocks in memory at once.
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(12);
    let written = AtomicU64::new(0);
    let (jobs, work) = sync_channel::<Job>(threads);
    let (order, results) = sync_channel(2 * threads);
    let work = Mutex::new(work);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| compress(&work, level));
        }
        let written = &written;
        // The writer owns `results`: when it gives up, so does who waits for room in there.
        let writer = scope.spawn(move || write(out, results, written));
        let mut sink = Sink { block: vec![0; BLOCK], filled: 0, content: 0, written, jobs, order, progress };
        let produced = produce(&mut sink).and_then(|value| sink.send().map(|()| value));
        drop(sink);
        let wrote = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // If writing failed, that is also why producing did.
        let count = wrote.map_err(|why| Error::from(ArchiveError::Write(why)))?;
        Ok((produced?, count))
    })
}

/// Compresses one block after the other until there are no more.
fn compress(work: &Mutex<Receiver<Job>>, level: u32) {
    loop {
        let job = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { block, done }) = job else { return };
        if level == 0 {
            let _ = done.send(Ok(block));
            continue;
        }
        // Neither a time nor a name, and "unknown" as the system: the same bytes everywhere.
        let out = Vec::with_capacity(block.len() / 2);
        let mut encoder = GzBuilder::new().operating_system(255).write(out, Compression::new(level));
        let result = encoder.write_all(&block).and_then(|()| encoder.finish());
        // Nobody waits any more when writing has failed.
        let _ = done.send(result);
    }
}

/// Writes the results in their order.
fn write(
    mut out: impl Write,
    results: Receiver<Receiver<io::Result<Vec<u8>>>>,
    written: &AtomicU64,
) -> io::Result<u64> {
    for result in results {
        // A job that is dropped unfinished is one that could not be handed out.
        let bytes = result.recv().map_err(|_| io::ErrorKind::BrokenPipe)??;
        out.write_all(&bytes)?;
        written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }
    out.flush()?;
    Ok(written.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_is_put_in_comes_out() {
        let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n ^ (n >> 9)) as u8).collect();
        let mut runs = (0..3).map(|_| {
            let mut out = Vec::new();
            gzip(&mut out, 6, &|_| {}, |sink| {
                sink.put(&bytes)?;
                sink.zeros(5)
            })
            .unwrap();
            out
        });
        let first = runs.next().unwrap();
        assert!(runs.all(|run| run == first));
        let mut read = Vec::new();
        flate2::read::MultiGzDecoder::new(&first[..]).read_to_end(&mut read).unwrap();
        assert_eq!((&read[..bytes.len()], &read[bytes.len()..]), (&bytes[..], &[0; 5][..]));
    }

    #[test]
    fn a_full_disk_is_the_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let result = gzip(Full, 6, &|_| {}, |sink| sink.zeros(100 << 20));
        assert!(matches!(
            result,
            Err(Error::Archive(ArchiveError::Write(why))) if why.kind() == io::ErrorKind::StorageFull
        ));
    }
}
