//! Paths of /proc and /sys that are hidden, or can only be read.

use std::ffi::CString;
use std::path::Path;

use crate::launch::{Action, Attributes, Directory, Plan, Slot};

/// Files of /proc that tell about the host or can hurt it: covered by /dev/null.
const MASKED_FILES: [&str; 7] =
    ["interrupts", "kcore", "keys", "latency_stats", "sched_debug", "timer_list", "timer_stats"];

/// Directories of /proc and /sys of the same sort: covered by an empty directory.
const MASKED_PROC: [&str; 3] = ["acpi", "asound", "scsi"];
const MASKED_SYS: [&str; 2] = ["firmware", "devices/virtual/powercap"];

/// Directory of each processor below /sys, and what of it is masked: how hot the host gets tells what others do.
const PROCESSORS: &str = "devices/system/cpu";
const MASKED_OF_PROCESSOR: &str = "thermal_throttle";

/// What of /proc can only be read.
const READ_ONLY_PROC: [&str; 5] = ["bus", "fs", "irq", "sys", "sysrq-trigger"];

/// Detached copy of a mount (open_tree(2)).
const OPEN_TREE_CLONE: u32 = 1;
const AT_RECURSIVE: u32 = 0x8000;
const AT_EMPTY_PATH: u32 = 0x1000;

/// Masks paths of the container's new /proc and /sys. `dev` is its new /dev, whose `null` is a node that
/// we made a moment ago and nobody could swap (CVE-2025-31133); targets are resolved below the mounts
/// themselves, never through the root (CVE-2025-52881).
pub(crate) fn mask(plan: &mut Plan, proc: Slot, sys: Slot, dev: Slot) {
    plan.inside.purpose("mask paths of /proc and /sys");
    let cover = plan.slot();
    hide_files(plan, proc, dev, cover);
    hide_directories(plan, proc, sys, cover);
    protect(plan, proc, cover);
}

/// Whether the container's /proc or /sys will have that entry: it has the host's, it is one kernel.
fn is_there(mount: &str, name: &str) -> bool {
    Path::new(mount).join(name).exists()
}

fn hide_files(plan: &mut Plan, proc: Slot, dev: Slot, cover: Slot) {
    for name in MASKED_FILES.iter().filter(|name| is_there("/proc", name)) {
        let (at, path) = (Directory::At(dev), c"null".to_owned());
        plan.inside.push(Action::OpenTree { at, path, to: cover, flags: OPEN_TREE_CLONE });
        attach(plan, cover, proc, name);
    }
}

/// Covers directories by one empty file system: making one for each is dear on hosts of many processors.
fn hide_directories(plan: &mut Plan, proc: Slot, sys: Slot, cover: Slot) {
    let (fs, empty) = (plan.slot(), plan.slot());
    let directories = MASKED_PROC
        .iter()
        .map(|name| ("/proc", proc, (*name).to_owned()))
        .chain(MASKED_SYS.iter().map(|name| ("/sys", sys, (*name).to_owned())))
        .chain(processors().map(|name| ("/sys", sys, name)))
        .filter(|(mount, _, name)| is_there(mount, name));
    for (count, (_, below, name)) in directories.enumerate() {
        if count == 0 {
            let attributes = Attributes::HARMLESS.and(Attributes::READ_ONLY);
            plan.inside.push(Action::FsOpen { kind: c"tmpfs", to: fs });
            plan.inside.push(Action::FsMount { fs, to: empty, attributes });
            plan.inside.push(Action::Mask { mount: empty, below, path: path(&name), links_are_fine: false });
        } else {
            // Of a mount that has its place: before Linux 6.15 there is no copy of another.
            let (at, flags) = (Directory::At(empty), OPEN_TREE_CLONE | AT_EMPTY_PATH);
            plan.inside.push(Action::OpenTree { at, path: c"".to_owned(), to: cover, flags });
            attach(plan, cover, below, &name);
        }
    }
}

fn protect(plan: &mut Plan, proc: Slot, cover: Slot) {
    for name in READ_ONLY_PROC.iter().filter(|name| is_there("/proc", name)) {
        let flags = OPEN_TREE_CLONE | AT_RECURSIVE;
        plan.inside.push(Action::OpenTree { at: Directory::At(proc), path: path(name), to: cover, flags });
        plan.inside.push(Action::SetAttributes {
            at: Directory::At(cover),
            path: c"".to_owned(),
            flags: AT_EMPTY_PATH | AT_RECURSIVE,
            set: Attributes::HARMLESS.and(Attributes::READ_ONLY),
            propagation: 0,
        });
        attach(plan, cover, proc, name);
    }
}

/// Puts the mount in `cover` over an entry of `below`, and forgets it.
fn attach(plan: &mut Plan, cover: Slot, below: Slot, name: &str) {
    plan.inside.push(Action::Mask { mount: cover, below, path: path(name), links_are_fine: false });
    plan.inside.push(Action::Close { fd: cover });
}

/// What may be masked of each processor. The directories of all of them look alike: where the first has none,
/// there is none.
fn processors() -> impl Iterator<Item = String> {
    let of = |number: usize| format!("{PROCESSORS}/cpu{number}/{MASKED_OF_PROCESSOR}");
    (0..).map(of).take_while(|name| Path::new("/sys").join(name).exists())
}

fn path(name: &str) -> CString {
    CString::new(name).expect("the tables above hold no NUL")
}
