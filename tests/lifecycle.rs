//! Chapters 3.1.4 to 3.1.9 and 3.3.5 of the seed as they stand there: on the bridge, with a terminal where one is shown.

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::process::Command;

use xdocker_test_harness::cli::{Home, run};
use xdocker_test_harness::net::on_own_host;
use xdocker_test_harness::program;
use xdocker_test_harness::pty::Window;
use xdocker_test_harness::wait::{PATIENCE, until};

/// The seed's lines. Indented is what it tells in words, or what makes of one chapter the beginning of the next.
const SEED: &str = r#"
    # xdocker -a create -m test --host test --net BRIDGE --vip 166.88.0.2 --port-mapping 19527:9527 -c test
    OK
# xdocker -s containers
container_id         image                hostname   net        netns            size       status
-----------------------------------------------------------------------------------------------------------
test                 test                 test       BRIDGE     nns098F6BCD46    0 B        STOPED
# xdocker -a boot -c test
OK
# xdocker -s containers
container_id         image                hostname   net        netns            size       status
-----------------------------------------------------------------------------------------------------------
test                 test                 test       BRIDGE     nns098F6BCD46    0 B        RUNNING(89698)
# xdocker -a attach -c test
connect to container ok
--- Welcome to xdocker contrainer ---

[root@test /root] exit
logout
# xdocker -a shutdown -c test
OK
# xdocker -s containers
container_id         image                hostname   net        netns            size       status
-----------------------------------------------------------------------------------------------------------
test                 test                 test       BRIDGE     nns098F6BCD46    0 B        STOPED
    # xdocker -a boot -c test --cpus 0 --cpu-quota 100% --mem-limit 100M
    OK
    # xdocker -a kill -c test
    OK
    # xdocker -s containers
    container_id         image                hostname   net        netns            size       status
    -----------------------------------------------------------------------------------------------------------
    test                 test                 test       BRIDGE     nns098F6BCD46    0 B        STOPED
# xdocker -a destroy -c test
OK
    # xdocker -s containers
    # xdocker -a create -m test -c test -b
    OK
    # xdocker -a destroy -c test -h
    OK
    # xdocker -s containers
# xdocker -a create -m "calvin=rhel-7.4-x86_64,calvin=sshd,calvin=G6" --host G6 --net BRIDGE --vip 166.88.0.2 --port-mapping "8600:8600,2222:222" -c "G6" -b -e "/root/bin/G6 -f /root/etc/G6.conf --no-daemon" -d
OK
"#;

/// What the seed shows after it has been used.
const END: &str = r#"
    # xdocker -s logs -c G6
    G6 -f /root/etc/G6.conf --no-daemon
# xdocker -a destroy -c G6 -h
OK
    # xdocker -s containers
"#;

/// Any server in place of the seed's, which says how it was started.
const SERVER: &str = "#!/bin/sh\n\
                      echo G6 \"$@\"\n\
                      exec /root/bin/busybox nc -ll -p 8600 -e /bin/cat /root/etc/G6.conf\n";

/// The words of a line, with those in quotes in one.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![];
    for (index, part) in line.split('"').enumerate() {
        match index % 2 {
            1 => words.push(part.to_owned()),
            _ => words.extend(part.split_ascii_whitespace().map(str::to_owned)),
        }
    }
    words
}

/// A line without blanks at its end, the number of a process, and the size: a shell keeps what was typed.
fn in_general(line: &str) -> String {
    let line = line.trim();
    let line = line.find("RUNNING(").map_or(line, |at| &line[..at + 7]);
    match line.split_once(" B ") {
        Some((before, after)) => {
            format!("{} B {after}", before.trim_end_matches(|digit: char| digit.is_ascii_digit()))
        }
        None => line.to_owned(),
    }
}

/// Plays a session, line by line.
fn play(home: &Home, session: &str) {
    let lines: Vec<_> = session.trim().lines().map(str::trim).collect();
    for said in lines.chunk_by(|_, next| !next.starts_with("# ")) {
        let line = said[0].strip_prefix("# xdocker ").expect("a command");
        if line.starts_with("-a attach") {
            let mut terminal = home.terminal(Window { rows: 24, columns: 80 }, line);
            terminal.expect("connect to container ok\r\n--- Welcome to xdocker contrainer ---\r\n\r\n");
            terminal.expect("[root@test /root] ");
            terminal.press("exit\r");
            let (status, rest) = terminal.ends();
            assert!(status.success() && rest.ends_with("logout\r\n"), "{rest}");
            continue;
        }
        let done = run(home.command(words(line)), b"");
        assert!(done.code() == Some(0) && (line.contains(" -d") || done.stderr().is_empty()), "{done}");
        let expected: Vec<_> = said[1..].iter().map(|line| in_general(line)).collect();
        assert_eq!(done.stdout().lines().map(in_general).collect::<Vec<_>>(), expected, "{line}");
    }
}

#[test]
fn chapters_3_1_4_to_3_1_9_and_3_3_5_of_the_seed() {
    on_own_host(|| {
        let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
        let copied = Command::new("cp")
            .args(["-al", "--"])
            .arg(home.path().join("images/test"))
            .arg(home.path().join("images/calvin=rhel-7.4-x86_64"))
            .status();
        assert!(copied.unwrap().success());
        home.add_bare_image("calvin=sshd");
        let root = home.layer("calvin=G6").join("root");
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::create_dir_all(root.join("etc")).unwrap();
        program::write(&root.join("bin/busybox"), 0o755, &fs::read("/bin/busybox").unwrap());
        program::write(&root.join("bin/G6"), 0o755, SERVER.as_bytes());
        fs::write(root.join("etc/G6.conf"), "forwarded\n").unwrap();
        play(&home, SEED);
        let ask = || -> std::io::Result<String> {
            // Nothing is sent: what the server leaves unread when it ends would reset the connection, answer and all.
            let mut answer = String::new();
            TcpStream::connect("127.0.0.1:8600")?.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let served = until(PATIENCE, || ask().is_ok_and(|answer| answer.starts_with("forwarded\n")));
        assert!(served, "{:?}", ask());
        play(&home, END);
    });
}
