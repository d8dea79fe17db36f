//! What a container is besides mounts and processes: directories and a record (those of a container that goes when it
//! ends: nothing is synced), cgroups of its own, a filter of system calls of the length of ours.

use crate::kernel::call;
use crate::must;

const WRITE: usize = 1;
const CLOSE: usize = 3;
const OPEN: usize = 2;
const RENAME: usize = 82;
const MKDIR: usize = 83;
const RMDIR: usize = 84;
const UNLINK: usize = 87;
const PRCTL: usize = 157;
const SECCOMP: usize = 317;

const WRITE_ONLY: usize = 1;
const CREATE: usize = 0o100;

/// A string that ends with a NUL, as the kernel gives and takes it.
type Text = *const u8;

/// As long as any record of ours.
const RECORD: [u8; 256] = [b' '; 256];

/// The container in the making, and where it is when it is whole.
pub struct Kept {
    pub making: Text,
    pub made: Text,
    /// What overlayfs(5) is to have, within the second.
    pub layers: [Text; 3],
    /// The cgroups of it: how many there are depends on the version of cgroups(7).
    pub cgroups: [Text; 3],
}

/// A path below another one.
struct Path([u8; 512]);

impl Path {
    fn new(directory: Text, name: &[u8]) -> Self {
        let mut bytes = [0; 512];
        let mut length = 0;
        // SAFETY: up to the NUL that the directory ends with.
        while let byte @ 1.. = unsafe { directory.add(length).read() } {
            bytes[length] = byte;
            length += 1;
        }
        bytes[length] = b'/';
        bytes[length + 1..length + 1 + name.len()].copy_from_slice(name);
        Self(bytes)
    }

    fn at(&self) -> usize {
        self.0.as_ptr().addr()
    }
}

impl Kept {
    /// Makes the directories and the record.
    pub fn create(&self) {
        let record = Path::new(self.making, b"record");
        // SAFETY: plain system calls on integers and strings that live as long as they take.
        unsafe {
            must(50, call(MKDIR, [self.making.addr(), 0o700]));
            for name in [&b"rwlayer"[..], b"workdir", b"merged"] {
                must(50, call(MKDIR, [Path::new(self.making, name).at(), 0o755]));
            }
            let file = must(51, call(OPEN, [record.at(), WRITE_ONLY | CREATE, 0o600]));
            must(51, call(WRITE, [file, RECORD.as_ptr().addr(), RECORD.len()]));
            call(CLOSE, [file]);
            must(52, call(RENAME, [self.making.addr(), self.made.addr()]));
        }
    }

    /// Makes the cgroups, with a limit.
    pub fn limit(&self) {
        for cgroup in self.cgroups() {
            // SAFETY: as above.
            must(53, unsafe { call(MKDIR, [cgroup.addr(), 0o755]) });
        }
        put(54, &Path::new(self.cgroups[0], b"pids.max"), b"4096");
    }

    /// Puts the caller into the cgroups.
    pub fn enter(&self) {
        for cgroup in self.cgroups() {
            // Version 1 moves a thread for less than a process.
            let tasks = Path::new(cgroup, b"tasks");
            let processes = Path::new(cgroup, b"cgroup.procs");
            // SAFETY: as above.
            let is_there = unsafe { call(OPEN, [tasks.at(), WRITE_ONLY]) };
            if is_there >= 0 {
                // SAFETY: as above.
                must(55, unsafe { call(WRITE, [is_there as usize, b"0".as_ptr().addr(), 1]) });
                // SAFETY: as above.
                unsafe { call(CLOSE, [is_there as usize]) };
            } else {
                put(55, &processes, b"0");
            }
        }
    }

    fn cgroups(&self) -> impl Iterator<Item = Text> {
        // SAFETY: each ends with a NUL, so that it has a first byte.
        self.cgroups.into_iter().filter(|name| unsafe { name.read() } != b'-')
    }

    /// Takes all of it away.
    pub fn destroy(&self) {
        let work = self.layers[2];
        // SAFETY: as above.
        unsafe {
            for cgroup in self.cgroups() {
                must(56, call(RMDIR, [cgroup.addr()]));
            }
            must(57, call(UNLINK, [Path::new(self.made, b"record").at()]));
            // What overlayfs has made in it.
            must(57, call(RMDIR, [Path::new(work, b"work").at()]));
            for directory in self.layers {
                must(57, call(RMDIR, [directory.addr()]));
            }
            must(57, call(RMDIR, [self.made.addr()]));
        }
    }
}

/// Opens, writes, closes.
fn put(step: i32, file: &Path, value: &[u8]) {
    // SAFETY: plain system calls on integers and strings that live as long as they take.
    unsafe {
        let file = must(step, call(OPEN, [file.at(), WRITE_ONLY]));
        must(step, call(WRITE, [file, value.as_ptr().addr(), value.len()]));
        call(CLOSE, [file]);
    }
}

/// Confines the caller: no new privileges, and a filter that allows everything in as many instructions as ours has.
pub fn filter() {
    const LENGTH: usize = 207;
    const NO_NEW_PRIVILEGES: usize = 38;
    const SET_FILTER: usize = 1;
    const LOAD: u64 = 0x20;
    /// `if it is equal`: on to the next one in either case.
    const EQUAL: u64 = 0x15;
    const ALLOW: u64 = 0x06 | 0x7fff_0000 << 32;
    let mut program = [EQUAL | 0xffff << 32; LENGTH];
    program[0] = LOAD;
    program[LENGTH - 1] = ALLOW;
    // SAFETY: `struct sock_fprog` is a length, padding and a pointer to that many instructions of eight bytes.
    unsafe {
        must(58, call(PRCTL, [NO_NEW_PRIVILEGES, 1, 0, 0, 0]));
        let list = [LENGTH, program.as_ptr().addr()];
        must(58, call(SECCOMP, [SET_FILTER, 0, list.as_ptr().addr()]));
    }
}
