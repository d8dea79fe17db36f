//! Processes: made, waited for, changed, replaced.

use core::arch::asm;
use core::ffi::c_void;
use core::ptr::null;

use super::{EINTR, EINVAL, EPERM, EPROTO, Errno, Result, Text, call, close};

pub const SIGHUP: i32 = 1;
pub const SIGKILL: i32 = 9;
pub const SIGTERM: i32 = 15;
pub const SIGCHLD: i32 = 17;
pub const SIGCONT: i32 = 18;

pub const CLONE_VM: u64 = 0x100;
pub const CLONE_PIDFD: u64 = 0x1000;
pub const CLONE_FILES: u64 = 0x400;
pub const CLONE_VFORK: u64 = 0x4000;
pub const CLONE_PARENT: u64 = 0x8000;
pub const CLONE_NEWNS: u64 = 0x2_0000;
pub const CLONE_NEWUSER: u64 = 0x1000_0000;
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
/// when it has ended or executed something. The caller is stopped meanwhile (vfork(2)). `flags` say what else it shares
/// or does not.
pub fn run_in_vfork(
    stack: &mut [u8],
    flags: u64,
    cgroup: Option<Cgroup>,
    entry: extern "C" fn(*mut c_void) -> !,
    argument: *mut c_void,
) -> Result<i32> {
    let args = CloneArgs {
        flags: CLONE_VM | CLONE_VFORK | flags,
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

/// Has the kernel kill this process when its parent ends.
pub fn die_with_parent() {
    const PR_SET_PDEATHSIG: u64 = 1;
    let _ = prctl(PR_SET_PDEATHSIG, SIGKILL as u64, 0);
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

pub fn getppid() -> i32 {
    call!(110).map_or(0, |pid| pid as i32)
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

/// Changes the effective user alone.
pub fn seteuid(uid: u64) -> Result<()> {
    call!(117, -1isize, uid, -1isize).map(drop)
}

/// setfsuid(2), which tells only who it was before.
pub fn setfsuid(uid: u64) -> Result<()> {
    call!(122, uid)?;
    if call!(122, -1isize)? as u64 == uid { Ok(()) } else { Err(EPERM) }
}

/// setfsgid(2), likewise.
pub fn setfsgid(gid: u64) -> Result<()> {
    call!(123, gid)?;
    if call!(123, -1isize)? as u64 == gid { Ok(()) } else { Err(EPERM) }
}

pub fn prlimit(resource: u8, soft: u64, hard: u64) -> Result<()> {
    let limit = [soft, hard];
    call!(302, 0, resource, limit.as_ptr(), 0).map(drop)
}

/// How many descriptors this process may have (RLIMIT_NOFILE).
pub fn descriptors() -> Result<usize> {
    let mut limit = [0u64; 2];
    call!(302, 0, 7, null::<u8>(), limit.as_mut_ptr())?;
    Ok(limit[0] as usize)
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
