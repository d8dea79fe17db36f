//! What a container may use of the host: values that are right by construction, as far as that can be said
//! without a host.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::io_max::IoMax;
use crate::error::{Error, Result};

/// CPU cores, as in `0`, `0,1`, `1-9` or `0-2,8`: numbers and ranges of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CpuSet(Vec<u16>);

impl CpuSet {
    /// More cores than any Linux counts (`CONFIG_NR_CPUS`).
    const MOST: u16 = 8192;

    /// The numbers of the cores, ascending.
    pub fn cores(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().copied()
    }

    /// The first core that is not in `other`.
    pub(crate) fn first_outside(&self, other: &Self) -> Option<u16> {
        self.cores().find(|core| other.0.binary_search(core).is_err())
    }

    /// All that Linux can have.
    pub(crate) fn every() -> Self {
        Self((0..Self::MOST).collect())
    }

    /// How many cores there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

impl FromStr for CpuSet {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let number = |text: &str| digits(text).filter(|core| *core < u64::from(Self::MOST));
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)? as u16, number(last)? as u16);
            (first <= last).then_some(first..=last)
        };
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        let Some(ranges) = ranges else {
            let why = "numbers of cores and ranges of them are expected, as in `0`, `0,1` and `1-9`";
            return Err(Error::invalid("list of CPU cores", text, why));
        };
        let mut cores: Vec<u16> = ranges.into_iter().flatten().collect();
        cores.sort_unstable();
        cores.dedup();
        Ok(Self(cores))
    }
}

impl fmt::Display for CpuSet {
    /// Ascending, with ranges where there are some: `0-2,8`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.0.chunk_by(|one, next| one + 1 == *next);
        for (index, run) in runs.enumerate() {
            let (first, last) = (run[0], run[run.len() - 1]);
            let comma = if index == 0 { "" } else { "," };
            if first == last { write!(f, "{comma}{first}") } else { write!(f, "{comma}{first}-{last}") }?;
        }
        Ok(())
    }
}

/// Share of the time of one CPU core, in percent: `25%`, and more than `100%` for several cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CpuQuota(NonZeroU32);

impl CpuQuota {
    /// The number of percent.
    #[must_use]
    pub fn percent(self) -> u32 {
        self.0.get()
    }
}

impl FromStr for CpuQuota {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        /// All cores that Linux can have, each to its full.
        const MOST: u64 = 100 * CpuSet::MOST as u64;
        let number = text.strip_suffix('%').and_then(digits).filter(|percent| *percent <= MOST);
        number.and_then(|percent| NonZeroU32::new(percent as u32)).map(Self).ok_or_else(|| {
            Error::invalid("CPU quota", text, "a number of percent is expected, as in `25%` and `250%`")
        })
    }
}

impl fmt::Display for CpuQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// An amount of memory in bytes: `104857600`, or `102400K`, `100M`, `1G` in powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MemorySize(u64);

impl MemorySize {
    /// What the units are worth.
    const UNITS: [(char, u64); 3] = [('G', 1 << 30), ('M', 1 << 20), ('K', 1 << 10)];

    /// The number of bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for MemorySize {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        size(text).filter(|bytes| *bytes > 0).map(Self).ok_or_else(|| {
            Error::invalid(
                "amount of memory",
                text,
                "a number of bytes is expected, as in `1048576` or `100M`",
            )
        })
    }
}

impl fmt::Display for MemorySize {
    /// In the largest unit that leaves no rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::UNITS.iter().find(|(_, worth)| self.0.is_multiple_of(*worth)) {
            Some((unit, worth)) => write!(f, "{}{unit}", self.0 / worth),
            None => write!(f, "{}", self.0),
        }
    }
}

/// How many processes and threads a container may have at a time: a number, or `max` for as many as the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PidsLimit(Option<NonZeroU32>);

impl PidsLimit {
    /// The number; `None` without a limit.
    #[must_use]
    pub fn number(self) -> Option<u32> {
        self.0.map(NonZeroU32::get)
    }
}

impl Default for PidsLimit {
    /// 4096: more than any usual service has threads, and an eighth of what Linux has numbers for by default,
    /// so that a fork bomb leaves the host its own.
    fn default() -> Self {
        Self(NonZeroU32::new(4096))
    }
}

impl FromStr for PidsLimit {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        /// `PID_MAX_LIMIT` of 64-bit kernels.
        const MOST: u64 = 4 << 20;
        if text == "max" {
            return Ok(Self(None));
        }
        let number = digits(text).filter(|number| *number <= MOST);
        number.and_then(|number| NonZeroU32::new(number as u32)).map(|number| Self(Some(number))).ok_or_else(
            || Error::invalid("limit of processes", text, "a number from 1 to 4194304 or `max` is expected"),
        )
    }
}

impl fmt::Display for PidsLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("max"),
        }
    }
}

/// Share among those who want the same thing at a time: 1 to 10000, where 100 is everybody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Weight(u16);

impl Weight {
    /// The number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

impl FromStr for Weight {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let number = digits(text).filter(|number| (1..=10_000).contains(number));
        number
            .map(|number| Self(number as u16))
            .ok_or_else(|| Error::invalid("weight", text, "a number from 1 to 10000 is expected"))
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A number of bytes, in units of [`MemorySize`]; the kernel's own are signed.
pub(super) fn size(text: &str) -> Option<u64> {
    let ends = |unit: char| text.ends_with([unit, unit.to_ascii_lowercase()]);
    let unit = MemorySize::UNITS.iter().find(|(unit, _)| ends(*unit));
    let (number, worth) = unit.map_or((text, 1), |(_, worth)| (&text[..text.len() - 1], *worth));
    digits(number)?.checked_mul(worth).filter(|bytes| i64::try_from(*bytes).is_ok())
}

/// A number of digits only: no sign, no blank.
pub(super) fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Records keep these values as a user writes them.
macro_rules! kept_as_text {
    ($($kind:ty),*) => {$(
        impl TryFrom<String> for $kind {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
                text.parse()
            }
        }

        impl From<$kind> for String {
            fn from(value: $kind) -> Self {
                value.to_string()
            }
        }
    )*};
}
kept_as_text!(CpuSet, CpuQuota, MemorySize, PidsLimit, Weight);

/// Limits of a container; what is not said is not limited, but for the number of processes
/// ([`PidsLimit::default`]).
///
/// ```
/// # use xdocker_core::Resources;
/// let limits = Resources::new().cpu_quota("50%".parse()?).memory("100M".parse()?);
/// # Ok::<(), xdocker_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Resources {
    /// CPU cores that it may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<CpuSet>,
    /// Share of the time of a CPU core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_quota: Option<CpuQuota>,
    /// Share of the CPU among those who want it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_weight: Option<Weight>,
    /// Memory, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemorySize>,
    /// Memory that is left to it when the host runs short, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_reservation: Option<MemorySize>,
    /// Number of processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<PidsLimit>,
    /// Share of the disks among those who want them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_weight: Option<Weight>,
    /// How fast disks may be read from and written to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_max: Vec<IoMax>,
}

impl Resources {
    /// No limits but the default number of processes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only these CPU cores.
    #[must_use]
    pub fn cpus(mut self, cpus: CpuSet) -> Self {
        self.cpus = Some(cpus);
        self
    }

    /// Not more than this share of the time of a CPU core, over all cores.
    #[must_use]
    pub fn cpu_quota(mut self, quota: CpuQuota) -> Self {
        self.cpu_quota = Some(quota);
        self
    }

    /// Share of the CPU among those who want it at a time.
    #[must_use]
    pub fn cpu_weight(mut self, weight: Weight) -> Self {
        self.cpu_weight = Some(weight);
        self
    }

    /// Not more memory than this, swap included; what would use more dies (OOM).
    #[must_use]
    pub fn memory(mut self, limit: MemorySize) -> Self {
        self.memory = Some(limit);
        self
    }

    /// Memory that is left to it when the host runs short of it, as far as that can be.
    #[must_use]
    pub fn memory_reservation(mut self, reservation: MemorySize) -> Self {
        self.memory_reservation = Some(reservation);
        self
    }

    /// Not more processes and threads than this at a time.
    #[must_use]
    pub fn pids(mut self, limit: PidsLimit) -> Self {
        self.pids = Some(limit);
        self
    }

    /// Share of the disks among those who want them at a time. A boot is refused where nobody looks at it: no disk has the
    /// scheduler BFQ, and `io.cost` is off.
    #[must_use]
    pub fn io_weight(mut self, weight: Weight) -> Self {
        self.io_weight = Some(weight);
        self
    }

    /// Not more of a disk than this, in the place of what was said of the same disk before.
    #[must_use]
    pub fn io_max(mut self, limit: IoMax) -> Self {
        self.io_max.retain(|other| other.disk() != limit.disk());
        self.io_max.push(limit);
        self
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These, with whatever `changes` says in the place of what they say.
    #[must_use]
    pub fn changed_by(&self, changes: &Self) -> Self {
        let (old, new) = (self.clone(), changes.clone());
        let changed = Self {
            cpus: new.cpus.or(old.cpus),
            cpu_quota: new.cpu_quota.or(old.cpu_quota),
            cpu_weight: new.cpu_weight.or(old.cpu_weight),
            memory: new.memory.or(old.memory),
            memory_reservation: new.memory_reservation.or(old.memory_reservation),
            pids: new.pids.or(old.pids),
            io_weight: new.io_weight.or(old.io_weight),
            io_max: old.io_max,
        };
        new.io_max.into_iter().fold(changed, Self::io_max)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_of_cores_are_those_of_the_seed() {
        let table = [("0", "0"), ("0,1", "0-1"), ("1-9", "1-9"), ("8,0-2,1", "0-2,8"), ("8191", "8191")];
        for (text, shown) in table {
            assert_eq!(text.parse::<CpuSet>().unwrap().to_string(), shown);
        }
        for bad in
            ["", ",", "0,", "9-1", "-1", "1-", "a", "0 1", "+1", "8192", "1-2-3", "99999999999999999999"]
        {
            assert!(bad.parse::<CpuSet>().is_err(), "{bad:?}");
        }
        let (set, two): (CpuSet, CpuSet) = ("0-1,64".parse().unwrap(), "0-1".parse().unwrap());
        assert_eq!((set.first_outside(&two), two.first_outside(&set)), (Some(64), None));
    }

    #[test]
    fn a_quota_is_a_number_of_percent() {
        assert_eq!("25%".parse::<CpuQuota>().unwrap().percent(), 25);
        assert_eq!("250%".parse::<CpuQuota>().unwrap().percent(), 250);
        for bad in ["", "%", "25", "0%", "-5%", "2.5%", "25%%", "819201%"] {
            assert!(bad.parse::<CpuQuota>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn memory_is_bytes_with_units() {
        let table =
            [("100M", 100 << 20), ("1g", 1 << 30), ("64K", 64 << 10), ("104857600", 104_857_600), ("1", 1)];
        for (text, bytes) in table {
            assert_eq!(text.parse::<MemorySize>().unwrap().bytes(), bytes, "{text}");
        }
        assert_eq!("2048M".parse::<MemorySize>().unwrap().to_string(), "2G");
        for bad in
            ["", "M", "0", "0M", "-1", "1.5G", "1T", "1MB", "1 M", "9223372036854775808", "17179869184G", "é"]
        {
            assert!(bad.parse::<MemorySize>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn numbers_of_processes_and_weights_have_bounds() {
        assert_eq!("max".parse::<PidsLimit>().unwrap().number(), None);
        assert_eq!("1".parse::<PidsLimit>().unwrap().number(), Some(1));
        assert_eq!("10000".parse::<Weight>().unwrap().number(), 10_000);
        assert!(["", "0", "4194305", "MAX", "-1"].iter().all(|bad| bad.parse::<PidsLimit>().is_err()));
        assert!(["", "0", "10001", "max"].iter().all(|bad| bad.parse::<Weight>().is_err()));
    }

    #[test]
    fn a_record_keeps_what_was_said_and_nothing_else() {
        let limits = Resources::new().cpus("0-1".parse().unwrap()).memory("100M".parse().unwrap());
        let text = serde_json::to_string(&limits).unwrap();
        assert_eq!(text, r#"{"cpus":"0-1","memory":"100M"}"#);
        assert_eq!(serde_json::from_str::<Resources>(&text).unwrap(), limits);
        assert!(serde_json::from_str::<Resources>(r#"{"memory":"0"}"#).is_err());
        let changed = limits.changed_by(&Resources::new().memory("1G".parse().unwrap()));
        assert_eq!(changed, limits.memory("1G".parse().unwrap()));
        let disk = |text: &str| Resources::new().io_max(text.parse().unwrap());
        let both = disk("/dev/a:rbps=1").changed_by(&disk("/dev/b:rbps=2"));
        let changed = both.changed_by(&disk("/dev/a:wbps=3"));
        assert_eq!(changed, disk("/dev/b:rbps=2").io_max("/dev/a:wbps=3".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_understood(cores in prop::collection::btree_set(0..CpuSet::MOST, 1..20), bytes in 1..i64::MAX) {
            let set = CpuSet(cores.into_iter().collect());
            prop_assert_eq!(set.to_string().parse::<CpuSet>().unwrap(), set);
            let size = MemorySize(bytes as u64);
            prop_assert_eq!(size.to_string().parse::<MemorySize>().unwrap(), size);
        }

        #[test]
        fn any_text_has_an_answer(text in "[0-9,%KMGmax-]{0,12}") {
            let _ = (text.parse::<CpuSet>(), text.parse::<CpuQuota>(), text.parse::<MemorySize>());
            let _ = (text.parse::<PidsLimit>(), text.parse::<Weight>());
        }
    }
}
