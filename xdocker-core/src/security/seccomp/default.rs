//! The filter of containers that are given none: an allow list with the contents of Docker's default profile
//! (moby/profiles, November 2025), and what it lacks.
//!
//! - `ioctl` may not type into a terminal or take its screen (`TIOCSTI`, `TIOCLINUX`), nor give it another line discipline
//!   (`TIOCSETD`): those are drivers of modems and the like, which the kernel loads for whoever names them.
//! - A call that is newer than the list is not there (ENOSYS), so that a libc falls back on an older one;
//!   one that is known and not allowed is refused (EPERM).
//! - Programs for other ABIs of the processor (i386, x32) do not run: [`super::bpf`] sees to it.

use caps::Capability;

use super::filter::{Condition, Filter, Response, Rule, Verdict};
use super::syscalls::{Calls, name, number};
use crate::spec::Capabilities;

/// What anybody may call.
static ALWAYS: Calls = Calls::named(
    "\
    accept accept4 access adjtimex alarm arch_prctl bind brk cachestat capget capset chdir chmod chown \
    clock_adjtime clock_getres clock_gettime clock_nanosleep close close_range connect copy_file_range \
    creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 \
    epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 \
    fadvise64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync \
    fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex \
    futex_requeue futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu \
    getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp \
    getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid getsockname \
    getsockopt gettid gettimeofday getuid getxattr getxattrat inotify_add_watch inotify_init \
    inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit \
    ioprio_get ioprio_set kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown \
    lgetxattr link linkat listen listmount listxattr listxattrat llistxattr lremovexattr lseek lsetxattr \
    lstat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod \
    mknodat mlock mlock2 mlockall mmap modify_ldt mprotect mq_getsetattr mq_notify mq_open \
    mq_timedreceive mq_timedsend mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock \
    munlockall munmap name_to_handle_at nanosleep newfstatat open openat openat2 pause pidfd_open \
    pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64 preadv \
    preadv2 prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6 ptrace pwrite64 \
    pwritev pwritev2 read readahead readlink readlinkat readv recvfrom recvmmsg recvmsg remap_file_pages \
    removexattr removexattrat rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction \
    rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait \
    rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr \
    sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr \
    sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop sendfile \
    sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid setfsuid setgid \
    setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid \
    setsockopt setuid setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd \
    signalfd4 socketpair splice stat statfs statmount statx symlink symlinkat sync sync_file_range \
    syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime \
    timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill truncate umask uname unlink \
    unlinkat uprobe uretprobe utime utimensat utimes vfork vmsplice wait4 waitid write writev",
);

/// What may be called by whoever has the capability that the call asks for.
static WITH_CAPABILITY: [(Capability, Calls); 14] = [
    (Capability::CAP_BPF, Calls::named("bpf")),
    (Capability::CAP_DAC_READ_SEARCH, Calls::named("open_by_handle_at")),
    (Capability::CAP_PERFMON, Calls::named("perf_event_open")),
    (
        Capability::CAP_SYS_ADMIN,
        Calls::named(
            "\
            bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie \
            lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount \
            open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns \
            syslog umount2 unshare",
        ),
    ),
    (Capability::CAP_SYS_BOOT, Calls::named("reboot")),
    (Capability::CAP_SYS_CHROOT, Calls::named("chroot")),
    (Capability::CAP_SYS_MODULE, Calls::named("delete_module finit_module init_module")),
    (Capability::CAP_SYS_NICE, Calls::named("get_mempolicy mbind set_mempolicy set_mempolicy_home_node")),
    (Capability::CAP_SYS_PACCT, Calls::named("acct")),
    (Capability::CAP_SYS_PTRACE, Calls::named("kcmp pidfd_getfd process_madvise")),
    (Capability::CAP_SYS_RAWIO, Calls::named("ioperm iopl")),
    (Capability::CAP_SYS_TIME, Calls::named("clock_settime settimeofday")),
    (Capability::CAP_SYS_TTY_CONFIG, Calls::named("vhangup")),
    (Capability::CAP_SYSLOG, Calls::named("syslog")),
];

/// How many calls have been considered: up to `removexattrat` of Linux 6.13.
const CONSIDERED: usize = 467;

/// What our own PID 1 calls, on its way there included. It executes nothing, and hands its filter on to nobody.
static INIT: Calls = Calls::named(
    "capget capset close_range exit_group getpid kill madvise poll prctl rt_sigprocmask rt_sigtimedwait waitid",
);

/// The namespaces that clone(2) can make; a time namespace is not among them.
const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u64;

/// The highest family of sockets that is allowed, `AF_MCTP`.
const LAST_FAMILY: u64 = 45;

/// Families below it that are not: dead protocols, `AF_ALG` (38), which leads into rarely used code of the
/// kernel, and `AF_VSOCK` (40), which leads out of a virtual machine.
const NO_FAMILIES: [u64; 9] = [12, 19, 20, 23, 25, 34, 37, 38, 40];

/// Execution domains: Linux, 32-bit machine name, version 2.6 as release, both; and the question which it is.
const PERSONALITIES: [u64; 5] = [0, 0x8, 0x20000, 0x20008, 0xffff_ffff];

const TIOCLINUX: u64 = 0x541c;

/// Known, and not allowed.
const REFUSED: Verdict = Verdict::Errno(libc::EPERM as u16);
/// As on a kernel that does not have it.
const MISSING: Verdict = Verdict::Errno(libc::ENOSYS as u16);

/// The default filter of a container with these capabilities.
pub(super) fn filter(capabilities: Capabilities) -> Filter {
    let known = |number| if name(number).is_some() { REFUSED } else { MISSING };
    let mut responses: Vec<Response> = (0..CONSIDERED).map(|number| known(number).into()).collect();
    for (name, response) in by_argument() {
        responses[number(name).expect("it is in the table")] = response;
    }
    let granted = WITH_CAPABILITY.iter().filter(|(needed, _)| capabilities.contains(*needed));
    for number in granted.flat_map(|(_, calls)| calls.numbers()).chain(ALWAYS.numbers()) {
        responses[number] = Verdict::Allow.into();
    }
    Filter { responses, unknown: MISSING }
}

/// The filter of our own PID 1.
pub(super) fn init() -> Filter {
    let mut responses = vec![Response::from(REFUSED); CONSIDERED];
    INIT.numbers().for_each(|number| responses[number] = Verdict::Allow.into());
    Filter { responses, unknown: REFUSED }
}

/// Calls that are allowed with some arguments only.
fn by_argument() -> [(&'static str, Response); 5] {
    // Of a request and of a family the kernel looks at the lower half only.
    let is = |argument, value| Condition::masked(argument, 0xffff_ffff, value);
    let refuse = |condition| Rule { conditions: vec![condition], verdict: REFUSED };
    let allow = |condition| Rule { conditions: vec![condition], verdict: Verdict::Allow };
    let terminal = [libc::TIOCSTI, TIOCLINUX, libc::TIOCSETD].map(|request| refuse(is(1, request)));
    let mut families = vec![refuse(Condition::above(0, LAST_FAMILY))];
    families.extend(NO_FAMILIES.map(|family| refuse(is(0, family))));
    let personalities = PERSONALITIES.map(|value| allow(Condition::equal(0, value)));
    let threads = allow(Condition::masked(0, NAMESPACES, 0));
    let response = |rules: &[Rule], otherwise| Response { rules: rules.to_vec(), otherwise };
    [
        ("ioctl", response(&terminal, Verdict::Allow)),
        ("socket", response(&families, Verdict::Allow)),
        ("personality", response(&personalities, REFUSED)),
        ("clone", response(&[threads], REFUSED)),
        // Its flags lie in memory, where no filter sees them; a libc falls back on clone(2).
        ("clone3", MISSING.into()),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The rows of the table in docs/security.md whose first title is `capability` and second `system calls`.
    fn documented() -> BTreeMap<String, Vec<String>> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/security.md");
        let text = std::fs::read_to_string(path).unwrap();
        let table = text.split("| capability | system calls |\n|---|---|\n").nth(1).unwrap();
        let rows = table.lines().take_while(|line| line.starts_with('|'));
        let cells = rows.map(|row| row.trim_matches('|').split_once('|').unwrap());
        let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        cells.map(|(capability, calls)| (capability.trim().to_owned(), names(calls))).collect()
    }

    #[test]
    fn what_a_capability_allows_is_documented() {
        let usual = Capabilities::default();
        let is_allowed =
            |filter: &Filter, number: usize| filter.responses[number].otherwise == Verdict::Allow;
        let base = filter(usual);
        let mut allowed = BTreeMap::new();
        for (capability, _) in &WITH_CAPABILITY {
            let name = capability.to_string().replace("CAP_", "");
            let more = filter(usual | name.parse().unwrap());
            let news =
                (0..CONSIDERED).filter(|number| !is_allowed(&base, *number) && is_allowed(&more, *number));
            let mut names: Vec<_> = news.filter_map(super::name).map(str::to_owned).collect();
            // These have a table of their own.
            names.retain(|name| name != "clone" && name != "clone3");
            names.sort();
            if !names.is_empty() {
                allowed.insert(name, names);
            }
        }
        assert_eq!(documented(), allowed);
    }

    #[test]
    fn what_is_allowed_to_our_pid_1_is_allowed_to_all() {
        let (all, own) = (filter(Capabilities::NONE), init());
        for number in INIT.numbers() {
            assert_eq!(all.responses[number], Verdict::Allow.into());
            assert_eq!(own.responses[number], Verdict::Allow.into());
        }
        let count = own.responses.iter().filter(|response| **response == Verdict::Allow.into()).count();
        assert_eq!(count, 12, "as docs/security.md says");
    }
}
