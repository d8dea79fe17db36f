//! Runs that need no client, through the binary.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use xdocker_core::{Engine, RunState};
use xdocker_test_harness::cli::Home;
use xdocker_test_harness::leaks::{has_died, monitor};
use xdocker_test_harness::mounts::in_private_mounts;
use xdocker_test_harness::wait::{PATIENCE, until};

/// A home where `test` runs.
fn home() -> Home {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test -b").ok();
    home
}

/// `-a run --detach` of a command line for the shell: its id.
fn detach(home: &Home, line: &str) -> u32 {
    let printed = home.xdocker_args(["-a", "run", "-c", "test", "--detach", "--cmd", line]).succeeds();
    printed
        .strip_suffix('\n')
        .and_then(|id| id.parse().ok())
        .unwrap_or_else(|| panic!("`{printed}` is no id"))
}

fn json(home: &Home, line: &str) -> Value {
    serde_json::from_str(&home.xdocker(&format!("{line} --json")).succeeds()).unwrap()
}

#[test]
fn a_run_goes_on_without_its_client_and_is_known_afterwards() {
    let home = home();
    let go = home.path().join("containers/test/merged/go");
    let first = detach(
        &home,
        "read line; echo \"[$line]\"; while [ ! -e /go ]; do sleep 0.01; done; echo bad >&2; exit 7",
    );
    let second = detach(&home, "echo other; kill -9 $$");
    assert_ne!(first, second);
    let mut waits = home.command(["-a", "wait", "-c", "test", "--run", &first.to_string()]);
    let waits = waits.stdout(Stdio::piped()).spawn().unwrap();
    home.xdocker(&format!("-a wait -c test --run {second}")).ends(137, "137\n", "");
    let runs = json(&home, "-s runs -c test");
    assert_eq!((&runs[0]["state"], &runs[1]["state"]), (&"running".into(), &"ended".into()));
    assert_eq!((&runs[1]["signal"], &runs[1]["command"][2]), (&9.into(), &"echo other; kill -9 $$".into()));
    // It is inside, and nobody's client.
    assert!(home.xdocker("-s top -c test").succeeds().contains("read line"));
    fs::write(go, "").unwrap();
    let waited = waits.wait_with_output().unwrap();
    assert_eq!((waited.status.code(), &*waited.stdout), (Some(7), &b"7\n"[..]));

    home.xdocker(&format!("-s logs -c test --run {first}")).ends(0, "[]\n", "bad\n");
    home.xdocker(&format!("-s logs -c test --run {second}")).prints("other\n");
    let logs = home.xdocker("-s logs -c test --json").succeeds();
    let origins: BTreeSet<_> = logs
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["origin"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(origins, [first, second].map(|id| id.to_string()).into());

    // Its container may have ended, and run again.
    home.xdocker("-a kill -c test").ok();
    home.xdocker(&format!("-a wait -c test --run {first}")).ends(7, "7\n", "");
    home.xdocker("-a boot -c test").ok();
    let third = detach(&home, ":");
    assert!(third > second);
    home.xdocker(&format!("-a wait -c test --run {second}")).ends(137, "137\n", "");
    home.xdocker("-a wait -c test --run 99").fails(1, "run 99 of container test is not known");
    home.xdocker("-s logs -c test --run 99").fails(1, "run 99 of container test is not known");
    home.xdocker("-a wait -c test --run 0").fails(2, "greater than 0");
}

#[test]
fn a_run_has_the_options_of_any_other() {
    let home = home();
    let id =
        |line: &str| home.xdocker(&format!("-a run -c test --detach {line}")).succeeds().trim().to_owned();
    let of = |id: &str| home.xdocker(&format!("-s logs -c test --run {id}")).stdout();
    let waits = |id: &str| home.xdocker(&format!("-a wait -c test --run {id}")).code();
    let env = id("--user 7:8 --workdir /tmp --env A=b -- env");
    assert_eq!(waits(&env), Some(0));
    assert!(of(&env).contains("A=b\n"), "{}", of(&env));
    // Who is not root may print by the name of the stream, too.
    let named = home.xdocker_args([
        "-a",
        "run",
        "-c",
        "test",
        "--detach",
        "--user",
        "7:8",
        "--",
        "sh",
        "-c",
        "echo named >/dev/stdout; cat /dev/stdout",
    ]);
    let named = named.succeeds().trim().to_owned();
    assert_eq!((waits(&named), of(&named).lines().next()), (Some(1), Some("named")));
    let slow = id("--timeout 0.2 -- sleep 1000");
    assert_eq!(waits(&slow), Some(124));
    assert!(home.xdocker("-s runs -c test").succeeds().contains("TIMED_OUT"));
    home.xdocker("-a run -c test --detach -- nosuch").fails(127, "nosuch");
    home.xdocker("-a run -c test --detach -t -- sh").fails(2, "exclude each other");
    home.xdocker("-a run -c test --detach --user nobody-here -- true").fails(1, "nobody-here");
}

#[test]
fn a_shutdown_ends_them_like_all_others() {
    let home = home();
    let told = detach(&home, "trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.01; done");
    let deaf = detach(&home, "trap '' TERM; echo ready; while :; do sleep 0.1; done");
    let log = |id: u32| home.xdocker(&format!("-s logs -c test --run {id}")).stdout();
    assert!(until(PATIENCE, || [told, deaf].into_iter().all(|id| log(id) == "ready\n")));
    home.xdocker("-a shutdown -c test --time 1").ok();
    home.xdocker(&format!("-a wait -c test --run {told}")).ends(3, "3\n", "");
    home.xdocker(&format!("-a wait -c test --run {deaf}")).ends(137, "137\n", "");
    assert_eq!(log(told), "ready\ntold\n");
}

#[test]
fn when_the_monitor_is_killed_it_is_said_that_nobody_knows() {
    let home = home();
    let id = detach(&home, "sleep 1000");
    let mut waits = home.command(["-a", "wait", "-c", "test", "--run", &id.to_string()]);
    let waits = waits.stdout(Stdio::piped()).spawn().unwrap();
    let monitor = monitor(home.path());
    kill(Pid::from_raw(monitor.cast_signed()), Signal::SIGKILL).unwrap();
    assert!(until(PATIENCE, || has_died(monitor)));
    assert_eq!(waits.wait_with_output().unwrap().status.code(), Some(137));
    assert_eq!(json(&home, "-s runs -c test")[0]["state"], "lost");
    home.xdocker("-a boot -c test").ok();
    assert_eq!(json(&home, "-s runs -c test")[0]["state"], "lost");
}

#[test]
fn many_are_run_and_a_bounded_number_is_remembered() {
    let home = home();
    let container = Engine::open(home.path()).unwrap().container(&"test".parse().unwrap()).unwrap();
    let long = container.command("sleep").arg("1000").spawn_detached().unwrap();
    for _ in 0..3 {
        let runs: Vec<_> = (0..400).map(|_| container.command("true").spawn_detached().unwrap()).collect();
        for run in &runs {
            let info = run.wait_timeout(PATIENCE).unwrap().expect("it has ended");
            assert!(matches!(info.state, RunState::Ended { status, .. } if status.success()), "{info:?}");
        }
    }
    let known = container.detached_runs().unwrap();
    assert_eq!(known.len(), 1024);
    // Who runs is not forgotten, however long.
    assert_eq!(known[0].id, long.id());
    assert!(matches!(known[0].state, RunState::Running { .. }));
    assert!(long.wait_timeout(Duration::from_millis(50)).unwrap().is_none());
    assert!(fs::metadata(home.path().join("containers/test/runs")).unwrap().len() <= 1025 * 256);
    container.kill().unwrap();
    assert!(matches!(long.wait().unwrap().state, RunState::Ended { status, .. } if !status.success()));
}

#[test]
fn two_hundred_run_at_a_time() {
    let home = home();
    let container = Engine::open(home.path()).unwrap().container(&"test".parse().unwrap()).unwrap();
    let line = "while [ ! -e /go ]; do sleep 0.1; done; echo $$";
    let mut shell = container.shell(line).unwrap();
    let runs: Vec<_> = (0..200).map(|_| shell.spawn_detached().unwrap()).collect();
    assert_eq!(container.detached_runs().unwrap().len(), 200);
    fs::write(home.path().join("containers/test/merged/go"), "").unwrap();
    for run in &runs {
        let info = run.wait_timeout(PATIENCE).unwrap().expect("it has ended");
        assert!(matches!(info.state, RunState::Ended { status, .. } if status.success()), "{info:?}");
    }
    let lines = home.xdocker("-s logs -c test").succeeds();
    assert_eq!(lines.lines().collect::<BTreeSet<_>>().len(), 200);
}

#[test]
fn on_a_full_disk_nothing_is_started_whose_end_could_not_be_kept() {
    in_private_mounts(|| {
        let home = Home::on_tmpfs(env!("CARGO_BIN_EXE_xdocker"), "mode=755,size=8m");
        home.xdocker("-a install_test --from busybox").ok();
        home.xdocker("-a create -m test -b").ok();
        let filler = home.path().join("filler");
        fs::write(&filler, vec![0; 8 << 20]).unwrap_err();
        home.xdocker("-a run -c test --detach -- sleep 1000").fails(1, "No space left on device");
        assert!(!home.xdocker("-s top -c test").succeeds().contains("sleep"));
        home.xdocker("-a run -c test -- true").prints("");
        fs::remove_file(filler).unwrap();
        let id = detach(&home, "echo there");
        home.xdocker(&format!("-a wait -c test --run {id}")).ends(0, "0\n", "");
        home.xdocker(&format!("-s logs -c test --run {id}")).prints("there\n");
    });
}
