//! The kernel's floor: an overlay, a process in new namespaces, the mounts of a container, the program.
//! No policy, no check, no monitor, no libc.
//!
//! `floor LOWER UPPER WORK MERGED BRIDGE MAKING MADE CGROUP CGROUP CGROUP PROGRAM [ARGUMENT]...`, with a place on that
//! bridge of xdocker's and a mapped port unless BRIDGE is `-`; with directories, a record, cgroups and a filter unless
//! MAKING is `-` (`kept.rs`). Ends with the program's status, or with 100 + the number of the step that failed.
#![no_std]
#![no_main]

mod kept;
mod kernel;
#[path = "../../xdockerinit/init/memory.rs"]
mod memory;
mod network;

use core::ffi::CStr;

use kept::Kept;
use kernel::{Arguments, call, exit};
use network::Network;

// Numbers of system calls on x86_64 and flags of theirs, from the manual page of each.
const READ: usize = 0;
const WRITE: usize = 1;
const CLOSE: usize = 3;
const GETPID: usize = 39;
const WAIT4: usize = 61;
const EXECVE: usize = 59;
const UMOUNT2: usize = 166;
const PIVOT_ROOT: usize = 155;
const SETHOSTNAME: usize = 170;
const FCHDIR: usize = 81;
const UMASK: usize = 95;
const OPENAT: usize = 257;
const MKDIRAT: usize = 258;
const MKNODAT: usize = 259;
const SYMLINKAT: usize = 266;
const OPEN_TREE: usize = 428;
const MOVE_MOUNT: usize = 429;
const FSOPEN: usize = 430;
const FSCONFIG: usize = 431;
const FSMOUNT: usize = 432;
const CLONE3: usize = 435;
const PIPE2: usize = 293;
const MOUNT_SETATTR: usize = 442;

const HERE: usize = -100isize as usize;
const O_PATH: usize = 0x20_0000;
const AT_EMPTY_PATH: usize = 0x1000;
const AT_RECURSIVE: usize = 0x8000;
const MNT_DETACH: usize = 2;
const OPEN_TREE_CLONE: usize = 1;
const READ_ONLY: usize = 0x1;
const NO_SUID: usize = 0x2;
const NO_DEV: usize = 0x4;
const NO_EXEC: usize = 0x8;
const HARMLESS: usize = NO_SUID | NO_DEV | NO_EXEC;
/// Mount, PID, UTS, IPC, cgroup.
const NAMESPACES: u64 = 0x0002_0000 | 0x2000_0000 | 0x0400_0000 | 0x0800_0000 | 0x0200_0000;
const NEW_NETWORK: u64 = 0x4000_0000;
const SIGCHLD: u64 = 17;

/// The result of a system call, if it did not fail.
fn must(step: i32, result: isize) -> usize {
    if result < 0 { exit(100 + step) } else { result as usize }
}

fn text(text: &'static CStr) -> usize {
    text.as_ptr().addr()
}

fn main(arguments: Arguments) -> i32 {
    // SAFETY: the caller gives as many arguments and a program; they stay where they are.
    let [lower, upper, work, merged, bridge, making, made, cgroups @ ..] =
        unsafe { arguments.add(1).cast::<[*const u8; 10]>().read() };
    // SAFETY: as above; the rest is the program's arguments, with their null pointer.
    let program = unsafe { arguments.add(11) };
    let options = [(c"lowerdir+", lower), (c"upperdir", upper), (c"workdir", work)]
        .map(|(key, value)| (key, value.addr()));
    // SAFETY: plain system calls on integers, on strings of the program's arguments and on constants.
    unsafe {
        let kept = match making.read() {
            b'-' => None,
            _ => Some(Kept { making, made, layers: [merged, upper, work], cgroups }),
        };
        if let Some(kept) = &kept {
            kept.create();
            kept.limit();
        }
        let network = match bridge.read() {
            b'-' => None,
            _ => Some(Network::new(bridge, must(30, call(GETPID, [])))),
        };
        let mut pipe = [0i32; 2];
        must(31, call(PIPE2, [(&raw mut pipe).addr(), 0]));
        let [ready, tell] = pipe.map(|end| end as usize);
        let root = file_system(1, c"overlay", &options, NO_DEV);
        must(2, call(MOVE_MOUNT, [root, text(c""), HERE, merged.addr(), 4]));
        // An open descriptor would keep the mount busy.
        call(CLOSE, [root]);
        // Flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls (clone(2)).
        let own = if network.is_some() { NEW_NETWORK } else { 0 };
        let clone: [u64; 8] = [NAMESPACES | own, 0, 0, 0, SIGCHLD, 0, 0, 0];
        let child = must(3, call(CLONE3, [(&raw const clone).addr(), size_of_val(&clone)]));
        if child == 0 {
            call(CLOSE, [tell]);
            if let Some(kept) = &kept {
                kept.enter();
            }
            enter(merged.addr());
            if network.is_some() {
                // The links are made meanwhile.
                let mut byte = 0u8;
                must(32, 0 - isize::from(call(READ, [ready, (&raw mut byte).addr(), 1]) != 1));
                network::configure();
            }
            call(CLOSE, [ready]);
            if kept.is_some() {
                kept::filter();
            }
            let path = program.read().addr();
            must(29, call(EXECVE, [path, program.addr(), (&raw const NO_ENVIRONMENT).addr()]));
        }
        if let Some(network) = &network {
            network.connect(child);
            network.publish(true);
            must(33, call(WRITE, [tell, text(c"."), 1]));
        }
        let mut status = 0i32;
        must(4, call(WAIT4, [child, (&raw mut status).addr(), 0, 0]));
        if let Some(network) = &network {
            network.publish(false);
            network.leave();
        }
        must(5, call(UMOUNT2, [merged.addr(), 0]));
        if let Some(kept) = &kept {
            kept.destroy();
        }
        status >> 8 & 0xff
    }
}

static NO_ENVIRONMENT: usize = 0;

/// A new file system of that kind, mounted nowhere.
fn file_system(
    step: i32,
    kind: &'static CStr,
    options: &[(&'static CStr, usize)],
    attributes: usize,
) -> usize {
    const SET_STRING: usize = 1;
    const CREATE: usize = 6;
    // SAFETY: plain system calls on integers and strings that live as long as the program.
    unsafe {
        let context = must(step, call(FSOPEN, [text(kind), 1]));
        for (key, value) in options {
            must(step, call(FSCONFIG, [context, SET_STRING, text(key), *value, 0]));
        }
        must(step, call(FSCONFIG, [context, CREATE, 0, 0, 0]));
        must(step, call(FSMOUNT, [context, 1, attributes]))
    }
}

/// Puts a mount at `name` below the directory `at`; one that is not there is left out.
fn put(step: i32, mount: usize, at: usize, name: &'static CStr) {
    const FROM_AND_TO_EMPTY_PATH: usize = 0x4 | 0x40;
    // SAFETY: plain system calls on integers and constants.
    unsafe {
        let target = call(OPENAT, [at, text(name), O_PATH, 0]);
        if target >= 0 {
            let to = [mount, text(c""), target as usize, text(c""), FROM_AND_TO_EMPTY_PATH];
            must(step, call(MOVE_MOUNT, to));
        }
    }
}

/// In the new namespaces: the mounts that a container has, and its root.
fn enter(merged: usize) {
    const MS_PRIVATE: u64 = 1 << 18;
    let text_of = |value: &'static CStr| text(value);
    // SAFETY: plain system calls on integers and constants.
    unsafe {
        let private: [u64; 4] = [0, 0, MS_PRIVATE, 0];
        must(10, call(MOUNT_SETATTR, [HERE, text(c"/"), AT_RECURSIVE, (&raw const private).addr(), 32]));
        let root = must(11, call(OPENAT, [HERE, merged, O_PATH, 0]));
        let proc = file_system(12, c"proc", &[], HARMLESS);
        put(12, proc, root, c"proc");
        let sys = file_system(13, c"sysfs", &[], HARMLESS | READ_ONLY);
        put(13, sys, root, c"sys");
        let size = (c"size", text_of(c"64m"));
        let dev = file_system(14, c"tmpfs", &[(c"mode", text_of(c"755")), size], NO_SUID);
        put(14, dev, root, c"dev");
        fill(dev);
        let options = [(c"mode", text_of(c"620")), (c"ptmxmode", text_of(c"666")), (c"gid", text_of(c"5"))];
        put(16, file_system(16, c"devpts", &options, NO_SUID | NO_EXEC), dev, c"pts");
        let options = [(c"mode", text_of(c"1777")), size];
        put(17, file_system(17, c"tmpfs", &options, HARMLESS), dev, c"shm");
        put(18, file_system(18, c"mqueue", &[], HARMLESS), dev, c"mqueue");
        mask(proc, sys, dev);
        must(25, call(FCHDIR, [root]));
        must(26, call(PIVOT_ROOT, [text(c"."), text(c".")]));
        must(27, call(UMOUNT2, [text(c"."), MNT_DETACH]));
        must(28, call(SETHOSTNAME, [text(c"floor"), 5]));
    }
}

/// Nodes, links and directories of /dev.
fn fill(dev: usize) {
    const NODES: [(&CStr, usize); 6] = [
        (c"null", 0x103),
        (c"zero", 0x105),
        (c"full", 0x107),
        (c"random", 0x108),
        (c"urandom", 0x109),
        (c"tty", 0x500),
    ];
    const LINKS: [(&CStr, &CStr); 5] = [
        (c"/proc/self/fd", c"fd"),
        (c"/proc/self/fd/0", c"stdin"),
        (c"/proc/self/fd/1", c"stdout"),
        (c"/proc/self/fd/2", c"stderr"),
        (c"pts/ptmx", c"ptmx"),
    ];
    const CHARACTER_DEVICE: usize = 0o020_666;
    // SAFETY: plain system calls on integers and constants.
    unsafe {
        call(UMASK, [0]);
        for (name, device) in NODES {
            must(15, call(MKNODAT, [dev, text(name), CHARACTER_DEVICE, device]));
        }
        for (target, name) in LINKS {
            must(15, call(SYMLINKAT, [text(target), dev, text(name)]));
        }
        for name in [c"pts", c"shm", c"mqueue"] {
            must(15, call(MKDIRAT, [dev, text(name), 0o755]));
        }
        call(UMASK, [0o022]);
    }
}

/// Covers what a container must not see of /proc and /sys, and makes read-only what it must not change.
fn mask(proc: usize, sys: usize, dev: usize) {
    const FILES: [&CStr; 7] =
        [c"interrupts", c"kcore", c"keys", c"latency_stats", c"sched_debug", c"timer_list", c"timer_stats"];
    const READ_ONLY_DIRECTORIES: [&CStr; 5] = [c"bus", c"fs", c"irq", c"sys", c"sysrq-trigger"];
    let directories = [
        (proc, c"acpi"),
        (proc, c"asound"),
        (proc, c"scsi"),
        (sys, c"firmware"),
        (sys, c"devices/virtual/powercap"),
    ];
    // SAFETY: plain system calls on integers and constants.
    unsafe {
        for name in FILES {
            if is_there(proc, name) {
                let null = must(20, call(OPEN_TREE, [dev, text(c"null"), OPEN_TREE_CLONE]));
                put(20, null, proc, name);
            }
        }
        for (at, name) in directories {
            if is_there(at, name) {
                put(21, file_system(21, c"tmpfs", &[], HARMLESS | READ_ONLY), at, name);
            }
        }
        for name in READ_ONLY_DIRECTORIES {
            if is_there(proc, name) {
                let flags = OPEN_TREE_CLONE | AT_RECURSIVE;
                let tree = must(22, call(OPEN_TREE, [proc, text(name), flags]));
                let set: [u64; 4] = [(HARMLESS | READ_ONLY) as u64, 0, 0, 0];
                let flags = AT_EMPTY_PATH | AT_RECURSIVE;
                must(23, call(MOUNT_SETATTR, [tree, text(c""), flags, (&raw const set).addr(), 32]));
                put(24, tree, proc, name);
            }
        }
    }
}

fn is_there(at: usize, name: &'static CStr) -> bool {
    const FACCESSAT: usize = 269;
    // SAFETY: plain system call on integers and constants.
    unsafe { call(FACCESSAT, [at, text(name), 0]) >= 0 }
}
