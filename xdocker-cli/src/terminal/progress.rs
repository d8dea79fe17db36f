//! A bar for what takes longer than a moment.

use std::cell::OnceCell;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is over sooner shows nothing.
const MOMENT: Duration = Duration::from_secs(1);

/// How far something has come, on standard error where that is a terminal; dropping it wipes it out.
pub(crate) struct Progress {
    begin: Instant,
    /// How many bytes there are, if that is known.
    total: Option<u64>,
    bar: OnceCell<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(total: u64) -> Self {
        Self { begin: Instant::now(), total: Some(total), bar: OnceCell::new() }
    }

    /// Of something of which nobody knows how much there is.
    pub(crate) fn of_unknown() -> Self {
        Self { begin: Instant::now(), total: None, bar: OnceCell::new() }
    }

    /// `done` bytes of all are through, and it goes on: who does not want it to presses Ctrl-C, which ends us.
    pub(crate) fn show(&self, done: u64) -> ControlFlow<()> {
        if self.begin.elapsed() >= MOMENT {
            let bar = self.bar.get_or_init(|| bar(self.total).with_elapsed(self.begin.elapsed()));
            // What is around the bytes that were counted beforehand is no reason to run past the end.
            bar.set_position(self.total.map_or(done, |total| done.min(total)));
        }
        ControlFlow::Continue(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

/// Not seen where standard error is no terminal.
fn bar(total: Option<u64>) -> ProgressBar {
    let style = ProgressStyle::with_template(match total {
        Some(_) => "{bar:40} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
        None => "{spinner} {binary_bytes} {elapsed}",
    });
    ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
