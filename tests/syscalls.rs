//! What the kernel says to system calls from inside, called by their numbers.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsRawFd;
use std::process;

use nix::errno::Errno;
use nix::libc::{self, c_long};
use nix::pty::openpty;
use xdocker_core::{Boot, Capabilities, ContainerSpec, IfRunning, Sandbox, Seccomp};
use xdocker_test_harness::documented;
use xdocker_test_harness::home::{Home, IMAGE};
use xdocker_test_harness::role;

/// Calls as pairs of name and number.
macro_rules! calls {
    ($($number:ident)*) => { &[$((stringify!($number), libc::$number)),*] };
}

/// What docs/security.md says is refused.
const REFUSED: &[(&str, c_long)] = calls![
    SYS__sysctl SYS_acct SYS_add_key SYS_afs_syscall SYS_bpf SYS_clock_settime SYS_delete_module
    SYS_fanotify_init SYS_finit_module SYS_fsconfig SYS_fsmount SYS_fsopen SYS_fspick
    SYS_get_mempolicy SYS_getpmsg SYS_init_module SYS_io_uring_enter SYS_io_uring_register SYS_io_uring_setup
    SYS_ioperm SYS_iopl SYS_kcmp SYS_kexec_file_load SYS_kexec_load SYS_keyctl SYS_lookup_dcookie SYS_mbind
    SYS_migrate_pages SYS_mount SYS_mount_setattr SYS_move_mount SYS_move_pages SYS_nfsservctl
    SYS_open_by_handle_at SYS_open_tree SYS_perf_event_open SYS_pidfd_getfd SYS_pivot_root SYS_process_madvise
    SYS_putpmsg SYS_quotactl SYS_quotactl_fd SYS_reboot SYS_request_key SYS_security
    SYS_set_mempolicy SYS_set_mempolicy_home_node SYS_setdomainname SYS_sethostname SYS_setns SYS_settimeofday
    SYS_swapoff SYS_swapon SYS_sysfs SYS_syslog SYS_tuxcall SYS_umount2 SYS_unshare SYS_uselib SYS_userfaultfd
    SYS_ustat SYS_vhangup SYS_vserver
];

/// Those of them that the libc crate has no name for.
const NAMELESS: [(&str, c_long); 6] = [
    ("create_module", 174),
    ("get_kernel_syms", 177),
    ("query_module", 178),
    ("lsm_get_self_attr", 459),
    ("lsm_set_self_attr", 460),
    ("lsm_list_modules", 461),
];

/// Numbers from here on are missing; between the old and the new tables lies nobody's land.
const MISSING: [c_long; 9] = [SYS_CLONE3, 337, 400, 423, 467, 468, 469, 600, 0x4000_0000];
const SYS_CLONE3: c_long = libc::SYS_clone3;

/// Answered by their arguments.
const DEPENDING: [c_long; 4] = [libc::SYS_clone, libc::SYS_socket, libc::SYS_personality, libc::SYS_ioctl];

/// Requests that ioctl(2) refuses.
const REQUESTS: [(&str, c_long); 3] =
    [("TIOCSTI", libc::TIOCSTI as c_long), ("TIOCLINUX", 0x541c), ("TIOCSETD", libc::TIOCSETD as c_long)];

/// Makes the call, all of its arguments nonsense, in a process of its own: its errno, 0 where it succeeds, does
/// not end or ends the process.
fn answer(number: c_long, arguments: [c_long; 6]) -> i32 {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the child makes system calls only. No address in the arguments is valid.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            let soon = libc::itimerval {
                it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 },
                it_value: libc::timeval { tv_sec: 0, tv_usec: 50_000 },
            };
            libc::setitimer(libc::ITIMER_REAL, &soon, std::ptr::null_mut());
            let result = libc::syscall(number, a, b, c, d, e, f);
            libc::_exit(if result == -1 { *libc::__errno_location() } else { 0 });
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
        if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 0 }
    }
}

const NONSENSE: [c_long; 6] = [-1; 6];

/// Prints the answer to every call, a line each.
#[test]
#[ignore = "a role of other tests"]
fn caller() {
    // A child made by vfork(2) would use our stack; the other two end a process in ways that tell nothing.
    let passed_over = [libc::SYS_vfork, libc::SYS_exit, libc::SYS_exit_group];
    for number in (0..=470).chain([600, 0x4000_0000]).filter(|number| !passed_over.contains(number)) {
        println!("answer {number} {}", answer(number, NONSENSE));
    }
    process::exit(0);
}

/// The answers inside `container`.
fn answers(home: &Home, sandbox: Sandbox) -> Vec<(c_long, i32)> {
    let spec = ContainerSpec::new([IMAGE.parse().unwrap()]).name("box".parse().unwrap()).sandbox(sandbox);
    let container = home.engine().create(&spec).unwrap();
    container.boot(&Boot::new()).unwrap();
    let output = role::in_container(&container, "caller", []).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    container.destroy(IfRunning::Kill).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once("answer ")?.1.split_once(' '));
    lines.map(|(number, errno)| (number.parse().unwrap(), errno.parse().unwrap())).collect()
}

#[test]
fn the_kernel_refuses_what_the_documentation_says() {
    let refused: Vec<_> =
        REFUSED.iter().map(|(name, number)| (&name[4..], *number)).chain(NAMELESS).collect();
    let names: BTreeSet<String> = refused.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(documented::words("System calls that are refused"), names);

    let home = Home::new();
    let answers = answers(&home, Sandbox::new());
    assert!(answers.len() > 450, "{answers:?}");
    for (number, errno) in answers {
        if refused.iter().any(|(_, refused)| *refused == number) {
            assert_eq!(errno, libc::EPERM, "call {number}");
        } else if MISSING.contains(&number) || (337..424).contains(&number) || number > 466 {
            assert_eq!(errno, libc::ENOSYS, "call {number}");
        } else if !DEPENDING.contains(&number) {
            assert_ne!(errno, libc::EPERM, "call {number} is allowed");
        }
    }
}

#[test]
fn nothing_is_refused_without_a_filter() {
    let home = Home::new();
    let sandbox = Sandbox::new().seccomp(Seccomp::Unconfined).capabilities(Capabilities::NONE);
    let answers = answers(&home, sandbox);
    // Calls that ask for no right say what is wrong with the arguments.
    for (number, expected) in [
        (libc::SYS_keyctl, libc::EOPNOTSUPP),
        (libc::SYS_clone3, libc::E2BIG),
        (libc::SYS_io_uring_setup, libc::EFAULT),
    ] {
        let (_, errno) = answers.iter().find(|(other, _)| *other == number).unwrap();
        assert!(*errno == expected || *errno != libc::EPERM, "call {number}: {errno}");
    }
}

/// Calls that are answered by their arguments, and what is expected.
#[test]
#[ignore = "a role of other tests"]
fn arguments() {
    let [host] = role::arguments();
    let with = |number: c_long, first: c_long| answer(number, [first, 0, 0, 0, 0, 0]);
    for family in 0..60 {
        // No such type of socket: the kernel itself does not come to look at the family.
        let errno = answer(libc::SYS_socket, [family, -1, -1, 0, 0, 0]);
        let refused = [12, 19, 20, 23, 25, 34, 37, 38, 40].contains(&family) || family > 45;
        assert_eq!(errno == libc::EPERM, refused, "family {family}: {errno}");
    }
    assert_eq!(with(libc::SYS_socket, 38 | 1 << 32), libc::EPERM, "the kernel passes over the upper half");
    for (value, refused) in [
        (0, false),
        (8, false),
        (0x20000, false),
        (0x20008, false),
        (0xffff_ffff, false),
        (4, true),
        (0x0040_0000, true),
    ] {
        assert_eq!(with(libc::SYS_personality, value) == libc::EPERM, refused, "personality {value:#x}");
    }
    for bit in [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
        assert_eq!(with(libc::SYS_clone, bit | c_long::from(libc::SIGCHLD)), libc::EPERM, "clone {bit:#x}");
    }
    assert_eq!(with(libc::SYS_clone, libc::SIGCHLD.into()), 0);
    for (name, request) in REQUESTS {
        for request in [request, request | 1 << 32] {
            assert_eq!(answer(libc::SYS_ioctl, [0, request, 0, 0, 0, 0]), libc::EPERM, "ioctl {name}");
        }
    }
    // The discipline that it has anyway: the kernel itself would have nothing against it.
    let terminal = openpty(None, None).unwrap();
    let usual = 0i32;
    // SAFETY: TIOCSETD reads an int at the pointer.
    let refused = unsafe { libc::ioctl(terminal.slave.as_raw_fd(), libc::TIOCSETD, &raw const usual) };
    assert_eq!((refused, Errno::last()), (-1, Errno::EPERM));
    // What one must not do to our PID 1, to the host's namespaces, and to what one cannot see.
    assert_eq!(answer(libc::SYS_ptrace, [libc::PTRACE_ATTACH.into(), 1, 0, 0, 0, 0]), libc::EPERM);
    assert_eq!(answer(libc::SYS_ptrace, [libc::PTRACE_SEIZE.into(), 1, 0, 0, 0, 0]), libc::EPERM);
    assert_eq!(
        answer(libc::SYS_setns, [0, 0, 0, 0, 0, 0]),
        libc::EPERM,
        "standard input is a namespace of the host"
    );
    let dot = c"/".as_ptr() as c_long;
    assert_eq!(answer(libc::SYS_open_by_handle_at, [0, dot, 0, 0, 0, 0]), libc::EPERM);
    for way in ["/proc/1/root", "/proc/1/exe", "/proc/1/cwd", "/proc/1/fd"] {
        // Ours inside, the host's nowhere.
        assert!(!fs::exists(format!("{way}{host}")).unwrap_or(false), "{way}");
    }
    assert_eq!(fs::metadata("/proc/1/exe").unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
    for path in
        ["/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/rdma/release_agent", "/sys/kernel/uevent_helper"]
    {
        assert!(fs::write(path, "/tmp/x").is_err(), "{path}");
    }
    println!("as expected");
    process::exit(0);
}

#[test]
fn arguments_decide_where_a_call_is_two_things() {
    let mut documented = documented::words("System calls that depend on their arguments");
    documented.retain(|word| word.starts_with("TIOC"));
    assert_eq!(documented, REQUESTS.map(|(name, _)| name.to_owned()).into());
    let home = Home::new();
    let container = home.boot("box");
    let namespace = fs::File::open("/proc/self/ns/mnt").unwrap();
    assert!(namespace.as_raw_fd() > 2);
    let mut command = role::in_container(&container, "arguments", [home.path().to_str().unwrap()]);
    command.stdin(xdocker_core::Stdio::File(namespace.into()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Speaks with the kernel as i386 programs do.
#[test]
#[ignore = "a role of other tests"]
fn i386() {
    // SAFETY: getpid(2) of the other table has no arguments.
    unsafe { std::arch::asm!("int 0x80", inlateout("rax") 20 => _) };
    process::exit(0);
}

#[test]
fn the_gate_of_i386_programs_is_shut() {
    use std::os::unix::process::ExitStatusExt;
    let home = Home::new();
    let container = home.boot("box");
    let output = role::in_container(&container, "i386", []).output().unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGSYS), "{output:?}");
}

#[test]
fn every_process_is_filtered_and_our_own_most() {
    let home = Home::new();
    let container = home.boot("box");
    let filters = |pid: &str| {
        let status = container.command("cat").arg(format!("/proc/{pid}/status")).output().unwrap().stdout;
        let status = String::from_utf8(status).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().to_owned()
        };
        [field("Seccomp:"), field("Seccomp_filters:")]
    };
    assert_eq!(filters("self"), ["2", "1"]);
    assert_eq!(filters("1"), ["2", "1"]);
}

#[test]
fn a_profile_of_ones_own_decides() {
    let home = Home::new();
    // As Docker writes it; and our own last calls before the program are not its business.
    let profile = r#"{ "defaultAction": "SCMP_ACT_ALLOW", "archMap": null, "syscalls": [
        { "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 30, "args": null },
        { "names": ["close_range", "capset", "setgroups"], "action": "SCMP_ACT_KILL_PROCESS" },
        { "names": ["sethostname"], "action": "SCMP_ACT_KILL_PROCESS", "includes": { "caps": ["CAP_SYS_ADMIN"] } },
        { "names": ["unknown_to_all"], "action": "SCMP_ACT_ERRNO" } ] }"#;
    let sandbox = Sandbox::new().seccomp(Seccomp::Profile(profile.parse().unwrap()));
    let spec = ContainerSpec::new([IMAGE.parse().unwrap()]).name("box".parse().unwrap()).sandbox(sandbox);
    let container = home.engine().create(&spec).unwrap();
    container.boot(&Boot::new()).unwrap();
    let output = container.shell("mkdir /tmp/x; hostname other; echo on").unwrap().output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("Read-only file system"), "{errors}");
    assert_eq!(output.stdout, b"on\n");
}
