//! System calls, typed: the only file that speaks to the kernel.
//!
//! Numbers and layouts are those of x86_64 Linux (syscall(2), the headers named with each). A path is a
//! `Text`: a pointer to bytes that are known to end in NUL.

use core::arch::asm;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::{null, null_mut};

/// An errno.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

pub const EPERM: Errno = Errno(1);
pub const ENOENT: Errno = Errno(2);
pub const EINTR: Errno = Errno(4);
pub const EIO: Errno = Errno(5);
pub const EAGAIN: Errno = Errno(11);
pub const EACCES: Errno = Errno(13);
pub const EBUSY: Errno = Errno(16);
pub const EEXIST: Errno = Errno(17);
pub const EXDEV: Errno = Errno(18);
pub const ENOTDIR: Errno = Errno(20);
pub const EISDIR: Errno = Errno(21);
pub const EINVAL: Errno = Errno(22);
pub const ENAMETOOLONG: Errno = Errno(36);
pub const ENOSYS: Errno = Errno(38);
pub const ELOOP: Errno = Errno(40);
pub const EPROTO: Errno = Errno(71);

pub type Result<T> = core::result::Result<T, Errno>;

/// The number that decimal digits write, as the kernel prints them.
pub fn number(digits: &[u8]) -> u64 {
    digits
        .iter()
        .fold(0, |sum: u64, digit| sum.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0'))))
}

/// A NUL-terminated string inside a plan or of ours.
#[derive(Clone, Copy)]
pub struct Text(*const u8);

impl Text {
    /// The text that begins at `at`.
    ///
    /// # Safety
    /// A NUL follows somewhere inside the same live mapping.
    pub unsafe fn new(at: *const u8) -> Self {
        Self(at)
    }

    pub fn of(text: &'static core::ffi::CStr) -> Self {
        Self(text.as_ptr().cast())
    }

    pub fn pointer(self) -> *const u8 {
        self.0
    }

    /// The bytes without the NUL.
    pub fn bytes(self) -> &'static [u8] {
        let mut n = 0;
        // SAFETY: the maker of a `Text` vouched for the NUL; plans stay mapped until the process ends.
        unsafe {
            while self.0.add(n).read() != 0 {
                n += 1;
            }
            core::slice::from_raw_parts(self.0, n)
        }
    }
}

/// One system call. The result is the kernel's: negative errno or value.
///
/// # Safety
/// The arguments are what that call may be given: pointers to memory valid for what it reads and writes.
#[inline(always)]
unsafe fn call(n: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> Result<usize> {
    let result: isize;
    // SAFETY: the syscall instruction clobbers rcx and r11 only; memory is the caller's promise.
    unsafe {
        asm!("syscall", inlateout("rax") n as isize => result, in("rdi") a, in("rsi") b, in("rdx") c,
            in("r10") d, in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    if result < 0 { Err(Errno(-result as i32)) } else { Ok(result as usize) }
}

macro_rules! call {
    ($n:expr $(, $arg:expr)*) => { call!(@ $n; $($arg,)* 0, 0, 0, 0, 0, 0,) };
    (@ $n:expr; $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr, $($rest:expr,)*) => {
        // SAFETY: every use below passes integers, or pointers to live memory of the length it names.
        unsafe { call($n, $a as usize, $b as usize, $c as usize, $d as usize, $e as usize, $f as usize) }
    };
}

// After the macro, which it uses.
pub mod pipes;

// ---- processes ------------------------------------------------------------------------------------

pub const SIGHUP: i32 = 1;
pub const SIGKILL: i32 = 9;
pub const SIGTERM: i32 = 15;
pub const SIGCHLD: i32 = 17;

pub const CLONE_VM: u64 = 0x100;
pub const CLONE_PIDFD: u64 = 0x1000;
pub const CLONE_VFORK: u64 = 0x4000;
pub const CLONE_PARENT: u64 = 0x8000;
pub const CLONE_NEWPID: u64 = 0x2000_0000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// `struct clone_args` of clone3(2), version 2 (Linux 5.7).
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// A cgroup of version 2 as an open directory, for processes that are to be born in it.
#[derive(Clone, Copy)]
pub struct Cgroup(pub i32);

impl CloneArgs {
    fn born_in(mut self, cgroup: Option<Cgroup>) -> Self {
        if let Some(Cgroup(directory)) = cgroup {
            self.flags |= CLONE_INTO_CGROUP;
            self.cgroup = directory as u64;
        }
        self
    }
}

/// What clone(2) returned: in the child, or in the parent with the child's id and pidfd.
pub enum Cloned {
    Child,
    Parent { pid: i32, pidfd: i32 },
}

/// A child with memory of its own. `CLONE_PIDFD` in `flags` fills the pidfd.
pub fn clone_process(flags: u64, cgroup: Option<Cgroup>) -> Result<Cloned> {
    let mut pidfd: i32 = -1;
    // CLONE_PARENT takes the parent's exit signal and wants none here (clone3 in kernel/fork.c).
    let exit_signal = if flags & CLONE_PARENT != 0 { 0 } else { SIGCHLD as u64 };
    let args = CloneArgs { flags, pidfd: (&raw mut pidfd) as u64, exit_signal, ..CloneArgs::default() };
    let args = args.born_in(cgroup);
    Ok(match call!(435, &raw const args, size_of::<CloneArgs>())? {
        0 => Cloned::Child,
        pid => Cloned::Parent { pid: pid as i32, pidfd },
    })
}

/// Runs `entry(argument)` in a child that shares our memory, on a stack of its own, and returns its id
/// when it has ended or executed something. The caller is stopped meanwhile (vfork(2)).
pub fn run_in_vfork(
    stack: &mut [u8],
    cgroup: Option<Cgroup>,
    entry: extern "C" fn(*mut c_void) -> !,
    argument: *mut c_void,
) -> Result<i32> {
    let args = CloneArgs {
        flags: CLONE_VM | CLONE_VFORK,
        exit_signal: SIGCHLD as u64,
        stack: stack.as_mut_ptr() as u64,
        // The stack begins at its end, which has to be a multiple of 16.
        stack_size: (stack.len() - (stack.as_ptr() as usize + stack.len()) % 16) as u64,
        ..CloneArgs::default()
    };
    let args = args.born_in(cgroup);
    let result: isize;
    // SAFETY: the child runs on `stack`, which the caller lent for the call, and never returns from
    // `entry`, so it touches no frame of ours; the parent is stopped until the child has ended.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r13",
            "call r12",
            "ud2",
            "2:",
            inlateout("rax") 435isize => result,
            in("rdi") &raw const args,
            in("rsi") size_of::<CloneArgs>(),
            in("r12") entry as *const c_void,
            in("r13") argument,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    if result < 0 { Err(Errno(-result as i32)) } else { Ok(result as i32) }
}

/// `union bpf_attr` as it loads a program, up to the version of the kernel, which need not be said any more.
#[repr(C)]
struct BpfLoad {
    kind: u32,
    count: u32,
    instructions: *const u8,
    license: *const u8,
    log: [u64; 3],
}

/// Has a BPF program decide about devices for a cgroup of version 2, for as long as that exists (bpf(2)).
pub fn guard_devices(cgroup: Cgroup, program: &[u8]) -> Result<()> {
    const PROG_LOAD: u32 = 5;
    const PROG_ATTACH: u32 = 8;
    const PROG_TYPE_CGROUP_DEVICE: u32 = 15;
    const CGROUP_DEVICE: u32 = 6;
    const ALLOW_MULTI: u32 = 2;
    const INSTRUCTION: usize = 8;
    let load = BpfLoad {
        kind: PROG_TYPE_CGROUP_DEVICE,
        count: (program.len() / INSTRUCTION) as u32,
        instructions: program.as_ptr(),
        license: c"Apache-2.0".as_ptr().cast(),
        log: [0; 3],
    };
    let loaded = call!(321, PROG_LOAD, &raw const load, size_of::<BpfLoad>())? as i32;
    let attach = [cgroup.0 as u32, loaded as u32, CGROUP_DEVICE, ALLOW_MULTI];
    let attached = call!(321, PROG_ATTACH, attach.as_ptr(), size_of_val(&attach));
    close(loaded);
    attached.map(drop)
}

pub fn exit(status: i32) -> ! {
    let _ = call!(231, status);
    // Only a seccomp filter of the user's can have refused that: then by a signal.
    // SAFETY: an instruction that the processor refuses, and the kernel ends whoever comes to it.
    unsafe { asm!("ud2", options(noreturn, nomem, nostack)) }
}

pub fn getpid() -> i32 {
    call!(39).map_or(0, |pid| pid as i32)
}

pub fn pidfd_send_signal(pidfd: i32, signal: i32) -> Result<()> {
    call!(424, pidfd, signal, 0, 0).map(drop)
}

/// kill(2) of one process or of one group (negative), never of everything.
pub fn kill(pid: i32, signal: i32) -> Result<()> {
    if pid == -1 || pid == 0 {
        return Err(EINVAL);
    }
    call!(62, pid, signal).map(drop)
}

/// kill(-1): everything in our PID namespace but ourselves. For PID 1 of a namespace of ours alone: a
/// process that is not would take the machine down.
pub fn kill_namespace(signal: i32) -> Result<()> {
    if getpid() != 1 {
        return Err(EINVAL);
    }
    call!(62, -1isize, signal).map(drop)
}

/// Whom waitid(2) waits for.
pub enum Wait {
    Pid(i32),
    Any,
}

pub const WNOHANG: u32 = 1;
pub const WEXITED: u32 = 4;
pub const WNOWAIT: u32 = 0x0100_0000;

/// waitid(2): id and wait(2)-style status of a child that ended; `None` with `WNOHANG` when none has.
pub fn wait(whom: Wait, options: u32) -> Result<Option<(i32, i32)>> {
    let (kind, id) = match whom {
        Wait::Any => (0, 0),
        Wait::Pid(pid) => (1, pid),
    };
    // siginfo_t: si_signo, si_errno, si_code, padding, si_pid, si_uid, si_status (sigaction(2)).
    let mut info = [0i32; 32];
    loop {
        match call!(247, kind, id, info.as_mut_ptr(), options | WEXITED, 0) {
            Err(EINTR) => continue,
            Err(why) => return Err(why),
            Ok(_) => break,
        }
    }
    const CLD_EXITED: i32 = 1;
    const CLD_DUMPED: i32 = 3;
    let (code, pid, status) = (info[2], info[4], info[6]);
    let status = match code {
        CLD_EXITED => (status & 0xff) << 8,
        CLD_DUMPED => status | 0x80,
        _ => status,
    };
    Ok((pid != 0).then_some((pid, status)))
}

pub fn setsid() -> Result<()> {
    call!(112).map(drop)
}

pub fn prctl(option: u64, x: u64, y: u64) -> Result<()> {
    call!(157, option, x, y, 0, 0).map(drop)
}

pub fn capbset_drop(capability: u64) -> Result<()> {
    prctl(24, capability, 0)
}

/// capset(2): of the permitted capabilities those in `keep` stay, and are effective.
pub fn keep_capabilities(keep: u64, inheritable: u64) -> Result<()> {
    // Version 3 of the header; then effective, permitted and inheritable, the lower halves first.
    let header = [0x2008_0522u32, 0];
    let mut data = [0u32; 6];
    call!(125, header.as_ptr(), data.as_mut_ptr())?;
    for (half, shift) in [(0, 0), (3, 32)] {
        data[half + 1] &= (keep >> shift) as u32;
        data[half] = data[half + 1];
        data[half + 2] = (inheritable >> shift) as u32;
    }
    call!(126, header.as_ptr(), data.as_ptr()).map(drop)
}

/// seccomp(2): this filter (an array of `struct sock_filter`) on top of those that there are.
pub fn seccomp(program: &[u8]) -> Result<()> {
    const SET_MODE_FILTER: u32 = 1;
    // `struct sock_fprog`: the number of instructions of eight bytes, and where they are.
    let program = [program.len() / 8, program.as_ptr() as usize];
    call!(317, SET_MODE_FILTER, 0, program.as_ptr()).map(drop)
}

/// fchown(2) without the group.
pub fn fchown(fd: i32, uid: u64) -> Result<()> {
    call!(93, fd, uid, u32::MAX).map(drop)
}

pub fn setgroups(count: usize, groups: *const u8) -> Result<()> {
    call!(116, count, groups).map(drop)
}

pub fn setresgid(gid: u64) -> Result<()> {
    call!(119, gid, gid, gid).map(drop)
}

pub fn setresuid(uid: u64) -> Result<()> {
    call!(117, uid, uid, uid).map(drop)
}

pub fn prlimit(resource: u8, soft: u64, hard: u64) -> Result<()> {
    let limit = [soft, hard];
    call!(302, 0, resource, limit.as_ptr(), 0).map(drop)
}

pub fn umask(mask: u64) {
    let _ = call!(95, mask);
}

pub fn unshare(types: u64) -> Result<()> {
    call!(272, types).map(drop)
}

pub fn setns(fd: i32, types: u64) -> Result<()> {
    call!(308, fd, types).map(drop)
}

pub fn sethostname(name: Text) -> Result<()> {
    call!(170, name.pointer(), name.bytes().len()).map(drop)
}

pub fn join_session_keyring() -> Result<()> {
    call!(250, 1, null::<u8>()).map(drop)
}

pub fn execve(path: *const u8, arguments: *const *const u8, environment: *const *const u8) -> Errno {
    match call!(59, path, arguments, environment) {
        Err(why) => why,
        Ok(_) => EPROTO,
    }
}

// ---- signals --------------------------------------------------------------------------------------

/// A set of signals as the kernel keeps it: bit `n - 1` for signal `n`.
pub const fn signals(list: &[i32]) -> u64 {
    let (mut set, mut i) = (0, 0);
    while i < list.len() {
        set |= 1 << (list[i] - 1);
        i += 1;
    }
    set
}

/// Replaces the mask of blocked signals.
pub fn set_mask(blocked: u64) {
    let _ = call!(14, 2, &raw const blocked, 0, 8);
}

/// Gives every signal its default action: what the caller ignored stays ignored across execve(2).
pub fn default_signals() {
    let action = [0u64; 4];
    for signal in 1..=64 {
        let _ = call!(13, signal, action.as_ptr(), 0, 8);
    }
}

/// Waits for one of the (blocked) signals of `set`.
pub fn wait_signal(set: u64) -> Result<i32> {
    call!(128, &raw const set, 0, 0, 8).map(|signal| signal as i32)
}

pub fn signalfd(set: u64) -> Result<i32> {
    call!(289, -1isize, &raw const set, 8, O_CLOEXEC | O_NONBLOCK).map(|fd| fd as i32)
}

// ---- descriptors ----------------------------------------------------------------------------------

pub const AT_FDCWD: i32 = -100;
pub const AT_REMOVEDIR: u64 = 0x200;
pub const O_WRONLY: u64 = 1;
pub const O_RDWR: u64 = 2;
pub const O_CREAT: u64 = 0o100;
pub const O_EXCL: u64 = 0o200;
pub const O_DIRECTORY: u64 = 0o200_000;
pub const O_NOFOLLOW: u64 = 0o400_000;
pub const O_NOCTTY: u64 = 0o400;
pub const O_TRUNC: u64 = 0o1000;
pub const O_NONBLOCK: u64 = 0o4000;
pub const O_CLOEXEC: u64 = 0o2_000_000;
pub const O_PATH: u64 = 0o10_000_000;
pub const RESOLVE_NO_MAGICLINKS: u64 = 0x02;
pub const RESOLVE_NO_SYMLINKS: u64 = 0x04;
pub const RESOLVE_BENEATH: u64 = 0x08;
pub const RESOLVE_IN_ROOT: u64 = 0x10;

pub fn read(fd: i32, buffer: &mut [u8]) -> Result<usize> {
    loop {
        match call!(0, fd, buffer.as_mut_ptr(), buffer.len()) {
            Err(EINTR) => continue,
            result => return result,
        }
    }
}

pub fn write(fd: i32, bytes: &[u8]) -> Result<usize> {
    call!(1, fd, bytes.as_ptr(), bytes.len())
}

pub fn pwrite(fd: i32, bytes: &[u8], at: u64) -> Result<usize> {
    call!(18, fd, bytes.as_ptr(), bytes.len(), at)
}

pub fn close(fd: i32) {
    let _ = call!(3, fd);
}

/// close_range(2): everything from `first` to `last`.
pub fn close_range(first: i32, last: u32) -> Result<()> {
    call!(436, first, last, 0).map(drop)
}

/// The same, when the process executes something (`CLOSE_RANGE_CLOEXEC`, Linux 5.11).
pub fn close_range_on_exec(first: i32, last: u32) -> Result<()> {
    call!(436, first, last, 4).map(drop)
}

/// dup3(2) without CLOEXEC; a descriptor on itself stays, its CLOEXEC flag apart.
pub fn dup_to(from: i32, to: i32) -> Result<()> {
    if from == to {
        const F_SETFD: u32 = 2;
        return call!(72, from, F_SETFD, 0).map(drop);
    }
    call!(292, from, to, 0).map(drop)
}

/// fcntl(F_GETFD): whether a descriptor is open.
pub fn is_open(fd: i32) -> bool {
    call!(72, fd, 1).is_ok()
}

pub fn pipe() -> Result<[i32; 2]> {
    let mut ends = [0i32; 2];
    call!(293, ends.as_mut_ptr(), O_CLOEXEC)?;
    Ok(ends)
}

pub fn openat(directory: i32, path: Text, flags: u64, mode: u32) -> Result<i32> {
    call!(257, directory, path.pointer(), flags | O_CLOEXEC, mode).map(|fd| fd as i32)
}

/// openat2(2).
pub fn openat2(directory: i32, path: Text, flags: u64, resolve: u64) -> Result<i32> {
    let how = [flags | O_CLOEXEC, 0, resolve];
    call!(437, directory, path.pointer(), how.as_ptr(), 24).map(|fd| fd as i32)
}

pub fn renameat(directory: i32, from: Text, to: Text) -> Result<()> {
    call!(264, directory, from.pointer(), directory, to.pointer()).map(drop)
}

pub fn unlinkat(directory: i32, path: Text, flags: u64) -> Result<()> {
    call!(263, directory, path.pointer(), flags).map(drop)
}

pub fn mkdirat(directory: i32, path: Text, mode: u64) -> Result<()> {
    call!(258, directory, path.pointer(), mode).map(drop)
}

pub fn mknodat(directory: i32, path: Text, mode: u64, device: u64) -> Result<()> {
    call!(259, directory, path.pointer(), mode, device).map(drop)
}

pub fn symlinkat(target: Text, directory: i32, path: Text) -> Result<()> {
    call!(266, target.pointer(), directory, path.pointer()).map(drop)
}

pub fn fchdir(fd: i32) -> Result<()> {
    call!(81, fd).map(drop)
}

pub fn chdir(path: Text) -> Result<()> {
    call!(80, path.pointer()).map(drop)
}

/// First byte of getcwd(2)'s answer: `/` when the working directory is inside our root.
pub fn working_directory_begins() -> Result<u8> {
    let mut path = [const { MaybeUninit::<u8>::uninit() }; 4096];
    call!(79, path.as_mut_ptr(), path.len())?;
    // SAFETY: the kernel wrote a path and its NUL, so one byte at the least.
    Ok(unsafe { path[0].assume_init() })
}

/// `f_type` of fstatfs(2).
pub fn file_system_type(fd: i32) -> Result<u64> {
    let mut answer = [0u64; 15];
    call!(138, fd, answer.as_mut_ptr())?;
    Ok(answer[0])
}

/// What statx(2) says of an open file, as far as it matters here.
pub struct Kind {
    pub is_directory: bool,
    /// Whether it is what some mount shows first.
    pub is_mount_root: bool,
}

/// statx(2) of a descriptor.
pub fn kind(fd: i32) -> Result<Kind> {
    const AT_EMPTY_PATH: u32 = 0x1000;
    const STATX_TYPE: u32 = 1;
    const STATX_ATTR_MOUNT_ROOT: u64 = 0x2000;
    const S_IFMT: u64 = 0o170_000;
    const S_IFDIR: u64 = 0o040_000;
    // `struct statx`: the attributes are its second word, the mode lies in the upper half of its fourth.
    let mut answer = [0u64; 32];
    call!(332, fd, c"".as_ptr(), AT_EMPTY_PATH, STATX_TYPE, answer.as_mut_ptr())?;
    Ok(Kind {
        is_directory: answer[3] >> 32 & S_IFMT == S_IFDIR,
        is_mount_root: answer[1] & STATX_ATTR_MOUNT_ROOT != 0,
    })
}

/// What memory is mapped from.
pub enum Memory {
    /// A file, read-only.
    File(i32),
    /// Zeros that child processes see change.
    Shared,
    /// Zeros of our own.
    Private,
}

/// mmap(2), for as long as we live.
pub fn map(memory: Memory, length: usize) -> Result<*mut u8> {
    const PROT_READ: u32 = 1;
    const PROT_WRITE: u32 = 2;
    const MAP_SHARED: u32 = 1;
    const MAP_PRIVATE: u32 = 2;
    const MAP_ANONYMOUS: u32 = 0x20;
    let (access, kind, file) = match memory {
        Memory::File(fd) => (PROT_READ, MAP_PRIVATE, fd),
        Memory::Shared => (PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1),
        Memory::Private => (PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1),
    };
    Ok(call!(9, null_mut::<u8>(), length, access, kind, file as isize, 0)? as *mut u8)
}

/// Zeros of our own, for as long as we live; pages that are never touched cost nothing.
pub fn zeros<T: Copy>(count: usize) -> Result<&'static mut [T]> {
    let start = map(Memory::Private, count * size_of::<T>())?.cast::<T>();
    // SAFETY: a new mapping of that size, aligned to a page, for us alone; zeros are a value of the plain
    // numbers that this is used for.
    Ok(unsafe { core::slice::from_raw_parts_mut(start, count) })
}

/// munmap(2).
pub fn unmap(start: *const u8, length: usize) {
    let _ = call!(11, start, length);
}

/// Whether nobody can shorten this memfd any more (F_GET_SEALS).
pub fn is_sealed(fd: i32) -> bool {
    const F_GET_SEALS: u32 = 1034;
    const F_SEAL_SHRINK: usize = 2;
    call!(72, fd, F_GET_SEALS).is_ok_and(|seals| seals & F_SEAL_SHRINK != 0)
}

/// Size of a file (lseek(2) to its end).
pub fn size(fd: i32) -> Result<usize> {
    call!(8, fd, 0, 2)
}

fn clock(which: u32) -> u64 {
    let mut time = [0u64; 2];
    let _ = call!(228, which, time.as_mut_ptr());
    time[0] * 1_000_000_000 + time[1]
}

/// CLOCK_REALTIME in nanoseconds.
pub fn now() -> u64 {
    clock(0)
}

/// CLOCK_BOOTTIME in nanoseconds.
pub fn uptime() -> u64 {
    clock(7)
}

// ---- mounts (the new API: fsopen(2) and its kin) --------------------------------------------------

pub fn fsopen(kind: Text) -> Result<i32> {
    call!(430, kind.pointer(), 1).map(|fd| fd as i32)
}

pub fn fsconfig_string(fd: i32, key: Text, value: Text) -> Result<()> {
    call!(431, fd, 1, key.pointer(), value.pointer(), 0).map(drop)
}

pub fn fsconfig_flag(fd: i32, key: Text) -> Result<()> {
    call!(431, fd, 0, key.pointer(), 0, 0).map(drop)
}

pub fn fsconfig_create(fd: i32) -> Result<()> {
    call!(431, fd, 6, 0, 0, 0).map(drop)
}

pub fn fsmount(fd: i32, attributes: u64) -> Result<i32> {
    call!(432, fd, 1, attributes).map(|fd| fd as i32)
}

pub fn move_mount(mount: i32, target: i32) -> Result<()> {
    const BOTH_EMPTY: u32 = 0x04 | 0x40;
    call!(429, mount, c"".as_ptr(), target, c"".as_ptr(), BOTH_EMPTY).map(drop)
}

pub fn open_tree(directory: i32, path: Text, flags: u64) -> Result<i32> {
    call!(428, directory, path.pointer(), flags | O_CLOEXEC).map(|fd| fd as i32)
}

/// mount_setattr(2): `struct mount_attr` is set, clear, propagation, user namespace.
pub fn mount_setattr(fd: i32, path: Text, flags: u64, set: u64, clear: u64, propagation: u64) -> Result<()> {
    let attributes = [set, clear, propagation, 0];
    call!(442, fd, path.pointer(), flags, attributes.as_ptr(), 32).map(drop)
}

pub fn mount(source: Text, target: Text, kind: Text, flags: u64, data: Text) -> Result<()> {
    call!(165, source.pointer(), target.pointer(), kind.pointer(), flags, data.pointer()).map(drop)
}

pub const MNT_DETACH: u64 = 2;

pub fn umount(path: Text, flags: u64) -> Result<()> {
    call!(166, path.pointer(), flags).map(drop)
}

pub fn pivot_root(new: Text, old: Text) -> Result<()> {
    call!(155, new.pointer(), old.pointer()).map(drop)
}

// ---- sockets and polling --------------------------------------------------------------------------

pub const POLLIN: i16 = 1;
pub const POLLERR: i16 = 8;

/// `struct pollfd`; a negative descriptor is passed over.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Poll {
    pub fd: i32,
    pub events: i16,
    pub got: i16,
}

impl Poll {
    pub fn new(fd: i32, events: i16) -> Self {
        Self { fd, events, got: 0 }
    }
}

/// poll(2); `timeout` in milliseconds, -1 for none.
pub fn poll(set: &mut [Poll], timeout: i32) -> Result<usize> {
    loop {
        match call!(7, set.as_mut_ptr(), set.len(), timeout) {
            Err(EINTR) => continue,
            result => return result,
        }
    }
}

pub fn accept(listener: i32) -> Result<i32> {
    call!(288, listener, 0, 0, O_CLOEXEC).map(|fd| fd as i32)
}

/// A connected pair of sequenced-packet sockets.
pub fn socketpair() -> Result<[i32; 2]> {
    const AF_UNIX: u32 = 1;
    const SOCK_SEQPACKET: u64 = 5;
    let mut ends = [0i32; 2];
    call!(53, AF_UNIX, SOCK_SEQPACKET | O_CLOEXEC, 0, ends.as_mut_ptr())?;
    Ok(ends)
}

/// `struct msghdr` with one `iovec` and room for descriptors (recvmsg(2), unix(7)).
#[repr(C)]
struct Message {
    name: *mut u8,
    name_length: u32,
    vector: *mut [usize; 2],
    vector_length: usize,
    control: *mut Control,
    control_length: usize,
    flags: i32,
}

/// How many descriptors a message of ours can carry.
pub const PASSED: usize = 4;
/// Bytes of a `struct cmsghdr`.
const CONTROL_HEAD: usize = 16;

#[repr(C, align(8))]
struct Control {
    length: usize,
    level: i32,
    kind: i32,
    fds: [i32; PASSED],
}

const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;

/// Sends one message, with a descriptor when `fd` is not negative. Never blocks, never raises SIGPIPE.
pub fn send(socket: i32, bytes: &[u8], fd: i32) -> Result<()> {
    const MSG_DONTWAIT: u32 = 0x40;
    const MSG_NOSIGNAL: u32 = 0x4000;
    let mut vector = [bytes.as_ptr() as usize, bytes.len()];
    let mut control =
        Control { length: CONTROL_HEAD + 4, level: SOL_SOCKET, kind: SCM_RIGHTS, fds: [fd, -1, -1, -1] };
    let message = Message {
        name: null_mut(),
        name_length: 0,
        vector: &raw mut vector,
        vector_length: 1,
        control: if fd < 0 { null_mut() } else { &raw mut control },
        control_length: if fd < 0 { 0 } else { CONTROL_HEAD + 8 },
        flags: 0,
    };
    call!(46, socket, &raw const message, MSG_DONTWAIT | MSG_NOSIGNAL).map(drop)
}

/// Receives one message into `buffer`: its length, and the descriptors that came with it (-1 for none).
pub fn receive(socket: i32, buffer: &mut [u8]) -> Result<(usize, [i32; PASSED])> {
    const MSG_CMSG_CLOEXEC: u32 = 0x4000_0000;
    let mut vector = [buffer.as_mut_ptr() as usize, buffer.len()];
    let mut control = Control { length: 0, level: 0, kind: 0, fds: [-1; PASSED] };
    let mut message = Message {
        name: null_mut(),
        name_length: 0,
        vector: &raw mut vector,
        vector_length: 1,
        control: &raw mut control,
        control_length: size_of::<Control>(),
        flags: 0,
    };
    let length = call!(47, socket, &raw mut message, MSG_CMSG_CLOEXEC)?;
    let mut fds = [-1; PASSED];
    if message.control_length > CONTROL_HEAD && control.level == SOL_SOCKET && control.kind == SCM_RIGHTS {
        let count = (control.length - CONTROL_HEAD) / 4;
        fds[..count.min(PASSED)].copy_from_slice(&control.fds[..count.min(PASSED)]);
    }
    Ok((length, fds))
}

pub fn netlink_socket(protocol: u64) -> Result<i32> {
    const AF_NETLINK: u32 = 16;
    const SOCK_RAW: u64 = 3;
    call!(41, AF_NETLINK, SOCK_RAW | O_CLOEXEC, protocol).map(|fd| fd as i32)
}

/// Receives what is there; `EAGAIN` when nothing is.
pub fn receive_now(socket: i32, buffer: &mut [u8]) -> Result<usize> {
    const MSG_DONTWAIT: u32 = 0x40;
    call!(45, socket, buffer.as_mut_ptr(), buffer.len(), MSG_DONTWAIT, 0, 0)
}

// ---- terminals ------------------------------------------------------------------------------------

fn ioctl(fd: i32, request: u64, argument: usize) -> Result<usize> {
    call!(16, fd, request, argument)
}

/// Unlocks the slave of a pty master and opens it, without any path (TIOCGPTPEER, Linux 4.13).
pub fn open_slave(master: i32) -> Result<i32> {
    const TIOCSPTLCK: u64 = 0x4004_5431;
    const TIOCGPTPEER: u64 = 0x5441;
    let unlocked = 0i32;
    ioctl(master, TIOCSPTLCK, (&raw const unlocked) as usize)?;
    ioctl(master, TIOCGPTPEER, (O_RDWR | O_NOCTTY | O_CLOEXEC) as usize).map(|fd| fd as i32)
}

pub fn set_window(fd: i32, rows: u16, columns: u16) -> Result<()> {
    const TIOCSWINSZ: u64 = 0x5414;
    let size = [rows, columns, 0, 0];
    ioctl(fd, TIOCSWINSZ, size.as_ptr() as usize).map(drop)
}

/// Makes the terminal the controlling one of our session.
pub fn set_controlling_terminal(fd: i32) -> Result<()> {
    const TIOCSCTTY: u64 = 0x540e;
    ioctl(fd, TIOCSCTTY, 0).map(drop)
}
