//! A filter, typed: what becomes of each system call.

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allow,
    /// It is not made, and fails so.
    Errno(u16),
    /// It is not made; SIGSYS.
    Trap,
    /// It is told to a tracer, or fails with ENOSYS without one.
    Trace(u16),
    /// It is made, and logged.
    Log,
    KillThread,
    KillProcess,
}

/// What is done about one call: the first rule that holds decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) rules: Vec<Rule>,
    /// Where no rule holds.
    pub(super) otherwise: Verdict,
}

impl From<Verdict> for Response {
    fn from(otherwise: Verdict) -> Self {
        Self { rules: Vec::new(), otherwise }
    }
}

/// A verdict for calls whose arguments meet all conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) conditions: Vec<Condition>,
    pub(super) verdict: Verdict,
}

/// Something about one argument, which has 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// Which argument, from 0 to 5.
    pub(super) argument: u8,
    pub(super) test: Test,
    /// Whether the test must fail.
    pub(super) negated: bool,
}

/// What is asked about an argument `a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// `a & mask == value`
    Masked { mask: u64, value: u64 },
    /// `a > value`
    Above(u64),
    /// `a >= value`
    AtLeast(u64),
}

impl Condition {
    pub(super) const fn masked(argument: u8, mask: u64, value: u64) -> Self {
        Self { argument, test: Test::Masked { mask, value }, negated: false }
    }

    pub(super) const fn equal(argument: u8, value: u64) -> Self {
        Self::masked(argument, u64::MAX, value)
    }

    pub(super) const fn above(argument: u8, value: u64) -> Self {
        Self { argument, test: Test::Above(value), negated: false }
    }

    pub(super) const fn at_least(argument: u8, value: u64) -> Self {
        Self { argument, test: Test::AtLeast(value), negated: false }
    }

    pub(super) const fn at_most(argument: u8, value: u64) -> Self {
        Self::above(argument, value).not()
    }

    pub(super) const fn not(self) -> Self {
        Self { negated: !self.negated, ..self }
    }
}

/// What becomes of every call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    /// By the number of the call.
    pub(super) responses: Vec<Response>,
    /// Calls with higher numbers.
    pub(super) unknown: Verdict,
}
