//! Containers that are started again, through the binary: by their monitor, and all together after a reboot.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use xdocker_test_harness::cli::Home;
use xdocker_test_harness::leaks::{has_died, monitor, monitors, processes};
use xdocker_test_harness::mounts::{Tmpfs, in_private_mounts};
use xdocker_test_harness::net::on_own_host;
use xdocker_test_harness::program;
use xdocker_test_harness::wait::{PATIENCE, until};

fn home() -> Home {
    Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"))
}

/// Makes and boots a container with these options, whose root process is a shell's command line.
fn boots(home: &Home, name: &str, options: &str, line: &str) {
    let words = format!("-a create -m test -c {name} -b {options} --");
    home.xdocker_args(words.split_ascii_whitespace().chain(["sh", "-c", line])).ok();
}

/// What `-s inspect` says of a container.
fn told(home: &Home, name: &str) -> Value {
    serde_json::from_str(&home.xdocker(&format!("-s inspect -c {name} --json")).succeeds()).unwrap()
}

fn is(home: &Home, name: &str, state: &str) -> bool {
    told(home, name)["state"] == state
}

/// How often it has begun, by its log.
fn begun(home: &Home, name: &str) -> usize {
    home.xdocker(&format!("-s logs -c {name}")).stdout().matches("begun\n").count()
}

fn sigkill(pid: u32) {
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
    assert!(until(PATIENCE, || has_died(pid)));
}

fn sigkill_client(client: &mut Child) {
    client.kill().unwrap();
    client.wait().unwrap();
}

#[test]
fn each_policy_does_what_it_says() {
    let home = home();
    boots(&home, "no", "", "echo begun; exit 1");
    boots(&home, "twice", "--restart on-failure:2", "echo begun; exit 3");
    boots(&home, "good", "--restart on-failure", "echo begun");
    boots(&home, "always", "--restart always", "echo begun");
    home.xdocker("-a wait -c no").ends(1, "1\n", "");
    home.xdocker("-a wait -c good").ends(0, "0\n", "");
    home.xdocker("-a wait -c twice").ends(3, "3\n", "");
    assert!(until(PATIENCE, || begun(&home, "always") >= 3));
    assert_eq!(["no", "twice", "good"].map(|name| begun(&home, name)), [1, 3, 1]);
    let always = told(&home, "always");
    assert!(always["restarts"].as_u64() >= Some(2) && always["restart"] == "always", "{always}");
    home.xdocker("-a shutdown -c always").ok();
    assert_eq!(told(&home, "always")["restarts"], 0);
    for bad in ["sometimes", "on-failure:0", "always:2", ""] {
        home.xdocker_args(["-a", "create", "-m", "test", "-c", "bad", "--restart", bad])
            .fails(2, "--restart");
    }
    // Who goes with its owner is started by nobody else, and who is waited for ends.
    home.xdocker("-a create -m test -c mine -b --rm --restart always -- true").fails(1, "owner");
    home.xdocker("-a boot -c always --wait -- sh -c true").prints("");
}

#[test]
fn pauses_grow_and_what_is_seen_of_them_is_true() {
    let home = home();
    boots(&home, "test", "--restart always", "echo begun");
    assert!(until(PATIENCE, || begun(&home, "test") >= 5));
    let log = home.xdocker("-s logs -c test --json").succeeds();
    let time = |line: &str| {
        let entry: Value = serde_json::from_str(line).unwrap();
        entry["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap()
    };
    let times: Vec<_> = log.lines().take(5).map(time).collect();
    for (index, pair) in times.windows(2).enumerate() {
        let pause = Duration::from_millis(100 << index);
        let took = Duration::try_from(pair[1].duration_since(pair[0])).unwrap();
        assert!(took >= pause, "{index}: {took:?}");
    }
    let mut seen = Value::Null;
    assert!(until(PATIENCE, || {
        seen = told(&home, "test");
        seen["state"] == "restarting"
    }));
    assert_eq!((&seen["pid"], &seen["exit"]["code"]), (&Value::Null, &0.into()));
    assert!(until(PATIENCE, || home.status("test").as_deref() == Some("STARTING")));
    for (line, why) in [
        ("-a run -c test -- true", "not running"),
        ("-a boot -c test", "running"),
        ("-a destroy -c test", "running"),
        ("-a restart_policy -c test --restart no", "running"),
        ("-a limit -c test --pids-limit 99", "being changed"),
    ] {
        // It runs for a moment between two pauses, and may be met then.
        let mut finished = home.xdocker(line);
        until(PATIENCE, || {
            let met = !finished.stderr().contains(why);
            if met {
                finished = home.xdocker(line);
            }
            !met
        });
        finished.fails(1, why);
    }
    home.xdocker("-a destroy -c test -f").ok();
    assert_eq!(home.status("test"), None);
}

#[test]
fn who_is_told_to_end_stays_down_whenever_that_is() {
    let home = home();
    // It ends at once or after a while, so that each moment of its life comes up.
    let line = "echo begun; trap 'exit 1' TERM; sleep 0.0$(($(date +%N | tr -d 0) % 5)); exit 1";
    for round in 0..24u64 {
        boots(&home, "test", "--restart always", line);
        thread::sleep(Duration::from_millis(round * 37 % 450));
        match round % 4 {
            0 => home.xdocker("-a shutdown -c test --time 5").ok(),
            1 => home.xdocker("-a kill -c test").ok(),
            2 => home.xdocker("-a destroy -c test -f").ok(),
            _ => home.xdocker("-a destroy -c test -h").ok(),
        }
        let before = processes(home.path());
        assert!(before.is_empty(), "round {round}: {before:?}");
        if round % 4 < 2 {
            let count = begun(&home, "test");
            assert_eq!(home.status("test").as_deref(), Some("STOPED"));
            thread::sleep(Duration::from_millis(250));
            assert_eq!((begun(&home, "test"), processes(home.path()).len()), (count, 0));
            home.xdocker("-a destroy -c test").ok();
        }
        assert_eq!(home.status("test"), None);
    }
}

#[test]
fn when_the_monitor_is_killed_nobody_starts_it_again() {
    let home = home();
    boots(&home, "pauses", "--restart always", "echo begun");
    // A pause that is long enough for all that is to happen in it.
    assert!(until(PATIENCE, || told(&home, "pauses")["restarts"].as_u64() >= Some(6)
        && is(&home, "pauses", "restarting")));
    let mut waits = home.command(["-a", "wait", "-c", "pauses"]);
    let waits = waits.stdout(Stdio::piped()).spawn().unwrap();
    sigkill(monitor(home.path()));
    assert!(waits.wait_with_output().unwrap().status.code().is_some());
    let count = begun(&home, "pauses");
    assert_eq!(home.status("pauses").as_deref(), Some("STOPED"));
    // How it ended last was seen, even though nobody saw to it any more.
    assert_eq!(told(&home, "pauses")["exit"]["code"], 0);
    // In its second run: of the first one the end was seen.
    boots(&home, "runs", "--restart always", "echo begun; [ ! -e /once ] || sleep 1000; touch /once");
    assert!(until(PATIENCE, || begun(&home, "runs") == 2));
    sigkill(monitor(home.path()));
    assert_eq!(home.status("runs").as_deref(), Some("STOPED"));
    assert_eq!(told(&home, "runs")["exit"]["lost"], true);
    thread::sleep(Duration::from_secs(2));
    assert_eq!((begun(&home, "pauses"), begun(&home, "runs")), (count, 2));
    home.xdocker("-a boot -c pauses").ok();
    home.xdocker("-a kill -c pauses").ok();
}

#[test]
fn all_that_are_to_run_do_after_a_reboot() {
    let home = home();
    let forever = "echo begun; sleep 1000";
    for (name, policy) in [
        ("no", "no"),
        ("always", "always"),
        ("down", "always"),
        ("failing", "on-failure"),
        ("over", "on-failure:3"),
    ] {
        boots(
            &home,
            name,
            &format!("--restart {policy} --pids-limit 77"),
            if name == "over" { "echo begun" } else { forever },
        );
    }
    home.xdocker("-a wait -c over").ends(0, "0\n", "");
    home.xdocker("-a shutdown -c down --time 0").ok();
    // The machine goes down: nothing is left of all that runs but its records, and they are of another boot.
    monitors(home.path()).into_iter().for_each(sigkill);
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    for name in ["no", "always", "failing"] {
        let record = home.path().join("containers").join(name).join("run.json");
        let text = fs::read_to_string(&record).unwrap();
        assert!(text.contains(boot.trim()));
        fs::write(&record, text.replace(boot.trim(), "00000000-0000-4000-8000-000000000000")).unwrap();
    }
    // One cannot be booted, which is no reason not to boot the others.
    boots(&home, "broken", "--restart always", forever);
    home.xdocker("-a kill -c broken").ok();
    let lost = home.path().join("containers/broken/container.json");
    let text = fs::read_to_string(&lost).unwrap();
    fs::write(&lost, text.replace("\"name\": \"test\"", "\"name\": \"gone\"")).unwrap();
    let said = home.xdocker("-a boot --all-restart");
    assert!(said.code() == Some(1) && said.stderr().contains("broken: image gone"), "{said}");
    let states = ["no", "always", "down", "failing", "over"]
        .map(|name| told(&home, name)["state"].as_str().unwrap().to_owned());
    assert_eq!(states, ["stopped", "running", "running", "running", "stopped"]);
    // As it was booted before: its program, and its limits for that run.
    assert!(until(PATIENCE, || begun(&home, "always") == 2));
    let stats: Value = serde_json::from_str(&home.xdocker("-s stats -c always --json").succeeds()).unwrap();
    assert!(stats.to_string().contains("77"), "{stats}");
    assert_eq!(told(&home, "no")["exit"]["lost"], true);
    // Again, it changes nothing.
    home.xdocker("-a restart_policy -c broken --restart no").ok();
    let pids = || ["always", "down", "failing"].map(|name| home.root_process(name));
    let before = pids();
    home.xdocker("-a boot --all-restart").ok();
    assert_eq!(pids(), before);
    home.xdocker("-a boot --all-restart -c no").fails(2, "exclude each other");
}

#[test]
fn what_cannot_be_started_again_is_tried_again() {
    let home = home();
    boots(&home, "test", "--restart always", "echo begun; [ ! -e /go ] || sleep 1000");
    let images = home.path().join("images");
    let away = home.scratch().join("away");
    fs::rename(&images, &away).unwrap();
    let failure = || told(&home, "test")["exit"]["not_restarted"].clone();
    let failed = until(PATIENCE, || failure().is_string());
    let (seen, left) = (told(&home, "test"), processes(home.path()));
    fs::rename(&away, &images).unwrap();
    assert!(failed, "{seen}");
    assert_eq!((&seen["exit"]["code"], left.len()), (&0.into(), 1), "{left:?}");
    let count = begun(&home, "test");
    fs::write(home.path().join("containers/test/rwlayer/go"), "").unwrap();
    assert!(until(PATIENCE, || is(&home, "test", "running") && begun(&home, "test") > count));
    home.xdocker("-a kill -c test").ok();
}

#[test]
fn a_run_after_the_other_costs_the_monitor_nothing() {
    // Where nobody else's network namespaces are: the name of one follows from the container's alone.
    in_private_mounts(|| {
        let _run = Tmpfs::mount(Path::new("/run"), "mode=755");
        let home = home();
        boots(
            &home,
            "test",
            "--restart always --net CUSTOM",
            "echo begun; while [ ! -e /end ]; do sleep 0.01; done; rm /end",
        );
        let monitor = monitor(home.path());
        let end = home.path().join("containers/test/merged/end");
        let descriptors = || fs::read_dir(format!("/proc/{monitor}/fd")).unwrap().count();
        let resident = || {
            let text = fs::read_to_string(format!("/proc/{monitor}/smaps_rollup")).unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap().to_owned();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
        };
        let mut first = None;
        for round in 1..=4 {
            assert!(until(PATIENCE, || begun(&home, "test") == round && is(&home, "test", "running")));
            // A detached run ends with the run of the container that it was started in.
            let run = home.xdocker("-a run -c test --detach -- sleep 1000").succeeds();
            // The monitor closes the connection after it has answered.
            let mut now = (0, 0);
            assert!(until(PATIENCE, || {
                let before = std::mem::replace(&mut now, (descriptors(), resident()));
                thread::sleep(Duration::from_millis(100));
                before == now
            }));
            let first = first.get_or_insert(now);
            assert!(now.0 <= first.0 && now.1 <= first.1 + 24, "{first:?} {now:?}");
            fs::write(&end, "").unwrap();
            home.xdocker(&format!("-a wait -c test --run {run}")).ends(137, "137\n", "");
        }
        home.xdocker("-a kill -c test").ok();
    });
}

#[test]
fn each_run_is_told_as_one() {
    let home = home();
    let mut events = home.command(["-s", "events", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(events.stdout.take().unwrap()).lines();
    // It watches two directories before anything else.
    let fds = format!("/proc/{}/fdinfo", events.id());
    let watches =
        |fd: fs::DirEntry| fs::read_to_string(fd.path()).unwrap_or_default().matches("inotify wd").count();
    let watched = || fs::read_dir(&fds).into_iter().flatten().flatten().map(watches).sum::<usize>();
    assert!(until(PATIENCE, || watched() == 2));
    let mut next =
        || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()["event"].clone();
    boots(&home, "test", "--restart on-failure:2", "exit 1");
    home.xdocker("-a wait -c test").ends(1, "1\n", "");
    let expected = ["created", "booted", "ended", "booted", "ended", "booted", "ended"];
    assert_eq!(expected.map(|_| next()), expected);
    sigkill_client(&mut events);
}

/// The limit of processes that a container has now.
fn pids_limit(home: &Home) -> Value {
    let stats: Value = serde_json::from_str(&home.xdocker("-s stats -c test --json").succeeds()).unwrap();
    stats[0]["pids"]["limit"].clone()
}

#[test]
fn limits_that_were_changed_meanwhile_hold_for_the_runs_that_follow() {
    let home = home();
    let line = "echo begun; while [ ! -e /end ]; do sleep 0.01; done; rm /end";
    boots(&home, "test", "--restart always --pids-limit 77", line);
    let end = home.path().join("containers/test/merged/end");
    assert_eq!(pids_limit(&home), 77);
    for (round, limit) in [(2, 66), (3, 55)] {
        home.xdocker("-a limit -c test --pids-limit 99 --mem-limit 90M").ok();
        home.xdocker(&format!("-a limit -c test --pids-limit {limit}")).ok();
        assert_eq!(pids_limit(&home), limit);
        fs::write(&end, "").unwrap();
        assert!(until(PATIENCE, || begun(&home, "test") == round && is(&home, "test", "running")));
        assert_eq!(pids_limit(&home), limit);
        home.xdocker("-a run -c test -- true").prints("");
    }
    sigkill(monitor(home.path()));
    home.xdocker("-a boot --all-restart").ok();
    assert_eq!(pids_limit(&home), 55);
    home.xdocker("-a kill -c test").ok();
}

#[test]
fn the_way_from_the_bridge_is_there_again() {
    on_own_host(|| {
        let home = home();
        let line = "echo begun; while [ ! -e /end ]; do sleep 0.01; done; rm /end";
        boots(
            &home,
            "test",
            "--restart on-failure --net BRIDGE --port-mapping 19527:9527",
            &format!("{line}; exit 1"),
        );
        let busybox = fs::read("/bin/busybox").unwrap();
        program::write(&home.path().join("containers/test/merged/busybox"), 0o755, &busybox);
        let end = home.path().join("containers/test/merged/end");
        for round in 1..=3 {
            assert!(until(PATIENCE, || begun(&home, "test") == round && is(&home, "test", "running")));
            let serves = [
                "-a",
                "run",
                "-c",
                "test",
                "--detach",
                "--",
                "/busybox",
                "nc",
                "-ll",
                "-p",
                "9527",
                "-e",
                "/bin/hostname",
            ];
            home.xdocker_args(serves).succeeds();
            let ask = || -> std::io::Result<String> {
                let mut answer = String::new();
                TcpStream::connect("127.0.0.1:19527")?.read_to_string(&mut answer)?;
                Ok(answer)
            };
            assert!(until(PATIENCE, || ask().is_ok_and(|answer| answer == "test\n")), "{round}: {:?}", ask());
            fs::write(&end, "").unwrap();
        }
        home.xdocker("-a destroy -c test -f").ok();
    });
}

#[test]
fn a_stop_signal_of_its_own_is_what_a_shutdown_sends() {
    let home = home();
    let line =
        "trap 'echo quit; exit 9' QUIT; trap 'echo term' TERM; touch /ready; while :; do sleep 0.01; done";
    boots(&home, "single", "--stop-signal QUIT", line);
    let ready = home.path().join("containers/single/rwlayer/ready");
    assert!(until(PATIENCE, || ready.exists()));
    // It does not wait until the time is over.
    home.xdocker("-a shutdown -c single --time 3600").ok();
    home.xdocker("-a wait -c single").ends(9, "9\n", "");
    assert_eq!(home.xdocker("-s logs -c single").stdout(), "quit\n");
    // Our own PID 1 passes it on to all inside.
    home.xdocker("-a create -m test -c many -b --stop-signal SIGUSR1").ok();
    let run =
        |line: &str| home.xdocker_args(["-a", "run", "-c", "many", "--detach", "--cmd", line]).succeeds();
    let id = run("trap 'exit 5' USR1; trap '' TERM; touch /ready; while :; do sleep 0.01; done");
    let ready = home.path().join("containers/many/rwlayer/ready");
    assert!(until(PATIENCE, || ready.exists()));
    home.xdocker("-a shutdown -c many").ok();
    home.xdocker(&format!("-a wait -c many --run {id}")).ends(5, "5\n", "");
    assert_eq!(told(&home, "many")["stop_signal"], 10);
    home.xdocker("-a create -m test -c bad --stop-signal NOSUCH").fails(2, "--stop-signal");
}
