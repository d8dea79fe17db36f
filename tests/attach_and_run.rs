//! Sessions through the binary: attach on a real terminal, and run.

use std::fs;

use nix::sys::signal::Signal;
use xdocker_test_harness::cli::{Finished, Home, run};
use xdocker_test_harness::pty::{Terminal, Window};

const WINDOW: Window = Window { rows: 24, columns: 80 };
const PROMPT: &str = "[root@test /root] ";

/// A home with a running container `test`.
fn running() -> Home {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test -b").ok();
    home
}

/// A login shell in the container, at its first prompt.
fn attached(home: &Home) -> Terminal {
    let mut terminal = home.terminal(WINDOW, "-a attach -c test");
    terminal.expect("connect to container ok\r\n");
    terminal.expect("--- Welcome to xdocker contrainer ---\r\n\r\n");
    terminal.expect(PROMPT);
    terminal
}

/// A shell's command line, run inside.
fn shell(home: &Home, line: &str) -> Finished {
    home.xdocker_args(["-a", "run", "-c", "test", "--cmd", line])
}

#[test]
fn attach_hands_back_the_exit_code() {
    let home = running();
    for code in [0, 7, 255] {
        let mut terminal = attached(&home);
        terminal.press(&format!("exit {code}\r"));
        terminal.expect("logout\r\n");
        assert_eq!(terminal.ends().0.code(), Some(code));
        assert!(terminal.is_restored());
    }
    let mut terminal = attached(&home);
    terminal.press("kill -9 $$\r");
    assert_eq!(terminal.ends().0.code(), Some(128 + 9));
    home.root_process("test");
}

#[test]
fn the_terminal_inside_is_as_large_as_the_one_outside() {
    let home = running();
    let mut terminal = attached(&home);
    terminal.press("stty size\r");
    terminal.expect("24 80\r\n");
    terminal.expect(PROMPT);
    terminal.resize(Window { rows: 50, columns: 132 });
    terminal.press("stty size\r");
    terminal.expect("50 132\r\n");
    terminal.expect(PROMPT);
    terminal.press("exit\r");
    assert!(terminal.ends().0.success());
}

#[test]
fn the_inside_is_told_of_a_new_size() {
    let home = running();
    let mut terminal = attached(&home);
    // The typed text is shown too: only what the shell makes of it has no quotes.
    terminal.press("trap 'echo si''ze $(stty size)' WINCH; echo wait''ing; read x\r");
    terminal.expect("waiting\r\n");
    terminal.resize(Window { rows: 30, columns: 100 });
    // It has heard of it when the trap runs, which is after `read`.
    terminal.press("\r");
    terminal.expect("size 30 100\r\n");
    terminal.press("exit\r");
    assert!(terminal.ends().0.success());
}

#[test]
fn ctrl_c_interrupts_what_runs_inside() {
    let home = running();
    let mut terminal = attached(&home);
    terminal.press("sh -c 'echo sleep''ing; exec sleep 100'\r");
    terminal.expect("sleeping\r\n");
    terminal.press("\x03");
    terminal.expect(PROMPT);
    terminal.press("echo code $?\r");
    terminal.expect("code 130\r\n");
    // And so do the other keys that a terminal makes signals of: Ctrl-Z, Ctrl-\.
    terminal.expect(PROMPT);
    terminal.press("sh -c 'echo st''op; exec cat'\r");
    terminal.expect("stop\r\n");
    terminal.press("\x1a");
    terminal.expect("Stopped");
    terminal.expect(PROMPT);
    terminal.press("fg\r");
    terminal.expect("exec cat'\r\n");
    // The shell says what it continues before it does: what echoes a line has the terminal.
    terminal.press("awake\r");
    terminal.expect("awake\r\nawake\r\n");
    terminal.press("\x1c");
    terminal.expect("Quit");
    terminal.expect(PROMPT);
    terminal.press("\x04");
    terminal.expect("logout\r\n");
    // The code of the last command.
    assert_eq!(terminal.ends().0.code(), Some(131));
}

#[test]
fn keys_leave_a_session_and_the_container_runs_on() {
    let home = running();
    let pid = home.root_process("test");
    let mut terminal = attached(&home);
    terminal.press("touch /root/was-here\r");
    terminal.expect(PROMPT);
    terminal.press("\x10\x11");
    assert!(terminal.ends().0.success());
    assert!(terminal.is_restored());
    assert_eq!(home.root_process("test"), pid);
    shell(&home, "ls /root/was-here").prints("/root/was-here\n");
}

#[test]
fn a_client_that_is_told_to_end_restores_the_terminal() {
    let home = running();
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT] {
        let mut terminal = attached(&home);
        assert!(!terminal.is_restored());
        terminal.signal(signal);
        assert_eq!(terminal.ends().0.code(), Some(128 + signal as i32), "{signal}");
        assert!(terminal.is_restored(), "{signal}");
    }
    home.root_process("test");
}

#[test]
fn a_session_ends_when_its_container_does() {
    let home = running();
    let mut terminal = attached(&home);
    home.xdocker("-a kill -c test").ok();
    assert_eq!(terminal.ends().0.code(), Some(128 + 9));
    assert!(terminal.is_restored());
}

#[test]
fn sessions_do_not_see_one_another() {
    let home = running();
    let (mut one, mut two) = (attached(&home), attached(&home));
    one.press("here=one; echo in \"$here\"\r");
    two.press("here=two; echo in \"$here\"\r");
    one.expect("in one\r\n");
    two.expect("in two\r\n");
    one.press("exit 1\r");
    assert_eq!(one.ends().0.code(), Some(1));
    two.press("exit 2\r");
    assert_eq!(two.ends().0.code(), Some(2));
}

#[test]
fn run_keeps_the_streams_apart_and_hands_back_the_exit_code() {
    let home = running();
    shell(&home, "hostname").prints("test\n");
    shell(&home, "echo out; echo err >&2; exit 3").ends(3, "out\n", "err\n");
    shell(&home, "true").ends(0, "", "");
    for signal in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGSEGV] {
        shell(&home, &format!("kill -{} $$", signal as i32)).ends(128 + signal as i32, "", "");
    }
}

#[test]
fn run_passes_standard_input_on() {
    let home = running();
    // More than any pipe holds.
    let text: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
    let sum = run(home.command(["-a", "run", "-c", "test", "--", "wc", "-c"]), &text);
    sum.prints("1000000\n");
    let line = ["-a", "run", "-c", "test", "--cmd", "read line; echo \"$line!\""];
    run(home.command(line), "名 a\n".as_bytes()).prints("名 a!\n");
}

#[test]
fn run_takes_a_program_as_it_is() {
    let home = running();
    let printf = ["-a", "run", "-c", "test", "--", "printf", "%s|", "a b", "$HOME", "*", "-c", "--cmd", ""];
    home.xdocker_args(printf).prints("a b|$HOME|*|-c|--cmd||");
    home.xdocker_args(["-a", "run", "-c", "test", "--cmd", "echo $HOME | tr a-z A-Z"]).prints("/ROOT\n");
    let line = ["-a", "run", "-c", "test", "--env", "A=1", "--env", "B=x=y", "--workdir", "/usr"];
    home.xdocker_args(line.iter().chain(&["--cmd", "pwd; echo $A$B"])).prints("/usr\n1x=y\n");
    let gone = home.xdocker("-a run -c test -- /no/such/program");
    gone.fails(127, "/no/such/program");
    home.xdocker("-a run -c test -- nosuch").fails(127, "nosuch");
    home.xdocker("-a run -c test -- /etc/passwd").fails(126, "/etc/passwd");
}

#[test]
fn run_gives_a_terminal_to_who_asks() {
    let home = running();
    // No terminal where none was asked for, even if we have one.
    let mut plain = home.terminal(WINDOW, "-a run -c test -- tty");
    let (status, shown) = plain.ends();
    assert_eq!((status.code(), shown.contains("not a tty")), (Some(1), true), "{shown}");
    let mut line = home.command(["-a", "run", "-c", "test", "-t", "--cmd", "tty; stty size; exit 6"]);
    line.env("TERM", "xterm");
    let mut terminal = Terminal::spawn(line, Window { rows: 33, columns: 99 });
    terminal.expect("/dev/pts/");
    terminal.expect("33 99\r\n");
    assert_eq!(terminal.ends().0.code(), Some(6));
    assert!(terminal.is_restored());
}

#[test]
fn signals_to_the_client_reach_a_command_without_a_terminal() {
    let home = running();
    let run = ["-a", "run", "-c", "test", "--", "sh", "-c"];
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let line = run
            .into_iter()
            .chain(["trap 'echo told; exit 9' TERM HUP; echo ready; while :; do sleep 0.01; done"]);
        let mut client = Terminal::spawn(home.command(line), WINDOW);
        client.expect("ready\r\n");
        client.signal(signal);
        client.expect("told\r\n");
        assert_eq!(client.ends().0.code(), Some(9), "{signal}");
    }
    // The terminal is in no raw mode then: Ctrl-C is a signal to the client.
    let mut client =
        Terminal::spawn(home.command(run.into_iter().chain(["echo ready; exec sleep 100"])), WINDOW);
    client.expect("ready\r\n");
    client.press("\x03");
    assert_eq!(client.ends().0.code(), Some(128 + 2));
}

#[test]
fn who_waits_for_a_root_process_ends_it_too() {
    let home = running();
    let line =
        |name, program| ["-a", "create", "-m", "test", "-c", name, "-b", "--rm", "--", "sh", "-c", program];
    let obeys = line("one", "trap 'echo told; exit 9' INT; echo ready; while :; do sleep 0.01; done");
    let mut client = Terminal::spawn(home.command(obeys), WINDOW);
    client.expect("ready\r\n");
    home.root_process("one");
    client.press("\x03");
    client.expect("told\r\n");
    assert_eq!((client.ends().0.code(), home.status("one")), (Some(9), None));
    // The kernel keeps from PID 1 what it does not handle. Who asks again means it.
    let mut client = Terminal::spawn(home.command(line("two", "echo ready; exec sleep 100")), WINDOW);
    client.expect("ready\r\n");
    client.signal(Signal::SIGTERM);
    client.signal(Signal::SIGINT);
    client.ends();
    assert_eq!(home.status("two"), None);
}

#[test]
fn a_container_keeps_nothing_of_the_terminal_it_was_booted_from() {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test").ok();
    let mut terminal = home.terminal(WINDOW, "-a boot -c test -t");
    terminal.expect(PROMPT);
    let root = home.root_process("test");
    let status = fs::read_to_string(format!("/proc/{root}/status")).unwrap();
    let monitor = status.lines().find_map(|line| line.strip_prefix("PPid:")).expect("a parent").trim();
    for process in [&*root.to_string(), monitor] {
        for fd in fs::read_dir(format!("/proc/{process}/fd")).unwrap() {
            let opened = fs::read_link(fd.unwrap().path()).unwrap();
            assert!(!opened.starts_with("/dev/pts"), "{process} has {opened:?} open");
        }
    }
    terminal.press("exit\r");
    assert!(terminal.ends().0.success());
}
