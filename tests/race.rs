//! Many commands that want the same at the same moment: one gets it, and the others are told clearly.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;

use xdocker_test_harness::cli::{Home, run};

/// Runs the words of `line` in `count` processes that start at the same moment. One must succeed with `OK`;
/// returned are the lines of the others.
fn at_once(home: &Home, count: usize, line: &str) -> Vec<String> {
    let (gate, opener) = std::io::pipe().expect("a pipe");
    let start = |_| -> Child {
        // A shell that waits for the gate: nobody gains a lead by being started first.
        let command = home.command(line.split_ascii_whitespace());
        let mut waiting = Command::new("sh");
        waiting.args(["-c", r#"read gate; exec "$@" </dev/null"#, "sh"]);
        waiting.arg(command.get_program()).args(command.get_args());
        waiting.env("xdocker_HOME", home.path()).env_remove("XDOCKER_HOME");
        waiting.stdin(gate.try_clone().expect("a pipe"));
        waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a shell")
    };
    let children: Vec<Child> = (0..count).map(start).collect();
    drop((gate, opener));
    let outputs: Vec<_> = thread::scope(|scope| {
        let ends: Vec<_> =
            children.into_iter().map(|child| scope.spawn(|| child.wait_with_output())).collect();
        ends.into_iter().map(|end| end.join().expect("a thread").expect("its output")).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = outputs.into_iter().partition(|output| output.status.success());
    assert_eq!(won.len(), 1, "{line}: {won:?} {lost:?}");
    assert_eq!((&*won[0].stdout, &*won[0].stderr), (&b"OK\n"[..], &b""[..]));
    lost.into_iter()
        .map(|output| {
            assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]), "{output:?}");
            String::from_utf8(output.stderr).expect("text")
        })
        .collect()
}

/// Checks that all of `told` is one of these lines.
#[track_caller]
fn all_say(told: &[String], lines: &[&str]) {
    for said in told {
        // What may be done about it follows.
        let why = said.strip_prefix("*** ERROR : ").and_then(|said| said.split([';', '\n']).next());
        assert!(why.is_some_and(|why| lines.contains(&why)), "{said}");
    }
}

/// What is being built or deleted in the home.
fn work(home: &Home) -> usize {
    fs::read_dir(home.path().join(".work")).unwrap().count()
}

#[test]
fn one_of_two_creates_the_container() {
    let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
    home.add_bare_image("test");
    for round in 0..10 {
        let told = at_once(&home, 2, &format!("-a create -m test -c test{round}"));
        all_say(&told, &[&format!("container test{round} exists already")]);
    }
    assert_eq!((home.xdocker("-s containers").succeeds().lines().count(), work(&home)), (12, 0));
}

#[test]
fn one_of_twenty_gets_each_turn_of_a_life() {
    let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
    home.add_bare_image("test");
    for _ in 0..3 {
        all_say(&at_once(&home, 20, "-a create -m test"), &["container test exists already"]);
        all_say(&at_once(&home, 20, "-a boot -c test"), &["container test is running"]);
        home.root_process("test");
        all_say(&at_once(&home, 20, "-a destroy -c test -h"), &["container test does not exist"]);
        assert_eq!((home.xdocker("-s containers").succeeds(), work(&home)), (String::new(), 0));
    }
}

#[test]
fn one_of_many_installs_an_image() {
    let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
    all_say(&at_once(&home, 3, "-a install_test"), &["image test exists already"]);
    assert_eq!((home.xdocker("-s images").succeeds().lines().count(), work(&home)), (3, 0));
    home.xdocker("-a create -m test -b").ok();
}

#[test]
fn one_of_many_imports_an_image() {
    let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
    home.add_bare_image("test");
    let archive = home.scratch().join("new:1.xdockerimage");
    let mut export = home.command(["-a", "export", "-m", "test"]);
    export.current_dir(home.scratch());
    run(export, b"").ok();
    fs::rename(home.scratch().join("test.xdockerimage"), &archive).unwrap();
    for _ in 0..5 {
        let import = format!("-a import --image-file {}", archive.display());
        all_say(&at_once(&home, 2, &import), &["image new:1 exists already"]);
        assert_eq!((home.xdocker("-s images").succeeds().lines().count(), work(&home)), (4, 0));
        home.xdocker("-a del_image -m new:1").ok();
    }
}
