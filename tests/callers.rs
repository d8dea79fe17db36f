//! Programs that use the library while something about them is unusual.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process;

use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::stat::{Mode, umask};
use xdocker_core::{Boot, ContainerSpec, Engine, Error, Exec, IfRunning, Stdio, Volume};
use xdocker_test_harness::home::{Home, IMAGE};
use xdocker_test_harness::role;

/// What the role prints, which must succeed.
#[track_caller]
fn in_role<const N: usize>(role: &str, arguments: [&str; N]) {
    let output = role::on_host(role, arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_directory_is_no_standard_stream() {
    let home = Home::new();
    let container = home.create("box");
    let directory = || OwnedFd::from(File::open("/").unwrap());
    let null: OwnedFd = File::open("/dev/null").unwrap().into();
    let boot = Boot::new().exec(Exec::new("true"));
    let refused = |error: Error| assert!(matches!(error, Error::Invalid { .. }), "{}", error.chain());
    for at in 0..3 {
        let root = directory();
        let mut streams = [&null; 3];
        streams[at] = &root;
        refused(container.boot_bound(&boot, streams).unwrap_err());
    }
    container.boot(&Boot::new()).unwrap();
    // From there it would be a step to all of the host's files.
    let line = "cat /proc/self/fd/[012]/../../../../../../etc/xdocker-test-home";
    refused(container.shell(line).unwrap().stdin(Stdio::File(directory())).output().unwrap_err());
    refused(container.shell(line).unwrap().stdout(Stdio::File(directory())).spawn().unwrap_err());
    refused(container.shell(line).unwrap().stderr(Stdio::File(directory())).spawn().unwrap_err());
}

#[test]
fn who_has_closed_its_streams_gives_none_of_its_files_away() {
    let home = Home::new();
    let container = home.boot("box");
    in_role("closer", [home.path().to_str().unwrap()]);
    let seen = fs::read_to_string(home.path().join("containers/box/rwlayer/seen")).unwrap();
    assert_eq!(seen, "/dev/null\n/dev/null\n/dev/null\n");
    container.kill().unwrap();
}

/// Runs something with its own streams, of which it has none.
#[test]
#[ignore = "a role of other tests"]
fn closer() {
    let [home] = role::arguments();
    for number in 0..3 {
        // SAFETY: nothing of this process uses them but the test harness, and it prints nothing before we exit.
        assert_eq!(unsafe { libc::close(number) }, 0);
    }
    let engine = Engine::open(&home);
    // They take the numbers that are free.
    let files = [File::open("/"), File::open(&home)];
    let container = engine.and_then(|engine| engine.container(&"box".parse()?));
    let line = "seen=$(for n in 0 1 2; do readlink /proc/$$/fd/$n; done); echo \"$seen\" > /seen";
    let status = container.and_then(|container| container.shell(line)?.status());
    drop(files);
    process::exit(i32::from(!status.is_ok_and(|status| status.success())));
}

#[test]
fn a_life_goes_on_whatever_the_caller_is_like() {
    let home = Home::new();
    let shared = home.path().parent().unwrap().join("shared");
    fs::create_dir(&shared).unwrap();
    for how in ["umask", "children", "directory", "descriptors"] {
        in_role("odd", [home.path().to_str().unwrap(), shared.to_str().unwrap(), how]);
        home.assert_clean();
        assert_eq!(fs::read_dir(home.path().join("containers")).unwrap().count(), 0, "{how}");
    }
}

/// Takes a container through its life.
#[test]
#[ignore = "a role of other tests"]
fn odd() {
    let [home, shared, how] = role::arguments();
    let gone = PathBuf::from(&shared).join("gone");
    let mut held = Vec::new();
    match &*how {
        // Nothing that is made belongs to anybody, if nobody sees to it.
        "umask" => drop(umask(Mode::from_bits_truncate(0o777))),
        // The kernel lets nobody wait for a child.
        // SAFETY: no handler is installed.
        "children" => drop(unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }.unwrap()),
        "directory" => {
            fs::create_dir(&gone).unwrap();
            std::env::set_current_dir(&gone).unwrap();
            fs::remove_dir(&gone).unwrap();
        }
        _ => {
            // All but a few.
            let (most, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
            held.extend((100..most.min(1000)).map(|_| File::open("/dev/null").unwrap()));
        }
    }
    let engine = Engine::open(&home).unwrap();
    let volume: Volume = format!("{shared}:/new/place").parse().unwrap();
    let spec = ContainerSpec::new([IMAGE.parse().unwrap()]).name("box".parse().unwrap()).volumes([volume]);
    let container = engine.create(&spec).unwrap();
    container.boot(&Boot::new()).unwrap();
    let line = "cd / && stat -c '%a %n' . new new/place etc/hosts dev dev/null dev/shm && cat etc/hostname";
    let mut command = container.shell(line).unwrap();
    let output = command.user("1000".parse().unwrap()).output().unwrap();
    let expected = "755 .\n755 new\n755 new/place\n644 etc/hosts\n755 dev\n666 dev/null\n1777 dev/shm\nbox\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{output:?}");
    container.shutdown(std::time::Duration::from_secs(10)).unwrap();
    container.destroy(IfRunning::Refuse).unwrap();
    drop(held);
    process::exit(0);
}

#[test]
fn a_caller_of_few_descriptors_boots_for_many_sessions() {
    let home = Home::new();
    let container = home.create("box");
    in_role("thrifty", [home.path().to_str().unwrap()]);
    assert_eq!(fs::read_to_string(home.path().join("containers/box/rwlayer/files")).unwrap(), "32\n");
    let spawn = |_| container.command("cat").stdin(Stdio::Piped).stdout(Stdio::Piped).spawn().unwrap();
    let mut sessions: Vec<_> = (0..40).map(spawn).collect();
    for session in &mut sessions {
        session.stdin.take().unwrap().write_all(b"there").unwrap();
        let mut heard = String::new();
        session.stdout.take().unwrap().read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "there");
        assert!(session.wait().unwrap().success());
    }
    container.kill().unwrap();
}

/// Boots and runs with few descriptors.
#[test]
#[ignore = "a role of other tests"]
fn thrifty() {
    let [home] = role::arguments();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 32, hard).unwrap();
    let container = Engine::open(home).unwrap().container(&"box".parse().unwrap()).unwrap();
    container.boot(&Boot::new()).unwrap();
    assert!(container.shell("ulimit -n > /files").unwrap().status().unwrap().success());
    process::exit(0);
}
