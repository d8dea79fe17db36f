//! What an idle container keeps in memory.

use std::fs;

use xdocker_core::{IfRunning, State};

use crate::Result;
use crate::fixture::Fixture;

/// Prints the resident memory of a monitor and a PID 1.
pub(crate) fn print(fixture: &Fixture) -> Result<()> {
    let container = fixture.boot("idle")?;
    let State::Running { pid } = container.state()? else { return Err("the container does not run".into()) };
    let parent = parent(pid)?;
    println!("{:<36}{:>9}{:>9}{:>9}", "resident, KiB", "all", "private", "shared");
    let mut sum = [0; 3];
    for (who, pid) in [("monitor", &*parent), ("PID 1", &pid.to_string())] {
        let resident = resident(pid)?;
        row(who, resident);
        sum = [0, 1, 2].map(|n| sum[n] + resident[n]);
    }
    row("both", sum);
    Ok(container.destroy(IfRunning::Kill)?)
}

/// The monitor of a container, by its root process.
pub(crate) fn parent(pid: u32) -> Result<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    Ok(parent.ok_or("a process has a parent")?.trim().to_owned())
}

fn row(who: &str, [all, private, shared]: [u64; 3]) {
    println!("{who:<36}{all:>9}{private:>9}{shared:>9}");
}

/// KiB that a process keeps resident: all, private, shared (proc_pid_smaps(5)).
fn resident(pid: &str) -> Result<[u64; 3]> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let sum = |prefix: &str| -> u64 {
        let lines = text.lines().filter(|line| line.starts_with(prefix));
        lines.filter_map(|line| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()).sum()
    };
    Ok([sum("Rss:"), sum("Private_"), sum("Shared_")])
}
