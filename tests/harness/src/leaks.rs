//! What containers of a home could leave behind.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use xdocker_core::{CgroupName, ContainerName, NetnsName};

use crate::wait::{PATIENCE, until};

/// File in the images of a home that holds the home's path: whatever process has it in its root is a
/// process of one of its containers.
const MARK: &str = "etc/xdocker-test-home";

/// Puts the mark of `home` into a layer.
pub(crate) fn mark(layer: &Path, home: &Path) {
    fs::write(layer.join(MARK), home.as_os_str().as_bytes()).expect("a file in a layer");
}

/// Checks that nothing is left of the containers of `home`, none of which may be running. Containers
/// themselves may exist.
///
/// # Panics
/// When something is left after a while.
#[track_caller]
pub fn assert_none(home: &Path) {
    let mut found = Vec::new();
    // The kernel, a monitor that is about to end, or a session's last process may take a moment.
    until(PATIENCE, || {
        found = leaks(home);
        found.is_empty()
    });
    assert!(found.is_empty(), "left behind in {}:\n{}", home.display(), found.join("\n"));
}

/// Everything of the containers of `home` that is there now, in words.
#[must_use]
pub fn leaks(home: &Path) -> Vec<String> {
    let mut found: Vec<_> = mounts(home).iter().map(|path| format!("mount at {}", path.display())).collect();
    found.extend(processes(home).iter().map(ToString::to_string));
    found.extend(orphans().iter().map(ToString::to_string));
    found.extend(cgroups(home).iter().map(|path| format!("cgroup {}", path.display())));
    for container in entries(&home.join("containers")) {
        found.extend(
            ["run.json", "session.sock"]
                .map(|name| container.join(name))
                .iter()
                .filter(|path| path.symlink_metadata().is_ok())
                .map(|path| format!("file {}", path.display())),
        );
    }
    found.extend(entries(&home.join(".work")).iter().map(|path| format!("stage {}", path.display())));
    found
}

/// Checks that the network namespace of a container, which does not exist any more, is gone too.
///
/// # Panics
/// When it is there.
#[track_caller]
pub fn assert_no_netns(container: &ContainerName) {
    let path = NetnsName::of(container).path();
    assert!(path.symlink_metadata().is_err(), "left behind: {}", path.display());
}

/// Mount points below `home`, itself included, in the mount namespace of this thread.
///
/// # Panics
/// When there is no /proc.
#[must_use]
pub fn mounts(home: &Path) -> Vec<PathBuf> {
    let table = fs::read("/proc/thread-self/mountinfo").expect("the table of mounts");
    let points = table.split(|byte| *byte == b'\n').filter_map(|line| {
        // The fifth field (proc_pid_mountinfo(5)). Paths of tests hold nothing that is escaped there.
        line.split(|byte| *byte == b' ').nth(4)
    });
    points
        .map(|point| PathBuf::from(std::ffi::OsStr::from_bytes(point)))
        .filter(|p| p.starts_with(home))
        .collect()
}

/// Cgroups of containers of `home`, in every hierarchy and at any depth.
///
/// # Panics
/// Never: a container is called so.
#[must_use]
pub fn cgroups(home: &Path) -> Vec<PathBuf> {
    let any = CgroupName::of(home, &"any".parse().expect("a name"));
    let (ours, _) = any.as_str().rsplit_once('-').expect("a part for the home and one for the container");
    let mut found = Vec::new();
    let mut unseen = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(directory) = unseen.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let name = entry.file_name();
                found.extend(name.to_string_lossy().starts_with(ours).then(|| entry.path()));
                unseen.push(entry.path());
            }
        }
    }
    found
}

/// A process that is there because of a container.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its number, in our PID namespace.
    pub pid: u32,
    /// Its name, as in /proc/PID/comm.
    pub name: String,
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} ({})", self.pid, self.name)
    }
}

/// Processes of the containers of `home`: those whose root is a container's, the monitors, and the
/// monitors' own children.
///
/// A zombie is not counted: nothing is left of it but a status for its parent, which is init where the
/// process was ours.
#[must_use]
pub fn processes(home: &Path) -> Vec<Process> {
    those(|pid| inside(pid, home) || is_monitor(pid) && (watches(pid, home) || joins(pid, home)))
}

/// The monitors of the containers of `home`, in no order: numbers of processes begin again some day.
#[must_use]
pub fn monitors(home: &Path) -> Vec<u32> {
    // A root process is like its monitor until it executes a program of its own.
    let watches = |pid| is_monitor(pid) && watches(pid, home);
    let all = those(|pid| watches(pid) && !parent(pid).is_some_and(watches));
    all.iter().map(|process| process.pid).collect()
}

/// The monitor of the only container of `home` that runs.
///
/// # Panics
/// There is none, or another one.
#[must_use]
#[track_caller]
pub fn monitor(home: &Path) -> u32 {
    let monitors = monitors(home);
    assert_eq!(monitors.len(), 1, "{monitors:?}");
    monitors[0]
}

/// Joiners of anybody's that have lost the root process that they wanted to join, and the monitor too.
fn orphans() -> Vec<Process> {
    those(|pid| is_monitor(pid) && roots(pid).any(|root| root == -1) && !parent(pid).is_some_and(is_monitor))
}

/// Processes of which that is true and that have not ended.
fn those(is_one: impl Fn(u32) -> bool) -> Vec<Process> {
    let numbers = entries(Path::new("/proc"));
    let pids = numbers.iter().filter_map(|path| path.file_name()?.to_str()?.parse().ok());
    let all = pids.filter(|pid| is_one(*pid));
    all.filter_map(|pid| Some(Process { pid, name: name(pid)? })).collect()
}

/// The name of a process that has not ended.
fn name(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (start, rest) = stat.rsplit_once(')')?;
    let (_, name) = start.split_once('(')?;
    (!matches!(rest.trim_start().chars().next(), Some('Z' | 'X') | None)).then(|| name.to_owned())
}

/// Whether the process is a zombie or gone: it has no file open, and holds no lock, any more.
#[must_use]
pub fn has_died(pid: u32) -> bool {
    name(pid).is_none()
}

/// Whether it is a monitor, or was cloned by one and executes nothing else.
fn is_monitor(pid: u32) -> bool {
    name(pid).as_deref() == Some("xdocker-monitor")
}

/// Waits until nobody holds the lock of a run of a container of `home` any more, whose monitor has been killed. It
/// was taken by who booted, and what another thread of that process forked at that moment has it until it executes a
/// program of its own.
///
/// # Panics
/// Somebody keeps it.
#[track_caller]
pub fn await_unlocked(home: &Path) {
    let is_free = |record: &File| {
        // SAFETY: integers all of which may be 0: from the beginning, the whole file, no process.
        #[allow(unsafe_code)]
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = libc::F_WRLCK as libc::c_short;
        lock.l_whence = libc::SEEK_SET as libc::c_short;
        fcntl(record, FcntlArg::F_OFD_GETLK(&mut lock)).expect("an answer");
        lock.l_type == libc::F_UNLCK as libc::c_short
    };
    let records = entries(&home.join("containers")).into_iter().map(|container| container.join("run.json"));
    for record in records.filter_map(|path| File::open(path).ok()) {
        assert!(until(PATIENCE, || is_free(&record)), "somebody holds {record:?}");
    }
}

/// Whether the root of the process is one of a container of `home`.
#[must_use]
pub fn inside(pid: u32, home: &Path) -> bool {
    fs::read(format!("/proc/{pid}/root/{MARK}")).is_ok_and(|mark| mark == home.as_os_str().as_bytes())
}

/// Whether this is a monitor of the home, which has files of it open.
fn watches(pid: u32, home: &Path) -> bool {
    let fds = entries(&PathBuf::from(format!("/proc/{pid}/fd")));
    fds.iter().any(|fd| fs::read_link(fd).is_ok_and(|target| target.starts_with(home)))
}

/// Whether this is a joiner of a session, which has a pidfd of the root process. The root process may have gone: then it
/// is told by its parent, which is the monitor.
fn joins(pid: u32, home: &Path) -> bool {
    roots(pid).any(|root| match root {
        -1 => parent(pid).is_some_and(|parent| is_monitor(parent) && watches(parent, home)),
        root => u32::try_from(root).is_ok_and(|root| inside(root, home)),
    })
}

/// Processes that a process has pidfds of, as their information tells; -1 is one that has gone.
fn roots(pid: u32) -> impl Iterator<Item = i32> {
    entries(&PathBuf::from(format!("/proc/{pid}/fdinfo"))).into_iter().filter_map(|info| {
        let text = fs::read_to_string(info).ok()?;
        text.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok())
    })
}

fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
}

/// What is in a directory; nothing when it is not there.
fn entries(path: &Path) -> Vec<PathBuf> {
    fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
