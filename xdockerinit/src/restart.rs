//! When a container whose root process has ended is started again. Pure; compiled twice, as [`crate::wire`] is.

/// Values of `Header::restart`.
pub mod policy {
    /// Never.
    pub const NO: u32 = 0;
    /// When it has failed: an exit code other than 0, or a signal.
    pub const ON_FAILURE: u32 = 1;
    /// Whenever it has ended.
    pub const ALWAYS: u32 = 2;
}

/// The first pause before a restart, in nanoseconds; each that follows is twice as long.
pub const FIRST_PAUSE: u64 = 100_000_000;
/// The longest.
pub const LONGEST_PAUSE: u64 = 60_000_000_000;
/// Who has run for so long has not failed in a row.
pub const STEADY: u64 = 10_000_000_000;

/// The restarts of a container since it was booted.
#[derive(Clone, Copy, Debug)]
pub struct Restarts {
    policy: u32,
    /// How many there may be in a row; 0 for any number.
    most: u32,
    in_a_row: u32,
    /// How many there have been.
    pub count: u32,
}

impl Restarts {
    /// None yet.
    pub fn new(policy: u32, most: u32) -> Self {
        Self { policy, most, in_a_row: 0, count: 0 }
    }

    /// The root process has ended after `ran` nanoseconds, with wait status `status`: how long to wait before it is
    /// started again, if it is to be.
    pub fn next(&mut self, status: i32, ran: u64) -> Option<u64> {
        let wanted = match self.policy {
            policy::ALWAYS => true,
            policy::ON_FAILURE => status != 0,
            _ => false,
        };
        if ran >= STEADY {
            self.in_a_row = 0;
        }
        if !wanted || (self.most != 0 && self.in_a_row >= self.most) {
            return None;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.in_a_row.min(20)).min(LONGEST_PAUSE);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.count = self.count.saturating_add(1);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: i32 = 1 << 8;
    const MS: u64 = 1_000_000;

    #[test]
    fn pauses_double_up_to_a_minute_and_begin_anew_after_a_steady_run() {
        let mut restarts = Restarts::new(policy::ALWAYS, 0);
        let pauses: Vec<_> = (0..12).map(|_| restarts.next(0, MS).unwrap() / MS).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
        assert_eq!(restarts.next(FAILED, STEADY), Some(FIRST_PAUSE));
        assert_eq!(restarts.next(FAILED, STEADY - 1), Some(2 * FIRST_PAUSE));
        assert_eq!(restarts.count, 14);
        assert!((0..1000).all(|_| restarts.next(0, 0) <= Some(LONGEST_PAUSE)));
    }

    #[test]
    fn on_failure_means_failures_and_so_many_in_a_row() {
        let mut restarts = Restarts::new(policy::ON_FAILURE, 2);
        assert_eq!(restarts.next(0, 0), None);
        assert!(restarts.next(FAILED, 0).is_some() && restarts.next(9, 0).is_some());
        assert_eq!(restarts.next(FAILED, 0), None);
        assert!(restarts.next(FAILED, STEADY).is_some());
        assert_eq!(restarts.count, 3);
        assert!((0..100).all(|_| Restarts::new(policy::ON_FAILURE, 0).next(FAILED, 0).is_some()));
    }

    #[test]
    fn no_means_never() {
        let mut restarts = Restarts::new(policy::NO, 0);
        assert!([0, FAILED, 9].into_iter().all(|status| restarts.next(status, 0).is_none()));
    }
}
