//! What containers print and what is kept of it, through the binary.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use xdocker_test_harness::cli::{Home, run};
use xdocker_test_harness::leaks::{has_died, monitor};
use xdocker_test_harness::mounts::in_private_mounts;
use xdocker_test_harness::wait::{PATIENCE, until};

fn home() -> Home {
    Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"))
}

/// Boots a new container `test` with a shell's command line for its root process.
fn boots(home: &Home, options: &str, line: &str) {
    let words = format!("-a create -m test -b {options} --");
    home.xdocker_args(words.split_ascii_whitespace().chain(["sh", "-c", line])).ok();
}

/// Boots it again.
fn boots_again(home: &Home, line: &str) {
    home.xdocker_args(["-a", "boot", "-c", "test", "--", "sh", "-c", line]).ok();
}

fn ends(home: &Home) {
    assert!(until(PATIENCE, || home.status("test").as_deref() == Some("STOPED")));
}

/// `-s logs --json`, a line each.
fn entries(home: &Home, options: &str) -> Vec<Value> {
    let printed = home.xdocker(&format!("-s logs -c test --json {options}")).succeeds();
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `-s logs --follow` in the background.
fn follower(home: &Home) -> Child {
    let mut command = home.command(["-s", "logs", "-c", "test", "--follow"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap()
}

#[test]
fn each_line_has_its_stream_its_time_and_its_run() {
    let home = home();
    boots(&home, "", "echo one; echo two >&2; printf 'no end'; exit 3");
    home.xdocker("-a wait -c test").ends(3, "3\n", "");
    home.xdocker("-s logs -c test").ends(0, "one\nno end", "two\n");
    boots_again(&home, "sleep 1; echo three; echo four");
    // While it runs, too.
    assert!(until(PATIENCE, || entries(&home, "").len() == 5));
    ends(&home);
    let all = entries(&home, "");
    let told = |entry: &Value| {
        let text = |key: &str| entry[key].as_str().unwrap().to_owned();
        (text("line"), text("stream"), text("origin"), entry["ended"].as_bool().unwrap())
    };
    let line = |line: &str, stream: &str, ended| (line.into(), stream.into(), "root".into(), ended);
    assert_eq!(
        all.iter().map(told).collect::<BTreeSet<_>>(),
        BTreeSet::from([
            line("one", "stdout", true),
            line("two", "stderr", true),
            line("no end", "stdout", false),
            line("three", "stdout", true),
            line("four", "stdout", true),
        ])
    );
    home.xdocker("-s logs -c test --tail 2").prints("three\nfour\n");
    home.xdocker("-s logs -c test --tail 0").prints("");
    let three =
        all.iter().find(|entry| entry["line"] == "three").unwrap()["time"].as_str().unwrap().to_owned();
    home.xdocker(&format!("-s logs -c test --since {three}")).prints("three\nfour\n");
    home.xdocker("-s logs -c test --since 0s").prints("");
    home.xdocker("-s logs -c test --since 1h --tail 1").prints("four\n");
    home.xdocker("-s logs -c test --since yesterday").fails(2, "a time is expected");
    home.xdocker("-s logs -c test --tail -1").fails(2, "--tail");
    home.xdocker("-s logs -c nobody").fails(1, "does not exist");
}

#[test]
fn whatever_is_printed_comes_back_as_it_was() {
    let home = home();
    // NUL bytes, what is no UTF-8, a line of 64 KB and one over a pipe's size, all without a copy in our memory.
    let line = r#"printf 'a\0b\377\n'; head -c 65536 /dev/zero | tr '\0' x; echo; head -c 300000 /dev/zero; echo; printf '\r\n\n'"#;
    boots(&home, "", line);
    home.xdocker("-a wait -c test").ends(0, "0\n", "");
    let output = home.command(["-s", "logs", "-c", "test"]).output().unwrap();
    let mut expected = b"a\0b\xff\n".to_vec();
    expected.extend([b'x'; 65536]);
    expected.push(b'\n');
    expected.extend([0; 300_000]);
    expected.extend(b"\n\r\n\n");
    assert!(output.stdout == expected, "{} bytes in place of {}", output.stdout.len(), expected.len());
    let all = entries(&home, "");
    assert_eq!((&all[0]["hex"], &all[0]["line"]), (&"610062ff".into(), &"a\0b\u{fffd}".into()));
    assert_eq!((all.len(), all[1]["line"].as_str().unwrap().len()), (5, 65536));
    assert!(all[1]["hex"].is_null());
}

#[test]
fn what_is_not_to_be_kept_is_not() {
    let home = home();
    let log = home.path().join("containers/test/output.log");
    boots(&home, "--log-size none", "echo silent");
    ends(&home);
    assert!(!log.exists());
    home.xdocker("-a boot -c test --log-size 1M -- echo loud").ok();
    ends(&home);
    home.xdocker("-s logs -c test").prints("loud\n");
    // Our own PID 1 has nobody to listen to.
    fs::remove_file(&log).unwrap();
    home.xdocker("-a boot -c test").ok();
    let fds = fs::read_dir(format!("/proc/{}/fd", monitor(home.path()))).unwrap();
    // A connection may be closed while we look.
    let targets = fds.filter_map(|fd| fs::read_link(fd.unwrap().path()).ok());
    let pipes = targets.filter(|target| target.to_string_lossy().starts_with("pipe:"));
    assert_eq!((pipes.count(), log.exists()), (0, false));
    for size in ["1", "lots", "2000G", ""] {
        home.xdocker_args(["-a", "create", "-m", "test", "-c", "other", "--log-size", size])
            .fails(2, "--log-size");
    }
    // Who is there hears it himself.
    home.xdocker("-a kill -c test").ok();
    home.xdocker("-a boot -c test --wait -- echo heard").prints("heard\n");
    assert!(!log.exists());
}

#[test]
fn a_follower_misses_nothing_that_is_kept_while_files_rotate() {
    let home = home();
    // Some fifty files of 128 KiB.
    boots(&home, "--log-size 256K", "sleep 0.2; seq 1000000; sleep 0.2; echo last");
    let mut follower = follower(&home);
    let lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let got: BTreeSet<_> = lines.map(Result::unwrap).collect();
    assert!(follower.wait().unwrap().success());
    let kept = home.xdocker("-s logs -c test").succeeds();
    let kept: Vec<_> = kept.lines().skip(1).collect();
    assert!(kept.len() > 10_000 && kept.last() == Some(&"last"), "{}", kept.len());
    for pair in kept[..kept.len() - 1].windows(2) {
        let [one, next] = [0, 1].map(|n: usize| pair[n].parse::<u32>().unwrap());
        assert_eq!(one + 1, next);
    }
    let missed: Vec<_> = kept.iter().filter(|line| !got.contains(**line)).collect();
    assert!(missed.is_empty(), "{missed:?}");
    let sizes = ["output.log", "output.log.1"]
        .map(|name| fs::metadata(home.path().join("containers/test").join(name)).unwrap().len());
    assert!(sizes.iter().all(|size| *size <= 128 << 10), "{sizes:?}");
}

#[test]
fn a_follower_waits_without_asking_and_ends_with_the_container() {
    let home = home();
    boots(&home, "", "echo first; while [ ! -e /go ]; do sleep 0.01; done; echo second; sleep 1000");
    let mut follower = follower(&home);
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "first");
    let switches = || {
        let status = fs::read_to_string(format!("/proc/{}/status", follower.id())).unwrap();
        let of = |what| {
            status.lines().find_map(|line| line.strip_prefix(what)?.trim().parse::<u32>().ok()).unwrap()
        };
        of("voluntary_ctxt_switches:")
    };
    assert!(until(PATIENCE, || {
        let before = switches();
        std::thread::sleep(Duration::from_millis(500));
        switches() == before
    }));
    home.xdocker("-a run -c test -- touch /go").prints("");
    assert_eq!(lines.next().unwrap().unwrap(), "second");
    home.xdocker("-a kill -c test").ok();
    assert!(lines.next().is_none());
    assert!(follower.wait().unwrap().success());
}

#[test]
fn when_the_monitor_is_killed_the_log_goes_on_after_what_is_whole() {
    let home = home();
    boots(&home, "", "while :; do echo 0123456789; done");
    let log = home.path().join("containers/test/output.log");
    for _ in 0..10 {
        let before = fs::metadata(&log).map_or(0, |data| data.len());
        assert!(until(PATIENCE, || fs::metadata(&log).is_ok_and(|data| data.len() != before)));
        let follower = follower(&home);
        let monitor = monitor(home.path());
        kill(Pid::from_raw(monitor.cast_signed()), Signal::SIGKILL).unwrap();
        assert!(until(PATIENCE, || has_died(monitor)));
        assert!(follower.wait_with_output().unwrap().status.success());
        ends(&home);
        boots_again(&home, "while :; do echo 0123456789; done");
    }
    home.xdocker("-a kill -c test").ok();
    let kept = home.xdocker("-s logs -c test").succeeds();
    let odd: Vec<_> = kept.lines().filter(|line| *line != "0123456789").collect();
    // Each death may have cut a line in two.
    assert!(odd.len() <= 21 && odd.iter().all(|line| line.len() < 10), "{odd:?}");
}

#[test]
fn a_full_disk_costs_lines_and_stops_nobody() {
    in_private_mounts(|| {
        let home = Home::on_tmpfs(env!("CARGO_BIN_EXE_xdocker"), "mode=755,size=8m");
        home.xdocker("-a install_test --from busybox").ok();
        let line = "echo begin; while [ ! -e /tmp/full ]; do sleep 0.01; done; \
                    i=0; while [ $i -lt 20 ]; do head -c 100000 /dev/zero | tr '\\0' x; echo; i=$((i+1)); done; \
                    echo; : > /tmp/done; while [ ! -e /tmp/room ]; do sleep 0.01; done; echo end";
        boots(&home, "--tmpfs /tmp", line);
        assert!(until(PATIENCE, || !entries(&home, "").is_empty()));
        let filler = home.path().join("filler");
        fs::write(&filler, vec![0; 8 << 20]).unwrap_err();
        home.xdocker("-a run -c test -- touch /tmp/full").prints("");
        assert!(until(PATIENCE, || home.xdocker("-a run -c test -- ls /tmp/done").code() == Some(0)));
        fs::remove_file(filler).unwrap();
        home.xdocker("-a run -c test -- touch /tmp/room").prints("");
        home.xdocker("-a wait -c test").ends(0, "0\n", "");
        let all = entries(&home, "");
        assert!(all[0]["line"] == "begin" && all[all.len() - 1]["line"] == "end");
        let lost: u64 = all.iter().filter_map(|entry| entry["lost_bytes"].as_u64()).sum();
        let kept: u64 =
            all.iter().filter_map(|entry| entry["line"].as_str()).map(|line| line.len() as u64 + 1).sum();
        assert!(lost > 1_900_000, "{lost}");
        // Nothing is missing of which that is not said.
        let unended = all.iter().filter(|entry| entry["ended"] == false).count() as u64;
        assert_eq!(lost + kept - unended, 6 + 20 * 100_001 + 1 + 4, "{lost} {kept} {unended}");
        let said = run(home.command(["-s", "logs", "-c", "test"]), b"");
        assert!(said.stderr().contains("*** LOST : "), "{said}");
    });
}

#[test]
fn who_holds_a_pipe_or_steals_from_it_holds_up_nobody() {
    let home = home();
    // The thief gets what it is fast enough for, and its own copy of it goes to the log in turn.
    boots(
        &home,
        "",
        "cat </proc/self/fd/1 >/dev/null & i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; \
                      touch /ready; sleep 1000",
    );
    let ready = home.path().join("containers/test/rwlayer/ready");
    assert!(until(PATIENCE, || ready.exists()));
    let pipe = format!("/proc/{}/fd/1", home.root_process("test"));
    let kept_open = OpenOptions::new().write(true).open(pipe).unwrap();
    // It ends although nobody has closed the pipe, and nobody will.
    home.xdocker("-a kill -c test").ok();
    home.xdocker("-s logs -c test").succeeds();
    drop(kept_open);
}
