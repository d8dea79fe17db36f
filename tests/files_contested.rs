//! Copies while programs inside change the way under them, or the container ends: the host's files stay as they are
//! (CVE-2018-15664, 2019-10152, 2021-41089), and nothing half has a name.
//!
//! `XDOCKER_RACES` says how many copies of each sort are made.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, symlink};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{process, thread};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use xdocker_test_harness::cli::{Finished, Home, run};
use xdocker_test_harness::leaks::monitor;
use xdocker_test_harness::tree::describe;
use xdocker_test_harness::wait::{PATIENCE, until};
use xdocker_test_harness::{leaks, role};

const BINARY: &str = env!("CARGO_BIN_EXE_xdocker");

/// What nobody inside may read, and nobody may write over. The program that says it is in the container too.
fn secret() -> String {
    format!("secret-{}-of-the-host", process::id())
}

fn races() -> usize {
    std::env::var("XDOCKER_RACES").map_or(60, |number| number.parse().expect("a number"))
}

fn xdocker(home: &Home, args: &[&str]) -> Finished {
    let mut command = home.command(args);
    command.current_dir(home.scratch());
    run(command, b"")
}

#[track_caller]
fn shell(home: &Home, line: &str) -> String {
    let mut shell = Command::new("sh");
    shell.args(["-ec", line]).current_dir(home.scratch());
    run(shell, b"").succeeds()
}

#[test]
fn directories_that_become_links_lead_nowhere_outside() {
    let home = Home::with_test_image(BINARY);
    home.xdocker("-a create -m test -c test").ok();
    home.xdocker("-a boot -c test").ok();
    let secret = secret();
    let make = format!(
        "mkdir -p canary/tree/sub canary/sub tree/sub/deep out; cd canary; \
        for name in file key tree/file tree/sub/file sub/file; do echo {secret} > $name; done; cd ..; \
        for number in $(seq 20); do echo data > tree/sub/$number; echo data > tree/sub/deep/$number; done; \
        chmod -R u+s,o-r tree; chmod 4711 tree/sub/3; mkfifo tree/sub/fifo; ln tree/sub/1 tree/sub/deep/link; \
        ln -s x tree/link; echo 'key value' > map; tar -cf tree.tar tree"
    );
    shell(&home, &make);
    let canary = home.scratch().join("canary");
    let passwd =
        || fs::metadata("/etc/passwd").map(|it| (it.ino(), it.mode(), it.mtime(), it.uid())).unwrap();
    let before = (describe(&canary), passwd());
    home.xdocker_args(["-a", "run", "-c", "test", "--cmd", "mkdir -p /swap/sub; echo key > /swap/sub/key"])
        .prints("");

    let (key, value) = role::environment([canary.to_str().unwrap()]);
    let mut swapper = home.command(["-a", "run", "-c", "test", "--env"]);
    swapper.arg(format!("{key}={value}")).args(["--", role::INSIDE]).args(role::options("swapper"));
    let mut swapper = swapper.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let begun = || home.path().join("containers/test/merged/swap/begun").exists();
    assert!(until(PATIENCE, begun), "the swapper does nothing");

    let archive = fs::read(home.scratch().join("tree.tar")).unwrap();
    let copies: [(&str, &[&str]); 7] = [
        ("put", &["-a", "putfile", "-c", "test", "--src-file", "tree", "--dst-file", "/swap/sub/"]),
        ("put new", &["-a", "putfile", "-c", "test", "--src-file", "tree", "--dst-file", "/swap/NEW"]),
        (
            "put file",
            &["-a", "putfile", "-c", "test", "--src-file", "tree/sub/3", "--dst-file", "/swap/sub/file"],
        ),
        ("put tar", &["-a", "putfile", "-c", "test", "--src-file", "-", "--dst-file", "/swap/sub"]),
        ("get", &["-a", "getfile", "-c", "test", "--src-file", "/swap", "--dst-file", "out/"]),
        ("get tar", &["-a", "getfile", "-c", "test", "--src-file", "/swap/sub/", "--dst-file", "-"]),
        (
            "rplfile",
            &[
                "-a",
                "rplfile",
                "-c",
                "test",
                "--template-file",
                "/swap/sub/key",
                "--mapping-file",
                "map",
                "--instance-file",
                "/swap/sub/instance",
            ],
        ),
    ];
    for (what, args) in copies {
        let (mut made, mut refused) = (0, 0);
        // On until both have been seen, or the test shows nothing; but not for ever.
        for number in 0..races() * 20 {
            if number >= races() && made > 0 && refused > 0 {
                break;
            }
            let new = format!("/swap/new-{number}");
            let args: Vec<_> = args.iter().map(|arg| if *arg == "/swap/NEW" { &*new } else { arg }).collect();
            let mut command = home.command(&args);
            command.current_dir(home.scratch());
            let done = run(command, &archive);
            assert!(!done.stdout().contains(&secret), "{what}: it was read");
            match done.code() {
                Some(0) => made += 1,
                Some(1) if done.stderr().starts_with("*** ERROR : ") => refused += 1,
                _ => panic!("{what}: {done}"),
            }
            // Not there where it was refused.
            let _ = fs::remove_dir_all(home.path().join(format!("containers/test/merged{new}")));
            if what == "get" {
                let found =
                    shell(&home, &format!("grep -rl --devices=skip {secret} out || true; rm -rf out/*"));
                assert_eq!(found, "", "{what}: it was read");
            }
        }
        assert!(made > 0 && refused > 0, "{what}: {made} made, {refused} refused");
        assert_eq!((describe(&canary), passwd()), before, "{what}: {made} made, {refused} refused");
    }
    drop(swapper.stdin.take());
    assert!(swapper.wait().unwrap().success());
    let layer = "home/containers/test/rwlayer";
    assert_eq!(shell(&home, &format!("grep -rl --devices=skip {secret} {layer} || true")), "");
    // What could not be removed while it was swapped is, by the next in each directory.
    for directory in ["/swap/", "/swap/sub/"] {
        xdocker(&home, &["-a", "putfile", "-c", "test", "--src-file", "map", "--dst-file", directory]).ok();
    }
    let left = shell(&home, &format!("find {layer}/swap -name '.xdocker-*'; ls out"));
    assert_eq!(left, "");
}

/// Swaps directories for links, among them those that a copy is making, and everything back, until its input ends.
#[test]
#[ignore = "a role of other tests"]
fn swapper() {
    let [outside] = role::arguments();
    let ended = Arc::new(AtomicBool::new(false));
    let seen = ended.clone();
    thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        seen.store(true, Ordering::Relaxed);
    });
    let up = "../".repeat(20) + outside.trim_start_matches('/');
    let targets = [&*outside, &*up, "/etc", "/proc/self/root", "/proc/1/root/etc", "/dev", "/"];
    for (number, target) in targets.iter().enumerate() {
        symlink(target, format!("/link-{number}")).unwrap();
    }
    let exchange = |one: &str, other: &str| {
        renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE).is_ok()
    };
    let places = [
        "/swap/sub",
        "/swap/.xdocker-0/tree",
        "/swap/.xdocker-0/tree/sub",
        "/swap/.xdocker-0/tree/sub/deep",
        "/swap/sub/.xdocker-0",
        "/swap/sub/.xdocker-0/tree/sub",
        "/swap/sub/.xdocker-0/tree/tree/sub",
        "/swap/sub/.xdocker-0/3",
        "/swap/sub/.xdocker-0/tree/sub/fifo",
        "/swap/sub/tree/sub",
    ];
    let mut number = 0;
    fs::write("/swap/begun", "").unwrap();
    while !ended.load(Ordering::Relaxed) {
        number = (number + 1) % targets.len();
        let link = format!("/link-{number}");
        for place in places {
            if exchange(&link, place) {
                thread::sleep(Duration::from_micros(200));
                exchange(&link, place);
            }
        }
        // What is not a link any more was lost in somebody's removal.
        if !fs::symlink_metadata(&link).is_ok_and(|it| it.is_symlink()) {
            let _ = fs::remove_file(&link).or_else(|_| fs::remove_dir_all(&link));
            let _ = symlink(targets[number], &link);
        }
        for directory in ["/swap/sub", "/swap/sub/tree"] {
            if fs::symlink_metadata(directory).is_ok_and(|it| it.is_symlink()) {
                let _ = fs::remove_file(directory);
            }
        }
        let _ = fs::create_dir("/swap/sub");
        let _ = fs::write("/swap/sub/key", "key");
    }
    process::exit(0);
}

#[test]
fn a_container_that_ends_meanwhile_leaves_nothing_half() {
    let home = Home::with_test_image(BINARY);
    shell(&home, "mkdir tree; for number in $(seq 30); do head -c 1M /dev/zero > tree/$number; done");
    home.xdocker("-a create -m test -c test").ok();
    let layer = home.path().join("containers/test/rwlayer");
    let (mut made, mut failed) = (0, 0);
    // On until it was caught in the middle, and was not, however fast the machine is.
    for round in 0..60 {
        if round >= 12 && made > 0 && failed > 0 {
            break;
        }
        home.xdocker("-a boot -c test").ok();
        let args = ["-a", "putfile", "-c", "test", "--src-file", "tree", "--dst-file", "/opt/tree"];
        home.xdocker("-a run -c test -- mkdir -p /opt").prints("");
        let mut command = home.command(args);
        command.current_dir(home.scratch()).stdout(Stdio::null()).stderr(Stdio::piped());
        let copy = command.spawn().unwrap();
        let begun = || layer.join(".xdocker-0").exists() || layer.join("opt/.xdocker-0").exists();
        match round % 3 {
            0 => assert!(until(PATIENCE, || layer.join("opt/tree").exists())),
            1 => drop(until(Duration::from_millis(500), begun)),
            _ => thread::sleep(Duration::from_millis(round)),
        }
        home.xdocker("-a kill -c test").ok();
        let done = copy.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        match done.status.code() {
            Some(0) => {
                made += 1;
                assert_eq!(fs::read_dir(layer.join("opt/tree")).unwrap().count(), 30);
            }
            Some(1) if said.contains("container test is not running") => {
                failed += 1;
                assert!(!layer.join("opt/tree").exists());
            }
            code => panic!("{code:?} {said}"),
        }
        let left = shell(&home, &format!("find {} -name '.xdocker-*'", layer.display()));
        assert_eq!(left, "", "round {round}: {made} made, {failed} failed");
        leaks::assert_none(home.path());
        home.xdocker("-a destroy -c test").ok();
        home.xdocker("-a create -m test -c test").ok();
    }
    assert!(made > 0 && failed > 0, "{made} made, {failed} failed: only one of both was seen");
}

#[test]
fn one_that_is_about_to_end_is_waited_for() {
    let home = Home::with_test_image(BINARY);
    home.xdocker("-a create -m test -c test").ok();
    home.xdocker("-a boot -c test").ok();
    home.xdocker("-a run -c test --detach -- sleep 1000").succeeds();
    // Its root process ends after all others have been reaped: one of them is by nobody as long as the monitor stands still.
    let (monitor, root) = (monitor(home.path()), home.root_process("test"));
    let signal = |pid: u32, signal| kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
    signal(monitor, Signal::SIGSTOP);
    signal(root, Signal::SIGKILL);
    assert!(until(PATIENCE, || fs::read_link(format!("/proc/{root}/root")).is_err()));
    let args = ["-a", "getfile", "-c", "test", "--src-file", "/etc/passwd", "--dst-file", "passwd"];
    let mut command = home.command(args);
    command.current_dir(home.scratch()).stdout(Stdio::null()).stderr(Stdio::piped());
    let copy = command.spawn().unwrap();
    thread::sleep(Duration::from_millis(200));
    signal(monitor, Signal::SIGCONT);
    let done = copy.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(home.scratch().join("passwd").exists());
}
