//! `-s events`: what happens to containers of a home is told, once and in order, whoever does it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvError, channel};
use std::thread;
use std::time::Duration;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use xdocker_core::{
    Boot, Container, ContainerSpec, Engine, Event, EventKind, Events, Exec, IfRunning, State,
};
use xdocker_test_harness::cli::Home;
use xdocker_test_harness::leaks::{has_died, monitor};
use xdocker_test_harness::wait::{PATIENCE, until};

fn home() -> Home {
    Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"))
}

/// Somebody who follows the events.
struct Follower {
    child: Child,
    lines: Receiver<String>,
}

impl Follower {
    /// Starts it, and waits until it has told of `box`, which is created last of all.
    fn start(home: &Home, line: &str) -> Self {
        let mut command = home.command(line.split_ascii_whitespace());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the command");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        thread::spawn(move || output.lines().try_for_each(|line| sender.send(line.expect("text"))));
        let follower = Self { child, lines };
        // It says nothing when it is ready, but holds inotify then (proc_pid_fdinfo(5)).
        let fds = format!("/proc/{}/fdinfo", follower.child.id());
        let watches = |fd: fs::DirEntry| {
            fs::read_to_string(fd.path()).is_ok_and(|text| text.matches("inotify wd:").count() == 2)
        };
        assert!(until(PATIENCE, || fs::read_dir(&fds).into_iter().flatten().flatten().any(watches)));
        home.xdocker("-a create -m test -c box").ok();
        assert!(follower.next().contains("box"));
        follower
    }

    #[track_caller]
    fn next(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    /// Hears of a run that ended in this way, and that its container was destroyed. That comes at once, and takes the
    /// records of the run along: whoever is late sees less.
    #[track_caller]
    fn hears_of_a_quick_end(&self, name: &str, how: &str) {
        let booted = format!("booted    {name}");
        let ended = [how, "nobody saw how"].map(|how| format!("ended     {name}: {how}"));
        let mut next = self.next();
        if said(&next).starts_with(&booted) {
            next = self.next();
            assert!(ended.iter().any(|ended| ended == said(&next)), "{next}");
            next = self.next();
        }
        assert_eq!(said(&next), format!("destroyed {name}"));
    }

    fn ends(mut self) {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT).expect("a process");
        assert_eq!(self.child.wait().expect("its end").code(), Some(0));
        assert_eq!(self.lines.recv(), Err(RecvError), "nothing else was told");
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // It may have ended, and been waited for, long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What stands behind the time.
fn said(line: &str) -> &str {
    line.split_once(' ').expect("a time and more").1
}

#[test]
fn a_life_is_told_a_line_an_event() {
    let home = home();
    let follower = Follower::start(&home, "-s events");
    home.xdocker("-a boot -c box").ok();
    let pid = home.root_process("box");
    assert_eq!(said(&follower.next()), format!("booted    box: root process {pid}"));
    home.xdocker("-a shutdown -c box").ok();
    assert_eq!(said(&follower.next()), "ended     box: exit code 0");
    let ends = |line: &str, script| {
        let args: Vec<_> = line.split(' ').chain(["--", "sh", "-c", script]).collect();
        home.xdocker_args(args).code()
    };
    assert_eq!(ends("-a boot -c box --wait", "exit 3"), Some(3));
    assert!(said(&follower.next()).starts_with("booted    box"));
    assert_eq!(said(&follower.next()), "ended     box: exit code 3");
    home.xdocker("-a boot -c box").ok();
    home.xdocker("-a destroy -c box -f").ok();
    follower.hears_of_a_quick_end("box", "signal 9");
    // One that is there for one command only, and its conversions.
    assert_eq!(ends("-a create -m test -c once -b --rm", "exit 5"), Some(5));
    assert_eq!(said(&follower.next()), "created   once");
    follower.hears_of_a_quick_end("once", "exit code 5");
    home.xdocker("-a create -m test -c made").ok();
    home.xdocker("-a to_image --from-container made --to-image made:1").ok();
    home.xdocker("-a to_container --from-image made:1 -m test --to-container again").ok();
    for expected in ["created   made", "destroyed made", "created   again"] {
        assert_eq!(said(&follower.next()), expected);
    }
    follower.ends();
}

#[test]
fn scripts_get_an_object_a_line_of_the_container_they_name() {
    let home = home();
    let follower = Follower::start(&home, "-s events -c box --json");
    home.xdocker("-a create -m test -c other").ok();
    let next = || serde_json::from_str::<Value>(&follower.next()).expect("JSON");
    home.xdocker("-a boot -c box").ok();
    let (booted, pid) = (next(), home.root_process("box"));
    assert_eq!((&booted["event"], &booted["container"]), (&"booted".into(), &"box".into()));
    assert_eq!((&booted["pid"], &booted["exit"]), (&pid.into(), &Value::Null));
    home.xdocker("-a kill -c box").ok();
    assert_eq!(next()["exit"]["oom_kills"], 0);
    let line = "-a boot -c box --mem-limit 16M --wait -- sh -c";
    let mut args: Vec<_> = line.split(' ').collect();
    args.push("x=x; while :; do x=$x$x; done");
    assert_eq!(home.xdocker_args(args).code(), Some(137));
    let [booted, ended] = [next(), next()];
    assert_eq!([&booted["event"], &ended["event"]], ["booted", "ended"]);
    assert!(ended["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{ended}");
    let exit = &ended["exit"];
    assert_eq!((&exit["signal"], &exit["oom_kills"], &exit["lost"]), (&9.into(), &1.into(), &false.into()));
    follower.ends();
}

#[test]
fn the_end_of_a_monitor_that_was_killed_is_seen() {
    let home = home();
    let follower = Follower::start(&home, "-s events");
    home.xdocker("-a boot -c box").ok();
    follower.next();
    kill(Pid::from_raw(monitor(home.path()).cast_signed()), Signal::SIGKILL).expect("a process");
    assert_eq!(said(&follower.next()), "ended     box: nobody saw how");
    assert_eq!(home.status("box").as_deref(), Some("STOPED"));
    follower.ends();
}

/// What has happened until now, as words.
fn until_now(events: &mut Events) -> Vec<String> {
    let all = std::iter::from_fn(|| events.next_timeout(Duration::ZERO).transpose());
    let word = |event: Event| match event.kind {
        EventKind::Created => format!("{} created", event.container),
        EventKind::Booted { .. } => format!("{} booted", event.container),
        EventKind::Ended { exit: Some(exit) } => format!("{} {}", event.container, exit.status()),
        EventKind::Ended { .. } => format!("{} ended", event.container),
        _ => format!("{} destroyed", event.container),
    };
    all.map(|event| word(event.unwrap_or_else(|error| panic!("{}", error.chain())))).collect()
}

fn create(engine: &Engine, name: &str) -> Container {
    let spec = ContainerSpec::new(["test".parse().unwrap()]).name(name.parse().unwrap());
    engine.create(&spec).unwrap_or_else(|error| panic!("{}", error.chain()))
}

/// Boots a program that ends with this code, and waits for that.
fn end_with(container: &Container, code: &str) {
    container.boot(&Boot::new().exec(Exec::new("sh").args(["-c", code]))).unwrap();
    container.wait().unwrap();
}

#[test]
fn who_is_late_hears_of_all_that_left_a_record() {
    let home = home();
    let engine = Engine::open(home.path()).unwrap();
    let (before, running) = (create(&engine, "before"), create(&engine, "running"));
    end_with(&before, "exit 1");
    running.boot(&Boot::new()).unwrap();
    let mut events = engine.events().unwrap();
    assert_eq!(until_now(&mut events), [""; 0], "what was before is not told");

    end_with(&create(&engine, "new"), "exit 2");
    end_with(&before, "exit 3");
    end_with(&before, "exit 4");
    running.kill().unwrap();
    create(&engine, "gone").destroy(IfRunning::Refuse).unwrap();
    let mut told = until_now(&mut events);
    told.sort();
    let expected = [
        "before booted",
        "before exit status: 4",
        "gone created",
        "gone destroyed",
        "new booted",
        "new created",
        "new exit status: 2",
        "running signal: 9 (SIGKILL)",
    ];
    assert_eq!(told, expected);
    assert_eq!(events.next_timeout(Duration::from_millis(20)).unwrap(), None);
}

#[test]
fn more_than_the_kernel_keeps_is_made_up_for() {
    let home = home();
    let engine = Engine::open(home.path()).unwrap();
    let [one, two, three] = ["one", "two", "three"].map(|name| create(&engine, name));
    let mut events = engine.events().unwrap();
    end_with(&one, "exit 1");
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    // What is no name of a container's is not one, but a message all the same.
    let (there, here) = (home.path().join("containers").join("x".repeat(200)), home.scratch().join("noise"));
    fs::create_dir(&here).unwrap();
    for _ in 0..=most.trim().parse::<usize>().unwrap() / 2 {
        fs::rename(&here, &there).unwrap();
        fs::rename(&there, &here).unwrap();
    }
    end_with(&two, "exit 2");
    three.destroy(IfRunning::Refuse).unwrap();
    create(&engine, "three");
    one.destroy(IfRunning::Refuse).unwrap();
    create(&engine, "four");
    let mut told = until_now(&mut events);
    told.sort();
    let expected = [
        "four created",
        "one destroyed",
        "three created",
        "three destroyed",
        "two booted",
        "two exit status: 2",
    ];
    assert_eq!(told, expected);
    end_with(&two, "exit 3");
    assert_eq!(until_now(&mut events), ["two booted", "two exit status: 3"]);
}

#[test]
fn an_end_is_told_when_the_run_is_over() {
    let home = home();
    let engine = Engine::open(home.path()).unwrap();
    create(&engine, "box");
    let mut events = engine.events().unwrap();
    // A monitor that is slow: this is what it writes, in its order.
    let directory = home.path().join("containers/box");
    let (began, us) = (1_700_000_000_000_000_000u64, std::process::id());
    let run = format!(r#"{{"format":1,"boot_id":"","booted_ns":{began},"pid":{us},"monitor":{us}}}"#);
    let record = File::options().read(true).write(true).create_new(true).open(directory.join("run.json"));
    let record = record.unwrap();
    let mut lock = whole_file();
    lock.l_type = libc::F_WRLCK as libc::c_short;
    fcntl(&record, FcntlArg::F_OFD_SETLK(&lock)).unwrap();
    (&record).write_all(run.as_bytes()).unwrap();
    assert_eq!(until_now(&mut events), ["box booted"]);
    let exit = format!(r#"{{"format":1,"status":256,"ended_ns":{}}}"#, began + 1);
    fs::write(directory.join("exit.json.new"), exit).unwrap();
    fs::rename(directory.join("exit.json.new"), directory.join("exit.json")).unwrap();
    assert_eq!(until_now(&mut events), [""; 0], "it is not over");
    fs::remove_file(directory.join("run.json")).unwrap();
    assert_eq!(until_now(&mut events), ["box exit status: 1"]);
    drop(record);
    assert_eq!(until_now(&mut events), [""; 0]);
}

fn whole_file() -> libc::flock {
    libc::flock { l_type: 0, l_whence: libc::SEEK_SET as libc::c_short, l_start: 0, l_len: 0, l_pid: 0 }
}

#[test]
fn who_hears_of_an_end_can_destroy_and_boot_at_once() {
    let home = home();
    let engine = Engine::open(home.path()).unwrap();
    let container = create(&engine, "box");
    container.boot(&Boot::new()).unwrap();
    let monitor = Pid::from_raw(monitor(home.path()).cast_signed());
    // Its monitor has not seen its end, nor done what is to be done then.
    kill(monitor, Signal::SIGSTOP).unwrap();
    let State::Running { pid: root } = container.state().unwrap() else { panic!("it does not run") };
    kill(Pid::from_raw(root.cast_signed()), Signal::SIGKILL).unwrap();
    assert!(until(PATIENCE, || has_died(root)));
    let (destroyed, told) = channel();
    thread::scope(|scope| {
        scope.spawn(|| destroyed.send(container.destroy(IfRunning::Refuse)).unwrap());
        let early = told.recv_timeout(Duration::from_millis(100));
        kill(monitor, Signal::SIGCONT).unwrap();
        assert!(early.is_err(), "{early:?}");
        told.recv_timeout(PATIENCE).unwrap().unwrap();
    });
    assert!(engine.containers().unwrap().is_empty());
}
