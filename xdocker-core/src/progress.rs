//! How far something has come that takes its time, and stopping it.
//!
//! The work is done in a thread of its own. Whoever waits for it is told in his, again and again, whatever the work
//! itself waits for, and may stop it at any time. So nobody needs a signal handler, and no callback runs where it does
//! not expect to.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};

/// How often it is told.
const OFTEN: Duration = Duration::from_millis(50);

/// How far an export, an import, a copy, a push or a pull has come. Both only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes of the archive, as it is on disk, read or written so far.
    pub archive: u64,
    /// Bytes of the tar inside it: the files' contents and a little around them.
    pub content: u64,
}

/// Where work says how far it is, and hears that it is to stop. The default is that of work that nobody watches.
#[derive(Clone, Default)]
pub(crate) struct Gauge {
    shared: Arc<Shared>,
    words: Option<SyncSender<Word>>,
}

/// Somebody waits until how far it is has been heard.
struct Word {
    /// What comes after it is not to be stopped.
    last: bool,
    /// Is hung up on when it has been heard.
    _heard: SyncSender<()>,
}

#[derive(Default)]
struct Shared {
    archive: AtomicU64,
    content: AtomicU64,
    stopped: AtomicBool,
    /// Ends what the work may be waiting for.
    waker: Mutex<Option<Box<dyn Fn() + Send>>>,
}

/// Does `work`, and tells `heard` how far it is, every 50 ms and at its end. When that breaks, the work is stopped.
///
/// # Errors
/// Those of `work`; [`Error::Interrupted`].
pub(crate) fn watched<T: Send>(
    heard: &dyn Fn(Progress) -> ControlFlow<()>,
    work: impl FnOnce(&Gauge) -> Result<T> + Send,
) -> Result<T> {
    let (say, words) = sync_channel(1);
    let gauge = Gauge { shared: Arc::default(), words: Some(say) };
    let shared = Arc::clone(&gauge.shared);
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("xdocker-work".into());
        let worker = worker.spawn_scoped(scope, move || work(&gauge));
        let worker = worker.map_err(Error::system("start a thread"))?;
        // Here, so that a panic of `heard` hangs up on who waits for it.
        let words = words;
        loop {
            let word = match words.recv_timeout(OFTEN) {
                Err(RecvTimeoutError::Disconnected) => break,
                word => word.ok(),
            };
            if !shared.is_stopped() && heard(shared.now()).is_break() {
                shared.stop();
            }
            if word.is_some_and(|word| word.last) {
                break;
            }
        }
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

impl Shared {
    fn now(&self) -> Progress {
        let [archive, content] = [&self.archive, &self.content].map(|count| count.load(Ordering::Relaxed));
        Progress { archive, content }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        if let Some(wake) = &*self.waker.lock().unwrap_or_else(PoisonError::into_inner) {
            wake();
        }
    }
}

impl Gauge {
    /// It is that far.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn tell(&self, now: Progress) -> Result<()> {
        // Another attempt begins anew.
        self.shared.archive.fetch_max(now.archive, Ordering::Relaxed);
        self.shared.content.fetch_max(now.content, Ordering::Relaxed);
        self.check()
    }

    /// So many bytes of content are through, too. Says whether it is to go on.
    pub(crate) fn count(&self, content: u64) -> bool {
        self.shared.content.fetch_add(content, Ordering::Relaxed);
        !self.is_stopped()
    }

    /// Whether it is to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.shared.is_stopped()
    }

    /// Fails when it is to stop.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_stopped() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// All is through, and what follows gives it its name: who watches hears of it, and stops it now or not any more.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn finish(&self) -> Result<()> {
        self.say(true)
    }

    /// All is through, as far as it can be told: who watches hears of it, and goes on watching.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn reach_end(&self) -> Result<()> {
        self.say(false)
    }

    fn say(&self, last: bool) -> Result<()> {
        if let Some(words) = &self.words {
            let (word, heard) = sync_channel(0);
            // One who is not there any more has panicked, and wants nothing.
            words.send(Word { last, _heard: word }).map_err(|_| Error::Interrupted)?;
            let _ = heard.recv();
        }
        self.check()
    }

    /// What is to be done when it is to stop, in the place of what was to be done before.
    pub(crate) fn on_stop(&self, wake: impl Fn() + Send + 'static) {
        let mut waker = self.shared.waker.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever stops sets the flag first.
        if self.is_stopped() {
            wake();
        }
        *waker = Some(Box::new(wake));
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauge").field("now", &self.shared.now()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::io::Read;
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn all_of_it_is_told_before_it_counts() {
        let told = RefCell::new(Vec::new());
        let heard = |now: Progress| {
            told.borrow_mut().push(now.content);
            ControlFlow::Continue(())
        };
        let done = watched(&heard, |gauge| {
            gauge.tell(Progress { archive: 1, content: 7 })?;
            gauge.finish()?;
            // Nobody hears this.
            gauge.tell(Progress { archive: 1, content: 9 })?;
            Ok(3)
        });
        assert_eq!((done.unwrap(), told.borrow().last()), (3, Some(&7)));
    }

    #[test]
    fn who_says_no_at_the_end_is_heard() {
        let result = watched(&|_| ControlFlow::Break(()), Gauge::finish);
        assert!(matches!(result, Err(Error::Interrupted)));
        Gauge::default().finish().unwrap();
    }

    #[test]
    fn work_that_waits_is_woken_and_nobody_is_told_afterwards() {
        let (mut ours, _theirs) = UnixStream::pair().unwrap();
        let calls = Cell::new(0);
        let heard = |_| {
            calls.set(calls.get() + 1);
            ControlFlow::Break(())
        };
        let result = watched(&heard, |gauge| {
            let other = ours.try_clone().unwrap();
            gauge.on_stop(move || other.shutdown(Shutdown::Both).unwrap());
            assert_eq!(ours.read(&mut [0]).unwrap(), 0);
            thread::sleep(2 * OFTEN);
            gauge.check()
        });
        assert!(matches!(result, Err(Error::Interrupted)));
        assert_eq!(calls.get(), 1);
    }

    #[test]
    fn an_error_is_an_error() {
        let failed = |_: &Gauge| Err::<(), _>(Error::system("try")(nix::errno::Errno::EIO));
        let error = watched(&|_| ControlFlow::Continue(()), failed).unwrap_err();
        assert_eq!(error.to_string(), "cannot try");
    }
}
