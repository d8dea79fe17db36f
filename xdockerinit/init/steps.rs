//! Execution of steps: each is one system call, or the few that make no sense apart.

use crate::attach::{Place, attach};
use crate::plan::Step;
use crate::sys::{
    self, EACCES, EBUSY, EEXIST, EINVAL, EIO, ELOOP, ENAMETOOLONG, ENOENT, ENOSYS, ENOTDIR, EXDEV,
};
use crate::sys::{Cgroup, Errno, Memory, Result, Text, Wait};
use crate::users;
use crate::wire::{op, slot};

/// prctl(2): a change of identity leaves the permitted capabilities.
const PR_SET_KEEPCAPS: u64 = 8;

/// What processes of a container are born into, beside the namespaces of its root process.
#[derive(Clone, Copy)]
pub struct Within {
    /// On hosts with cgroups of version 2.
    pub cgroup: Option<Cgroup>,
    /// The container's user namespace; -1 where that is the host's.
    pub users: i32,
}

impl Within {
    pub const NOTHING: Self = Self { cgroup: None, users: -1 };

    pub fn close(&mut self) {
        let cgroup = self.cgroup.map_or(-1, |Cgroup(directory)| directory);
        for fd in [cgroup, self.users].into_iter().filter(|fd| *fd >= 0) {
            sys::close(fd);
        }
        *self = Self::NOTHING;
    }
}

/// What steps of a process have between them: the descriptors that they pass on to one another.
pub struct Machine {
    slots: [i32; slot::COUNT],
    directory: i32,
    root_process: i32,
    /// What processes of the container are born into.
    pub within: Within,
    /// Whether the process is in the container's user namespace.
    in_users: bool,
    /// Program of the seccomp filter that is to be loaded last; empty for none.
    filter: &'static [u8],
    /// How often the kernel has killed in the container for want of memory, if that was noted.
    pub oom_kills: Option<u64>,
    /// Whether the process has become another user than root.
    unprivileged: bool,
    /// Whether it is to be the other user as its effective one only: the host's processes of that user may not signal it
    /// then (kill(2)). Whom it has as such a one, or 0.
    pub stays_root: bool,
    user: u64,
    /// Processes that have done their work, and are collected when there is time.
    done: [i32; 3],
    /// Whether the steps are taken by a process that works for another one.
    pub apart: bool,
    /// Whether the process was cloned into a PID namespace of its own.
    pub may_be_init: bool,
    /// The plan that is executed, for who does not need it any more to give it back.
    pub plan: &'static [u8],
}

impl Machine {
    pub fn new(directory: i32, root_process: i32) -> Self {
        Self {
            slots: [-1; slot::COUNT],
            directory,
            root_process,
            within: Within::NOTHING,
            in_users: false,
            filter: &[],
            oom_kills: None,
            unprivileged: false,
            stays_root: false,
            user: 0,
            done: [0; 3],
            apart: false,
            may_be_init: false,
            plan: &[],
        }
    }

    fn fd(&self, number: u8) -> i32 {
        match number {
            slot::CWD => sys::AT_FDCWD,
            slot::DIRECTORY => self.directory,
            slot::ROOT_PROCESS => self.root_process,
            slot::USERS => self.within.users,
            _ => self.slots.get(usize::from(number)).copied().unwrap_or(-1),
        }
    }

    fn keep(&mut self, number: u8, fd: i32) -> Result<()> {
        *self.slots.get_mut(usize::from(number)).ok_or(EINVAL)? = fd;
        Ok(())
    }

    fn drop(&mut self, number: u8) -> Result<()> {
        sys::close(self.fd(number));
        self.keep(number, -1)
    }

    /// Closes what steps have left open for one another, and collects the processes that worked for them.
    pub fn clear(&mut self) {
        for pid in self.done.iter_mut().filter(|pid| **pid != 0) {
            let _ = sys::wait(Wait::Pid(core::mem::take(pid)), 0);
        }
        for fd in self.slots.iter_mut().filter(|fd| **fd >= 0) {
            sys::close(core::mem::replace(fd, -1));
        }
    }

    /// Executes one step.
    pub fn run(&mut self, step: &Step) -> Result<()> {
        let head = step.head;
        let (x, y) = (head.x, head.y);
        let a = self.fd(head.a);
        let mut texts = step.texts();
        match head.op {
            op::FS_OPEN => self.keep(head.a, sys::fsopen(texts.take())?),
            op::FS_STRING => sys::fsconfig_string(a, texts.take(), texts.take()),
            op::FS_DESCRIPTOR => sys::fsconfig_descriptor(a, texts.take(), self.fd(head.b)),
            op::FS_FLAG => sys::fsconfig_flag(a, texts.take()),
            op::FS_MOUNT => {
                sys::fsconfig_create(a)?;
                self.keep(head.b, sys::fsmount(a, x)?)?;
                self.drop(head.a)
            }
            op::MOVE_MOUNT => sys::move_mount(a, self.fd(head.b)),
            op::OPEN => self.keep(head.b, sys::openat2(a, texts.take(), x, y)?),
            op::OPEN_TREE => self.keep(head.b, sys::open_tree(a, texts.take(), x)?),
            op::MOUNT_SETATTR => {
                sys::mount_setattr(a, texts.take(), x & 0xffff_ffff, y & 0xffff_ffff, y >> 32, x >> 32)
            }
            op::MKDIR => allow(sys::mkdirat(a, texts.take(), x), if y == 1 { &[EEXIST] } else { &[] }),
            op::MKNOD => sys::mknodat(a, texts.take(), x, y),
            op::SYMLINK => sys::symlinkat(texts.take(), a, texts.take()),
            op::PIVOT_ROOT => sys::pivot_to(a),
            op::MOUNT => {
                let (source, target, kind) = (texts.take(), texts.take(), texts.take());
                sys::mount(source, target, kind, x, texts.take())
            }
            op::UMOUNT => umount(texts.take(), x),
            op::UNLINK => allow(sys::unlinkat(a, texts.take(), x), &[ENOENT]),
            op::SET_HOSTNAME => sys::sethostname(texts.take()),
            op::SETNS => sys::setns(a, x),
            op::CLOSE => self.drop(head.a),
            op::PRCTL => sys::prctl(u64::from(head.a), x, y),
            op::BOUNDING => bounding(x),
            op::IDS => {
                let groups = step.payload();
                sys::setgroups(groups.len() / 4, groups.as_ptr())?;
                sys::setresgid(x)?;
                self.unprivileged = y != 0;
                match y {
                    0 => sys::setresuid(0),
                    user if self.stays_root => {
                        sys::seteuid(user)?;
                        self.user = user;
                        sys::keep_capabilities(u64::MAX, 0)
                    }
                    user => become_user(user),
                }
            }
            op::OWN_TERMINAL => sys::fchown(0, x),
            op::CAPSET => sys::keep_capabilities(if self.unprivileged { 0 } else { x }, y),
            op::RLIMIT => sys::prlimit(head.a, x, y),
            op::CHDIR => chdir(texts.take()),
            op::UMASK => {
                sys::umask(x);
                Ok(())
            }
            op::EXEC => self.exec(step),
            op::INIT => {
                self.load_filter()?;
                crate::reaper::run(self.may_be_init, x as i32, self.plan)
            }
            op::KEYRING => allow(sys::join_session_keyring(), &[ENOSYS]),
            op::DIE => {
                if self.apart {
                    let _ = sys::kill(sys::getppid(), sys::SIGKILL);
                }
                let _ = sys::kill(sys::getpid(), sys::SIGKILL);
                // A container's PID 1 is immune to signals of its own (pid_namespaces(7)).
                sys::exit(crate::BROKEN)
            }
            op::MASK => self.mask(a, head.b, texts.take(), x == 1),
            op::USERS_MAKE => users::make(x, y).map(|(namespace, process)| {
                self.within.users = namespace;
                self.forget(process);
            }),
            op::USERS_ENTER => self.enter_users(),
            op::USERS_MAP => sys::map_owners(a, x, self.within.users),
            op::FILES_AS => {
                users::files_as(x, y)?;
                // Like any change of identity it has cleared this (prctl(2)).
                sys::die_with_parent();
                Ok(())
            }
            op::ATTACH => {
                attach(a, &Place { root: self.fd(head.b), path: texts.take(), make: x == 1, resolve: y })
            }
            op::MAKE_FILE => make_file(a, texts.take(), x, step.payload()),
            op::SECCOMP => {
                self.filter = step.payload();
                if x == 1 { self.load_filter() } else { Ok(()) }
            }
            op::WRITE => allow(write_file(texts.take(), texts.take()), absent(y)),
            op::CGROUP_ENTER => allow(write_file(texts.take(), Text::of(c"0")), absent(y)),
            op::CGROUP_BIRTH => {
                let directory = sys::openat(sys::AT_FDCWD, texts.take(), sys::O_PATH, 0)?;
                self.within.cgroup = Some(Cgroup(directory));
                Ok(())
            }
            op::CGROUP_REMOVE => remove_cgroup(texts.take(), texts.take()),
            op::NOTE_OOM => {
                let counted = counter(texts.take(), texts.take());
                allow(counted.map(|count| self.oom_kills = Some(count)), &[ENOENT])
            }
            op::BARE_KEEP => {
                crate::bare::keep(x, y == 1).map(|made| made.into_iter().for_each(|it| self.forget(it)))
            }
            op::BARE_ENTER => crate::bare::enter(a),
            op::UNSHARE => sys::unshare(x),
            op::CGROUP_DEVICES => sys::guard_devices(self.within.cgroup.ok_or(EINVAL)?, step.payload()),
            _ => Err(ENOSYS),
        }
    }

    /// Becomes whom it has worked for so far, for good.
    pub fn leave_root(&mut self) -> Result<()> {
        match core::mem::take(&mut self.user) {
            0 => Ok(()),
            user => become_user(user),
        }
    }

    /// Enters the container's user namespace, once.
    fn enter_users(&mut self) -> Result<()> {
        if !self.in_users {
            users::enter(self.within.users)?;
            sys::close(self.within.users);
            self.within.users = -1;
            self.in_users = true;
        }
        Ok(())
    }

    /// Has a process that is about to end collected later: what it leaves may take the kernel a grace period of RCU.
    pub fn forget(&mut self, process: i32) {
        if let Some(free) = self.done.iter_mut().find(|pid| **pid == 0) {
            *free = process;
        }
    }

    /// Attaches the mount `mount` over what `path` names beneath the directory in slot `b`.
    fn mask(&self, mount: i32, b: u8, path: Text, links_are_fine: bool) -> Result<()> {
        use sys::{O_NOFOLLOW, O_PATH, RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS};
        let how = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
        match sys::openat2(self.fd(b), path, O_PATH | O_NOFOLLOW, how) {
            Err(ENOENT | ENOTDIR) => Ok(()),
            Err(ELOOP) if links_are_fine => Ok(()),
            Err(why) => Err(why),
            Ok(target) => {
                let result = sys::move_mount(mount, target);
                sys::close(target);
                result
            }
        }
    }

    /// Has the kernel filter our system calls from here on, if a filter is still to be loaded.
    fn load_filter(&mut self) -> Result<()> {
        match core::mem::take(&mut self.filter) {
            [] => Ok(()),
            program => sys::seccomp(program),
        }
    }

    /// Replaces the process by a program. Returns only to say why not.
    fn exec(&mut self, step: &Step) -> Result<()> {
        let (argc, envc) = (step.head.x as usize, step.head.y as usize);
        // Two arrays of pointers, each with a null at its end.
        let room = (argc + envc + 2) * size_of::<*const u8>();
        let pointers = sys::map(Memory::Private, room)?.cast::<*const u8>();
        let mut texts = step.texts();
        // SAFETY: the mapping has room for all of them and begins as zeros.
        let (arguments, environment) = unsafe {
            for i in 0..argc {
                pointers.add(i).write(texts.take().pointer());
            }
            for i in 0..envc {
                pointers.add(argc + 1 + i).write(texts.take().pointer());
            }
            (pointers, pointers.add(argc + 1))
        };
        // At the execution, not before it: a parent may be waiting for one of them to close.
        sys::close_range_on_exec(3, u32::MAX)?;
        sys::set_mask(0);
        self.load_filter()?;
        let mut texts = step.texts();
        let program = texts.take();
        if program.bytes().contains(&b'/') {
            return Err(sys::execve(program.pointer(), arguments, environment));
        }
        for _ in 1..argc {
            texts.take();
        }
        let path = (0..envc).find_map(|_| texts.take().bytes().strip_prefix(b"PATH="));
        Err(search(path.unwrap_or(b"/usr/local/bin:/usr/bin:/bin"), program.bytes(), |candidate| {
            sys::execve(candidate, arguments, environment)
        }))
    }
}

/// Becomes another user than root, with the permitted capabilities that there are.
fn become_user(user: u64) -> Result<()> {
    sys::prctl(PR_SET_KEEPCAPS, 1, 0)?;
    sys::setresuid(user)?;
    sys::keep_capabilities(u64::MAX, 0)
}

/// Tries `name` in each directory of `path`, as execvp(3): a file that may not be executed is passed over,
/// and told if none is found.
fn search(path: &[u8], name: &[u8], try_one: impl Fn(*const u8) -> Errno) -> Errno {
    if name.is_empty() {
        return ENOENT;
    }
    let mut seen = ENOENT;
    for directory in path.split(|byte| *byte == b':') {
        let directory = if directory.is_empty() { b"." } else { directory };
        let mut buffer = [0u8; 4096];
        let length = directory.len() + 1 + name.len();
        if length >= buffer.len() {
            seen = ENAMETOOLONG;
            continue;
        }
        buffer[..directory.len()].copy_from_slice(directory);
        buffer[directory.len()] = b'/';
        buffer[directory.len() + 1..length].copy_from_slice(name);
        match try_one(buffer.as_ptr()) {
            ENOENT | ENOTDIR => (),
            EACCES => seen = EACCES,
            why => return why,
        }
    }
    seen
}

/// Errors that count as success when a step says that what it is about may be missing.
fn absent(may_be: u64) -> &'static [Errno] {
    if may_be == 1 { &[ENOENT] } else { &[] }
}

/// Writes into a file that is there, all at once.
fn write_file(path: Text, value: Text) -> Result<()> {
    let file = sys::openat(sys::AT_FDCWD, path, sys::O_WRONLY, 0)?;
    let written = sys::write(file, value.bytes());
    sys::close(file);
    written.map(drop)
}

/// Removes a cgroup. The last process may still be on its way out of it, even when it has been reaped.
fn remove_cgroup(path: Text, kill: Text) -> Result<()> {
    const ROUNDS: u32 = 400;
    const PAUSE: i32 = 5;
    if !kill.bytes().is_empty() {
        allow(write_file(kill, Text::of(c"1")), &[ENOENT])?;
    }
    for _ in 0..ROUNDS {
        match sys::unlinkat(sys::AT_FDCWD, path, sys::AT_REMOVEDIR) {
            Err(EBUSY) => drop(sys::poll(&mut [], PAUSE)),
            other => return allow(other, &[ENOENT]),
        }
    }
    Err(EBUSY)
}

/// The number behind `word` in a file of lines of words and numbers.
fn counter(path: Text, word: Text) -> Result<u64> {
    let file = sys::openat(sys::AT_FDCWD, path, 0, 0)?;
    let mut buffer = [0u8; 512];
    let length = sys::read(file, &mut buffer);
    sys::close(file);
    let text = buffer.get(..length?).unwrap_or(&[]);
    let number = text
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(word.bytes())?.strip_prefix(b" "))
        .ok_or(sys::EPROTO)?;
    Ok(sys::number(number))
}

/// Makes a file; `payload` is its name, which `path` is too, a NUL, and what it holds.
fn make_file(directory: i32, path: Text, mode: u64, payload: &[u8]) -> Result<()> {
    let content = payload.get(path.bytes().len() + 1..).ok_or(EINVAL)?;
    let flags = sys::O_WRONLY | sys::O_CREAT | sys::O_EXCL;
    let file = sys::openat(directory, path, flags, mode as u32)?;
    let written = sys::write(file, content);
    sys::close(file);
    check(written? == content.len(), EIO)
}

/// `result`, with some errors counted as success.
fn allow(result: Result<()>, fine: &[Errno]) -> Result<()> {
    match result {
        Err(why) if fine.contains(&why) => Ok(()),
        other => other,
    }
}

fn check(holds: bool, otherwise: Errno) -> Result<()> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// Unmounts; a busy mount (somebody on the host stands in it) is detached, none there is fine.
fn umount(path: Text, flags: u64) -> Result<()> {
    let result = match sys::umount(path, flags) {
        Err(EBUSY) => sys::umount(path, flags | sys::MNT_DETACH),
        other => other,
    };
    allow(result, &[EINVAL, ENOENT])
}

fn chdir(path: Text) -> Result<()> {
    sys::chdir(path)?;
    // A directory outside our root reads as `(unreachable)/…` (getcwd(3)).
    check(sys::working_directory_begins()? == b'/', EXDEV)
}

/// Keeps in the bounding set only the capabilities of `keep`, and clears the ambient set.
fn bounding(keep: u64) -> Result<()> {
    const PR_CAP_AMBIENT: u64 = 47;
    const PR_CAP_AMBIENT_CLEAR_ALL: u64 = 4;
    for capability in (0..64).filter(|bit| keep & (1 << bit) == 0) {
        match sys::capbset_drop(capability) {
            Err(EINVAL) => break, // past the last capability of this kernel
            result => result?,
        }
    }
    sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0)
}
