//! How containers end and what is seen of them, through the binary: signals, shutdown, wait, inspect, top.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use xdocker_test_harness::cli::Home;
use xdocker_test_harness::leaks::{has_died, monitor, processes};
use xdocker_test_harness::wait::{PATIENCE, until};

/// Seconds of a shutdown that would not end while a test is patient.
const FOR_EVER: u64 = 3600;

/// How long a shutdown waits when nothing is said about it.
const DEFAULT_TIME: Duration = Duration::from_secs(10);

/// A home with a container `test` whose root process is a shell's command line, once that has said that it is there.
fn single(line: &str) -> Home {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test").ok();
    let line = format!("{line}\ntouch /ready; while :; do sleep 0.01; done");
    home.xdocker_args(["-a", "boot", "-c", "test", "--", "sh", "-c", &line]).ok();
    let ready = home.path().join("containers/test/rwlayer/ready");
    assert!(until(PATIENCE, || ready.exists()));
    home
}

/// `-a wait` in the background.
fn waiting(home: &Home) -> Child {
    home.command(["-a", "wait", "-c", "test"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What a command prints with `--json`.
fn json(home: &Home, line: &str) -> Value {
    serde_json::from_str(&home.xdocker(&format!("{line} --json")).succeeds()).unwrap()
}

#[test]
fn a_signal_reaches_the_root_process_and_its_code_is_kept() {
    let home = single("trap 'exit 42' HUP");
    let waits = waiting(&home);
    for name in ["--signal nosuch", "--signal 0", "--signal 99", "--signal -1"] {
        home.xdocker(&format!("-a kill -c test {name}")).fails(2, "--signal");
    }
    home.xdocker("-a kill -c test --signal hup").ok();
    let waited = waits.wait_with_output().unwrap();
    assert_eq!((waited.status.code(), &*waited.stdout), (Some(42), &b"42\n"[..]));
    // Whoever asks later hears the same.
    home.xdocker("-a wait -c test").ends(42, "42\n", "");
    let listed = json(&home, "-s containers");
    assert_eq!((&listed[0]["state"], &listed[0]["exit"]["code"]), (&"stopped".into(), &42.into()));
    assert!(listed[0]["exit"]["ended"].is_string());
    home.xdocker("-a kill -c test --signal HUP").fails(1, "not running");
}

#[test]
fn who_ignores_sigterm_is_killed_when_the_time_is_over() {
    let home = single("trap '' TERM; setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 0.1; done' &");
    let waits = waiting(&home);
    let begun = Instant::now();
    home.xdocker("-a shutdown -c test --time 1").ok();
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(1) && took < DEFAULT_TIME, "{took:?}");
    assert_eq!(waits.wait_with_output().unwrap().status.code(), Some(128 + 9));
    assert_eq!(home.status("test").as_deref(), Some("STOPED"));
}

#[test]
fn destroy_shuts_down_first_when_asked() {
    let home = single("trap 'echo told > /told; exit 3' TERM");
    home.xdocker("-a destroy -c test").fails(1, "running");
    let waits = waiting(&home);
    home.xdocker("-a destroy -c test -h").ok();
    // It may hear of the end before its record goes, or after.
    assert!(matches!(waits.wait_with_output().unwrap().status.code(), Some(1 | 3)));
    assert_eq!(home.status("test"), None);
    home.xdocker("-a wait -c test").fails(1, "does not exist");
}

#[test]
fn who_never_ran_is_not_waited_for() {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test").ok();
    home.xdocker("-a wait -c test").fails(1, "not running");
}

#[test]
fn inspect_tells_all_and_top_who_runs() {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test --host inner --cap-drop ALL --tmpfs /mnt").ok();
    let stopped = json(&home, "-s inspect -c test");
    assert_eq!((&stopped["state"], &stopped["hostname"]), (&"stopped".into(), &"inner".into()));
    assert_eq!(stopped["tmpfs"].as_array().map(Vec::len), Some(1));
    assert!(stopped["sandbox"].is_object() && stopped["resources"].is_object());
    home.xdocker("-s top -c test").fails(1, "not running");
    home.xdocker("-a boot -c test").ok();
    let root = home.root_process("test");
    assert_eq!(json(&home, "-s inspect -c test")["pid"], root);

    // A name that would type into the terminal of who looks.
    let line = ["-a", "run", "-c", "test", "--user", "7:7", "--", "sh", "-c", "sleep 100; :", "\x1b]0;x\x07"];
    let mut client = home.command(line).stdin(Stdio::null()).spawn().unwrap();
    let shown = || home.xdocker("-s top -c test").succeeds();
    assert!(until(PATIENCE, || shown().contains("sleep 100\n")), "{}", shown());
    let table = shown();
    assert!(table.contains(r"\u{1b}]0;x\u{7}") && !table.contains('\x1b'), "{table}");
    let processes = json(&home, "-s top -c test");
    let processes = processes.as_array().unwrap();
    assert_eq!((&processes[0]["inner_pid"], &processes[0]["pid"]), (&1.into(), &root.into()));
    assert_eq!((&processes[0]["user"], processes.len()), (&"root".into(), 3));
    let shell = &processes[1];
    assert_eq!(
        (&shell["uid"], &shell["user"], &shell["command"][3]),
        (&7.into(), &Value::Null, &"\x1b]0;x\x07".into())
    );
    assert!(shell["resident"].as_u64() > Some(4096));
    let host = fs::read_to_string(format!("/proc/{}/cmdline", shell["pid"])).unwrap();
    assert!(host.starts_with("sh\0-c\0sleep 100"), "{host:?}");
    home.xdocker("-a kill -c test").ok();
    client.wait().unwrap();
}

#[test]
fn a_daemon_outlives_its_parent_and_the_dead_are_reaped() {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test -b").ok();
    let run = |line: &str| home.xdocker_args(["-a", "run", "-c", "test", "--cmd", line]);
    run("setsid sleep 1000 </dev/null >/dev/null 2>&1 &").prints("");
    run("for i in $(seq 300); do (sleep 0.1 </dev/null >/dev/null 2>&1 &); done").prints("");
    let inside = || json(&home, "-s top -c test").as_array().unwrap().len();
    assert!(until(PATIENCE, || inside() == 2), "{}", home.xdocker("-s top -c test").stdout());
    // The daemon is told too: nobody waits until the time is over.
    home.xdocker(&format!("-a shutdown -c test --time {FOR_EVER}")).ok();
}

/// A cgroup that its processes can be frozen in, of whichever version there is.
struct Freezer(PathBuf);

impl Freezer {
    /// Freezes all processes of the container `test`.
    fn freeze(home: &Home) -> Self {
        let one = Path::new("/sys/fs/cgroup/freezer");
        let parent = if one.is_dir() { one } else { Path::new("/sys/fs/cgroup") };
        let cgroup =
            parent.join(format!("xdocker-test-{}-{}", std::process::id(), home.root_process("test")));
        fs::create_dir(&cgroup).unwrap();
        let this = Self(cgroup);
        let member = this.0.join("cgroup.procs");
        fs::write(&member, home.root_process("test").to_string()).unwrap();
        for process in json(home, "-s top -c test").as_array().unwrap() {
            // Some come and go.
            let _ = fs::write(&member, process["pid"].to_string());
        }
        match parent == one {
            true => fs::write(this.0.join("freezer.state"), "FROZEN").unwrap(),
            false => fs::write(this.0.join("cgroup.freeze"), "1").unwrap(),
        }
        this
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let _ = fs::write(self.0.join("freezer.state"), "THAWED");
        let gone = until(PATIENCE, || fs::remove_dir(&self.0).is_ok());
        assert!(gone || std::thread::panicking());
    }
}

#[test]
fn who_is_frozen_is_thawed_to_die() {
    let home = single("sleep 1000 &");
    let ends: [&dyn Fn(); 3] = [
        &|| home.xdocker("-a shutdown -c test --time 0").ok(),
        &|| home.xdocker("-a kill -c test").ok(),
        // The kernel kills the root process with its monitor, which it survives as long as it is frozen.
        &|| {
            let monitor = monitor(home.path());
            kill(Pid::from_raw(monitor.cast_signed()), Signal::SIGKILL).unwrap();
            assert!(until(PATIENCE, || has_died(monitor)));
        },
    ];
    for end in ends {
        let freezer = Freezer::freeze(&home);
        end();
        assert_eq!(home.status("test").as_deref(), Some("STOPED"));
        drop(freezer);
        home.xdocker("-a boot -c test").ok();
    }
    let _freezer = Freezer::freeze(&home);
    home.xdocker("-a destroy -c test -f").ok();
    assert_eq!(home.status("test"), None);
}

#[test]
fn force_ends_also_one_whose_monitor_does_not_answer() {
    let home = single(":");
    kill(Pid::from_raw(monitor(home.path()).cast_signed()), Signal::SIGSTOP).unwrap();
    home.xdocker("-a kill -c test -f").ok();
    assert_eq!(home.status("test").as_deref(), Some("STOPED"));
    assert_eq!(json(&home, "-s inspect -c test")["exit"]["lost"], true);
}

#[test]
fn what_a_root_process_leaves_behind_ends_with_it() {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test").ok();
    let line = "setsid sh -c 'trap \"\" TERM HUP; touch /ready; while :; do sleep 1; done' & \
                while [ ! -e /ready ]; do sleep 0.01; done; exit 6";
    home.xdocker_args(["-a", "boot", "-c", "test", "--", "sh", "-c", line]).ok();
    home.xdocker("-a wait -c test").ends(6, "6\n", "");
    assert!(processes(home.path()).is_empty());
}

#[test]
fn a_root_process_that_the_kernel_shields_does_not_hold_up_a_shutdown() {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test").ok();
    let boots = |line: &str| home.xdocker_args(["-a", "boot", "-c", "test", "--", "sh", "-c", line]).ok();
    // Alone, it would die of the signal anywhere else.
    boots("exec sleep 1000");
    let root = home.root_process("test");
    let name = || fs::read_to_string(format!("/proc/{root}/comm")).unwrap_or_default();
    assert!(until(PATIENCE, || name() == "sleep\n"));
    let shutdown = format!("-a shutdown -c test --time {FOR_EVER}");
    home.xdocker(&shutdown).ok();
    home.xdocker("-a wait -c test").ends(137, "137\n", "");
    // Whom it has started is told, and may see to what it has to.
    boots(
        "sh -c 'trap \"echo told; exit 0\" TERM; echo ready; while :; do sleep 0.01; done' & wait; echo bye; exit 4",
    );
    let log = || home.xdocker("-s logs -c test").stdout();
    assert!(until(PATIENCE, || log() == "ready\n"));
    home.xdocker(&shutdown).ok();
    home.xdocker("-a wait -c test").ends(4, "4\n", "");
    assert_eq!(log(), "ready\ntold\nbye\n");
    // Who does not listen has as long as was said.
    boots("sh -c 'trap \"\" TERM; echo deaf; while :; do sleep 0.1; done' & wait");
    assert!(until(PATIENCE, || log().ends_with("deaf\n")));
    let begun = Instant::now();
    home.xdocker("-a shutdown -c test --time 1").ok();
    let deaf = begun.elapsed();
    assert!(deaf >= Duration::from_secs(1) && deaf < DEFAULT_TIME, "{deaf:?}");
}

#[test]
fn our_own_pid_1_is_not_taken_for_one_that_does_not_hear() {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test").ok();
    for _ in 0..20 {
        home.xdocker("-a boot -c test").ok();
        home.xdocker("-a shutdown -c test").ok();
        assert_eq!(json(&home, "-s containers")[0]["exit"]["code"], 0);
    }
}

#[test]
fn who_comes_while_it_ends_is_told_so() {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test").ok();
    for _ in 0..30 {
        home.xdocker("-a boot -c test").ok();
        let mut killer = home.command(["-a", "kill", "-c", "test"]).stdout(Stdio::null()).spawn().unwrap();
        // Those who came before its end have run, or were killed by it.
        let last = loop {
            let ran = home.xdocker("-a run -c test -- true");
            if ran.code() != Some(0) && ran.code() != Some(137) {
                break ran;
            }
        };
        let killed = last.stderr().contains("killed before it had begun");
        last.fails(1, if killed { "cannot start a process in container test" } else { "not running" });
        assert!(killer.wait().unwrap().success());
    }
}
