//! Waiting for what happens soon, but not at once.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything that a test waits for may take; only a hang comes near it, however slow and busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Asks until the answer is yes, for at most `limit`; says whether it was.
pub fn until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let give_up = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= give_up {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
