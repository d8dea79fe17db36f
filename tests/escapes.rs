//! Ways out of a container that worked elsewhere. Named by the CVE of who was hit.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::Pid;
use xdocker_core::{
    Boot, Capabilities, Container, ContainerSpec, Engine, Exec, IfRunning, Sandbox, Seccomp, Stdio,
    WindowSize,
};
use xdocker_test_harness::home::{Home, IMAGE};
use xdocker_test_harness::wait::{PATIENCE, until};
use xdocker_test_harness::{program, role};

/// How long a race is run.
const RACE: Duration = Duration::from_secs(3);

/// How many processes join a container while somebody inside lies in wait.
const JOINS: usize = 300;

/// The helper as the library keeps it in this process.
fn helper() -> Vec<u8> {
    let fds = fs::read_dir("/proc/self/fd").unwrap().flatten().map(|entry| entry.path());
    let is_helper =
        |path: &PathBuf| fs::read_link(path).is_ok_and(|to| to.starts_with("/memfd:xdockerinit (deleted)"));
    fs::read(fds.into_iter().find(is_helper).expect("the helper as a memfd")).unwrap()
}

/// Boots the container `box` with this sandbox.
fn boot_with(home: &Home, sandbox: Sandbox) -> Container {
    let spec = ContainerSpec::new([IMAGE.parse().unwrap()]).name("box".parse().unwrap()).sandbox(sandbox);
    let container = home.engine().create(&spec).unwrap();
    container.boot(&Boot::new()).unwrap_or_else(|error| panic!("{}", error.chain()));
    container
}

/// Waits until the attacker in the container `box` says that it is ready.
#[track_caller]
fn wait_for(home: &Home, name: &str) {
    let path = home.path().join("containers/box/rwlayer").join(name);
    assert!(until(PATIENCE, || path.exists()), "no {name}");
}

/// Joins many times, and on until the attacker has caught somebody at it: else the test shows nothing.
#[track_caller]
fn until_caught(home: &Home, join: impl Fn()) {
    let caught = home.path().join("containers/box/rwlayer/caught");
    for number in 0..JOINS * 20 {
        if number >= JOINS && caught.exists() {
            return;
        }
        join();
    }
    panic!("nobody was caught joining");
}

#[test]
fn the_helper_cannot_be_overwritten_from_inside() {
    // CVE-2019-5736.
    let home = Home::new();
    let layer = home.image("evil");
    program::write(&layer.join("entry"), 0o755, b"#!/proc/self/exe\n");
    let container = home.create_on([IMAGE, "evil"], "box");

    // As PID 1 and as a session the helper finds itself executed by its own image, and refuses.
    let null: OwnedFd = fs::File::open("/dev/null").unwrap().into();
    let mut root = container.boot_bound(&Boot::new().exec(Exec::new("/entry")), [&null; 3]).unwrap();
    assert_eq!(root.wait().unwrap().code(), Some(64));
    let before = helper();

    container.boot(&Boot::new()).unwrap();
    let mut attacker = role::in_container(&container, "overwriter", []).stdout(Stdio::Null).spawn().unwrap();
    wait_for(&home, "overwriter");
    until_caught(&home, || {
        let mut victim = container.command("/entry").stderr(Stdio::Null).spawn().unwrap();
        assert_eq!(victim.wait().unwrap().code(), Some(64));
    });
    container.command("touch").arg("/stop").status().unwrap();
    assert_eq!(attacker.wait().unwrap().code(), Some(0), "a program of ours was open for writing");
    assert!(helper() == before, "the helper has changed");
}

/// Tries to write to the programs of all processes but its own.
#[test]
#[ignore = "a role of other tests"]
fn overwriter() {
    fs::write("/overwriter", "").unwrap();
    let mut written = 0;
    while !Path::new("/stop").exists() {
        for process in others() {
            // Held open past the end of the process: while it runs nobody may write to it.
            let path = process.join("exe");
            let Ok(program) = fs::OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path) else {
                continue;
            };
            let again = format!("/proc/self/fd/{}", program.as_raw_fd());
            let target = fs::read_link(&again).unwrap_or_default();
            // Programs of the image are ours to write to.
            if fs::metadata(&target).is_ok() {
                continue;
            }
            fs::write("/caught", "").unwrap();
            for _ in 0..3 {
                if let Ok(mut file) = fs::OpenOptions::new().write(true).open(&again) {
                    written += i32::from(file.write_all(b"overwritten").is_ok());
                }
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
    process::exit(i32::from(written > 0));
}

/// Directories in /proc of all processes that we see, but our own.
fn others() -> Vec<PathBuf> {
    let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let is_other = |path: &PathBuf| {
        let pid = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<u32>().ok());
        pid.is_some_and(|pid| pid != process::id())
    };
    all.filter(is_other).collect()
}

#[test]
fn a_leaked_descriptor_is_no_working_directory() {
    // CVE-2024-21626.
    let home = Home::new();
    let container = home.create("box");
    let line = "cat ../../../../../../../../../etc/xdocker-test-home";
    let is_inside = |output: &[u8]| output == home.path().as_os_str().as_encoded_bytes();
    let (mut refused, null) = (0, OwnedFd::from(fs::File::open("/dev/null").unwrap()));
    for number in 3..=40 {
        let directory = format!("/proc/self/fd/{number}");
        let exec = Exec::new("sh").args(["-c", line]).current_dir(&directory);
        let (mut output, theirs) = std::io::pipe().unwrap();
        let theirs = OwnedFd::from(theirs);
        match container.boot_bound(&Boot::new().exec(exec), [&null, &theirs, &null]) {
            Err(_) => refused += 1,
            Ok(mut root) => {
                drop(theirs);
                let mut seen = Vec::new();
                output.read_to_end(&mut seen).unwrap();
                root.wait().unwrap();
                assert!(is_inside(&seen), "{directory} is outside: {}", String::from_utf8_lossy(&seen));
            }
        }
    }
    assert!(refused > 10, "{refused} of 38 directories were refused");
    container.boot(&Boot::new()).unwrap();
    for number in 3..=40 {
        let mut command = container.shell(line).unwrap();
        let error = command.current_dir(format!("/proc/self/fd/{number}")).output().unwrap_err();
        assert!(
            error.chain().contains(&format!("enter the directory /proc/self/fd/{number}")),
            "{}",
            error.chain()
        );
    }
}

#[test]
fn whoever_joins_shows_nothing_of_the_host() {
    // CVE-2016-9962.
    joins_unseen(Sandbox::new());
}

#[test]
fn whoever_joins_shows_nothing_to_who_may_trace_him() {
    let trace = "SYS_PTRACE".parse().unwrap();
    joins_unseen(Sandbox::new().change_capabilities(trace, Capabilities::NONE));
}

/// Joins a container in which somebody looks at all that can be seen of other processes.
#[track_caller]
fn joins_unseen(sandbox: Sandbox) {
    let home = Home::new();
    let container = boot_with(&home, sandbox);
    let report = home.path().join("containers/box/rwlayer/report");
    let mut poller = role::in_container(&container, "poller", []).stdout(Stdio::Null).spawn().unwrap();
    wait_for(&home, "poller");
    until_caught(&home, || assert!(container.command("true").output().unwrap().status.success()));
    // Not with a shell: while it redirects, it keeps its own standard output as a descriptor above 2.
    container.command("touch").arg("/stop").status().unwrap();
    let code = poller.wait().unwrap().code();
    assert_eq!(code, Some(0), "{}", fs::read_to_string(&report).unwrap_or_default());
}

/// Looks into the descriptors, the root and the directory of all other processes.
#[test]
#[ignore = "a role of other tests"]
fn poller() {
    fs::write("/poller", "").unwrap();
    let mut found = Vec::new();
    while !Path::new("/stop").exists() {
        for process in others() {
            let Ok(fds) = fs::read_dir(process.join("fd")) else { continue };
            if process != Path::new("/proc/1") {
                fs::write("/caught", "").unwrap();
            }
            for fd in fds.flatten() {
                let number: u32 = fd.file_name().to_str().unwrap().parse().unwrap();
                let Ok(target) = fs::read_link(fd.path()) else { continue };
                // What a program of the image opens by itself: libraries, directories of /proc, /stop.
                let of_the_image = target.is_absolute() && fs::metadata(&target).is_ok();
                if number > 2 && !of_the_image {
                    found.push(format!("{} → {}", fd.path().display(), target.display()));
                }
            }
            for link in ["root", "cwd"] {
                match fs::read_link(process.join(link)) {
                    Ok(target) if target != Path::new("/") => {
                        found.push(format!("{link} {}", target.display()))
                    }
                    _ => (),
                }
            }
        }
    }
    fs::write("/report", found.join("\n")).unwrap();
    process::exit(i32::from(!found.is_empty()));
}

#[test]
fn whoever_joins_has_no_rights_but_the_containers() {
    let home = Home::new();
    let trace = "SYS_PTRACE".parse().unwrap();
    let container = boot_with(&home, Sandbox::new().change_capabilities(trace, Capabilities::NONE));
    let report = home.path().join("containers/box/rwlayer/report");
    let mut witness = role::in_container(&container, "witness", []).stdout(Stdio::Null).spawn().unwrap();
    wait_for(&home, "witness");
    // With all that there may be to do for them.
    let user = |name: &str| xdocker_core::User::from_str(name).unwrap();
    until_caught(&home, || {
        assert!(container.command("true").output().unwrap().status.success());
        assert!(container.command("true").user(user("1000:1000")).output().unwrap().status.success());
    });
    container.command("touch").arg("/stop").status().unwrap();
    let code = witness.wait().unwrap().code();
    assert_eq!(code, Some(0), "{}", fs::read_to_string(&report).unwrap_or_default());
}

/// Looks whether any other process has a right that we have not.
#[test]
#[ignore = "a role of other tests"]
fn witness() {
    let rights = |process: &Path| {
        let status = fs::read_to_string(process.join("status")).ok()?;
        let field = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
            value.unwrap_or_else(|| panic!("no {name} in {status}")).to_owned()
        };
        let sets =
            ["CapPrm", "CapEff", "CapBnd", "CapInh"].map(|set| u64::from_str_radix(&field(set), 16).unwrap());
        Some((field("Name"), sets, field("NoNewPrivs")))
    };
    let (_, ours, _) = rights(Path::new("/proc/self")).unwrap();
    fs::write("/witness", "").unwrap();
    let mut found = Vec::new();
    while !Path::new("/stop").exists() {
        for process in others() {
            let Some((name, theirs, no_new)) = rights(&process) else { continue };
            // It has not executed its program yet.
            if name == "xdocker-monitor" {
                fs::write("/caught", "").unwrap();
            }
            if no_new != "1" || theirs.iter().zip(ours).any(|(theirs, ours)| theirs & !ours != 0) {
                found.push(format!("{name} {theirs:x?} {no_new}"));
            }
        }
    }
    fs::write("/report", found.join("\n")).unwrap();
    process::exit(i32::from(!found.is_empty()));
}

/// Every file below `path`: mode, owner and content.
fn tree(path: &Path) -> BTreeMap<PathBuf, (u32, u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let metadata = fs::symlink_metadata(path).unwrap();
    let content = if metadata.is_file() { fs::read(path).unwrap() } else { Vec::new() };
    found.insert(path.to_owned(), (metadata.mode(), metadata.uid(), content));
    if metadata.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| found.extend(tree(&entry.unwrap().path())));
    }
    found
}

#[test]
fn links_in_the_place_of_mount_points_are_not_followed() {
    let home = Home::new();
    let canary = home.path().join("canary");
    for name in ["proc", "sys", "dev", "dev/pts"] {
        fs::create_dir_all(canary.join(name)).unwrap();
        fs::write(canary.join(name).join("file"), "precious").unwrap();
    }
    let before = tree(&canary);
    let targets = |name: &str| {
        let up = "../".repeat(20) + canary.join(name).to_str().unwrap().trim_start_matches('/');
        [canary.join(name), PathBuf::from(up), PathBuf::from("/tmp"), PathBuf::from("/proc/self/root")]
    };
    for name in ["proc", "sys", "dev"] {
        for (number, target) in targets(name).iter().enumerate() {
            let image = format!("{name}-{number}");
            symlink(target, home.image(&image).join(name)).unwrap();
            let container = home.create_on([IMAGE, &image], "box");
            let error = container.boot(&Boot::new()).unwrap_err().chain();
            assert!(error.contains(name), "{error}");
            container.destroy(IfRunning::Refuse).unwrap();
            home.assert_clean();
        }
    }
    assert_eq!(tree(&canary), before);
    // Other directories are nobody's business, wherever they lead.
    let layer = home.image("etc");
    for name in ["etc", "run", "root", "tmp"] {
        symlink(canary.join("proc"), layer.join(name)).unwrap();
    }
    let container = home.create_on([IMAGE, "etc"], "box");
    container.boot(&Boot::new()).unwrap();
    assert!(container.command("true").status().unwrap().success());
    container.destroy(IfRunning::Kill).unwrap();
    assert_eq!(tree(&canary), before);
}

#[test]
fn mount_points_that_are_swapped_during_the_boot_hide_what_they_should() {
    // CVE-2025-31133, CVE-2025-52881, CVE-2021-30465: somebody who has the files of the container in his hands, as by a
    // layer that is shared, swaps its mount points for links while it boots.
    let home = Home::new();
    let canary = home.path().join("canary");
    for name in ["proc", "sys", "dev"] {
        fs::create_dir_all(canary.join(name)).unwrap();
        fs::write(canary.join(name).join("file"), "precious").unwrap();
    }
    let before = tree(&canary);
    let container = home.create("box");
    let layer = home.path().join("containers/box/rwlayer");
    for name in ["proc", "sys", "dev"] {
        fs::create_dir(layer.join(name)).unwrap();
        symlink(canary.join(name), layer.join(format!("{name}-link"))).unwrap();
    }
    let swap = |name: &str| {
        let [here, there] = [layer.join(name), layer.join(format!("{name}-link"))];
        renameat2(AT_FDCWD, &here, AT_FDCWD, &there, RenameFlags::RENAME_EXCHANGE).unwrap();
    };
    let line = "stat -c %t:%T /proc/interrupts; stat -fc %T /proc /sys; stat -c %t:%T /dev/null; \
                grep -c ' /proc/sys proc ro,' /proc/mounts";
    let (end, ended) = (Instant::now() + RACE, AtomicBool::new(false));
    let (mut booted, mut refused) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                ["proc", "proc", "sys", "sys", "dev", "dev"].iter().for_each(|name| swap(name));
            }
        });
        // Until both have been seen: that it was there in time, and that it was not.
        while Instant::now() < end || (booted.min(refused) < 3 && Instant::now() < end + PATIENCE) {
            let (mut output, theirs) = std::io::pipe().unwrap();
            let (null, theirs) = (fs::File::open("/dev/null").unwrap().into(), theirs.into());
            let boot = Boot::new().exec(Exec::new("sh").args(["-c", line]));
            match container.boot_bound(&boot, [&null, &theirs, &null]) {
                Err(_) => refused += 1,
                Ok(mut root) => {
                    drop(theirs);
                    let mut seen = String::new();
                    output.read_to_string(&mut seen).unwrap();
                    root.wait().unwrap();
                    booted += 1;
                    if seen != "1:3\nproc\nsysfs\n1:3\n1\n" {
                        ended.store(true, Ordering::Relaxed);
                        panic!("{seen}");
                    }
                }
            }
        }
        ended.store(true, Ordering::Relaxed);
    });
    println!("{booted} booted, {refused} refused");
    assert!(booted.min(refused) >= 3, "{booted} booted, {refused} refused");
    assert_eq!(tree(&canary), before);
    container.destroy(IfRunning::Kill).unwrap();
}

#[test]
fn keys_of_the_host_stay_there() {
    // Without the filter, which refuses all of it: the keyring itself is another one.
    let home = Home::new();
    let key = add_key().expect("a key in the session's keyring");
    let container = boot_with(&home, Sandbox::new().seccomp(Seccomp::Unconfined));
    let inside = |way: &str| {
        let output = role::in_container(&container, "key_thief", [&*key.to_string(), way]).output().unwrap();
        output.status.code()
    };
    assert_eq!([inside("read"), inside("session")], [Some(0); 2]);
    // SAFETY: KEYCTL_INVALIDATE takes a number.
    unsafe { libc::syscall(libc::SYS_keyctl, 21, key) };
}

/// Adds a key to the keyring of this session: its number.
fn add_key() -> Option<libc::c_long> {
    const SESSION: i32 = -3;
    let (kind, name, secret) = (c"user", c"xdocker-test", b"secret");
    // SAFETY: two strings that end in NUL, and as many bytes as are said.
    let key = unsafe {
        libc::syscall(libc::SYS_add_key, kind.as_ptr(), name.as_ptr(), secret.as_ptr(), secret.len(), SESSION)
    };
    (key > 0).then_some(key)
}

/// Looks for a key of the host's: by its number, and by its name in the keyring of the session.
#[test]
#[ignore = "a role of other tests"]
fn key_thief() {
    const READ: i32 = 11;
    const SEARCH: i32 = 10;
    let [key, way] = role::arguments();
    let key: libc::c_long = key.parse().unwrap();
    let mut secret = [0u8; 64];
    // SAFETY: a buffer of that length; strings that end in NUL.
    let found = unsafe {
        match &*way {
            "read" => libc::syscall(libc::SYS_keyctl, READ, key, secret.as_mut_ptr(), secret.len()),
            _ => libc::syscall(libc::SYS_keyctl, SEARCH, -3, c"user".as_ptr(), c"xdocker-test".as_ptr(), 0),
        }
    };
    process::exit(i32::from(found >= 0));
}

#[test]
fn links_in_the_place_of_the_shell_lead_nowhere() {
    let home = Home::new();
    let layer = home.image("evil");
    fs::create_dir_all(layer.join("usr/bin")).unwrap();
    symlink(env::current_exe().unwrap(), layer.join("usr/bin/bash")).unwrap();
    let container = home.create_on([IMAGE, "evil"], "box");
    container.boot(&Boot::new()).unwrap();
    // The host's program is not there inside, so the next shell is taken.
    let output = container.shell("echo $0").unwrap().output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "/bin/sh\n");
}

#[test]
fn terminals_come_from_a_devpts_and_not_from_beside_one() {
    let home = Home::new();
    let container = boot_with(&home, Sandbox::privileged());
    let size = WindowSize { rows: 24, columns: 80 };
    let sh = |line: &str| container.shell(line).unwrap().output().unwrap();
    // A node of the same device, which gives terminals of whichever devpts is mounted beside it.
    let place = "mount -t tmpfs none /dev/pts && mknod /dev/pts/ptmx c 5 2 && mkdir /dev/pts/pts && \
                 mount -t devpts -o ptmxmode=666 none /dev/pts/pts && exec 3<>/dev/pts/ptmx";
    let placed = sh(place);
    assert!(placed.status.success(), "{placed:?}");
    let refused = container.command("true").terminal(size).spawn().unwrap_err();
    assert!(refused.chain().contains("Invalid cross-device link"), "{}", refused.chain());
    assert!(sh("umount /dev/pts/pts /dev/pts").status.success());
    let mut child = container.command("true").terminal(size).spawn().unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn nobody_inside_types_into_the_callers_terminal() {
    let home = Home::new();
    let container = home.boot("box");
    let terminal = openpty(None, None).unwrap();
    let mut mode = tcgetattr(&terminal.slave).unwrap();
    cfmakeraw(&mut mode);
    tcsetattr(&terminal.slave, SetArg::TCSANOW, &mode).unwrap();
    let home_path = home.path().to_str().unwrap();
    for way in ["inherit", "terminal"] {
        // A login shell's child: its terminal is the one that it controls.
        let caller = role::on_host("caller_on_a_terminal", [home_path, way]);
        let mut setsid = Command::new("setsid");
        setsid.args(["--ctty", "--wait"]).arg(caller.get_program()).args(caller.get_args());
        setsid.envs(caller.get_envs().filter_map(|(key, value)| Some((key, value?))));
        let stream = || terminal.slave.try_clone().unwrap();
        let mut child = setsid.stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap();
        assert!(child.wait().unwrap().success(), "{way}");
        let mut typed = [PollFd::new(terminal.slave.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut typed, PollTimeout::ZERO).unwrap(), 0, "{way}: something was typed");
    }
    container.kill().unwrap();
}

/// Runs the typist in the container `box`.
#[test]
#[ignore = "a role of other tests"]
fn caller_on_a_terminal() {
    let [home, way] = role::arguments();
    let container = Engine::open(home).unwrap().container(&"box".parse().unwrap()).unwrap();
    let mut command = role::in_container(&container, "typist", [&way]);
    if way == "terminal" {
        command.terminal(WindowSize { rows: 24, columns: 80 });
    }
    let mut child = command.spawn().unwrap();
    process::exit(child.wait().unwrap().code().unwrap_or(9));
}

/// Types into every terminal that it has; one that is its own it may type into.
#[test]
#[ignore = "a role of other tests"]
fn typist() {
    let [way] = role::arguments();
    let mut typed = 0;
    let own = fs::OpenOptions::new().read(true).write(true).open("/dev/tty").map(OwnedFd::from);
    let streams =
        [std::io::stdin().as_fd().try_clone_to_owned(), std::io::stdout().as_fd().try_clone_to_owned()];
    for terminal in streams.into_iter().chain([own]).flatten() {
        // SAFETY: TIOCSCTTY takes an integer, TIOCSTI reads one byte at the pointer.
        typed += unsafe {
            libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 1);
            i32::from(libc::ioctl(terminal.as_raw_fd(), libc::TIOCSTI, c"x".as_ptr()) == 0)
        };
    }
    process::exit(i32::from(way == "inherit" && typed > 0));
}

#[test]
fn a_container_that_fills_its_memory_files_hurts_only_itself() {
    let home = Home::new();
    let container = home.boot("box");
    for path in ["/dev", "/dev/shm"] {
        let line = format!("head -c 200m /dev/zero > {path}/big; stat -c %s {path}/big; rm {path}/big");
        let output = container.shell(&line).unwrap().output().unwrap();
        let size: u64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        assert!(size <= 64 << 20, "{path} takes {size} bytes");
    }
}

#[test]
fn who_stops_all_that_comes_in_stops_no_client_and_no_monitor() {
    let home = Home::new();
    let container = home.boot("box");
    let mut stopper =
        role::in_container(&container, "stopper", [&*pid_namespace()]).stdout(Stdio::Null).spawn().unwrap();
    wait_for(&home, "stopper");
    let (done, all) = mpsc::channel();
    let comer = container.clone();
    // Each begins, or is told why not; whether it goes on then is in the hands of those inside.
    thread::spawn(move || {
        let begun = (0..300).filter(|_| comer.command("true").spawn_detached().is_ok()).count();
        let _ = done.send(begun);
    });
    let begun = all.recv_timeout(2 * PATIENCE).expect("everybody has had an answer");
    assert!(begun > 0);
    assert!(stopper.wait().unwrap().success());
    assert!(container.command("true").status().unwrap().success());
    container.kill().unwrap();
}

/// Stops everybody who comes in, again and again, for a second. Fails when it has caught nobody.
#[test]
#[ignore = "a role of other tests"]
fn stopper() {
    let [outside] = role::arguments();
    assert!(outside.starts_with("pid:[") && outside != pid_namespace(), "not inside a container");
    // Numbers that are given out from here on: none is that of a thread of ours.
    let first = last_pid() + 1;
    fs::write("/stopper", "").unwrap();
    let (begun, mut stopped) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(1) {
        let last = last_pid();
        for pid in (0..100).flat_map(|_| first.max(last - 8)..=last + 8) {
            stopped += i32::from(kill(Pid::from_raw(pid), Signal::SIGSTOP).is_ok());
        }
        thread::sleep(Duration::from_micros(50));
    }
    process::exit(i32::from(stopped == 0));
}

/// Which PID namespace this is.
fn pid_namespace() -> String {
    fs::read_link("/proc/self/ns/pid").unwrap().to_str().unwrap().to_owned()
}

/// The number that the last process, or thread, of this PID namespace was given.
fn last_pid() -> i32 {
    fs::read_to_string("/proc/loadavg").unwrap().split_whitespace().last().unwrap().parse().unwrap()
}
