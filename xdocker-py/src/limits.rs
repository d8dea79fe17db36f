//! Limits of a container: as keyword arguments, and as a record.

use pyo3::prelude::*;
use xdocker_core::Resources;

use crate::convert::{Amount, parsed};
use crate::keywords::keywords;
use crate::record::record;

keywords!(
    /// Limits, as texts of the core's or numbers.
    LimitKeywords {
        cpus: Option<Amount>,
        cpu_quota: Option<String>,
        cpu_weight: Option<Amount>,
        memory: Option<Amount>,
        memory_reservation: Option<Amount>,
        pids: Option<Amount>,
        io_weight: Option<Amount>,
        io_max: Vec<String>,
    }
);

impl LimitKeywords {
    /// As the core has them.
    pub(crate) fn resources(self) -> PyResult<Resources> {
        let mut resources = Resources::new();
        macro_rules! set {
            ($($field:ident)*) => {$(
                if let Some(value) = self.$field {
                    resources = resources.$field(parsed(value.as_ref())?);
                }
            )*};
        }
        set!(cpus cpu_quota cpu_weight memory memory_reservation pids io_weight);
        for limit in self.io_max {
            resources = resources.io_max(parsed(&limit)?);
        }
        Ok(resources)
    }
}

record!(
    /// What a container may use; `None` for what is not limited.
    Limits {
        /// CPU cores that it may use, such as `"0-1,4"`.
        cpus: Option<String>,
        /// Share of the time of one CPU core, in percent.
        cpu_quota: Option<u32>,
        /// Share of the CPU among those who want it at a time, from 1 to 10000.
        cpu_weight: Option<u16>,
        /// Memory, in bytes.
        memory: Option<u64>,
        /// Memory that is left to it when the host runs short of it, in bytes.
        memory_reservation: Option<u64>,
        /// Number of processes and threads, if it differs from the default.
        pids: Option<u32>,
        /// Share of the disks among those who want them at a time, from 1 to 10000.
        io_weight: Option<u16>,
        /// Bytes and operations of each disk in a second, such as `"/dev/sda:rbps=max,wbps=1048576,riops=max,wiops=max"`.
        io_max: Vec<String>,
    }
);

impl From<&Resources> for Limits {
    fn from(resources: &Resources) -> Self {
        Self {
            cpus: resources.cpus.as_ref().map(ToString::to_string),
            cpu_quota: resources.cpu_quota.map(|quota| quota.percent()),
            cpu_weight: resources.cpu_weight.map(|weight| weight.number()),
            memory: resources.memory.map(|memory| memory.bytes()),
            memory_reservation: resources.memory_reservation.map(|memory| memory.bytes()),
            pids: resources.pids.and_then(|pids| pids.number()),
            io_weight: resources.io_weight.map(|weight| weight.number()),
            io_max: resources.io_max.iter().map(ToString::to_string).collect(),
        }
    }
}
