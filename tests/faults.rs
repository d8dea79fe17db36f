//! Deaths at the worst moments: whoever boots, the monitor, PID 1, the owner. Afterwards one ordinary look
//! tells the truth, and nothing is left.
//!
//! `XDOCKER_FAULT_CYCLES` says how often each of the random ones is tried.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{env, fs, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use xdocker_core::{
    Boot, Container, ContainerInfo, ContainerName, ContainerSpec, Engine, Error, Exec, IfRunning, NetnsName,
    Network, Sandbox, State, Volume,
};
use xdocker_test_harness::home::{Home, IMAGE};
use xdocker_test_harness::leaks::{await_unlocked, has_died, inside, leaks, monitor, monitors, processes};
use xdocker_test_harness::role;
use xdocker_test_harness::wait::{PATIENCE, until};

/// How often each random fault is tried: 200 times all three of them, unless the environment says otherwise.
fn cycles() -> u32 {
    env::var("XDOCKER_FAULT_CYCLES").map_or(67, |text| text.parse().expect("a number of cycles"))
}

/// A time below `limit`, another one at each call.
fn moment(limit: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let nanoseconds = u64::try_from(limit.as_nanos()).expect("a short time");
    Duration::from_nanos(RandomState::new().hash_one(()) % nanoseconds)
}

/// SIGKILL to a process that was seen a moment ago, and its death: kill(2) returns before the process has
/// let go of its locks.
fn sigkill(pid: u32) {
    match kill(Pid::from_raw(pid.try_into().expect("a pid")), Signal::SIGKILL) {
        Ok(()) => assert!(until(PATIENCE, || has_died(pid)), "{pid} outlives SIGKILL"),
        Err(nix::Error::ESRCH) => (),
        Err(why) => panic!("kill {pid}: {why}"),
    }
}

/// What a new engine, as another process would open it, says of the only container of the home.
#[track_caller]
fn look(home: &Home) -> ContainerInfo {
    let engine = Engine::open(home.path()).unwrap();
    let [info] = <[_; 1]>::try_from(engine.containers().unwrap()).unwrap();
    info
}

/// Looks until nobody is booting it any more, and checks what is said against the kernel.
#[track_caller]
fn truth(home: &Home) -> ContainerInfo {
    let mut info = look(home);
    // A monitor outlives whoever started it, and takes its steps to the end: a process that was cloned a
    // moment ago is on its way into the container's root.
    let settled = until(PATIENCE, || {
        info = look(home);
        match info.state {
            State::Running { pid } => inside(pid, home.path()),
            state => state != State::Starting,
        }
    });
    assert!(settled, "{:?}: {:?}", info.state, leaks(home.path()));
    match info.state {
        State::Running { .. } => {
            if monitors(home.path()).is_empty() {
                // It has ended since: its killer may have been killed in turn.
                info = look(home);
                assert_eq!(info.state, State::Stopped, "{:?}", leaks(home.path()));
                home.assert_clean();
            }
        }
        State::Stopped => home.assert_clean(),
        state => panic!("{state:?}: {:?}", leaks(home.path())),
    }
    info
}

/// Whether the container runs, and not only for another moment.
fn runs(container: &Container) -> bool {
    !until(PATIENCE, || container.state().unwrap() == State::Stopped)
}

/// Checks that the container is as good as new.
#[track_caller]
fn works(container: &Container) {
    container.boot(&Boot::new()).unwrap_or_else(|error| panic!("{}", error.chain()));
    assert!(container.command("true").status().unwrap().success());
    container.kill().unwrap();
}

#[test]
fn the_booting_process_may_be_killed_at_any_moment() {
    let home = Home::new();
    let (mut running, mut stopped) = (0, 0);
    for _ in 0..cycles() {
        let container = home.create("box");
        let path = home.path().to_str().unwrap();
        let mut booter = role::on_host("boots_and_ends", [path]).stdout(Stdio::null()).spawn().unwrap();
        let run = home.path().join("containers/box/run.json");
        assert!(until(PATIENCE, || run.exists()));
        thread::sleep(moment(Duration::from_millis(25)));
        booter.kill().unwrap();
        booter.wait().unwrap();
        match truth(&home).state {
            State::Running { .. } => {
                running += 1;
                // It may be about to end: its killer may have been killed in turn.
                match container.command("true").status() {
                    Ok(status) => assert!(status.success() || !runs(&container), "{status}"),
                    Err(error) => assert!(!runs(&container), "{}", error.chain()),
                }
                container.destroy(IfRunning::Kill).unwrap();
            }
            _ => {
                stopped += 1;
                container.destroy(IfRunning::Refuse).unwrap();
            }
        }
        home.assert_clean();
    }
    println!("{running} running, {stopped} stopped");
}

/// Boots and ends the container `box` until somebody kills us.
#[test]
#[ignore = "a role of other tests"]
fn boots_and_ends() {
    let [home] = role::arguments();
    let container = Engine::open(home).unwrap().container(&"box".parse().unwrap()).unwrap();
    loop {
        container.boot(&Boot::new()).unwrap();
        container.kill().unwrap();
    }
}

/// Has one thread use the container in every way while `fault` happens at random moments, and checks the
/// truth after each.
fn under_load(home: &Home, fault: impl Fn(&Container)) {
    let container = home.create("box");
    for _ in 0..cycles() {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    // Each of them may fail now, but none may hang.
                    let _ = container.boot(&Boot::new());
                    for _ in 0..3 {
                        let _ = container.command("true").status();
                    }
                    let _ = container.shutdown(Duration::from_secs(5));
                }
            });
            thread::sleep(moment(Duration::from_millis(20)));
            fault(&container);
            stop.store(true, Ordering::Relaxed);
        });
        if matches!(truth(home).state, State::Running { .. }) {
            container.kill().unwrap();
        }
        home.assert_clean();
    }
    works(&container);
}

#[test]
fn the_monitor_may_be_killed_at_any_moment() {
    let home = Home::new();
    under_load(&home, |_| {
        let mut found = None;
        assert!(until(PATIENCE, || {
            found = monitors(home.path()).first().copied();
            found.is_some()
        }));
        sigkill(found.expect("found above"));
    });
}

#[test]
fn pid_1_may_be_killed_at_any_moment() {
    let home = Home::new();
    under_load(&home, |container| {
        assert!(until(PATIENCE, || match container.state().unwrap() {
            State::Running { pid } => {
                sigkill(pid);
                true
            }
            _ => false,
        }));
    });
}

#[test]
fn when_the_monitor_is_killed_one_look_clears_up_and_says_that_the_end_is_lost() {
    let home = Home::new();
    let container = home.boot("box");
    let session = container.command("sleep").arg("1000").spawn().unwrap();
    let State::Running { pid } = container.state().unwrap() else { panic!("not running") };
    sigkill(monitor(home.path()));
    await_unlocked(home.path());
    // The kernel sees to it, before anybody has looked.
    assert!(until(PATIENCE, || has_died(pid) && has_died(session.id())));
    assert_eq!(look(&home).state, State::Stopped);
    assert!(look(&home).exit.unwrap().is_lost());
    home.assert_clean();
    works(&container);
}

#[test]
fn when_pid_1_is_killed_nothing_is_left_without_any_later_call() {
    let home = Home::new();
    let container = home.boot("box");
    let mut session = container.command("sleep").arg("1000").spawn().unwrap();
    let State::Running { pid } = container.state().unwrap() else { panic!("not running") };
    sigkill(pid);
    home.assert_clean();
    assert!(home.path().join("containers/box/exit.json").exists());
    let exit = look(&home).exit.unwrap();
    assert!(!exit.is_lost());
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&exit.status()), Some(9));
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&session.wait().unwrap()), Some(9));
}

/// Boots with a death before each step in turn, until there is no such step any more.
fn die_before_every_step(home: &Home, spec: &ContainerSpec, name: ContainerName) -> usize {
    let spec = spec.clone().name(name.clone());
    for step in 0..500 {
        let container = home.engine().create(&spec).unwrap();
        let booted = container.boot(&Boot::new().die_before_step(step));
        if booted.is_ok() {
            container.destroy(IfRunning::Kill).unwrap();
            return step;
        }
        await_unlocked(home.path());
        // One ordinary call, another one each time.
        match step % 4 {
            0 => assert_eq!(look(home).state, State::Stopped),
            1 => container.boot(&Boot::new()).unwrap(),
            2 => container.destroy(IfRunning::Kill).unwrap(),
            _ => assert!(matches!(container.shutdown(PATIENCE), Err(Error::NotRunning(_)))),
        }
        match step % 4 {
            1 => container.kill().unwrap(),
            2 => (),
            _ => works(&container),
        }
        home.assert_clean();
        if step % 4 != 2 {
            container.destroy(IfRunning::Refuse).unwrap();
        }
        assert!(!NetnsName::of(&name).path().exists());
    }
    panic!("a boot has more steps than this test has tried");
}

#[test]
fn a_launch_may_die_before_each_of_its_steps() {
    let home = Home::new();
    let spec = ContainerSpec::new([IMAGE.parse().unwrap()]);
    let steps = die_before_every_step(&home, &spec, "box".parse().unwrap());
    assert!(steps > 50, "{steps} steps are not all of them");
}

#[test]
fn a_launch_with_all_of_its_own_may_die_before_each_of_its_steps() {
    let home = Home::new();
    let volume = tempfile::tempdir().unwrap();
    let volume = Volume::new(volume.path(), "/mnt/volume").unwrap();
    let spec = ContainerSpec::new([IMAGE.parse().unwrap()])
        .network(Network::Custom)
        .sandbox(Sandbox::new().user_namespace(true))
        .volumes([volume]);
    let steps = die_before_every_step(&home, &spec, home.own_name("box"));
    assert!(steps > 70, "{steps} steps are not all of them");
}

#[test]
fn a_bound_container_ends_with_its_owner() {
    let home = Home::new();
    let container = home.create("box");
    let path = home.path().to_str().unwrap();
    let mut owner = role::on_host("owner", [path]).stdout(Stdio::null()).spawn().unwrap();
    assert!(until(PATIENCE, || matches!(container.state().unwrap(), State::Running { .. })));
    assert!(until(PATIENCE, || processes(home.path()).iter().any(|process| process.name == "sleep")));
    owner.kill().unwrap();
    owner.wait().unwrap();
    home.assert_clean();
    assert!(!container.info().unwrap().exit.unwrap().is_lost());

    let null = fs::File::open("/dev/null").unwrap().into();
    let root = container.boot_bound(&Boot::new(), [&null; 3]).unwrap();
    drop(root);
    home.assert_clean();
}

#[test]
fn an_ephemeral_container_ends_with_its_owner() {
    let home = Home::new();
    let path = home.path().to_str().unwrap();
    let mut owner = role::on_host("ephemeral_owner", [path]).stdout(Stdio::null()).spawn().unwrap();
    let state = || home.engine().container(&"brief".parse().unwrap()).and_then(|brief| brief.state());
    assert!(until(PATIENCE, || matches!(state(), Ok(State::Running { .. }))));
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(until(PATIENCE, || home.engine().containers().unwrap().is_empty()), "{:?}", state());
    home.assert_clean();
}

/// Has a container that goes with it, until somebody kills us.
#[test]
#[ignore = "a role of other tests"]
fn ephemeral_owner() {
    let [home] = role::arguments();
    let engine = Engine::open(Path::new(&home)).unwrap();
    let spec = ContainerSpec::new([IMAGE.parse().unwrap()]).name("brief".parse().unwrap());
    let container = engine.create_ephemeral(&spec).unwrap();
    container.boot(&Boot::new()).unwrap();
    container.wait().unwrap();
}

/// Has a container that is bound to it, until somebody kills us.
#[test]
#[ignore = "a role of other tests"]
fn owner() {
    let [home] = role::arguments();
    let container = Engine::open(Path::new(&home)).unwrap().container(&"box".parse().unwrap()).unwrap();
    let null = fs::File::open("/dev/null").unwrap().into();
    let line = "trap '' HUP TERM; sleep 1000 & sleep 1000";
    let boot = Boot::new().exec(Exec::new("sh").args(["-c", line]));
    container.boot_bound(&boot, [&null; 3]).unwrap().wait().unwrap();
}
