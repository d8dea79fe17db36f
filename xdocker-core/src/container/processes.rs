//! The processes of a running container, as /proc of the host shows them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::Container;
use crate::accounts;
use crate::error::{Error, Result};
use crate::sys::pidfd::PidFd;
use crate::users::NOBODY;

/// A process of a container at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Process {
    /// Its number in the host's PID namespace.
    pub pid: u32,
    /// Its number inside.
    pub inner_pid: u32,
    /// Its effective user, as numbered inside.
    pub uid: u32,
    /// That user's name in the container's own `/etc/passwd`.
    pub user: Option<String>,
    /// Bytes of memory that it has resident, those that it shares with others included.
    pub resident: u64,
    /// Its arguments, as it shows them itself; none of a process that has ended and was not yet reaped.
    pub command: Vec<OsString>,
    /// What the kernel calls it: the first 15 bytes of its program's name, unless it has changed that.
    pub name: OsString,
}

impl Container {
    /// The processes inside, in the order of their numbers there.
    ///
    /// # Errors
    /// [`Error::NotRunning`]; [`Error::File`] when /proc cannot be read.
    pub fn processes(&self) -> Result<Vec<Process>> {
        let record = self.running()?;
        let not_running = || Error::NotRunning(self.name.clone());
        // Read while somebody watches over the number, so that it is the namespace that is meant.
        let namespace = namespace(&PathBuf::from(format!("/proc/{}", record.pid())));
        self.records().root_process(&record)?.ok_or_else(not_running)?;
        let namespace = namespace.map_err(|_| not_running())?;
        let root = self.root();
        let root = File::open(&root).map_err(Error::file("open", &root))?;
        // Names are a convenience: where the list is none, there are numbers.
        let names = accounts::user_names(&root).unwrap_or_default();
        let ids = self.definition()?.ids;
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").map_err(Error::file("read", "/proc"))? {
            let entry = entry.map_err(Error::file("read", "/proc"))?;
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // One that has ended meanwhile is none of them.
            found.extend(read(pid, &namespace).ok().flatten().map(|mut process| {
                // Who has come from outside is nobody inside.
                process.uid = ids.map_or(process.uid, |ids| ids.inside(process.uid).unwrap_or(NOBODY));
                process.user = names.get(&process.uid).cloned();
                process
            }));
        }
        found.sort_unstable_by_key(|process| process.inner_pid);
        Ok(found)
    }
}

/// The PID namespace of the process at `directory` of /proc.
fn namespace(directory: &Path) -> io::Result<PathBuf> {
    fs::read_link(directory.join("ns/pid"))
}

/// Everyone in the PID namespace of `pid`, which is held by somebody's knowing that it is the one that is meant.
pub(super) fn members(pid: u32) -> Vec<u32> {
    let Ok(inside) = namespace(&PathBuf::from(format!("/proc/{pid}"))) else { return Vec::new() };
    // Whatever has gone wrong, the host's processes are none of a container's.
    if namespace(Path::new("/proc/self")).is_ok_and(|ours| ours == inside) {
        return Vec::new();
    }
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let there = entries.filter(|entry| namespace(&entry.path()).is_ok_and(|other| other == inside));
    there.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Everyone else there, by descriptors that are certain to be of that namespace.
pub(super) fn open_others(pid: u32) -> Vec<PidFd> {
    let others = members(pid).into_iter().filter(|other| *other != pid);
    let opened: Vec<_> = others.filter_map(|other| Some((other, PidFd::open(other).ok()?))).collect();
    // Whoever has taken over a number since it was listed is not there now.
    let there = members(pid);
    opened.into_iter().filter(|(other, _)| there.contains(other)).map(|(_, process)| process).collect()
}

/// Whether `signal` does nothing to `pid`, which is PID 1 of its namespace: it would end any other process, but the kernel
/// keeps it from this one. A thread that has blocked it may be waiting for it, and while it does the kernel does not show
/// it as blocked (sigtimedwait(2)): our own PID 1 is such a one.
pub(super) fn is_shielded(pid: u32, signal: i32) -> bool {
    use libc::{SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};
    if [SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH].contains(&signal) {
        // Nobody dies of these.
        return false;
    }
    let waiting = format!("{} ", libc::SYS_rt_sigtimedwait);
    let cares = |(status, call): &(String, String)| {
        let handled = ["SigBlk:", "SigIgn:", "SigCgt:"].into_iter().any(|field| {
            let set = status.lines().find_map(|line| line.strip_prefix(field));
            let set = set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
            set.is_none_or(|set| set & (1 << (signal - 1)) != 0)
        });
        handled || call.starts_with(&waiting)
    };
    // Who was woken up a moment ago looks like neither.
    for _ in 0..20 {
        let states = states(pid);
        if states.is_empty() || states.iter().any(cares) {
            return false;
        }
        if states.iter().all(|(_, call)| !call.starts_with("running")) {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

/// `status` and `syscall` of each thread (proc_pid_status(5), proc_pid_syscall(5)).
fn states(pid: u32) -> Vec<(String, String)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let read = |task: fs::DirEntry| {
        let text = |file| fs::read_to_string(task.path().join(file)).ok();
        Some((text("status")?, text("syscall").unwrap_or_default()))
    };
    tasks.filter_map(read).collect()
}

/// The process `pid` if it is in `inside`.
fn read(pid: u32, inside: &Path) -> io::Result<Option<Process>> {
    // An open directory of /proc stays that of its process: whoever gets the number later is not seen in it.
    let directory = File::open(format!("/proc/{pid}"))?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
    if namespace(&path)? != inside {
        return Ok(None);
    }
    let status = fs::read(path.join("status"))?;
    let field = |name: &str| {
        let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name.as_bytes()));
        line.map(|line| line.trim_ascii()).unwrap_or_default()
    };
    let numbers = |name: &str| -> Vec<u64> {
        let text = String::from_utf8_lossy(field(name)).into_owned();
        text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    let number = |name: &str, index: usize| numbers(name).get(index).copied().unwrap_or(0);
    let mut command: Vec<_> = fs::read(path.join("cmdline"))?
        .split(|byte| *byte == 0)
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect();
    // The last one ends in a NUL too.
    command.pop();
    Ok(Some(Process {
        pid,
        inner_pid: numbers("NSpid:").last().map_or(pid, |pid| *pid as u32),
        uid: number("Uid:", 1) as u32,
        user: None,
        resident: number("VmRSS:", 0) * 1024,
        command,
        name: OsString::from_vec(field("Name:").to_vec()),
    }))
}
