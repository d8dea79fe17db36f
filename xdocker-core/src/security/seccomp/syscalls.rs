//! The system calls of x86_64: names and numbers, as of Linux 6.18.
//!
//! All of it happens while the compiler runs, so a name that is no system call does not compile.

/// The calls from 0 on, in the order of their numbers.
const EARLY: &str = "\
    read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction \
    rt_sigprocmask rt_sigreturn ioctl pread64 pwrite64 readv writev access pipe select sched_yield \
    mremap msync mincore madvise shmget shmat shmctl dup dup2 pause nanosleep getitimer alarm setitimer \
    getpid sendfile socket connect accept sendto recvfrom sendmsg recvmsg shutdown bind listen \
    getsockname getpeername socketpair setsockopt getsockopt clone fork vfork execve exit wait4 kill \
    uname semget semop semctl shmdt msgget msgsnd msgrcv msgctl fcntl flock fsync fdatasync truncate \
    ftruncate getdents getcwd chdir fchdir rename mkdir rmdir creat link unlink symlink readlink chmod \
    fchmod chown fchown lchown umask gettimeofday getrlimit getrusage sysinfo times ptrace getuid syslog \
    getgid setuid setgid geteuid getegid setpgid getppid getpgrp setsid setreuid setregid getgroups \
    setgroups setresuid getresuid setresgid getresgid getpgid setfsuid setfsgid getsid capget capset \
    rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend sigaltstack utime mknod uselib \
    personality ustat statfs fstatfs sysfs getpriority setpriority sched_setparam sched_getparam \
    sched_setscheduler sched_getscheduler sched_get_priority_max sched_get_priority_min \
    sched_rr_get_interval mlock munlock mlockall munlockall vhangup modify_ldt pivot_root _sysctl prctl \
    arch_prctl adjtimex setrlimit chroot sync acct settimeofday mount umount2 swapon swapoff reboot \
    sethostname setdomainname iopl ioperm create_module init_module delete_module get_kernel_syms \
    query_module quotactl nfsservctl getpmsg putpmsg afs_syscall tuxcall security gettid readahead \
    setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr \
    removexattr lremovexattr fremovexattr tkill time futex sched_setaffinity sched_getaffinity \
    set_thread_area io_setup io_destroy io_getevents io_submit io_cancel get_thread_area lookup_dcookie \
    epoll_create epoll_ctl_old epoll_wait_old remap_file_pages getdents64 set_tid_address \
    restart_syscall semtimedop fadvise64 timer_create timer_settime timer_gettime timer_getoverrun \
    timer_delete clock_settime clock_gettime clock_getres clock_nanosleep exit_group epoll_wait \
    epoll_ctl tgkill utimes vserver mbind set_mempolicy get_mempolicy mq_open mq_unlink mq_timedsend \
    mq_timedreceive mq_notify mq_getsetattr kexec_load waitid add_key request_key keyctl ioprio_set \
    ioprio_get inotify_init inotify_add_watch inotify_rm_watch migrate_pages openat mkdirat mknodat \
    fchownat futimesat newfstatat unlinkat renameat linkat symlinkat readlinkat fchmodat faccessat \
    pselect6 ppoll unshare set_robust_list get_robust_list splice tee sync_file_range vmsplice \
    move_pages utimensat epoll_pwait signalfd timerfd_create eventfd fallocate timerfd_settime \
    timerfd_gettime accept4 signalfd4 eventfd2 epoll_create1 dup3 pipe2 inotify_init1 preadv pwritev \
    rt_tgsigqueueinfo perf_event_open recvmmsg fanotify_init fanotify_mark prlimit64 name_to_handle_at \
    open_by_handle_at clock_adjtime syncfs sendmmsg setns getcpu process_vm_readv process_vm_writev kcmp \
    finit_module sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create kexec_file_load \
    bpf execveat userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc \
    pkey_free statx io_pgetevents rseq uretprobe uprobe";

/// The calls from [`LATE_FROM`] on. The numbers between are nobody's.
const LATE: &str = "\
    pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen \
    fsconfig fsmount fspick pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2 process_madvise \
    epoll_pwait2 mount_setattr quotactl_fd landlock_create_ruleset landlock_add_rule \
    landlock_restrict_self memfd_secret process_mrelease futex_waitv set_mempolicy_home_node cachestat \
    fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue statmount listmount lsm_get_self_attr \
    lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat listxattrat removexattrat \
    open_tree_attr file_getattr file_setattr";

const LATE_FROM: usize = 424;

/// The first number of which we know nothing.
pub(super) const COUNT: usize = LATE_FROM + count(LATE);

/// Name of each call, empty where a number is nobody's.
static NAMES: [&str; COUNT] = names();

/// The number of the call of that name.
pub(super) fn number(name: &str) -> Option<usize> {
    NAMES.iter().position(|known| !name.is_empty() && *known == name)
}

/// The name of the call of that number.
pub(super) fn name(number: usize) -> Option<&'static str> {
    NAMES.get(number).copied().filter(|name| !name.is_empty())
}

/// Some of the calls.
#[derive(Clone, Copy)]
pub(super) struct Calls([bool; COUNT]);

impl Calls {
    /// Those in `text`, which has blanks between them.
    ///
    /// # Panics
    /// When one is unknown: meant for constants, where that is an error of the compiler's.
    pub(super) const fn named(text: &str) -> Self {
        let names = names();
        let mut calls = [false; COUNT];
        let mut rest = text;
        while let Some((word, after)) = next(rest) {
            rest = after;
            let mut number = 0;
            while !same(names[number], word) {
                number += 1;
                assert!(number < COUNT, "no such system call");
            }
            calls[number] = true;
        }
        Self(calls)
    }

    /// Their numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().filter(|(_, is_in)| **is_in).map(|(number, _)| number)
    }
}

const fn names() -> [&'static str; COUNT] {
    let mut names = [""; COUNT];
    fill(&mut names, 0, EARLY);
    fill(&mut names, LATE_FROM, LATE);
    names
}

const fn fill(names: &mut [&'static str; COUNT], from: usize, text: &'static str) {
    let (mut number, mut rest) = (from, text);
    while let Some((word, after)) = next(rest) {
        (names[number], rest) = (word, after);
        number += 1;
    }
}

const fn count(text: &str) -> usize {
    let (mut count, mut rest) = (0, text);
    while let Some((_, after)) = next(rest) {
        (count, rest) = (count + 1, after);
    }
    count
}

/// The first word of `text`, and what follows it.
const fn next(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_ascii_start();
    let mut end = 0;
    while end < text.len() && text.as_bytes()[end] != b' ' {
        end += 1;
    }
    if end == 0 { None } else { Some(text.split_at(end)) }
}

const fn same(a: &str, b: &str) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = a.len();
    // From the end: names have their beginnings in common.
    while at > 0 {
        at -= 1;
        if a.as_bytes()[at] != b.as_bytes()[at] {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        let table = [
            ("read", libc::SYS_read),
            ("clone", libc::SYS_clone),
            ("rseq", libc::SYS_rseq),
            ("pidfd_send_signal", libc::SYS_pidfd_send_signal),
            ("clone3", libc::SYS_clone3),
            ("set_mempolicy_home_node", libc::SYS_set_mempolicy_home_node),
            ("mseal", libc::SYS_mseal),
        ];
        for (text, expected) in table {
            assert_eq!(number(text), Some(expected as usize));
            assert_eq!(name(expected as usize), Some(text));
        }
        assert_eq!((number("uprobe"), number("file_setattr")), (Some(336), Some(COUNT - 1)));
        assert_eq!((number(""), number("chown32"), name(400), name(COUNT)), (None, None, None, None));
    }
}
