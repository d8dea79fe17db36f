//! The user namespace of a container: made first, since its layers are mapped by it, and entered last.

use crate::line::Line;
use crate::sys::{self, Cloned, Result};

/// Makes a user namespace in which 0 to `count` - 1 are `first` and what follows outside; a descriptor of it, and a process
/// that is about to end.
///
/// A namespace needs a process to begin with. That one waits for a pipe to close, which it does even if we are killed.
pub fn make(first: u64, count: u64) -> Result<(i32, i32)> {
    let [end, hold] = sys::pipe()?;
    let pid = match sys::clone_process(sys::CLONE_NEWUSER, None)? {
        Cloned::Child => {
            sys::close(hold);
            let _ = sys::read(end, &mut [0]);
            sys::exit(0)
        }
        Cloned::Parent { pid, .. } => pid,
    };
    sys::close(end);
    let made = map(pid, first, count);
    sys::close(hold);
    made.map(|namespace| (namespace, pid))
}

fn map(pid: i32, first: u64, count: u64) -> Result<i32> {
    let mut map = Line::new();
    map.text(b"0 ").number(first).text(b" ").number(count).text(b"\n");
    for name in [&b"uid_map\0"[..], b"gid_map\0"] {
        let file = sys::openat(sys::AT_FDCWD, Line::new().of_process(pid, name)?, sys::O_WRONLY, 0)?;
        let written = map.finish().and_then(|map| sys::write(file, map));
        sys::close(file);
        written?;
    }
    sys::openat(sys::AT_FDCWD, Line::new().of_process(pid, b"ns/user\0")?, 0, 0)
}

/// Enters a user namespace, and becomes its root. The kernel gives whoever enters all capabilities there, and a full
/// bounding set.
pub fn enter(namespace: i32) -> Result<()> {
    sys::setns(namespace, sys::CLONE_NEWUSER)?;
    sys::setgroups(0, core::ptr::null())?;
    sys::setresgid(0)?;
    sys::setresuid(0)
}

/// Makes files as this user and group, with the capabilities that there are: the kernel takes those about files from who
/// is not root any more, of the effective ones.
pub fn files_as(uid: u64, gid: u64) -> Result<()> {
    sys::setfsgid(gid)?;
    sys::setfsuid(uid)?;
    sys::keep_capabilities(u64::MAX, 0)
}
