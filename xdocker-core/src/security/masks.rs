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
    let cover = plan.slot();
    let fs = plan.slot();
    let inside = plan.inside.purpose("mask paths of /proc and /sys");
    // The container's /proc and /sys have the same entries as the host's: it is one kernel.
    let there = |mount: &str, name: &str| Path::new(mount).join(name).exists();
    for name in MASKED_FILES.iter().filter(|name| there("/proc", name)) {
        let null = c"null".to_owned();
        inside.push(Action::OpenTree {
            at: Directory::At(dev),
            path: null,
            to: cover,
            flags: OPEN_TREE_CLONE,
        });
        inside.push(Action::Mask { mount: cover, below: proc, path: path(name), links_are_fine: false });
        inside.push(Action::Close { fd: cover });
    }
    let directories = MASKED_PROC
        .iter()
        .map(|name| ("/proc", proc, (*name).to_owned()))
        .chain(MASKED_SYS.iter().map(|name| ("/sys", sys, (*name).to_owned())))
        .chain(processors().map(|name| ("/sys", sys, name)))
        .filter(|(mount, _, name)| there(mount, name));
    for (_, below, name) in directories {
        let attributes = Attributes::HARMLESS.and(Attributes::READ_ONLY);
        inside.push(Action::FsOpen { kind: c"tmpfs", to: fs });
        inside.push(Action::FsMount { fs, to: cover, attributes });
        inside.push(Action::Mask { mount: cover, below, path: path(&name), links_are_fine: false });
        inside.push(Action::Close { fd: cover });
    }
    for name in READ_ONLY_PROC.iter().filter(|name| there("/proc", name)) {
        let flags = OPEN_TREE_CLONE | AT_RECURSIVE;
        inside.push(Action::OpenTree { at: Directory::At(proc), path: path(name), to: cover, flags });
        inside.push(Action::SetAttributes {
            at: Directory::At(cover),
            path: c"".to_owned(),
            flags: AT_EMPTY_PATH | AT_RECURSIVE,
            set: Attributes::HARMLESS.and(Attributes::READ_ONLY),
            propagation: 0,
        });
        inside.push(Action::Mask { mount: cover, below: proc, path: path(name), links_are_fine: false });
        inside.push(Action::Close { fd: cover });
    }
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
