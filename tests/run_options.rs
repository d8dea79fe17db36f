//! Who a command inside is, what it is told, and how long it may take: the options of `run` through the binary.

use std::fs;
use std::time::{Duration, Instant};

use xdocker_test_harness::cli::{Finished, Home};
use xdocker_test_harness::pty::{Terminal, Window};
use xdocker_test_harness::wait::PATIENCE;

/// A home with a running container `test`, whose accounts are set as told.
fn running(passwd: &str, group: &str) -> Home {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test -b").ok();
    let etc = home.path().join("containers/test/merged/etc");
    fs::write(etc.join("passwd"), passwd).unwrap();
    fs::write(etc.join("group"), group).unwrap();
    home
}

const PASSWD: &str =
    "root:x:0:0:root:/root:/bin/sh\nwww:x:33:34:web:/tmp:/bin/sh\n1000:x:0:0:trap:/:/bin/sh\n";
const GROUP: &str = "root:x:0:\nadm:x:4:www\nwww:x:34:\nlog:x:7:root,www\n";

fn run(home: &Home, options: &[&str], line: &str) -> Finished {
    let fixed = ["-a", "run", "-c", "test"];
    home.xdocker_args(fixed.iter().chain(options).chain(&["--cmd", line]))
}

/// The identity of a process as the kernel has it: `Uid` and `Gid` four times each, then the groups.
const WHO: &str =
    "sed -n 's/^\\(Uid\\|Gid\\|Groups\\):[[:space:]]*//p' /proc/self/status | tr '\\t\\n' '  '; echo $HOME";

#[test]
fn who_is_asked_for_is_who_runs() {
    let home = running(PASSWD, GROUP);
    let table = [
        ("www", "33 33 33 33 34 34 34 34 4 7 34  /tmp"),
        ("33", "33 33 33 33 34 34 34 34 4 7 34  /tmp"),
        ("www:adm", "33 33 33 33 4 4 4 4 4  /tmp"),
        ("5:6", "5 5 5 5 6 6 6 6 6  /"),
        ("1000", "1000 1000 1000 1000 0 0 0 0 0  /"),
        ("2147483647:1", "2147483647 2147483647 2147483647 2147483647 1 1 1 1 1  /"),
    ];
    for (user, who) in table {
        run(&home, &["--user", user], WHO).prints(&format!("{who}\n"));
    }
    for refused in ["2147483648", "4294967296", "-1", "", ":", "33:4294967295"] {
        run(&home, &["--user", refused], "true").fails(2, "--user");
    }
    for unknown in ["nobody", "www:nogroup"] {
        run(&home, &["--user", unknown], "true").fails(1, unknown);
    }
}

#[test]
fn another_user_has_no_rights_of_roots() {
    let home = running(PASSWD, GROUP);
    let line = "sed -n 's/^Cap\\(Prm\\|Eff\\|Amb\\|Inh\\):.*\\(................\\)$/\\2/p' /proc/self/status | sort -u";
    run(&home, &["--user", "www"], line).prints("0000000000000000\n");
    run(&home, &["--user", "www"], "cat /root/tpl.txt >/dev/null 2>&1 || echo refused").succeeds();
    let denied = "touch /etc/mine 2>/dev/null || echo refused";
    run(&home, &["--user", "www"], denied).prints("refused\n");
    // A program of root's own is not executed with the rights that lead there.
    run(&home, &[], "echo 'echo no' > /usr/bin/secret; chmod 700 /usr/bin/secret").prints("");
    home.xdocker("-a run -c test --user www -- /usr/bin/secret").fails(126, "/usr/bin/secret");
    // A file that says no to a group says so to who is in it (CVE-2022-36109).
    run(&home, &[], "echo x > /srv-file; chown 0:34 /srv-file; chmod 604 /srv-file").prints("");
    run(&home, &["--user", "www"], "cat /srv-file 2>/dev/null || echo refused").prints("refused\n");
}

#[test]
fn a_filter_that_needs_rights_is_loaded_for_others_too() {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test -c test --no-new-privs off -b").ok();
    run(&home, &["--user", "7:7"], "sed -n 's/^Seccomp:[[:space:]]*//p' /proc/self/status").prints("2\n");
}

#[test]
fn accounts_that_are_none_hold_nobody() {
    let home = running(PASSWD, GROUP);
    run(&home, &[], "rm /etc/passwd; mkfifo /etc/passwd").prints("");
    run(&home, &["--user", "www"], "true").fails(1, "/etc/passwd");
    // A shell would wait for the pipe too.
    home.xdocker("-a run -c test -- rm /etc/passwd").prints("");
    home.xdocker("-a run -c test -- ln -s /../../../../etc/shadow /etc/passwd").prints("");
    run(&home, &["--user", "www"], "true").fails(1, "www is not in /etc/passwd");
}

#[test]
fn a_terminal_is_its_users() {
    let home = running(PASSWD, GROUP);
    let line = ["-a", "run", "-c", "test", "-t", "--user", "www", "--cmd", "echo well > $(tty)"];
    let mut terminal = Terminal::spawn(home.command(line), Window { rows: 24, columns: 80 });
    terminal.expect("well\r\n");
    assert_eq!(terminal.ends().0.code(), Some(0));
}

#[test]
fn a_command_may_take_so_long_and_no_longer() {
    let home = running(PASSWD, GROUP);
    let timed = |limit: Duration, line: &str| {
        let begun = Instant::now();
        let finished = run(&home, &["--timeout", &limit.as_secs_f64().to_string()], line);
        assert!(finished.code() != Some(124) || begun.elapsed() >= limit, "{finished}");
        (finished, begun.elapsed())
    };
    timed(PATIENCE, "echo quick; exit 3").0.ends(3, "quick\n", "");
    // Once the time is enough for the shell to get ready to hear of its end.
    let mut limit = Duration::from_millis(300);
    let told = loop {
        let line = "exec 2>/dev/null; trap 'echo told; exit 0' TERM; while :; do sleep 0.01; done";
        let (obedient, _) = timed(limit, line);
        assert_eq!(obedient.code(), Some(124), "{obedient}");
        if !obedient.stdout().is_empty() || limit > PATIENCE {
            break obedient;
        }
        limit *= 2;
    };
    told.ends(124, "told\n", "");
    let (stubborn, took) = timed(limit, "trap '' TERM; while :; do sleep 0.01; done");
    stubborn.ends(124, "", "");
    assert!(took >= limit + Duration::from_secs(2), "{took:?}");
    for bad in ["0", "-1", "soon", "inf", "nan", "1e30"] {
        run(&home, &["--timeout", bad], "true").fails(2, "--timeout");
    }
}

#[test]
fn variables_come_from_a_file() {
    let home = running(PASSWD, GROUP);
    let file = home.scratch().join("env");
    let name = file.to_str().unwrap();
    fs::write(&file, "# said here\nA=1 2\n\nB=\"x\"\nHOME=/mine\nC=#no\n").unwrap();
    run(&home, &["--env-file", name, "--env", "A=last"], "echo \"$A|$B|$C|$HOME\"")
        .prints("last|\"x\"|#no|/mine\n");
    fs::write(&file, "A=1\nB\n").unwrap();
    run(&home, &["--env-file", name], "true").fails(2, "line 2");
    run(&home, &["--env-file", "/no/such/file"], "true").fails(2, "/no/such/file");
}

#[test]
fn bytes_pass_as_they_are() {
    let home = running(PASSWD, GROUP);
    let line = "head -c 65536 /dev/zero | tr '\\0' x; printf '\\n\\000\\377\\376end'";
    let output = home.command(["-a", "run", "-c", "test", "--cmd", line]).output().unwrap();
    assert_eq!(output.stdout.len(), 65536 + 7);
    assert!(output.stdout.ends_with(b"x\n\0\xff\xfeend"), "{:?}", &output.stdout[65530..]);
}
