//! What the library and the helper say to one another: the launch plan, session requests, reports.
//!
//! This file is compiled twice, into the library and into the freestanding helper, so that there is one
//! truth about each number. Everything is in the machine's own byte order: both ends are one build on one
//! host.
//!
//! # A plan
//! ```text
//! Header | steps of HOST | steps of INSIDE | steps of UNDO | steps of SANDBOX | record prefix
//! step:  StepHead (24 bytes) | payload, zero-padded to a multiple of 8
//! ```
//! `HOST` runs in the helper as it was started (a monitor, in the host's namespaces; for a session, a
//! short-lived process that joins the container's). `INSIDE` runs in the process cloned from it and ends
//! in [`op::EXEC`] or [`op::INIT`]. `UNDO` runs in the monitor when the root process has ended, or when an
//! earlier step failed: every step of it, whatever the ones before said. `SANDBOX` of the container's plan
//! runs in every process that is about to execute a program inside, the root process and those of sessions
//! alike, between its own steps and its execution: a client cannot leave it out.

/// Longest `run.json` that a monitor writes, in bytes.
pub const RECORD_MAX: usize = 2048;

/// Room that a monitor's `run.json` has after the text that it begins with, in bytes: it is as long as the one before.
pub const RECORD_ROOM: usize = 160;

/// First word of a plan and of a request: `xdk1`.
pub const MAGIC: u32 = u32::from_le_bytes(*b"xdk1");

/// Descriptors that the library hands to a monitor, at fixed numbers. 0, 1 and 2 become the root process's.
pub mod fd {
    /// Connected `SOCK_SEQPACKET` socket to whoever boots: one [`super::Report`] a message.
    pub const CONTROL: i32 = 3;
    /// The plan, a memfd.
    pub const PLAN: i32 = 4;
    /// `run.json`, open for writing, with the monitor's lock on it.
    pub const RUN: i32 = 5;
    /// The container's directory.
    pub const DIRECTORY: i32 = 6;
    /// Listening `SOCK_SEQPACKET` socket for sessions.
    pub const SESSIONS: i32 = 7;
    /// A bare mount namespace, nothing but an empty root, if the library has found one or the monitor makes one;
    /// otherwise any other file.
    pub const BARE: i32 = 8;
    /// A file of the home's, open for writing, of which monitors lock a byte who have that: so they are found.
    pub const KEEPERS: i32 = 9;
    /// The first number that is nobody's.
    pub const FREE: i32 = 10;
}

/// Sections of a plan, as indices of [`Header::sections`] and as reported in [`Report::section`].
pub mod section {
    /// Steps in the host's namespaces.
    pub const HOST: u32 = 0;
    /// Steps in the new process.
    pub const INSIDE: u32 = 1;
    /// Steps of the tear-down.
    pub const UNDO: u32 = 2;
    /// Steps before any program inside.
    pub const SANDBOX: u32 = 3;
    /// How many sections there are.
    pub const COUNT: usize = 4;
    /// Not a section: the helper's own work around the plan; [`super::Report::step`] is one of [`super::work`].
    pub const HELPER: u32 = 4;
}

/// What the helper does on its own account, as [`Report::step`] when [`Report::section`] is [`section::HELPER`].
pub mod work {
    /// Reading and checking the plan.
    pub const PLAN: u32 = 0;
    /// Creating the process with its namespaces.
    pub const CLONE: u32 = 1;
    /// Writing `run.json`.
    pub const RECORD: u32 = 2;
    /// Making the pseudo-terminal in the container's own devpts.
    pub const TERMINAL: u32 = 3;
    /// Receiving a request.
    pub const REQUEST: u32 = 4;
    /// Refusing to be PID 1 where it is not.
    pub const NOT_INIT: u32 = 5;
    /// The process went away before it could report.
    pub const VANISHED: u32 = 6;
    /// Writing `exit.json`.
    pub const EXIT_RECORD: u32 = 7;
    /// Making the pipes for the log.
    pub const LOG: u32 = 8;
    /// Writing the record of a detached run.
    pub const RUN_RECORD: u32 = 9;
}

/// Bits of [`Header::flags`].
pub mod flag {
    /// The container ends when the other end of the control socket closes.
    pub const BOUND: u32 = 1 << 0;
    /// The control socket stays open after the start, and the end is reported on it.
    pub const REPORT_END: u32 = 1 << 1;
    /// A session on a terminal: the master travels with the first report.
    pub const TERMINAL: u32 = 1 << 2;
    /// What the root process prints is kept in the log, in place of going to what it has inherited.
    pub const LOG_ROOT: u32 = 1 << 3;
}

/// Start of a plan.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: u32,
    /// Length of the whole plan in bytes.
    pub length: u32,
    /// Bits of [`flag`].
    pub flags: u32,
    /// Rows and columns of the terminal, 16 bits each, rows in the upper half.
    pub window: u32,
    /// Namespaces of the new process: `CLONE_NEW*` of clone(2).
    pub clone_flags: u64,
    /// Offset and length in bytes of each section.
    pub sections: [[u32; 2]; section::COUNT],
    /// Offset and length of the text that `run.json` begins with.
    pub record: [u32; 2],
    /// Most bytes of one of the two files of the log; 0 where none is kept.
    pub log_limit: u64,
    /// Whether the container is started again when it has ended: one of `restart::policy`.
    pub restart: u32,
    /// How many times in a row; 0 for any number.
    pub restart_most: u32,
}

/// Start of a step; its payload follows.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct StepHead {
    /// One of [`op`].
    pub op: u16,
    /// First slot: the one read, or acted on.
    pub a: u8,
    /// Second slot.
    pub b: u8,
    /// Length of the payload in bytes, padding apart.
    pub payload: u32,
    /// First number.
    pub x: u64,
    /// Second number.
    pub y: u64,
}

/// Slots hold file descriptors from one step to a later one.
pub mod slot {
    /// The working directory (`AT_FDCWD`), for steps that resolve a path.
    pub const CWD: u8 = 0xff;
    /// Preset in a monitor: the container's directory.
    pub const DIRECTORY: u8 = 0xfe;
    /// Preset for a session: pidfd of the container's root process.
    pub const ROOT_PROCESS: u8 = 0xfd;
    /// The user namespace of the container, in who has made it and who is to enter it.
    pub const USERS: u8 = 0xfc;
    /// How many numbered slots there are.
    pub const COUNT: usize = 96;
}

/// Operations. Each is one system call, or the few that make no sense apart; `s0`, `s1` … are the
/// NUL-terminated strings of the payload.
pub mod op {
    /// `a = fsopen(s0)`.
    pub const FS_OPEN: u16 = 1;
    /// `fsconfig(a, SET_STRING, s0, s1)`.
    pub const FS_STRING: u16 = 2;
    /// `fsconfig(a, SET_FD, s0, b)`.
    pub const FS_DESCRIPTOR: u16 = 31;
    /// `fsconfig(a, SET_FLAG, s0)`.
    pub const FS_FLAG: u16 = 3;
    /// `fsconfig(a, CMD_CREATE)`, `b = fsmount(a, attributes x)`, `close(a)`.
    pub const FS_MOUNT: u16 = 4;
    /// `move_mount(a → b)`, both by descriptor.
    pub const MOVE_MOUNT: u16 = 5;
    /// `b = openat2(a, s0, flags x, resolve y)`.
    pub const OPEN: u16 = 6;
    /// `b = open_tree(a, s0, flags x)`.
    pub const OPEN_TREE: u16 = 7;
    /// `mount_setattr(a, s0, flags low x, propagation high x, set low y, clear high y)`.
    pub const MOUNT_SETATTR: u16 = 8;
    /// `mkdirat(a, s0, mode x)`; with `y` = 1 a directory that is there already is fine.
    pub const MKDIR: u16 = 9;
    /// `mknodat(a, s0, mode x, device y)`.
    pub const MKNOD: u16 = 10;
    /// `symlinkat(s0, a, s1)`.
    pub const SYMLINK: u16 = 11;
    /// `fchdir(a)`, `pivot_root(".", ".")`, `umount2(".", MNT_DETACH)`, `chdir("/")`.
    pub const PIVOT_ROOT: u16 = 12;
    /// `mount(s0, s1, s2, flags x, s3)`.
    pub const MOUNT: u16 = 13;
    /// `umount2(s0, flags x)`; nothing mounted there is fine.
    pub const UMOUNT: u16 = 14;
    /// `unlinkat(a, s0, flags x)`; nothing there is fine.
    pub const UNLINK: u16 = 15;
    /// `sethostname(s0)`.
    pub const SET_HOSTNAME: u16 = 16;
    /// `setns(a, types x)`.
    pub const SETNS: u16 = 17;
    /// `close(a)`.
    pub const CLOSE: u16 = 18;
    /// `prctl(a, x, y, 0, 0)`.
    pub const PRCTL: u16 = 19;
    /// Drops every capability from the bounding set whose bit in `x` is clear, and all ambient ones.
    pub const BOUNDING: u16 = 20;
    /// `setgroups(payload of u32)`, `setresgid(x)`, `setresuid(y)`. Whoever is not root then keeps the
    /// capabilities until [`CAPSET`], which may have to be preceded by a filter that needs one.
    pub const IDS: u16 = 21;
    /// Drops every permitted capability whose bit in `x` is clear, makes the others effective, and sets the
    /// inheritable ones to `y`. Whoever is not root loses all.
    pub const CAPSET: u16 = 22;
    /// `fchown(0, x, -1)`: the terminal of a session is its user's.
    pub const OWN_TERMINAL: u16 = 80;
    /// `prlimit(resource a, soft x, hard y)`.
    pub const RLIMIT: u16 = 23;
    /// `chdir(s0)`, and then `getcwd` must be absolute (CVE-2024-21626).
    pub const CHDIR: u16 = 24;
    /// `umask(x)`.
    pub const UMASK: u16 = 25;
    /// Executes: `x` argument strings, then `y` environment strings. An argument 0 without `/` is looked
    /// up in the environment's `PATH`. All descriptors but 0, 1 and 2 are closed first.
    pub const EXEC: u16 = 26;
    /// Becomes PID 1 of the container: reaps, and on SIGTERM ends the container by sending signal `x` to all inside.
    pub const INIT: u16 = 27;
    /// `keyctl(KEYCTL_JOIN_SESSION_KEYRING)`: a keyring of its own; a kernel without keys is fine.
    pub const KEYRING: u16 = 28;
    /// Dies by SIGKILL. Only fault tests write it.
    pub const DIE: u16 = 29;
    /// Attaches the (detached) mount `a` over what `s0` names below `b`, which is resolved beneath `b`
    /// without following anything; nothing there is fine. A link at its end is covered itself; with `x` = 1 one on the
    /// way to it is fine, and nothing is covered.
    pub const MASK: u16 = 30;
    /// Attaches the (detached) mount `a` where `s0` is as seen from inside the directory `b`; `y` holds further
    /// `RESOLVE_*` flags for every link on the way. With `x` = 1 what is missing of `s0` is made: directories, and at its
    /// end a directory or an empty file, as what is mounted is one. Refused where something is mounted already (`EBUSY`),
    /// and on the kernel's own file systems (`EPERM`).
    pub const ATTACH: u16 = 90;
    /// Makes a user namespace in which 0 to `y` - 1 are `x`, `x` + 1 … outside, users and groups alike, and keeps it in
    /// [`super::slot::USERS`].
    pub const USERS_MAKE: u16 = 100;
    /// Enters that, and becomes its root. It is a step of `SANDBOX`, and taken before the process becomes another user
    /// or owns a terminal, whatever place it has in its own plan. `x` as above.
    pub const USERS_ENTER: u16 = 101;
    /// `mount_setattr(a, "", flags x, MOUNT_ATTR_IDMAP)` with that: what belongs to 0 in the files of the mount belongs to
    /// the root of the namespace.
    pub const USERS_MAP: u16 = 102;
    /// From here on files are made as by user `x` and group `y` (`setfsuid`, `setfsgid`), with all capabilities as
    /// before. A joiner takes those steps of this kind that the root process has taken.
    pub const FILES_AS: u16 = 103;
    /// The steps from here to [`TOGETHER`] are taken by a process with the namespaces `x` (`CLONE_NEW*`) of its own,
    /// which shares descriptors and slots with us.
    pub const APART: u16 = 104;
    /// Ends [`APART`].
    pub const TOGETHER: u16 = 105;
    /// Keeps [`super::fd::BARE`] for others: locks the first of `x` bytes of [`super::fd::KEEPERS`] that nobody has. With `y` = 1 one is made if that is none; who is started again has it.
    pub const BARE_KEEP: u16 = 110;
    /// Enters a copy of [`super::fd::BARE`], and attaches the (detached) mount `a` at its root.
    pub const BARE_ENTER: u16 = 111;
    /// Sends the payload to the kernel over a netlink socket of protocol `x`; fails with the first error that is
    /// answered. With `y` = 1 something that is not there is fine, and all batches are sent whatever becomes of one. A
    /// child of the helper's does it, and closes the socket when that takes nobody's time; the steps that follow are taken
    /// meanwhile, and the section ends when the kernel has answered. There is one in a section. In `UNDO` it is left out
    /// when the first step of the plan, which is such a step then, has failed.
    pub const NETLINK: u16 = 40;
    /// Makes the file `s0` in `a`, with mode `x` and what follows in the payload.
    pub const MAKE_FILE: u16 = 70;
    /// `seccomp(SET_MODE_FILTER, payload)`. With `x` = 0 it is done by the [`EXEC`] or [`INIT`] that follows,
    /// as the last thing, so that the filter has to allow nothing of ours but the execution; with `x` = 1 at
    /// once, for those who have the right to it only as long as they have `CAP_SYS_ADMIN`.
    pub const SECCOMP: u16 = 60;
    /// Writes `s1` into the file `s0`; with `y` = 1 a file that is not there is fine.
    pub const WRITE: u16 = 50;
    /// Enters the cgroup of version 1 whose `tasks` file is `s0`; with `y` = 1 one that is not there is fine.
    /// Before a session's own steps the joiner takes those steps of this kind that the root process has taken.
    pub const CGROUP_ENTER: u16 = 51;
    /// The root process, and later every joiner, is born in the cgroup of version 2 at `s0`.
    pub const CGROUP_BIRTH: u16 = 52;
    /// Removes the cgroup at `s0`, after a `1` in the file `s1`, if that is named, has killed what is in it;
    /// none there is fine.
    pub const CGROUP_REMOVE: u16 = 53;
    /// Notes the number that follows the word `s1` in the file `s0`, for `exit.json`; no such file is fine.
    pub const NOTE_OOM: u16 = 54;
    /// `unshare(x)`.
    pub const UNSHARE: u16 = 55;
    /// Loads the payload as a BPF program that decides about devices, and attaches it to the cgroup of [`CGROUP_BIRTH`].
    pub const CGROUP_DEVICES: u16 = 56;
}

/// Kinds of [`Report`].
pub mod report {
    /// The process runs; [`super::Report::pid`] says which.
    pub const STARTED: u32 = 1;
    /// A step failed.
    pub const FAILED: u32 = 2;
    /// The process ended; [`super::Report::status`] as of wait(2).
    pub const ENDED: u32 = 3;
    /// The same, but its time was up.
    pub const TIMED_OUT: u32 = 4;
    /// The container will not be started again: whoever is its root process now is the last, and whoever was has been.
    pub const STOPPED: u32 = 5;
    /// The plan will be the next.
    pub const TAKEN: u32 = 6;
}

/// What a monitor or a session says, one a message.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// One of [`report`].
    pub kind: u32,
    /// Section of the step that failed.
    pub section: u32,
    /// Index of the step in its section, or one of [`work`].
    pub step: u32,
    /// Why it failed.
    pub errno: i32,
    /// Process id in the host's namespace.
    pub pid: i32,
    /// Wait status as wait(2) gives it.
    pub status: i32,
    /// Id of a detached run that has STARTED.
    pub run: u32,
}

/// Records of detached runs, a file of fixed size: the magic and the next id in the place of a first record, and then
/// [`runs::MOST`] records.
pub mod runs {
    use core::ffi::CStr;

    /// Name of the file.
    pub const FILE: &CStr = c"runs";
    /// First word of it.
    pub const FILE_MAGIC: u64 = u64::from_le_bytes(*b"xdkruns1");
    /// How many records there are: more than there can be sessions, so that nobody who runs loses its own.
    pub const MOST: u32 = 1024;
    /// Bytes of a record.
    pub const ENTRY: usize = size_of::<Entry>();
    /// Bytes of a command line that are kept.
    pub const COMMAND_MAX: usize = 208;

    /// A record, in place `id % MOST`.
    #[repr(C)]
    #[derive(Clone, Copy, Debug)]
    pub struct Entry {
        /// Of the run; 0 is none.
        pub id: u32,
        /// One of [`state`].
        pub state: u32,
        /// Process id in the host's namespace.
        pub pid: i32,
        /// Wait status as wait(2) gives it.
        pub status: i32,
        /// CLOCK_REALTIME in nanoseconds.
        pub started: u64,
        /// The same.
        pub ended: u64,
        /// Bytes of the arguments, each with a NUL behind it.
        pub length: u32,
        /// How many of them are in `command`.
        pub kept: u32,
        /// Process id of the monitor that has started it.
        pub monitor: i32,
        /// 0.
        pub reserved: u32,
        /// The arguments, or their beginning.
        pub command: [u8; COMMAND_MAX],
    }

    impl Default for Entry {
        fn default() -> Self {
            let command = [0; COMMAND_MAX];
            Self {
                id: 0,
                state: 0,
                pid: 0,
                status: 0,
                started: 0,
                ended: 0,
                length: 0,
                kept: 0,
                monitor: 0,
                reserved: 0,
                command,
            }
        }
    }

    /// States of a run.
    pub mod state {
        /// On its way in.
        pub const STARTING: u32 = 1;
        /// It runs, if the container does.
        pub const RUNNING: u32 = 2;
        /// It has ended.
        pub const ENDED: u32 = 3;
        /// The same, but its time was up.
        pub const TIMED_OUT: u32 = 4;
    }
}

/// Kinds of [`Request`].
pub mod request {
    /// Start a process: descriptors are the plan, then stdin, stdout and stderr (none on a terminal). It may take
    /// `argument` nanoseconds; 0 is for ever.
    pub const SESSION: u32 = 1;
    /// Sent by the client of a session: signal `argument` to its process's group.
    pub const SIGNAL: u32 = 2;
    /// Every terminal session of the container hangs up, as when a host goes down. Not answered.
    pub const HANG_UP: u32 = 3;
    /// As [`SESSION`], but with the plan as the only descriptor: the process goes on without its client, reads nothing,
    /// and what it prints is kept in the log.
    pub const DETACHED: u32 = 4;
    /// The container is not to be started again. Answered by [`super::report::STOPPED`], once that is certain.
    pub const STOP: u32 = 5;
    /// When the container is started again, it is by this plan, the only descriptor, whose `run.json` begins as the one before.
    /// Answered by [`super::report::TAKEN`].
    pub const PLAN: u32 = 6;
}

/// What a client says to a monitor or to its session, one a message.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// [`MAGIC`].
    pub magic: u32,
    /// One of [`request`].
    pub kind: u32,
    /// As the kind says.
    pub argument: u64,
}

/// The log: what the root process and detached runs print.
///
/// ```text
/// output.log, output.log.1 (the older one):  FileHead | Frame payload | Frame payload | …
/// ```
/// A frame is there as soon as its head is: the payload is written first. Where zeros or nothing at all stand in
/// the place of a head, or a part of one, the file ends. Whoever wants to go on with a file that was torn cuts it there.
pub mod log {
    use core::ffi::CStr;

    /// The file that is written.
    pub const FILE: &CStr = c"output.log";
    /// The one before it.
    pub const OLD_FILE: &CStr = c"output.log.1";
    /// First word of a file.
    pub const FILE_MAGIC: u64 = u64::from_le_bytes(*b"xdklog1\n");
    /// First word of a frame.
    pub const FRAME_MAGIC: u32 = u32::from_le_bytes(*b"xfrm");
    /// Longest payload.
    pub const FRAME_MAX: usize = 64 * 1024;

    /// Start of a file.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct FileHead {
        /// [`FILE_MAGIC`].
        pub magic: u64,
        /// One more than that of the file before it.
        pub generation: u64,
    }

    /// Head of a frame.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Frame {
        /// [`FRAME_MAGIC`].
        pub magic: u32,
        /// One of [`kind`].
        pub kind: u32,
        /// CLOCK_REALTIME in nanoseconds.
        pub time: u64,
        /// Who has printed it: 0 for the root process, or the id of a detached run. Of [`kind::LOST`] the number of bytes.
        pub origin: u64,
        /// Bytes of payload that follow.
        pub length: u32,
        /// [`FRAME_MAGIC`] again: who sees both while the head is being written sees all between them.
        pub close: u32,
    }

    /// Kinds of [`Frame`].
    pub mod kind {
        /// Another monitor begins: nobody who has printed before it prints on.
        pub const BEGIN: u32 = 1;
        /// Standard output.
        pub const STDOUT: u32 = 2;
        /// Standard error.
        pub const STDERR: u32 = 3;
        /// Nothing more comes from `origin` on its standard output.
        pub const END_STDOUT: u32 = 4;
        /// The same of its standard error.
        pub const END_STDERR: u32 = 5;
        /// Here something is missing that could not be written.
        pub const LOST: u32 = 6;
    }
}
