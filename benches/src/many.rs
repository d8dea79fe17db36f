//! Many idle containers at a time: what the last one costs beside the first, and all of them together.

use std::fs;
use std::path::Path;
use std::time::Instant;

use xdocker_core::{Boot, Container, IfRunning, State};

use crate::Result;
use crate::fixture::Fixture;
use crate::memory::parent;
use crate::samples::median;
use crate::sys;

/// How many first and last ones a median is of: a single one is at the mercy of the machine.
const ENDS: usize = 50;

/// Boots, lists and destroys `count` containers, and prints what that takes.
pub(crate) fn run(directory: &Path, count: usize) -> Result<()> {
    let fixture = Fixture::new(directory)?;
    let count = count.max(2 * ENDS);
    println!("{count} idle containers; median of the first and the last {ENDS}, ms");
    let made = each(count, |number| {
        fixture.engine.create(&Fixture::spec(&format!("many{number:05}"))?).map_err(Into::into)
    })?;
    row("create", &made.1);
    let booted = each(count, |number| Ok(made.0[number].boot(&Boot::new())?))?;
    row("boot", &booted.1);
    let (before, start) = (sys::children_cpu()?, Instant::now());
    crate::rival::succeed(&mut fixture.xdocker("-s containers"))?;
    let wall = start.elapsed();
    let cpu = sys::children_cpu()? - before;
    println!("{:<24}{:>9.1}{:>9.1} of CPU", "list, the command", ms(wall), ms(cpu));
    let ran = each(count, |number| {
        let status = made.0[number].command("true").status()?;
        if status.success() { Ok(()) } else { Err(status.to_string().into()) }
    })?;
    row("run true", &ran.1);
    let memory = made.0.iter().map(memory).sum::<Result<u64>>()?;
    let destroyed = each(count, |number| Ok(made.0[number].destroy(IfRunning::Kill)?))?;
    row("destroy", &destroyed.1);
    println!("memory of all monitors and PIDs 1 (PSS): {:.1} MiB", memory as f64 / 1024.0);
    Ok(())
}

/// Does something `count` times: what came of each, and how long it took, in ms.
fn each<T>(count: usize, mut work: impl FnMut(usize) -> Result<T>) -> Result<(Vec<T>, Vec<f64>)> {
    let mut done = (Vec::with_capacity(count), Vec::with_capacity(count));
    for number in 0..count {
        let start = Instant::now();
        done.0.push(work(number)?);
        done.1.push(ms(start.elapsed()));
    }
    Ok(done)
}

fn ms(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn row(what: &str, times: &[f64]) {
    let [first, last] = [&times[..ENDS], &times[times.len() - ENDS..]].map(median);
    println!("{what:<24}{first:>9.2}{last:>9.2}{:>9.2} x", last / first);
}

/// KiB that a container's monitor and PID 1 keep, with their share of what they have in common (proc_pid_smaps(5)).
fn memory(container: &Container) -> Result<u64> {
    let State::Running { pid } = container.state()? else { return Err("a container does not run".into()) };
    let pss = |pid: &str| -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no Pss")?;
        Ok(line.split_ascii_whitespace().next().ok_or("no number")?.parse()?)
    };
    Ok(pss(&parent(pid)?)? + pss(&pid.to_string())?)
}
