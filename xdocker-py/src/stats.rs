//! What a container uses, as records. Times are seconds, sizes bytes.

use crate::record::record;

record!(
    /// Time of the CPU, in seconds.
    CpuStats {
        /// All of it.
        total: f64,
        /// In programs.
        user: f64,
        /// In the kernel.
        system: f64,
        /// How long a quota has kept it waiting; `None` without one.
        throttled: Option<f64>,
    }
);
record!(
    /// Memory, in bytes.
    MemoryStats {
        /// In use now, files that the kernel keeps in memory included.
        current: u64,
        /// The most it ever was.
        peak: Option<u64>,
        /// What it may use.
        limit: Option<u64>,
        /// How often the kernel has killed a process for want of it.
        oom_kills: u64,
    }
);
record!(
    /// Processes and threads.
    PidsStats {
        /// How many there are.
        current: u64,
        /// How many there may be.
        limit: Option<u64>,
    }
);
record!(
    /// Disks, in bytes.
    IoStats {
        /// Read.
        read: u64,
        /// Written.
        written: u64,
    }
);
record!(
    /// Interfaces of a network of its own, the loopback apart, in bytes.
    NetworkStats {
        /// Received.
        received: u64,
        /// Sent.
        sent: u64,
    }
);
record!(
    /// What a container uses now, and has used since it was booted; `None` for what this host does not count.
    Stats {
        /// Time of the CPU.
        cpu: Option<CpuStats>,
        /// Memory.
        memory: Option<MemoryStats>,
        /// Processes and threads.
        pids: Option<PidsStats>,
        /// Disks.
        io: Option<IoStats>,
        /// The network, if it has one of its own.
        network: Option<NetworkStats>,
    }
);

impl From<xdocker_core::Stats> for Stats {
    fn from(stats: xdocker_core::Stats) -> Self {
        Self {
            cpu: stats.cpu.map(|cpu| CpuStats {
                total: cpu.total.as_secs_f64(),
                user: cpu.user.as_secs_f64(),
                system: cpu.system.as_secs_f64(),
                throttled: cpu.throttling.map(|throttling| throttling.time.as_secs_f64()),
            }),
            memory: stats.memory.map(|memory| MemoryStats {
                current: memory.current,
                peak: memory.peak,
                limit: memory.limit,
                oom_kills: memory.oom_kills,
            }),
            pids: stats.pids.map(|pids| PidsStats { current: pids.current, limit: pids.limit }),
            io: stats.io.map(|io| IoStats { read: io.read, written: io.written }),
            network: stats
                .network
                .map(|network| NetworkStats { received: network.received, sent: network.sent }),
        }
    }
}
