//! What a container may use.

use super::values::parsed;
use crate::grammar::{Opt, Takes};

pub(crate) static CPUS: Opt = Opt {
    short: None,
    long: "cpus",
    alias: None,
    takes: Takes::Value("[(cpu_num,...)|(cpu_num-cpu_num2)]", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.cpus(value));
        Ok(())
    }),
    about: "only these CPU cores: 0, 0,1 or 1-9",
};

pub(crate) static CPU_QUOTA: Opt = Opt {
    short: None,
    long: "cpu-quota",
    alias: None,
    takes: Takes::Value("(percent%)", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.cpu_quota(value));
        Ok(())
    }),
    about: "share of the time of one CPU core: 25%, and over 100% for several cores",
};

pub(crate) static MEM_LIMIT: Opt = Opt {
    short: None,
    long: "mem-limit",
    alias: None,
    takes: Takes::Value("(num|numM)", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.memory(value));
        Ok(())
    }),
    about: "memory, swap included; what would use more dies",
};

pub(crate) static PIDS_LIMIT: Opt = Opt {
    short: None,
    long: "pids-limit",
    alias: None,
    takes: Takes::Value("(num|max)", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.pids(value));
        Ok(())
    }),
    about: "processes and threads at a time; 4096 without this",
};

pub(crate) static MEM_RESERVATION: Opt = Opt {
    short: None,
    long: "mem-reservation",
    alias: None,
    takes: Takes::Value("(num|numM)", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.memory_reservation(value));
        Ok(())
    }),
    about: "memory that is left to it when the host runs short",
};

pub(crate) static CPU_WEIGHT: Opt = Opt {
    short: None,
    long: "cpu-weight",
    alias: None,
    takes: Takes::Value("(1-10000)", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.cpu_weight(value));
        Ok(())
    }),
    about: "share of the CPU among those who want it; 100 without this",
};

pub(crate) static IO_WEIGHT: Opt = Opt {
    short: None,
    long: "io-weight",
    alias: None,
    takes: Takes::Value("(1-10000)", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.io_weight(value));
        Ok(())
    }),
    about: "share of the disks among those who want them; 100 without this",
};

pub(crate) static IO_MAX: Opt = Opt {
    short: None,
    long: "io-max",
    alias: None,
    takes: Takes::Value("(device|path):((rbps|wbps|riops|wiops)=(num|numM|max),...)", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.io_max(value));
        Ok(())
    }),
    about: "bytes and operations a second of a disk, as in /dev/sda:wbps=10M; a path is for the disk that it lies on",
};
