//! What cannot be done: each a clear line and an exit code, and nothing half made.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use xdocker_test_harness::cli::{Finished, Home, run};
use xdocker_test_harness::mounts::in_private_mounts;
use xdocker_test_harness::program;

const BINARY: &str = env!("CARGO_BIN_EXE_xdocker");
/// Some user that is not root.
const NOBODY: u32 = 65534;

/// A home with an image `test` and a container `test` that does not run.
fn home() -> Home {
    let home = Home::new(BINARY);
    home.add_bare_image("test");
    home.xdocker("-a create -m test").ok();
    home
}

/// Checks that each line fails with this code and a message that holds the text beside it.
#[track_caller]
fn all_fail(home: &Home, code: i32, table: &[(&str, &str)]) {
    home.unchanged(|| {
        for (line, why) in table {
            home.xdocker(line).fails(code, why);
        }
    });
}

#[test]
fn wrong_usage() {
    let home = home();
    let long = "x".repeat(65);
    all_fail(
        &home,
        2,
        &[
            ("-a nothing", "-a nothing is unknown"),
            ("-s nothing", "-s nothing is unknown"),
            ("-a", "option -a needs a value"),
            ("-c test", "-a (action)"),
            ("-a boot -s images", "exclude each other"),
            ("-a attach -c test --net HOST", "option --net is not for -a attach"),
            ("-s images -c test", "option -c is not for -s images"),
            ("-a boot -c test --nothing", "option --nothing is unknown"),
            ("-a boot -c test -c test", "twice"),
            ("-a boot -c", "option -c needs a value"),
            ("-a boot", "-a boot needs -c|--container"),
            ("-a create -c other", "-a create needs -m|--image"),
            ("-a run -c test", "-a run needs --cmd or --"),
            ("-a boot test", "`test` is not expected"),
            ("-a create -m test -c other --net NOWHERE", "option --net"),
            ("-a create -m test:one -c other", "`one` is no version"),
            ("-a install_test --version 1.x", "`1.x` is no version"),
        ],
    );
    for name in ["../x", "..", ".", "a/b", "/etc", &long, "a\nb", "\u{1b}[2J", ""] {
        home.unchanged(|| {
            for option in ["-c", "-m"] {
                let line = ["-a", "create", "-m", "test", "-c", "other"];
                let line = line.map(|word| {
                    if option == "-c" { word.replace("other", name) } else { word.replace("test", name) }
                });
                home.xdocker_args(line).fails(2, " name: ");
            }
            for line in [
                ["-a", "boot", "-c", name],
                ["-a", "destroy", "-c", name],
                ["-s", "container_root", "-c", name],
            ] {
                home.xdocker_args(line).fails(2, "is no container name: ");
            }
        });
    }
    let longest = "x".repeat(64);
    home.xdocker(&format!("-a create -m test -c {longest}")).ok();
    home.xdocker(&format!("-a destroy -c {longest}")).ok();
}

#[test]
fn what_is_not_there() {
    let home = home();
    all_fail(
        &home,
        1,
        &[
            ("-a create -m nothing -c other", "image nothing does not exist"),
            ("-a create -m test:1.0 -c other", "image test:1.0 does not exist"),
            ("-a create -m test,nothing -c other", "image nothing does not exist"),
            ("-a boot -c nothing", "container nothing does not exist"),
            ("-a attach -c nothing", "container nothing does not exist"),
            ("-a run -c nothing --cmd true", "container nothing does not exist"),
            ("-a run -c nothing -- true", "container nothing does not exist"),
            ("-a shutdown -c nothing", "container nothing does not exist"),
            ("-a kill -c nothing", "container nothing does not exist"),
            ("-a destroy -c nothing", "container nothing does not exist"),
            ("-a destroy -c nothing -h", "container nothing does not exist"),
            ("-a destroy -c nothing -f", "container nothing does not exist"),
            ("-s container_root -c nothing", "container nothing does not exist"),
        ],
    );
    // The image was there, once.
    fs::remove_dir_all(home.layer("test")).unwrap();
    all_fail(&home, 1, &[("-a boot -c test", "image test:_ does not exist")]);
    assert_eq!(home.status("test").as_deref(), Some("STOPED"));
}

#[test]
fn what_does_not_fit_the_state() {
    let home = home();
    all_fail(
        &home,
        1,
        &[
            ("-a create -m test -c test", "container test exists already"),
            ("-a create -m test", "container test exists already"),
            ("-a create -m test,test -c other", "it is in the stack twice"),
            ("-a attach -c test", "container test is not running"),
            ("-a run -c test --cmd true", "container test is not running"),
            ("-a run -c test -- true", "container test is not running"),
            ("-a shutdown -c test", "container test is not running"),
            ("-a kill -c test", "container test is not running"),
        ],
    );
    home.xdocker("-a boot -c test").ok();
    let pid = home.root_process("test");
    all_fail(
        &home,
        1,
        &[
            ("-a boot -c test", "container test is running"),
            ("-a boot -c test -t", "container test is running"),
            ("-a destroy -c test", "container test is running"),
            ("-a create -m test", "container test exists already"),
            ("-a attach -c test", "neither /bin/bash nor /bin/sh is there"),
        ],
    );
    all_fail(&home, 127, &[("-a run -c test -- /no/such", "/no/such")]);
    assert_eq!(home.root_process("test"), pid);
}

#[test]
fn a_root_that_cannot_carry_a_container() {
    let home = home();
    for (image, directories) in [("no-proc", ["sys", "dev"]), ("no-sys", ["proc", "dev"])] {
        for directory in directories {
            fs::create_dir_all(home.layer(image).join(directory)).unwrap();
        }
        home.xdocker(&format!("-a create -m {image}")).ok();
    }
    all_fail(
        &home,
        1,
        &[
            ("-a boot -c no-proc", "there is no directory /proc"),
            ("-a boot -c no-sys", "there is no directory /sys"),
        ],
    );
    // A link in its place leads nowhere, least of all to the host's.
    home.add_bare_image("link");
    fs::remove_dir(home.layer("link").join("proc")).unwrap();
    std::os::unix::fs::symlink("/proc", home.layer("link").join("proc")).unwrap();
    home.xdocker("-a create -m link").ok();
    all_fail(&home, 1, &[("-a boot -c link", "proc")]);
    // A second layer brings what the first one lacks.
    home.xdocker("-a create -m no-proc,test -c both -b").ok();
}

#[test]
fn a_root_process_that_cannot_be_executed() {
    let home = home();
    let layer = home.layer("test");
    fs::create_dir(layer.join("directory")).unwrap();
    for (name, mode, text) in [
        ("plain", 0o644, "#!/bin/sh\n"),
        ("no-shell", 0o755, "#!/no/such/shell\n"),
        ("no-program", 0o755, "certainly not a program"),
    ] {
        program::write(&layer.join(name), mode, text.as_bytes());
    }
    for (program, code, why) in [
        ("/missing", 127, "No such file or directory"),
        ("missing", 127, "No such file or directory"),
        ("/plain", 126, "Permission denied"),
        ("/directory", 126, "Permission denied"),
        ("/no-shell", 127, "No such file or directory"),
        ("/no-program", 126, "Exec format error"),
        ("/\u{1b}[31mred", 127, r"\u{1b}[31mred"),
    ] {
        home.unchanged(|| {
            for wait in [&[][..], &["--wait"]] {
                let line = [&["-a", "boot", "-c", "test"], wait, &["--", program]].concat();
                let finished = home.xdocker_args(line);
                assert!(finished.stderr().contains(why), "{finished}");
                finished.fails(code, "cannot ");
            }
            assert_eq!(home.status("test").as_deref(), Some("STOPED"));
            // Neither does a container stay that was to go with its program.
            let line = ["-a", "create", "-m", "test", "-c", "other", "-b", "--rm", "--", program];
            home.xdocker_args(line).fails(code, why);
        });
    }
}

#[test]
fn a_command_that_cannot_be_executed() {
    let home = home();
    fs::write(home.layer("test").join("plain"), "").unwrap();
    home.xdocker("-a boot -c test").ok();
    for (program, code, why) in [
        ("/missing", 127, "No such file or directory"),
        ("/plain", 126, "Permission denied"),
        ("/proc", 126, "Permission denied"),
        ("/\u{1b}]0;title\u{7}", 127, r"\u{1b}]0;title\u{7}"),
    ] {
        home.unchanged(|| {
            for terminal in [&[][..], &["-t"]] {
                let line = [&["-a", "run", "-c", "test"], terminal, &["--", program]].concat();
                home.xdocker_args(line).fails(code, why);
            }
        });
    }
}

#[test]
fn a_read_only_home() {
    in_private_mounts(|| {
        let home = Home::on_tmpfs(BINARY, "mode=755");
        home.add_bare_image("test");
        home.xdocker("-a create -m test").ok();
        home.make_read_only();
        let why = "Read-only file system";
        all_fail(
            &home,
            1,
            &[
                ("-a create -m test -c other", why),
                ("-a boot -c test", why),
                ("-a destroy -c test", why),
                ("-a install_test --version 1", why),
            ],
        );
        // What only reads still works.
        assert_eq!(home.xdocker("-s images").succeeds().lines().count(), 3);
        assert_eq!(home.status("test").as_deref(), Some("STOPED"));
        // Neither can a home be made there.
        let mut new = home.command(["-s", "images"]);
        new.env("xdocker_HOME", home.path().join("new"));
        run(new, b"").fails(1, why);
    });
}

#[test]
fn a_full_home() {
    in_private_mounts(|| {
        let home = Home::on_tmpfs(BINARY, "mode=755,size=1m");
        home.add_bare_image("test");
        home.xdocker("-a create -m test").ok();
        let why = "No space left on device";
        // It begins, and the file system fills up on the way.
        all_fail(&home, 1, &[("-a install_test --version 1", why)]);
        let filler = home.path().join("filler");
        fs::write(&filler, vec![0; 1 << 20]).unwrap_err();
        all_fail(&home, 1, &[("-a create -m test -c other", why), ("-a boot -c test", why)]);
        assert_eq!(home.status("test").as_deref(), Some("STOPED"));
        // Room can still be made.
        home.xdocker("-a destroy -c test").ok();
        fs::remove_file(filler).unwrap();
        home.xdocker("-a create -m test").ok();
    });
}

#[test]
fn a_home_that_fills_up_while_a_container_runs() {
    in_private_mounts(|| {
        let home = Home::on_tmpfs(BINARY, "mode=755,size=1m");
        home.add_bare_image("test");
        for name in ["one", "two"] {
            home.xdocker(&format!("-a create -m test -c {name} -b")).ok();
        }
        fs::write(home.path().join("filler"), vec![0; 1 << 20]).unwrap_err();
        home.xdocker("-a shutdown -c one").ok();
        assert_eq!(home.status("one").as_deref(), Some("STOPED"));
        for name in ["one", "two"] {
            home.xdocker(&format!("-a destroy -h -c {name}")).ok();
        }
    });
}

#[test]
fn a_home_without_inodes() {
    in_private_mounts(|| {
        let home = Home::on_tmpfs(BINARY, "mode=755,nr_inodes=64");
        home.add_bare_image("test");
        home.xdocker("-a create -m test").ok();
        for number in 0.. {
            if fs::write(home.path().join(format!("filler-{number}")), "").is_err() {
                break;
            }
            assert!(number < 64);
        }
        let why = "No space left on device";
        for spare in 0..6 {
            all_fail(&home, 1, &[("-a create -m test -c other", why)]);
            fs::remove_file(home.path().join(format!("filler-{spare}"))).unwrap();
            if home.xdocker("-a create -m test -c other").code() == Some(0) {
                return;
            }
        }
        panic!("a container takes more than six inodes");
    });
}

/// `command` as somebody who is not root.
fn as_nobody(mut command: Command) -> Finished {
    command.uid(NOBODY).gid(NOBODY);
    run(command, b"")
}

/// A copy of the binary that those who are not root can reach, wherever it was built.
fn reachable(home: &Home) -> PathBuf {
    let copy = home.scratch().join("xdocker");
    program::write(&copy, 0o755, &fs::read(BINARY).unwrap());
    copy
}

#[test]
fn not_root() {
    let home = home();
    let binary = reachable(&home);
    let command = |words: &[&str], path: &std::path::Path| {
        let mut command = Command::new(&binary);
        command.args(words).env("xdocker_HOME", path).env_remove("XDOCKER_HOME");
        command
    };
    // Somebody else's home is closed.
    home.unchanged(|| {
        for words in [
            &["-s", "images"][..],
            &["-s", "containers"],
            &["-a", "create", "-m", "test", "-c", "other"],
            &["-a", "boot", "-c", "test"],
            &["-a", "destroy", "-c", "test"],
            &["-a", "install_test"],
        ] {
            as_nobody(command(words, home.path())).fails(1, "Permission denied");
        }
    });
    // In one's own, all works that needs no help of the kernel.
    let own = home.scratch().join("own");
    let layer = own.join("images/test/_/rlayer");
    for directory in ["proc", "sys", "dev"] {
        fs::create_dir_all(layer.join(directory)).unwrap();
    }
    for path in layer.ancestors().take(5) {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    as_nobody(command(&["-a", "create", "-m", "test"], &own)).ok();
    let boot = as_nobody(command(&["-a", "boot", "-c", "test"], &own));
    boot.fails(1, "Operation not permitted");
    let table = as_nobody(command(&["-s", "containers"], &own)).succeeds();
    assert!(table.ends_with("STOPED\n"), "{table}");
    as_nobody(command(&["-a", "destroy", "-c", "test"], &own)).ok();
    assert_eq!(fs::read_dir(own.join("containers")).unwrap().count(), 0);
}

#[test]
fn names_of_others_do_not_reach_the_terminal() {
    let home = home();
    for name in ["\u{1b}[2J", "a\nb", "a b", "\u{9b}31m"] {
        fs::create_dir_all(home.path().join("containers").join(name).join("rwlayer")).unwrap();
        fs::create_dir_all(home.path().join("images").join(name).join("_/rlayer")).unwrap();
    }
    for what in ["-s containers", "-s images"] {
        let table = home.xdocker(what).succeeds();
        assert!(!table.contains(|c: char| c.is_control() && c != '\n'), "{table:?}");
    }
    let error = home.xdocker_args(["-a", "\u{1b}[2Jboot\r"]);
    error.fails(2, r"\u{1b}[2Jboot\r is unknown");
}

#[test]
fn scripts_are_told_the_kind_of_an_error() {
    let home = home();
    for (line, code, kind) in [
        ("-a boot -c nothing --json", 1, "not_found"),
        ("-a create -m test --json", 1, "already_exists"),
        ("-a attach -c test --json", 1, "conflict"),
        ("-a boot -c ../x --json", 2, "usage"),
    ] {
        let finished = home.xdocker(line);
        let told = finished.stderr();
        assert_eq!((finished.code(), told.lines().count()), (Some(code), 1), "{finished}");
        assert!(told.starts_with('{') && told.contains(&format!("\"kind\":\"{kind}\"")), "{told}");
    }
}
