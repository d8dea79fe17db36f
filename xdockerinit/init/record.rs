//! The two records that a monitor writes, as JSON of one line: `run.json` (who runs) and `exit.json` (how it
//! ended). The library reads them; it writes the start of the first itself, into the plan.

use crate::line::Line;
use crate::sys::{self, Result, Text};
use crate::wire::{RECORD_ROOM, fd};

/// What came of a tear-down.
pub struct Undone {
    /// The first step that failed, as (index, errno).
    pub failure: Option<(u32, i32)>,
    /// How often the kernel had killed in the container for want of memory, if that is known.
    pub oom_kills: Option<u64>,
}

/// Completes `run.json`: the start of it comes with the plan and ends where `"pid":` is to follow.
pub fn running(start: &[u8], pid: i32, restarts: u32) -> Result<()> {
    let mut line = Line::new();
    line.text(start).text(b"\"pid\":").number(pid as u64);
    line.text(b",\"pid_start\":").number(start_time(pid)?).text(b",");
    if restarts > 0 {
        line.text(b"\"again_ns\":").number(sys::now()).text(b",");
    }
    finish_run(&mut line, start, restarts)
}

/// The same between two runs of the container: there is no root process.
pub fn pausing(start: &[u8], restarts: u32) -> Result<()> {
    let mut line = Line::new();
    line.text(start);
    finish_run(&mut line, start, restarts)
}

/// The end of `run.json`: who watches. Each has the length of the one before, which it is written over at once.
fn finish_run(line: &mut Line, start: &[u8], restarts: u32) -> Result<()> {
    line.text(b"\"restarts\":").number(u64::from(restarts));
    line.text(b",\"monitor\":").number(sys::getpid() as u64).text(b"}");
    while line.length < start.len() + RECORD_ROOM {
        line.text(b" ");
    }
    let line = line.text(b"\n").finish()?;
    match sys::pwrite(fd::RUN, line, 0)? {
        n if n == line.len() => Ok(()),
        _ => Err(sys::EPROTO),
    }
}

/// Writes `exit.json`, whole or not at all. `not_started` is why the container could not be started again, after it had
/// ended as `status` says.
pub fn ended(status: i32, undone: &Undone, not_started: Option<i32>) -> Result<()> {
    let mut line = Line::new();
    line.text(b"{\"format\":1,\"status\":").number(status as u64);
    line.text(b",\"ended_ns\":").number(sys::now());
    if let Some(count) = undone.oom_kills.filter(|count| *count > 0) {
        line.text(b",\"oom_kills\":").number(count);
    }
    if let Some(errno) = not_started {
        line.text(b",\"not_restarted\":").number(errno as u64);
    }
    if let Some((step, errno)) = undone.failure {
        line.text(b",\"tear_down\":{\"step\":").number(u64::from(step));
        line.text(b",\"errno\":").number(errno as u64).text(b"}");
    }
    line.text(b"}\n");
    let (name, part) = (Text::of(c"exit.json"), Text::of(c"exit.json.new"));
    let file = sys::openat(fd::DIRECTORY, part, sys::O_WRONLY | sys::O_CREAT | sys::O_TRUNC, 0o600)?;
    let written = line.finish().and_then(|line| sys::write(file, line));
    sys::close(file);
    written?;
    sys::renameat(fd::DIRECTORY, part, name)
}

/// When a process started, in clock ticks since boot: field 22 of /proc/PID/stat (proc_pid_stat(5)). With
/// it a pid names one process and not whoever has the number later.
fn start_time(pid: i32) -> Result<u64> {
    let file = sys::openat(sys::AT_FDCWD, Line::new().of_process(pid, b"stat\0")?, 0, 0)?;
    let mut buffer = [0u8; 1024];
    let length = sys::read(file, &mut buffer);
    sys::close(file);
    let text = buffer.get(..length?).unwrap_or(&[]);
    // The name in parentheses may hold anything: fields are counted from its end.
    let after = text.iter().rposition(|byte| *byte == b')').ok_or(sys::EPROTO)?;
    let field = text[after..].split(|byte| *byte == b' ').nth(20).ok_or(sys::EPROTO)?;
    Ok(sys::number(field))
}
