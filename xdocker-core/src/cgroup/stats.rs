//! What a container uses, as its cgroups count it.
//!
//! Processes, and the CPU time of version 1, are read by `cgroups-rs`. Its statistics of memory read eleven files for the
//! four numbers that are wanted here, and those of version 2 panic where the container ends meanwhile, and know no kills;
//! those of disks pass over the files that kernels of today have.

use std::fs;
use std::time::Duration;

use cgroups_rs::MaxValue;
use cgroups_rs::cpuacct::CpuAcctController;
use cgroups_rs::pid::PidController;
use serde::{Serialize, Serializer};

use super::Group;
use super::host::Version;

/// What a running container has used so far, and uses now. What this host does not count is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Time of the CPU.
    pub cpu: Option<CpuStats>,
    /// Memory.
    pub memory: Option<MemoryStats>,
    /// Processes and threads.
    pub pids: Option<PidsStats>,
    /// Disks.
    pub io: Option<IoStats>,
    /// Interfaces of a network of its own, the loopback apart, taken together.
    pub network: Option<NetworkStats>,
}

/// Time of the CPU that was used, over all cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CpuStats {
    /// All of it.
    #[serde(rename = "total_us", serialize_with = "microseconds")]
    pub total: Duration,
    /// In programs.
    #[serde(rename = "user_us", serialize_with = "microseconds")]
    pub user: Duration,
    /// In the kernel.
    #[serde(rename = "system_us", serialize_with = "microseconds")]
    pub system: Duration,
    /// How a quota has told, where there is one.
    pub throttling: Option<Throttling>,
}

/// How often a container has used up its quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Throttling {
    /// Periods, of a tenth of a second each, in which it wanted to run.
    pub periods: u64,
    /// Those of them in which it had to wait.
    pub throttled: u64,
    /// How long it has waited.
    #[serde(rename = "time_us", serialize_with = "microseconds")]
    pub time: Duration,
}

/// Memory in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MemoryStats {
    /// In use now, files that the kernel keeps in memory included.
    pub current: u64,
    /// The most it ever was.
    pub peak: Option<u64>,
    /// What it may use.
    pub limit: Option<u64>,
    /// How often the kernel has killed a process for want of it.
    pub oom_kills: u64,
}

/// Processes and threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PidsStats {
    /// How many there are.
    pub current: u64,
    /// How many there may be.
    pub limit: Option<u64>,
}

/// What was read from disks and written to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IoStats {
    /// Bytes read.
    pub read: u64,
    /// Bytes written.
    pub written: u64,
}

/// What has come in and gone out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NetworkStats {
    /// Bytes received.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
}

/// Times in records for scripts.
fn microseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

impl Group {
    /// What the cgroups count. The network is not theirs: see [`network`].
    pub(crate) fn stats(&self) -> Stats {
        let (cpu, io) = match self.host.version {
            Version::One => (self.cpu_of_version_1(), self.read("blkio.throttle.io_service_bytes_recursive")),
            Version::Two => (self.read("cpu.stat").map(|text| cpu(&text)), self.read("io.stat")),
        };
        let io = io.map(|text| if self.host.version == Version::One { blkio(&text) } else { io_stat(&text) });
        Stats { cpu, memory: self.memory(), pids: self.pids(), io, network: None }
    }

    /// How often the kernel has killed for want of memory.
    pub(crate) fn oom_kills(&self) -> u64 {
        let (file, word) = super::oom_counter(self.host.version);
        let word = word.to_str().unwrap_or_default();
        self.read(file).and_then(|text| value(&text, word)).unwrap_or(0)
    }

    fn number(&self, file: &str) -> Option<u64> {
        self.read(file)?.trim().parse().ok()
    }

    fn cpu_of_version_1(&self) -> Option<CpuStats> {
        let used = CpuAcctController::new(self.holding("cpuacct.usage")?).cpuacct();
        // What cannot be read is 0 there; a container that runs has used some.
        let total = Some(used.usage).filter(|time| *time > 0)?;
        let throttling = self.read("cpu.stat").map(|text| {
            let value = |word| value(&text, word).unwrap_or(0);
            Throttling {
                periods: value("nr_periods"),
                throttled: value("nr_throttled"),
                time: Duration::from_nanos(value("throttled_time")),
            }
        });
        Some(CpuStats {
            total: Duration::from_nanos(total),
            user: Duration::from_nanos(used.usage_user),
            system: Duration::from_nanos(used.usage_sys),
            throttling,
        })
    }

    fn memory(&self) -> Option<MemoryStats> {
        let [current, peak, limit] = match self.host.version {
            Version::One => ["memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.limit_in_bytes"],
            Version::Two => ["memory.current", "memory.peak", "memory.max"],
        };
        /// Version 1 writes no limit as the largest number of pages there could be.
        const NO_LIMIT: u64 = 1 << 62;
        Some(MemoryStats {
            current: self.number(current)?,
            peak: self.number(peak),
            limit: self.number(limit).filter(|limit| *limit < NO_LIMIT),
            oom_kills: self.oom_kills(),
        })
    }

    fn pids(&self) -> Option<PidsStats> {
        let pids = PidController::new(self.holding("pids.current")?, self.host.version == Version::Two);
        let limit = match pids.get_pid_max().ok()? {
            MaxValue::Max => None,
            MaxValue::Value(limit) => u64::try_from(limit).ok(),
        };
        Some(PidsStats { current: pids.get_pid_current().ok()?, limit })
    }
}

/// `cpu.stat` of version 2.
fn cpu(text: &str) -> CpuStats {
    let time = |word| Duration::from_micros(value(text, word).unwrap_or(0));
    let throttling = value(text, "nr_periods").map(|periods| Throttling {
        periods,
        throttled: value(text, "nr_throttled").unwrap_or(0),
        time: time("throttled_usec"),
    });
    CpuStats { total: time("usage_usec"), user: time("user_usec"), system: time("system_usec"), throttling }
}

/// `blkio.throttle.io_service_bytes_recursive`: lines of `8:0 Read 4096`.
fn blkio(text: &str) -> IoStats {
    let sum = |kind: &str| {
        let lines = text.lines().filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            (words.next()? == kind).then(|| words.next()?.parse::<u64>().ok())?
        });
        lines.sum()
    };
    IoStats { read: sum("Read"), written: sum("Write") }
}

/// `io.stat`: lines of `8:0 rbytes=4096 wbytes=0 …`.
fn io_stat(text: &str) -> IoStats {
    let sum = |key: &str| {
        let values = text.split_whitespace().filter_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        values.filter_map(|value| value.parse::<u64>().ok()).sum()
    };
    IoStats { read: sum("rbytes"), written: sum("wbytes") }
}

/// The number behind a word at the beginning of a line.
fn value(text: &str, word: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' ')?.trim().parse().ok())
}

/// What has gone through the interfaces that a process sees, the loopback apart (/proc/PID/net/dev).
pub(crate) fn network(pid: u32) -> Option<NetworkStats> {
    Some(interfaces(&fs::read_to_string(format!("/proc/{pid}/net/dev")).ok()?))
}

fn interfaces(text: &str) -> NetworkStats {
    // Two lines of titles; then `name: received bytes, seven numbers, sent bytes, …`.
    let lines = text.lines().skip(2).filter_map(|line| line.split_once(':'));
    let counted = lines.filter(|(name, _)| name.trim() != "lo").map(|(_, numbers)| {
        let numbers: Vec<u64> = numbers.split_whitespace().map(|text| text.parse().unwrap_or(0)).collect();
        [0, 8].map(|at: usize| numbers.get(at).copied().unwrap_or(0))
    });
    let [received, sent] = counted.fold([0, 0], |[r, s], [received, sent]| [r + received, s + sent]);
    NetworkStats { received, sent }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_version_2_are_read() {
        let text = "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 7\n";
        let throttling = Throttling { periods: 10, throttled: 4, time: Duration::from_micros(7) };
        let expected = CpuStats {
            total: Duration::from_millis(1500),
            user: Duration::from_secs(1),
            system: Duration::from_millis(500),
            throttling: Some(throttling),
        };
        assert_eq!(cpu(text), expected);
        assert_eq!(cpu("usage_usec 1\n").throttling, None);
        assert_eq!(
            io_stat("8:0 rbytes=4096 wbytes=1 rios=1\n253:1 rbytes=4 wbytes=0\n"),
            IoStats { read: 4100, written: 1 }
        );
        assert_eq!(value("oom 3\noom_kill 2\n", "oom_kill"), Some(2));
    }

    #[test]
    fn counters_of_version_1_are_read() {
        assert_eq!(
            blkio("8:0 Read 10\n8:0 Write 2\n9:0 Read 1\nTotal 13\n"),
            IoStats { read: 11, written: 2 }
        );
    }

    #[test]
    fn the_network_is_what_has_left_the_container() {
        let text = "Inter-|\n face |\n    lo: 9 0 0 0 0 0 0 0 9 0\n  eth0: 100 1 0 0 0 0 0 0 200 2 0 0\n  eth1:1 1 0 0 0 0 0 0 2 2\n";
        assert_eq!(interfaces(text), NetworkStats { received: 101, sent: 202 });
    }
}
