//! Limits as the kernel takes them: a list of small files and what to write into each. Pure.

use std::num::NonZeroU64;

use super::host::{Controller, Disk, Version, Weigher};
use crate::error::{Error, Result};
use crate::spec::{CpuQuota, CpuSet, IoMax, MemorySize, PidsLimit, Resources, Weight};

/// The kernel's default length of a period in which a quota is given out, in microseconds.
const PERIOD: u32 = 100_000;

/// Less memory than this does not even carry the kernel's own part of a container: its mounts, its first process.
const LEAST_MEMORY: u64 = 2 << 20;

/// A file of a cgroup, and its new content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) controller: Controller,
    pub(crate) file: &'static str,
    pub(crate) value: String,
    /// A kernel without that file does not need it.
    pub(crate) optional: bool,
    /// What it is for, as in “cannot *limit the memory to 100M*”.
    pub(crate) purpose: String,
}

/// What of a host limits depend on.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) version: Version,
    /// Cores that are online.
    pub(crate) cores: CpuSet,
    /// Content of `cpuset.mems` of the cgroup above: a new cpuset of version 1 has no memory nodes.
    pub(crate) memory_nodes: String,
    /// What shares disks by weights, if that is asked for.
    pub(crate) weigher: Option<Weigher>,
    /// The disks that are to be limited, in the same order.
    pub(crate) disks: Vec<Disk>,
}

impl Facts {
    /// Checks that this host can give what is asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Unsupported`] for a weight that nobody would look at.
    pub(crate) fn check(&self, wanted: &Resources) -> Result<()> {
        if let Some(cpus) = &wanted.cpus
            && let Some(core) = cpus.first_outside(&self.cores)
        {
            let why = format!("there is no core {core} here, but {}", self.cores);
            return Err(Error::invalid("list of CPU cores", cpus.to_string(), why));
        }
        let most = 100 * self.cores.count();
        if let Some(quota) = wanted.cpu_quota.filter(|quota| quota.percent() as usize > most) {
            let why = format!("all cores together are {most}% here");
            return Err(Error::invalid("CPU quota", quota.to_string(), why));
        }
        if let Some(limit) = wanted.memory.filter(|limit| limit.bytes() < LEAST_MEMORY) {
            let why = format!("a container cannot start with less than {}M", LEAST_MEMORY >> 20);
            return Err(Error::invalid("memory limit", limit.to_string(), why));
        }
        if let (Some(limit), Some(reservation)) = (wanted.memory, wanted.memory_reservation)
            && reservation > limit
        {
            let why = format!("it is more than the limit of {limit}");
            return Err(Error::invalid("memory reservation", reservation.to_string(), why));
        }
        if let (Some(weight), None) = (wanted.io_weight, self.weigher) {
            let why = "no disk has the scheduler bfq, and io.cost is off".to_owned();
            return Err(Error::Unsupported { what: format!("to {}", weighs(weight)), why });
        }
        Ok(())
    }

    /// Everything to write for these limits, in this order.
    pub(crate) fn writes(&self, wanted: &Resources) -> Vec<Write> {
        let mut all = Vec::new();
        all.extend(wanted.pids.map(|limit| self.pids(limit)));
        all.extend(wanted.memory.into_iter().flat_map(|limit| self.memory(limit)));
        all.extend(wanted.memory_reservation.map(|size| self.reservation(size)));
        all.extend(wanted.cpu_quota.map(|quota| self.quota(quota)));
        all.extend(wanted.cpu_weight.map(|weight| self.cpu_weight(weight)));
        all.extend(wanted.cpus.iter().flat_map(|cpus| self.cpus(cpus)));
        all.extend(wanted.io_weight.map(|weight| self.io_weight(weight)));
        let disks = wanted.io_max.iter().zip(&self.disks);
        all.extend(disks.flat_map(|(limit, disk)| self.io_max(limit, *disk)));
        all
    }

    /// One of two files.
    fn write(
        &self,
        controller: Controller,
        [one, two]: [&'static str; 2],
        value: impl ToString,
        purpose: String,
    ) -> Write {
        let file = if self.version == Version::One { one } else { two };
        Write { controller, file, value: value.to_string(), optional: false, purpose }
    }

    fn pids(&self, limit: PidsLimit) -> Write {
        let purpose = format!("limit the number of processes to {limit}");
        self.write(Controller::Pids, ["pids.max"; 2], limit, purpose)
    }

    /// Memory and swap together: version 1 counts their sum, version 2 each of them.
    fn memory(&self, limit: MemorySize) -> [Write; 2] {
        let memory = ["memory.limit_in_bytes", "memory.max"];
        let swap = ["memory.memsw.limit_in_bytes", "memory.swap.max"];
        let swapped = if self.version == Version::One { limit.bytes() } else { 0 };
        let purpose = |what| format!("limit the {what} to {limit}");
        let swap = self.write(Controller::Memory, swap, swapped, purpose("memory with swap"));
        [
            self.write(Controller::Memory, memory, limit.bytes(), purpose("memory")),
            // Not there where the kernel does not count swap.
            Write { optional: true, ..swap },
        ]
    }

    fn reservation(&self, size: MemorySize) -> Write {
        let files = ["memory.soft_limit_in_bytes", "memory.low"];
        self.write(Controller::Memory, files, size.bytes(), format!("reserve {size} of memory"))
    }

    fn quota(&self, quota: CpuQuota) -> Write {
        let time = u64::from(quota.percent()) * u64::from(PERIOD) / 100;
        let value = match self.version {
            Version::One => time.to_string(),
            Version::Two => format!("{time} {PERIOD}"),
        };
        let files = ["cpu.cfs_quota_us", "cpu.max"];
        self.write(Controller::Cpu, files, value, format!("limit the CPU time to {quota}"))
    }

    /// The default share of version 1 is 1024, that of a weight 100.
    fn cpu_weight(&self, weight: Weight) -> Write {
        let value = match self.version {
            Version::One => (u32::from(weight.number()) * 1024 / 100).max(2),
            Version::Two => weight.number().into(),
        };
        let purpose = format!("set the weight for the CPU to {weight}");
        self.write(Controller::Cpu, ["cpu.shares", "cpu.weight"], value, purpose)
    }

    fn cpus(&self, cpus: &CpuSet) -> Vec<Write> {
        let purpose = format!("keep it on the CPU cores {cpus}");
        let nodes = ["cpuset.mems"; 2];
        let nodes = self.write(Controller::Cpuset, nodes, self.memory_nodes.trim(), purpose.clone());
        let cores = self.write(Controller::Cpuset, ["cpuset.cpus"; 2], cpus, purpose);
        match self.version {
            Version::One => vec![nodes, cores],
            Version::Two => vec![cores],
        }
    }

    /// BFQ has weights up to 1000; what is above the default of 100 is squeezed into that.
    fn io_weight(&self, weight: Weight) -> Write {
        let number = weight.number();
        let squeezed = if number <= 100 { number } else { 100 + (number - 100) / 11 };
        let (file, value) = match self.weigher {
            Some(Weigher::IoCost) => ("io.weight", number),
            _ => ("io.bfq.weight", squeezed),
        };
        self.write(Controller::Io, ["blkio.bfq.weight", file], value, weighs(weight))
    }

    /// All four limits of a disk, those included that are lifted.
    fn io_max(&self, limit: &IoMax, disk: Disk) -> Vec<Write> {
        const FILES: [&str; 4] = [
            "blkio.throttle.read_bps_device",
            "blkio.throttle.write_bps_device",
            "blkio.throttle.read_iops_device",
            "blkio.throttle.write_iops_device",
        ];
        let purpose = || format!("limit the disk {}", limit.disk().display());
        if self.version == Version::One {
            let values = limit.limits().map(|(_, limit)| limit.map_or(0, NonZeroU64::get));
            let write =
                |(file, value)| self.write(Controller::Io, [file; 2], format!("{disk} {value}"), purpose());
            return FILES.into_iter().zip(values).map(write).collect();
        }
        let mut value = disk.to_string();
        for (key, limit) in limit.limits() {
            let limit = limit.map_or_else(|| "max".to_owned(), |limit| limit.to_string());
            value += &format!(" {key}={limit}");
        }
        vec![self.write(Controller::Io, ["io.max"; 2], value, purpose())]
    }
}

/// What a weight for disks is for.
fn weighs(weight: Weight) -> String {
    format!("set the weight for disks to {weight}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(version: Version) -> Facts {
        let disks = vec![Disk { major: 254, minor: 0 }];
        let weigher = Some(if version == Version::One { Weigher::Bfq } else { Weigher::IoCost });
        Facts { version, cores: "0-1".parse().unwrap(), memory_nodes: "0\n".into(), weigher, disks }
    }

    fn everything() -> Resources {
        Resources::new()
            .cpus("0".parse().unwrap())
            .cpu_quota("150%".parse().unwrap())
            .cpu_weight("200".parse().unwrap())
            .memory("100M".parse().unwrap())
            .memory_reservation("50M".parse().unwrap())
            .pids("max".parse().unwrap())
            .io_weight("10000".parse().unwrap())
            .io_max("/dev/vda:wbps=1M,riops=9".parse().unwrap())
    }

    fn lines(version: Version) -> Vec<String> {
        let writes = facts(version).writes(&everything());
        writes.iter().map(|write| format!("{}={}", write.file, write.value)).collect()
    }

    #[test]
    fn version_1_has_its_files() {
        let expected = [
            "pids.max=max",
            "memory.limit_in_bytes=104857600",
            "memory.memsw.limit_in_bytes=104857600",
            "memory.soft_limit_in_bytes=52428800",
            "cpu.cfs_quota_us=150000",
            "cpu.shares=2048",
            "cpuset.mems=0",
            "cpuset.cpus=0",
            "blkio.bfq.weight=1000",
            "blkio.throttle.read_bps_device=254:0 0",
            "blkio.throttle.write_bps_device=254:0 1048576",
            "blkio.throttle.read_iops_device=254:0 9",
            "blkio.throttle.write_iops_device=254:0 0",
        ];
        assert_eq!(lines(Version::One), expected);
    }

    #[test]
    fn version_2_has_its_files() {
        let expected = [
            "pids.max=max",
            "memory.max=104857600",
            "memory.swap.max=0",
            "memory.low=52428800",
            "cpu.max=150000 100000",
            "cpu.weight=200",
            "cpuset.cpus=0",
            "io.weight=10000",
            "io.max=254:0 rbps=max wbps=1048576 riops=9 wiops=max",
        ];
        assert_eq!(lines(Version::Two), expected);
    }

    #[test]
    fn only_what_is_said_is_written() {
        assert_eq!(facts(Version::Two).writes(&Resources::new()), []);
        let least = Resources::new().cpu_weight("1".parse().unwrap()).cpu_quota("1%".parse().unwrap());
        let values: Vec<_> =
            facts(Version::One).writes(&least).into_iter().map(|write| write.value).collect();
        assert_eq!(values, ["1000", "10"], "a quota of one percent is what the kernel gives at least");
    }

    #[test]
    fn a_weight_is_told_to_whoever_looks_at_it() {
        let weight = Resources::new().io_weight("1100".parse().unwrap());
        let bfq = Facts { weigher: Some(Weigher::Bfq), ..facts(Version::Two) };
        let [write] = &bfq.writes(&weight)[..] else { panic!("one file") };
        assert_eq!((write.file, &*write.value), ("io.bfq.weight", "190"));
        for version in [Version::One, Version::Two] {
            let nobody = Facts { weigher: None, ..facts(version) };
            assert!(matches!(nobody.check(&weight), Err(Error::Unsupported { .. })));
            nobody.check(&Resources::new()).unwrap();
        }
    }

    #[test]
    fn what_the_host_does_not_have_is_refused() {
        let why = |wanted: Resources| facts(Version::One).check(&wanted).unwrap_err().to_string();
        let none = Resources::new;
        facts(Version::One).check(&everything()).unwrap();
        assert_eq!(
            why(none().cpus("0,64".parse().unwrap())),
            "list of CPU cores `0,64`: there is no core 64 here, but 0-1"
        );
        assert_eq!(
            why(none().cpu_quota("201%".parse().unwrap())),
            "CPU quota `201%`: all cores together are 200% here"
        );
        assert_eq!(
            why(none().memory("1".parse().unwrap())),
            "memory limit `1`: a container cannot start with less than 2M"
        );
        assert_eq!(
            why(everything().memory("40M".parse().unwrap())),
            "memory reservation `50M`: it is more than the limit of 40M"
        );
    }
}
