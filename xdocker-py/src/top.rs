//! The processes of a container, as records.

use std::ffi::OsString;

use crate::record::record;

record!(
    /// A process of a container at a moment.
    ProcessInfo {
        /// Its number on the host.
        pid: u32,
        /// Its number inside.
        inner_pid: u32,
        /// Its effective user, as a number.
        uid: u32,
        /// That user's name in the container's own `/etc/passwd`; `None` where there is none.
        user: Option<String>,
        /// Bytes of memory that it has resident, those that it shares with others included.
        resident: u64,
        /// Its arguments, as it shows them itself; empty for one that has ended and was not yet reaped.
        command: Vec<OsString>,
        /// What the kernel calls it: the first 15 bytes of its program's name, unless it has changed that.
        name: OsString,
    }
);

impl From<xdocker_core::Process> for ProcessInfo {
    fn from(process: xdocker_core::Process) -> Self {
        let xdocker_core::Process { pid, inner_pid, uid, user, resident, command, name, .. } = process;
        Self { pid, inner_pid, uid, user, resident, command, name }
    }
}
