//! Steps: what the helper can be told to do, typed, and their encoding.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use xdockerinit::wire::{StepHead, op, slot};

/// A path of ours, or another text of ours, as the kernel takes it.
pub(crate) fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("paths of ours hold no NUL")
}

/// Where the helper keeps a descriptor between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(pub(super) u8);

/// What a path is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directory {
    /// The helper's working directory.
    Current,
    /// An open directory.
    At(Slot),
}

impl Directory {
    fn number(self) -> u8 {
        match self {
            Self::Current => slot::CWD,
            Self::At(slot) => slot.0,
        }
    }
}

/// Attributes of a mount (`MOUNT_ATTR_*` of mount_setattr(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes(pub(crate) u64);

impl Attributes {
    pub(crate) const READ_ONLY: Self = Self(0x1);
    pub(crate) const NO_SUID: Self = Self(0x2);
    pub(crate) const NO_DEV: Self = Self(0x4);
    pub(crate) const NO_EXEC: Self = Self(0x8);
    /// What nothing but a root file system or /dev can do without.
    pub(crate) const HARMLESS: Self = Self(0x2 | 0x4 | 0x8);

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One thing for the helper to do; the operations are those of [`xdockerinit::wire::op`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    FsOpen {
        kind: &'static CStr,
        to: Slot,
    },
    FsString {
        fs: Slot,
        key: &'static CStr,
        value: CString,
    },
    FsDescriptor {
        fs: Slot,
        key: &'static CStr,
        value: Slot,
    },
    FsFlag {
        fs: Slot,
        key: &'static CStr,
    },
    FsMount {
        fs: Slot,
        to: Slot,
        attributes: Attributes,
    },
    MoveMount {
        mount: Slot,
        target: Slot,
    },
    Open {
        at: Directory,
        path: CString,
        to: Slot,
        flags: i32,
        resolve: u64,
    },
    OpenTree {
        at: Directory,
        path: CString,
        to: Slot,
        flags: u32,
    },
    SetAttributes {
        at: Directory,
        path: CString,
        flags: u32,
        set: Attributes,
        propagation: u64,
    },
    MakeDirectory {
        at: Directory,
        path: CString,
        mode: u32,
    },
    MakeDevice {
        at: Directory,
        path: CString,
        mode: u32,
        device: u64,
    },
    Symlink {
        target: CString,
        at: Directory,
        path: CString,
    },
    PivotRoot {
        root: Slot,
    },
    Mount {
        source: CString,
        target: CString,
        kind: CString,
        flags: u64,
        data: CString,
    },
    Unmount {
        path: CString,
    },
    Unlink {
        at: Directory,
        path: CString,
    },
    SetHostname {
        name: CString,
    },
    JoinNamespace {
        namespace: Slot,
        types: i32,
    },
    /// Joins namespaces of the container's root process (in a session).
    JoinContainer {
        types: i32,
    },
    Close {
        fd: Slot,
    },
    ChangeDirectory {
        path: CString,
    },
    Umask {
        mask: u32,
    },
    Mask {
        mount: Slot,
        below: Slot,
        path: CString,
        /// Where a link is on the way there, nothing is mounted; otherwise that is an error.
        links_are_fine: bool,
    },
    /// Makes the container's user namespace.
    MakeUsers {
        first: u32,
        count: u32,
    },
    /// Enters it, as its root; before anything in a process's own plan that asks for one of its users.
    EnterUsers {
        first: u32,
    },
    /// Has a detached mount show the owners of its files as that namespace sees them.
    MapOwners {
        mount: Slot,
        flags: u32,
    },
    /// Files that are made from here on belong to these, whose numbers are those outside.
    FilesAs {
        uid: u32,
        gid: u32,
    },
    /// The steps up to [`Self::Together`] are taken by a process with these namespaces of its own.
    Apart {
        namespaces: i32,
    },
    Together,
    /// Keeps a bare mount namespace for others, in one of so many places.
    KeepBare {
        places: u64,
        make: bool,
    },
    /// Enters a mount namespace of its own, with nothing in it but this detached mount.
    EnterBare {
        root: Slot,
    },
    /// Attaches a mount at a path as it is inside `root`, once that has been looked at.
    Attach {
        mount: Slot,
        root: Slot,
        path: CString,
        /// What is missing of the path is made.
        make: bool,
        /// `RESOLVE_*` flags (openat2(2)) besides the ones that keep it inside.
        resolve: u64,
    },
    MakeFile {
        at: Directory,
        path: CString,
        mode: u32,
        content: Vec<u8>,
    },
    /// Sends messages to the kernel.
    Netlink {
        protocol: u32,
        messages: Vec<u8>,
        missing_is_fine: bool,
    },
    Keyring,
    LimitResource {
        resource: u32,
        soft: u64,
        hard: u64,
    },
    Control {
        option: u8,
        x: u64,
        y: u64,
    },
    BoundCapabilities {
        keep: u64,
    },
    SetIdentity {
        uid: u32,
        gid: u32,
        groups: Vec<u32>,
    },
    /// Makes the terminal that is standard input this user's.
    OwnTerminal {
        uid: u32,
    },
    /// Keeps these of the permitted capabilities.
    SetCapabilities {
        permitted: u64,
        inheritable: u64,
    },
    /// Loads a seccomp filter: at once, or right before the program.
    Filter {
        program: Vec<u8>,
        at_once: bool,
    },
    /// Writes into a file that is there, or may be missing if that is said.
    WriteFile {
        path: CString,
        value: CString,
        optional: bool,
    },
    /// Enters a cgroup of version 1 by its `tasks`; so does every session.
    EnterCgroup {
        tasks: CString,
        optional: bool,
    },
    /// The root process and all sessions are born in this cgroup of version 2.
    BearInCgroup {
        path: CString,
    },
    RemoveCgroup {
        path: CString,
        /// The file by which the kernel kills what is in it; none in version 1.
        kill: CString,
    },
    /// Notes how often the kernel has killed for want of memory: the number behind a word in a file.
    NoteOomKills {
        file: CString,
        word: &'static CStr,
    },
    /// Has this BPF program decide about devices in the cgroup of version 2.
    GuardDevices {
        program: Vec<u8>,
    },
    Unshare {
        types: i32,
    },
    Execute {
        argv: Vec<CString>,
        envp: Vec<CString>,
    },
    /// Ends the container with this signal to all inside, when it gets SIGTERM itself.
    BecomeInit {
        farewell: i32,
    },
    /// Dies by SIGKILL: for fault tests.
    Die,
}

/// Operation, two slots and two numbers of a step.
struct Head(u16, u8, u8, u64, u64);

impl Action {
    /// The identity of processes that have none of their own: root, and in no other group.
    pub(crate) const BECOME_ROOT: Self = Self::SetIdentity { uid: 0, gid: 0, groups: Vec::new() };

    /// Appends the step to `out`, which holds a multiple of 8 bytes before and after.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut payload = Vec::new();
        let mut texts =
            |texts: &[&CStr]| texts.iter().for_each(|text| payload.extend(text.to_bytes_with_nul()));
        let Head(op, a, b, x, y) = match self {
            Self::FsOpen { kind, to } => {
                texts(&[kind]);
                Head(op::FS_OPEN, to.0, 0, 0, 0)
            }
            Self::FsString { fs, key, value } => {
                texts(&[key, value]);
                Head(op::FS_STRING, fs.0, 0, 0, 0)
            }
            Self::FsDescriptor { fs, key, value } => {
                texts(&[key]);
                Head(op::FS_DESCRIPTOR, fs.0, value.0, 0, 0)
            }
            Self::FsFlag { fs, key } => {
                texts(&[key]);
                Head(op::FS_FLAG, fs.0, 0, 0, 0)
            }
            Self::FsMount { fs, to, attributes } => Head(op::FS_MOUNT, fs.0, to.0, attributes.0, 0),
            Self::MoveMount { mount, target } => Head(op::MOVE_MOUNT, mount.0, target.0, 0, 0),
            Self::Open { at, path, to, flags, resolve } => {
                texts(&[path]);
                Head(op::OPEN, at.number(), to.0, *flags as u64, *resolve)
            }
            Self::OpenTree { at, path, to, flags } => {
                texts(&[path]);
                Head(op::OPEN_TREE, at.number(), to.0, u64::from(*flags), 0)
            }
            Self::SetAttributes { at, path, flags, set, propagation } => {
                texts(&[path]);
                Head(op::MOUNT_SETATTR, at.number(), 0, u64::from(*flags) | propagation << 32, set.0)
            }
            Self::MakeDirectory { at, path, mode } => {
                texts(&[path]);
                Head(op::MKDIR, at.number(), 0, u64::from(*mode), 0)
            }
            Self::MakeDevice { at, path, mode, device } => {
                texts(&[path]);
                Head(op::MKNOD, at.number(), 0, u64::from(*mode), *device)
            }
            Self::Symlink { target, at, path } => {
                texts(&[target, path]);
                Head(op::SYMLINK, at.number(), 0, 0, 0)
            }
            Self::PivotRoot { root } => Head(op::PIVOT_ROOT, root.0, 0, 0, 0),
            Self::Mount { source, target, kind, flags, data } => {
                texts(&[source, target, kind, data]);
                Head(op::MOUNT, 0, 0, *flags, 0)
            }
            Self::Unmount { path } => {
                texts(&[path]);
                Head(op::UMOUNT, 0, 0, 0, 0)
            }
            Self::Unlink { at, path } => {
                texts(&[path]);
                Head(op::UNLINK, at.number(), 0, 0, 0)
            }
            Self::SetHostname { name } => {
                texts(&[name]);
                Head(op::SET_HOSTNAME, 0, 0, 0, 0)
            }
            Self::JoinNamespace { namespace, types } => Head(op::SETNS, namespace.0, 0, *types as u64, 0),
            Self::JoinContainer { types } => Head(op::SETNS, slot::ROOT_PROCESS, 0, *types as u64, 0),
            Self::Close { fd } => Head(op::CLOSE, fd.0, 0, 0, 0),
            Self::ChangeDirectory { path } => {
                texts(&[path]);
                Head(op::CHDIR, 0, 0, 0, 0)
            }
            Self::Umask { mask } => Head(op::UMASK, 0, 0, u64::from(*mask), 0),
            Self::Mask { mount, below, path, links_are_fine } => {
                texts(&[path]);
                Head(op::MASK, mount.0, below.0, u64::from(*links_are_fine), 0)
            }
            Self::MakeUsers { first, count } => {
                Head(op::USERS_MAKE, 0, 0, u64::from(*first), u64::from(*count))
            }
            Self::EnterUsers { first } => Head(op::USERS_ENTER, 0, 0, u64::from(*first), 0),
            Self::MapOwners { mount, flags } => Head(op::USERS_MAP, mount.0, 0, u64::from(*flags), 0),
            Self::FilesAs { uid, gid } => Head(op::FILES_AS, 0, 0, u64::from(*uid), u64::from(*gid)),
            Self::Apart { namespaces } => Head(op::APART, 0, 0, *namespaces as u64, 0),
            Self::Together => Head(op::TOGETHER, 0, 0, 0, 0),
            Self::KeepBare { places, make } => Head(op::BARE_KEEP, 0, 0, *places, u64::from(*make)),
            Self::EnterBare { root } => Head(op::BARE_ENTER, root.0, 0, 0, 0),
            Self::Attach { mount, root, path, make, resolve } => {
                texts(&[path]);
                Head(op::ATTACH, mount.0, root.0, u64::from(*make), *resolve)
            }
            Self::MakeFile { at, path, mode, content } => {
                texts(&[path]);
                payload.extend(content);
                Head(op::MAKE_FILE, at.number(), 0, u64::from(*mode), 0)
            }
            Self::Netlink { protocol, messages, missing_is_fine } => {
                payload.extend(messages);
                Head(op::NETLINK, 0, 0, u64::from(*protocol), u64::from(*missing_is_fine))
            }
            Self::Keyring => Head(op::KEYRING, 0, 0, 0, 0),
            Self::LimitResource { resource, soft, hard } => {
                Head(op::RLIMIT, *resource as u8, 0, *soft, *hard)
            }
            Self::Control { option, x, y } => Head(op::PRCTL, *option, 0, *x, *y),
            Self::BoundCapabilities { keep } => Head(op::BOUNDING, 0, 0, *keep, 0),
            Self::SetIdentity { uid, gid, groups } => {
                payload.extend(groups.iter().flat_map(|group| group.to_ne_bytes()));
                Head(op::IDS, 0, 0, u64::from(*gid), u64::from(*uid))
            }
            Self::OwnTerminal { uid } => Head(op::OWN_TERMINAL, 0, 0, u64::from(*uid), 0),
            Self::SetCapabilities { permitted, inheritable } => {
                Head(op::CAPSET, 0, 0, *permitted, *inheritable)
            }
            Self::Filter { program, at_once } => {
                payload.extend(program);
                Head(op::SECCOMP, 0, 0, u64::from(*at_once), 0)
            }
            Self::WriteFile { path, value, optional } => {
                texts(&[path, value]);
                Head(op::WRITE, 0, 0, 0, u64::from(*optional))
            }
            Self::EnterCgroup { tasks, optional } => {
                texts(&[tasks]);
                Head(op::CGROUP_ENTER, 0, 0, 0, u64::from(*optional))
            }
            Self::BearInCgroup { path } => {
                texts(&[path]);
                Head(op::CGROUP_BIRTH, 0, 0, 0, 0)
            }
            Self::RemoveCgroup { path, kill } => {
                texts(&[path, kill]);
                Head(op::CGROUP_REMOVE, 0, 0, 0, 0)
            }
            Self::NoteOomKills { file, word } => {
                texts(&[file, word]);
                Head(op::NOTE_OOM, 0, 0, 0, 0)
            }
            Self::GuardDevices { program } => {
                payload.extend(program);
                Head(op::CGROUP_DEVICES, 0, 0, 0, 0)
            }
            Self::Unshare { types } => Head(op::UNSHARE, 0, 0, *types as u64, 0),
            Self::Execute { argv, envp } => {
                argv.iter().chain(envp).for_each(|text| texts(&[text]));
                Head(op::EXEC, 0, 0, argv.len() as u64, envp.len() as u64)
            }
            Self::BecomeInit { farewell } => Head(op::INIT, 0, 0, *farewell as u64, 0),
            Self::Die => Head(op::DIE, 0, 0, 0, 0),
        };
        out.extend(op.to_ne_bytes());
        out.extend([a, b]);
        out.extend((payload.len() as u32).to_ne_bytes());
        out.extend(x.to_ne_bytes());
        out.extend(y.to_ne_bytes());
        out.extend(&payload);
        out.resize(out.len().next_multiple_of(8), 0);
    }
}

/// The encoding above writes a head field by field.
const _: () = assert!(size_of::<StepHead>() == 24);
