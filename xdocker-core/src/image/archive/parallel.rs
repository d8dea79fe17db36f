//! Work on chunks by all processors, whose results come in the order of the chunks.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::{io, thread};

use super::chunk::Sink;
use crate::error::{ArchiveError, Error, Result};

/// A piece of work on its way to a worker, and where the result goes.
struct Job<J, R> {
    what: J,
    done: SyncSender<R>,
}

/// Does `work` on each chunk that `produce` puts into the sink, and hands the results to `consume`, which runs in a thread
/// of its own. `progress` gets the bytes of the tar so far, and its failure ends all.
pub(super) fn parallel<T, R: Send>(
    work: impl Fn(Vec<u8>) -> R + Sync,
    consume: impl FnMut(R) -> Result<()> + Send,
    progress: &dyn Fn(u64) -> Result<()>,
    produce: impl FnOnce(&mut Sink<'_>) -> Result<T>,
) -> Result<T> {
    in_order(work, consume, |submit| {
        let mut emit = |chunk, content| submit(chunk).and_then(|()| progress(content));
        let mut sink = Sink::new(&mut emit);
        produce(&mut sink).and_then(|value| sink.cut().map(|()| value))
    })
}

/// Does `work` on all that `produce` submits, by all processors, and hands the results to `consume`, in their order and in
/// a thread of its own. What was submitted is consumed also when `produce` fails after it.
pub(crate) fn in_order<J: Send, T, R: Send>(
    work: impl Fn(J) -> R + Sync,
    consume: impl FnMut(R) -> Result<()> + Send,
    produce: impl FnOnce(&mut dyn FnMut(J) -> Result<()>) -> Result<T>,
) -> Result<T> {
    // More would hold more chunks in memory at once.
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(12);
    let (jobs, waiting) = sync_channel::<Job<J, R>>(threads);
    let (order, results) = sync_channel(2 * threads);
    let waiting = Mutex::new(waiting);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(Job { what, done }) = job else { return };
                    // Nobody waits any more when consuming has failed.
                    let _ = done.send(work(what));
                }
            });
        }
        // The consumer owns `results`: when it gives up, so does who waits for room in there.
        let consumer = scope.spawn(move || all(results, consume));
        let mut submit = |what| {
            let (done, result) = sync_channel(1);
            // Whoever hung up has a reason, which is reported instead of this one.
            let stopped = || Error::from(ArchiveError::Write(io::ErrorKind::BrokenPipe.into()));
            order.send(result).map_err(|_| stopped())?;
            jobs.send(Job { what, done }).map_err(|_| stopped())
        };
        let produced = produce(&mut submit);
        drop((order, jobs));
        // If consuming failed, that is also why producing did.
        consumer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        produced
    })
}

/// Hands over the results.
fn all<R>(results: Receiver<Receiver<R>>, mut consume: impl FnMut(R) -> Result<()>) -> Result<()> {
    for result in results {
        // A job that is dropped unfinished is one that could not be handed out.
        let result = result.recv().map_err(|_| ArchiveError::Write(io::ErrorKind::BrokenPipe.into()))?;
        consume(result)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_a_full_disk_is_the_error() {
        let mut ends = Vec::new();
        let consume = |last| {
            ends.push(last);
            Ok(())
        };
        let chunks =
            |sink: &mut Sink<'_>| (0..40u8).try_for_each(|n| sink.put(&[n]).and_then(|()| sink.cut()));
        parallel(|chunk| chunk[0], consume, &|_| Ok(()), chunks).unwrap();
        assert_eq!(ends, (0..40).collect::<Vec<_>>());

        let full = |_| Err(ArchiveError::Write(io::ErrorKind::StorageFull.into()).into());
        let result = parallel(|_| (), full, &|_| Ok(()), |sink| sink.zeros(100 << 20));
        assert!(matches!(
            result,
            Err(Error::Archive(ArchiveError::Write(why))) if why.kind() == io::ErrorKind::StorageFull
        ));
    }
}
