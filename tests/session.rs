//! Processes in running containers, and what becomes of them.

use std::io::{IoSlice, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio as HostStdio;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, sendmsg, socket,
};
use nix::unistd::Pid;
use xdocker_core::{
    Boot, Container, ContainerSpec, Engine, Error, Exec, IfRunning, LogEntry, LogOptions, Network, State,
    Stdio, Transport, WindowSize,
};
use xdocker_test_harness::home::Home;
use xdocker_test_harness::leaks::{Process, monitor, processes};
use xdocker_test_harness::role;
use xdocker_test_harness::wait::{PATIENCE, until};
use xdockerinit::wire::{MAGIC, request};

/// What a shell command in the container prints.
#[track_caller]
fn sh(container: &Container, line: &str) -> String {
    let output = container.shell(line).unwrap().output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Processes of the home that are named so.
fn named(home: &Home, name: &str) -> Vec<Process> {
    processes(home.path()).into_iter().filter(|process| process.name == name).collect()
}

/// Descriptors of a process.
fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// Resident bytes of a process, in KiB.
fn resident(pid: u32) -> usize {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_thousand_runs_leave_nothing_behind() {
    let home = Home::new();
    let container = home.boot("box");
    // A process of its own, whose descriptors no other test changes.
    let client = || {
        let arguments = [home.path().to_str().unwrap(), "500"];
        assert!(role::on_host("client_of_many_runs", arguments).status().unwrap().success());
    };
    client();
    let monitor = monitor(home.path());
    let before = (descriptors(monitor), resident(monitor));
    client();
    assert!(until(PATIENCE, || processes(home.path()).len() == 2), "{:?}", processes(home.path()));
    // The last client may be gone before the monitor has seen it go.
    assert!(until(PATIENCE, || descriptors(monitor) <= before.0), "{} of {}", descriptors(monitor), before.0);
    assert!(resident(monitor) <= before.1, "{} KiB, before {} KiB", resident(monitor), before.1);
    container.kill().unwrap();
}

#[test]
#[ignore = "a role of other tests"]
fn client_of_many_runs() {
    let [home, count] = role::arguments();
    let container = Engine::open(home).unwrap().container(&"box".parse().unwrap()).unwrap();
    let run = || assert!(container.command("true").output().unwrap().status.success());
    run();
    let before = descriptors(std::process::id());
    (0..count.parse().unwrap()).for_each(|_| run());
    assert_eq!(descriptors(std::process::id()), before);
    // None was ever our child.
    assert_eq!(nix::sys::wait::wait(), Err(nix::Error::ECHILD));
}

#[test]
fn fifty_at_once_do_not_get_in_one_anothers_way() {
    let home = Home::new();
    let container = home.boot("box");
    thread::scope(|scope| {
        for number in 0..50 {
            let container = &container;
            scope.spawn(move || {
                let line = format!("sleep 0.1; echo out {number}; echo err {number} >&2; exit {number}");
                let output = container.shell(&line).unwrap().output().unwrap();
                assert_eq!(output.status.code(), Some(number));
                assert_eq!(output.stdout, format!("out {number}\n").as_bytes());
                assert_eq!(output.stderr, format!("err {number}\n").as_bytes());
            });
        }
    });
    assert!(until(PATIENCE, || processes(home.path()).len() == 2), "{:?}", processes(home.path()));
}

#[test]
fn much_output_comes_whole_and_in_order() {
    const BYTES: usize = 100_000_000;
    let home = Home::new();
    let container = home.boot("box");
    let line = format!("yes 0123456789abcde | head -c {BYTES}; echo end >&2");
    let output = container.shell(&line).unwrap().output().unwrap();
    assert_eq!(output.stdout.len(), BYTES);
    assert!(output.stdout.chunks_exact(16).all(|line| line == b"0123456789abcde\n"));
    assert_eq!(output.stderr, b"end\n");
}

#[test]
fn a_reader_that_goes_away_or_never_reads_stops_nobody_else() {
    let home = Home::new();
    let container = home.boot("box");
    let mut writer = container.command("yes").stdout(Stdio::Piped).spawn().unwrap();
    writer.stdout.take().unwrap().read_exact(&mut [0; 100]).unwrap();
    assert_eq!(writer.wait().unwrap().signal(), Some(Signal::SIGPIPE as i32));

    let mut stuck = container.command("yes").stdout(Stdio::Piped).spawn().unwrap();
    assert_eq!(sh(&container, "echo here"), "here\n");
    container.shutdown(PATIENCE).unwrap();
    assert_eq!(stuck.wait().unwrap().signal(), Some(Signal::SIGTERM as i32));
}

#[test]
fn a_process_ends_soon_after_its_client_was_killed() {
    let home = Home::new();
    let container = home.boot("box");
    let arguments = [home.path().to_str().unwrap(), "trap '' HUP TERM; sleep 1000 & sleep 2000", ""];
    let mut client = role::on_host("client", arguments).stdout(HostStdio::null()).spawn().unwrap();
    assert!(until(PATIENCE, || named(&home, "sleep").len() == 2));
    client.kill().unwrap();
    client.wait().unwrap();
    assert!(until(PATIENCE, || processes(home.path()).len() == 2), "{:?}", processes(home.path()));
    assert_eq!(sh(&container, "echo here"), "here\n");
}

/// Runs a line in the container `box`, on a terminal if the third argument says so, and waits.
#[test]
#[ignore = "a role of other tests"]
fn client() {
    let [home, line, terminal] = role::arguments();
    let container = Engine::open(home).unwrap().container(&"box".parse().unwrap()).unwrap();
    let mut command = container.shell(&line).unwrap();
    if terminal == "terminal" {
        command.terminal(WindowSize { rows: 24, columns: 80 });
    }
    command.spawn().unwrap().wait().unwrap();
}

#[test]
fn what_ignores_sigterm_is_killed_after_the_patience() {
    const THEIRS: Duration = Duration::from_millis(700);
    let home = Home::new();
    let ends_after_patience = |container: &Container| {
        let asked = Instant::now();
        container.shutdown(THEIRS).unwrap();
        assert!(asked.elapsed() >= THEIRS, "{:?}", asked.elapsed());
        assert_eq!(container.info().unwrap().exit.unwrap().status().signal(), Some(9));
        home.assert_clean();
    };
    let line = "trap '' TERM; while :; do sleep 0.1; done";

    let root = home.create("root");
    root.boot(&Boot::new().exec(Exec::new("sh").args(["-c", line]))).unwrap();
    // Before it has said that it ignores the signal it would die of it.
    assert!(until(PATIENCE, || named(&home, "sleep").len() == 1));
    ends_after_patience(&root);

    let container = home.boot("session");
    let child = container.shell(&format!("{line} & exec sleep 1000")).unwrap().spawn().unwrap();
    assert!(until(PATIENCE, || named(&home, "sleep").len() == 2));
    ends_after_patience(&container);
    drop(child);
}

#[test]
fn a_daemon_outlives_its_parent_and_ends_with_the_container() {
    let home = Home::new();
    let container = home.boot("box");
    let line = "(setsid sh -c 'trap \"echo told > /told; exit\" TERM; touch /ready; while :; do sleep 0.05; done' \
                </dev/null >/dev/null 2>&1 &)";
    // The session does not wait for the daemon, which goes on for ever.
    assert_eq!(sh(&container, line), "");
    let layer = home.path().join("containers/box/rwlayer");
    // Before that it could not hear.
    assert!(until(PATIENCE, || layer.join("ready").exists()));
    let parents = sh(&container, "cat /proc/[0-9]*/stat 2>/dev/null | cut -d' ' -f4");
    assert!(parents.lines().any(|parent| parent == "1"), "nobody is a child of PID 1: {parents}");
    container.shutdown(PATIENCE).unwrap();
    assert_eq!(fs::read_to_string(layer.join("told")).unwrap(), "told\n");
}

#[test]
fn orphans_are_reaped() {
    let home = Home::new();
    let container = home.boot("box");
    sh(&container, "for i in $(seq 300); do (sleep 0.05 &); done");
    let zombies = || sh(&container, "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z ' || true");
    let left = || sh(&container, "ls -d /proc/[0-9]* | wc -l").trim().parse::<usize>().unwrap();
    // PID 1 and the command's own.
    assert!(until(PATIENCE, || left() <= 4), "{} processes", left());
    assert_eq!(zombies(), "0\n");
}

#[test]
fn exit_codes_and_signals_are_exact() {
    let home = Home::new();
    let container = home.boot("box");
    for code in [0, 1, 2, 126, 127, 128, 143, 255] {
        let status = container.shell(&format!("exit {code}")).unwrap().status().unwrap();
        assert_eq!((status.code(), status.signal()), (Some(code), None));
    }
    for signal in [1, 2, 3, 6, 9, 10, 11, 13, 15, 64] {
        let mut sleeper = container.command("sleep").arg("1000").spawn().unwrap();
        assert_eq!(sleeper.try_wait().unwrap(), None);
        sleeper.signal(signal).unwrap();
        let status = sleeper.wait().unwrap();
        assert_eq!((status.code(), status.signal(), status.core_dumped()), (None, Some(signal), false));
        sleeper.signal(signal).unwrap();
    }
    assert!(container.command("/etc/passwd").spawn().unwrap_err().chain().contains("Permission denied"));
    assert!(container.command("no-such-program").spawn().unwrap_err().chain().contains("No such file"));
    container.kill().unwrap();
    assert_eq!(container.info().unwrap().exit.unwrap().status().signal(), Some(9));

    let null = fs::File::open("/dev/null").unwrap().into();
    for code in [0, 7, 255] {
        let boot = Boot::new().exec(Exec::new("sh").args(["-c", &format!("exit {code}")]));
        let mut root = container.boot_bound(&boot, [&null; 3]).unwrap();
        assert_eq!(root.wait().unwrap().code(), Some(code));
        assert_eq!(container.info().unwrap().exit.unwrap().status().code(), Some(code));
    }
}

#[test]
fn any_byte_goes_in_and_out() {
    let home = Home::new();
    let container = home.boot("box");
    let output = container.shell(r"printf 'a\0b\377\376'; printf '\200\0' >&2").unwrap().output().unwrap();
    assert_eq!(output.stdout, b"a\0b\xff\xfe");
    assert_eq!(output.stderr, b"\x80\0");

    let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    let mut cat = container.command("cat").stdin(Stdio::Piped).stdout(Stdio::Piped).spawn().unwrap();
    let mut input = cat.stdin.take().unwrap();
    let written = bytes.clone();
    let writer = thread::spawn(move || input.write_all(&written).unwrap());
    let output = cat.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success() && output.stdout == bytes);
}

#[test]
fn a_terminal_is_the_sessions_own() {
    let home = Home::new();
    let container = home.boot("box");
    let size = WindowSize { rows: 33, columns: 101 };
    let line = "stty size; tty; echo to-tty > /dev/tty; \
                trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.05; done";
    let mut child = container.shell(line).unwrap().terminal(size).spawn().unwrap();
    let terminal = child.terminal.take().unwrap();
    let mut seen = String::new();
    let mut read_until = |end: &str| {
        let mut buffer = [0; 4096];
        while !seen.contains(end) {
            match (&mut terminal.file()).read(&mut buffer) {
                Ok(length) => seen.push_str(&String::from_utf8_lossy(&buffer[..length])),
                Err(why) => panic!("{why} after {seen:?}"),
            }
        }
        std::mem::take(&mut seen)
    };
    assert_eq!(read_until("ready\r\n"), "33 101\r\n/dev/pts/0\r\nto-tty\r\nready\r\n");
    terminal.resize(WindowSize { rows: 20, columns: 70 }).unwrap();
    assert_eq!(read_until("70\r\n"), "20 70\r\n");
    assert_eq!(child.wait().unwrap().code(), Some(5));
}

#[test]
fn ctrl_c_reaches_what_runs_in_the_foreground() {
    let home = Home::new();
    let container = home.boot("box");
    let size = WindowSize { rows: 24, columns: 80 };
    let mut child = container.command("sleep").arg("1000").terminal(size).spawn().unwrap();
    child.terminal.as_ref().unwrap().file().write_all(b"\x03").unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::SIGINT as i32));
}

#[test]
fn a_terminal_hangs_up_when_its_client_goes() {
    let home = Home::new();
    let container = home.boot("box");
    let line = "trap 'echo hangup > /heard; exit' HUP; echo > /ready; while :; do sleep 0.05; done";
    let arguments = [home.path().to_str().unwrap(), line, "terminal"];
    let layer = home.path().join("containers/box/rwlayer");
    let appears = |name: &str| until(PATIENCE, || layer.join(name).exists());
    let mut client = role::on_host("client", arguments).stdout(HostStdio::null()).spawn().unwrap();
    assert!(appears("ready"));
    kill(Pid::from_raw(client.id() as i32), Signal::SIGKILL).unwrap();
    client.wait().unwrap();
    assert!(appears("heard"));
    assert!(until(PATIENCE, || processes(home.path()).len() == 2), "{:?}", processes(home.path()));
    assert!(matches!(container.info().unwrap().state, State::Running { .. }));
}

#[test]
fn nothing_of_the_callers_goes_in_unasked() {
    let home = Home::new();
    let container = home.boot("box");
    assert!(env::vars_os().count() > 0 && env::current_dir().unwrap() != Path::new("/"));
    let output = container.command("env").output().unwrap();
    let mut variables: Vec<_> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    variables.sort_unstable();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(variables, ["HOME=/root", path]);
    let output = container.command("pwd").env("PWD", "/etc").output().unwrap();
    assert_eq!(output.stdout, b"/\n");
    let words = ["a b", "", "$HOME", "'\"\\\n", "*"];
    let output = container.command("printf").arg("%s|").args(words).output().unwrap();
    assert_eq!(output.stdout, b"a b||$HOME|'\"\\\n|*|");
}

#[test]
fn errors_go_where_the_output_goes() {
    let home = Home::new();
    let container = home.boot("box");
    let mut command = container.shell("echo out; echo error >&2; echo out").unwrap();
    let mut child = command.stdin(Stdio::Null).stdout(Stdio::Piped).stderr(Stdio::Output).spawn().unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), child.stderr.is_none()), ("out\nerror\nout\n", true));
    let refused = container.command("true").stdout(Stdio::Output).output();
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    container.kill().unwrap();
}

#[test]
fn an_end_is_watched_by_a_descriptor() {
    let home = Home::new();
    let container = home.create("box");
    assert!(container.watch().unwrap().is_none());
    container.boot(&Boot::new()).unwrap();
    let watch = container.watch().unwrap().unwrap();
    assert!(!watch.ends_within(Duration::from_millis(20)).unwrap());
    container.terminate().unwrap();
    assert!(watch.ends_within(PATIENCE).unwrap());
    assert!(container.wait().unwrap().unwrap().status().success());
    assert!(container.watch().unwrap().is_none());
}

#[test]
fn who_listens_is_seen_from_outside() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = home.boot("host");
    assert!(host.listens(port, Transport::Tcp).unwrap());
    let spec = ContainerSpec::new(["test".parse().unwrap()]).name(home.own_name("own"));
    let own = home.engine().create(&spec.network(Network::Custom)).unwrap();
    assert!(matches!(own.listens(port, Transport::Tcp), Err(Error::NotRunning(_))));
    own.boot(&Boot::new()).unwrap();
    assert!(!own.listens(port, Transport::Tcp).unwrap(), "its network is another one");
    assert!(matches!(own.listens(port, Transport::Sctp), Err(Error::Unsupported { .. })));
    drop(listener);
    assert!(until(PATIENCE, || !host.listens(port, Transport::Tcp).unwrap()));
    own.destroy(IfRunning::Kill).unwrap();
    host.destroy(IfRunning::Kill).unwrap();
}

#[test]
fn what_is_bound_and_prints_is_kept_in_the_log() {
    let home = Home::new();
    let container = home.create("box");
    let exec = Exec::new("sh").args(["-c", "echo first; sleep 0.2; echo second; sleep 60"]);
    let root = container.boot_bound_logged(&Boot::new().exec(exec)).unwrap();
    let mut logs = container.logs(&LogOptions::new().follow(true)).unwrap();
    let mut lines = Vec::new();
    assert!(until(PATIENCE, || {
        while let Some(entry) = logs.try_next().unwrap() {
            lines.extend(match entry {
                LogEntry::Line(line) => line.bytes,
                other => panic!("{other:?}"),
            });
        }
        logs.wait_within(Duration::from_millis(10)).unwrap();
        lines == b"first\nsecond\n"
    }));
    drop(root);
    assert!(logs.next().is_none(), "it ends with us");
    assert!(until(PATIENCE, || container.state().unwrap() == State::Stopped));
}

#[test]
fn nobody_waits_longer_than_the_limit_for_what_others_hold_open() {
    let home = Home::new();
    let container = home.boot("box");
    // In a session of its own, out of the reach of what ends the process.
    let mut left = container.command("sh");
    left.args(["-c", "setsid sleep 1000 & echo said"]).timeout(Duration::from_secs(2));
    let begin = Instant::now();
    assert!(matches!(left.output(), Err(Error::Timeout { .. })));
    assert!(begin.elapsed() < Duration::from_secs(900), "the sleeper was waited for");

    let mut late = container.command("sh");
    late.args(["-c", "setsid sleep 1000 & echo said; exec sleep 1000"]).timeout(Duration::from_millis(100));
    assert!(matches!(late.output(), Err(Error::Timeout { .. })));

    let whole =
        container.command("sh").args(["-c", "head -c 3000000 /dev/zero; echo no >&2; exit 3"]).output();
    let whole = whole.unwrap();
    assert_eq!((whole.stdout.len(), &*whole.stderr, whole.status.code()), (3_000_000, &b"no\n"[..], Some(3)));
}

#[test]
fn a_limit_may_be_for_ever() {
    let home = Home::new();
    let container = home.boot("box");
    let mut child = container.command("sh").args(["-c", "exit 3"]).timeout(Duration::MAX).spawn().unwrap();
    assert!(child.ends_within(Duration::MAX).unwrap());
    assert_eq!(child.wait_timeout(Duration::MAX).unwrap().unwrap().code(), Some(3));
    let output = container.command("hostname").timeout(Duration::MAX).output().unwrap();
    assert_eq!(output.stdout, b"box\n");
    container.shutdown(Duration::MAX).unwrap();
}

/// Whether the process sleeps in poll(2) (proc_pid_syscall(5)).
fn is_polling(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap().starts_with("7 ")
}

#[test]
fn who_prints_nothing_from_nowhere_keeps_no_monitor_busy() {
    let home = Home::new();
    let container = home.boot("box");
    role::in_container(&container, "printer_of_nothing", []).spawn_detached().unwrap();
    let printed = home.path().join("containers/box/rwlayer/printed");
    assert!(until(PATIENCE, || printed.exists()));
    let monitor = monitor(home.path());
    let rests = || {
        thread::sleep(Duration::from_millis(5));
        is_polling(monitor)
    };
    assert!(until(PATIENCE, || (0..20).all(|_| rests())), "the monitor does not rest");
    container.kill().unwrap();
}

/// Has the kernel read what it is to print where nothing is.
#[test]
#[ignore = "a role of other tests"]
fn printer_of_nothing() {
    // SAFETY: no address of ours is read: it cannot be one.
    let written = unsafe { libc::write(1, std::ptr::without_provenance(8), 100) };
    assert_eq!((written, Errno::last()), (-1, Errno::EFAULT));
    fs::write("/printed", "").unwrap();
    loop {
        thread::park();
    }
}

#[test]
fn a_monitor_of_a_thousand_descriptors_takes_fewer_sessions() {
    let home = Home::new();
    let container = home.create("box");
    let mut boots = role::on_host("boots_with_few_descriptors", [home.path().to_str().unwrap()]);
    assert!(boots.status().unwrap().success());
    let begun =
        (0..600).take_while(|_| container.command("sleep").arg("1000").spawn_detached().is_ok()).count();
    assert!((200..512).contains(&begun), "{begun} have begun");
    assert_eq!(named(&home, "sleep").len(), begun);
    container.kill().unwrap();
}

/// Boots a container by a process whose hard limit is the soft one of others.
#[test]
#[ignore = "a role of other tests"]
fn boots_with_few_descriptors() {
    let [home] = role::arguments();
    setrlimit(Resource::RLIMIT_NOFILE, 1024, 1024).unwrap();
    let container = Engine::open(home).unwrap().container(&"box".parse().unwrap()).unwrap();
    container.boot(&Boot::new()).unwrap();
    process::exit(0);
}

#[test]
fn what_comes_with_a_request_that_has_no_use_for_it_is_closed() {
    let home = Home::new();
    let container = home.boot("box");
    let monitor = monitor(home.path());
    let before = descriptors(monitor);
    let null = fs::File::open("/dev/null").unwrap();
    for kind in [request::HANG_UP, request::PLAN, request::SESSION, request::SIGNAL, 99] {
        for _ in 0..10 {
            let flags = SockFlag::SOCK_CLOEXEC;
            let socket = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).unwrap();
            let path = home.path().join("containers/box/session.sock");
            connect(socket.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
            let words = [MAGIC.to_ne_bytes(), kind.to_ne_bytes(), [0; 4], [0; 4]].concat();
            let fds = [null.as_raw_fd(); 4];
            let rights = [ControlMessage::ScmRights(&fds)];
            sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(&words)], &rights, MsgFlags::empty(), None)
                .unwrap();
            // The answer, or the end.
            let _ = recv(socket.as_raw_fd(), &mut [0; 64], MsgFlags::empty());
        }
    }
    assert!(
        until(PATIENCE, || descriptors(monitor) == before),
        "{before} have become {}",
        descriptors(monitor)
    );
    container.kill().unwrap();
}
