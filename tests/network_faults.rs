//! BRIDGE and deaths at the worst moments: whoever executes a launch, its end, or the command itself. Afterwards one
//! ordinary command leaves nothing of it on the host.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use xdocker_core::{
    Boot, Container, ContainerName, ContainerSpec, Endpoint, Engine, Error, IfRunning, Network, State,
};
use xdocker_test_harness::cli::Home;
use xdocker_test_harness::leaks;
use xdocker_test_harness::net::{HOST, Machine, REMOTE, ip, on_own_host, tool};
use xdocker_test_harness::wait::{PATIENCE, until};

/// Namespace of the container `test`.
const TEST: &str = "nns098F6BCD46";

/// A home with a bare image and an engine on it, on a host of its own.
fn with_home(work: impl FnOnce(&Home, &Engine) + Send) {
    on_own_host(|| {
        let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
        home.add_bare_image("test");
        home.xdocker("-a bridge --subnet6 fd00:88::1/64").ok();
        let engine = Engine::open(home.path()).unwrap();
        work(&home, &engine);
    });
}

fn create(engine: &Engine) -> Container {
    let endpoint = Endpoint::new().ports("80:80,127.0.0.1:81:80/udp".parse().unwrap());
    let spec = ContainerSpec::new(["test".parse().unwrap()]).network(Network::Bridge(endpoint));
    engine.create(&spec).unwrap_or_else(|error| panic!("{}", error.chain()))
}

/// What there is of links, namespaces and elements of sets. The bridge and its rules stay.
fn left() -> Vec<String> {
    let mut found: Vec<_> =
        ip("-o link").lines().filter(|line| line.contains("master")).map(str::to_owned).collect();
    found.extend(ip("netns list").lines().filter(|line| line.starts_with("nns")).map(str::to_owned));
    let rules = tool("nft", "list ruleset");
    found.extend(rules.lines().filter(|line| line.contains("elements")).map(str::to_owned));
    found
}

/// Checks that no container has anything, on the host or in the home. The kernel takes a moment for links.
#[track_caller]
fn nothing_is_left(home: &Home) {
    let mut found = Vec::new();
    until(PATIENCE, || {
        found = left();
        found.is_empty()
    });
    assert!(found.is_empty(), "{found:#?}");
    leaks::assert_none(home.path());
}

/// One ordinary call, another one each time; the container is stopped then.
#[track_caller]
fn one_call(engine: &Engine, container: &Container, which: usize) {
    match which % 3 {
        0 => {
            let [info] = <[_; 1]>::try_from(engine.containers().unwrap()).unwrap();
            assert_eq!(info.state, State::Stopped);
        }
        1 => {
            container.boot(&Boot::new()).unwrap_or_else(|error| panic!("{}", error.chain()));
            container.kill().unwrap();
        }
        _ => assert!(matches!(container.shutdown(PATIENCE), Err(Error::NotRunning(_)))),
    }
}

#[test]
fn a_launch_may_die_before_each_of_its_steps() {
    with_home(|home, engine| {
        for step in 0.. {
            let container = create(engine);
            if container.boot(&Boot::new().die_before_step(step)).is_ok() {
                assert!(step > 50, "{step} steps are not all of them");
                container.destroy(IfRunning::Kill).unwrap();
                break;
            }
            leaks::await_unlocked(home.path());
            if step % 4 < 3 {
                one_call(engine, &container, step % 4);
                let rules = tool("nft", "list ruleset");
                assert!(!rules.contains("elements"), "step {step}: {rules}");
                leaks::assert_none(home.path());
            }
            container.destroy(IfRunning::forced(step % 4 == 3)).unwrap();
            assert!(!Path::new("/run/netns").join(TEST).exists());
        }
        nothing_is_left(home);
    });
}

#[test]
fn an_end_may_die_before_each_of_its_steps() {
    with_home(|home, engine| {
        let container = create(engine);
        // The first one makes the rules, and fails until they are there.
        container.boot(&Boot::new()).unwrap();
        container.kill().unwrap();
        let mut deaths = 0;
        for step in 0.. {
            container
                .boot(&Boot::new().die_before_step_of_undo(step))
                .unwrap_or_else(|error| panic!("{step}: {}", error.chain()));
            let State::Running { pid } = container.state().unwrap() else { panic!("it does not run") };
            let record = fs::read_to_string(home.path().join("containers/test/run.json")).unwrap();
            let monitor = record.split("\"monitor\":").nth(1).unwrap().trim_end().trim_end_matches('}');
            let monitor: u32 = monitor.parse().unwrap();
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), nix::sys::signal::SIGKILL)
                .unwrap();
            assert!(until(PATIENCE, || leaks::has_died(monitor)));
            leaks::await_unlocked(home.path());
            if !home.path().join("containers/test/run.json").exists() {
                break;
            }
            deaths += 1;
            one_call(engine, &container, step);
            let rules = tool("nft", "list ruleset");
            assert!(!rules.contains("elements"), "step {step}: {rules}");
            leaks::assert_none(home.path());
        }
        assert!(deaths > 3, "{deaths} steps are not all of them");
        container.destroy(IfRunning::Refuse).unwrap();
        nothing_is_left(home);
    });
}

#[test]
fn a_command_may_be_killed_at_any_moment() {
    with_home(|home, engine| {
        let name: ContainerName = "test".parse().unwrap();
        let run = home.path().join("containers/test");
        for cycle in 0..60u64 {
            // Once everything has to be made, bridge and rules, and then they are there.
            if cycle % 4 == 0 && ip("-o link").contains("xdocker0") {
                ip("link del xdocker0");
                tool("nft", "flush ruleset");
            }
            let line = "-a create -m test -c test --net BRIDGE --port-mapping 80:80 -b";
            let mut command = home.command(line.split(' '));
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            thread::sleep(Duration::from_micros(cycle * 500));
            child.kill().unwrap();
            child.wait().unwrap();
            if run.exists() {
                // It may be about to boot still: what goes on is its monitor.
                assert!(
                    until(PATIENCE, || engine.container(&name).unwrap().state().unwrap() != State::Starting)
                );
                home.xdocker("-a shutdown -c test -f").ok();
                home.xdocker("-a boot -c test").ok();
                Machine::named(TEST).does(|| {
                    let _server = std::net::TcpListener::bind("0.0.0.0:80").unwrap();
                    assert!(Machine::named("remote").tcp_connects(HOST, 80));
                });
                home.xdocker("-a destroy -c test -f").ok();
            }
            assert!(!Path::new("/run/netns").join(TEST).exists(), "cycle {cycle}");
        }
        home.xdocker("-s containers").succeeds();
        nothing_is_left(home);
        let drafts = ip("-o -br link");
        assert!(
            drafts.lines().all(|link| ["lo", "wan@", "xdocker0"].iter().any(|name| link.starts_with(name))),
            "{drafts}"
        );
    });
}

#[test]
fn what_is_half_gone_is_destroyed_like_what_is_whole() {
    let losses: [(&str, fn()); 6] = [
        ("its link", || drop(ip("link del eth098F6BCD46"))),
        ("its namespace's name", || drop(ip("netns delete nns098F6BCD46"))),
        ("the rules", || drop(tool("nft", "flush ruleset"))),
        ("one table of the rules", || drop(tool("nft", "delete table ip xdocker0"))),
        ("the bridge", || drop(ip("link del xdocker0"))),
        ("all names", || {
            nix::mount::umount2(&Path::new("/run/netns").join(TEST), nix::mount::MntFlags::MNT_DETACH)
                .unwrap();
            fs::remove_file(Path::new("/run/netns").join(TEST)).unwrap();
        }),
    ];
    with_home(|home, engine| {
        for (what, lose) in losses {
            for is_running in [false, true] {
                let container = create(engine);
                container.boot(&Boot::new()).unwrap_or_else(|error| panic!("{}", error.chain()));
                if !is_running {
                    container.kill().unwrap();
                }
                lose();
                container
                    .destroy(IfRunning::Kill)
                    .unwrap_or_else(|error| panic!("without {what}: {}", error.chain()));
                assert!(!home.path().join("containers/test").exists(), "without {what}");
                nothing_is_left(home);
            }
            // And what was lost is made again.
            let container = create(engine);
            container.boot(&Boot::new()).unwrap_or_else(|error| panic!("without {what}: {}", error.chain()));
            container.destroy(IfRunning::Kill).unwrap();
        }
    });
}

/// Where the rules cannot be made nothing runs without them, and where one of the tables is gone it comes back before
/// anything is open that was not.
#[test]
fn nothing_runs_without_its_rules() {
    with_home(|home, _| {
        home.xdocker("-a create -m test -c two --net BRIDGE").ok();
        tool("nft", "add table ip xdocker0");
        tool("nft", "add chain ip xdocker0 forward { type filter hook input priority 0; }");
        home.xdocker("-a boot -c two").fails(1, "cannot make the rules of bridge xdocker0");
        assert_eq!(home.status("two").as_deref(), Some("STOPED"));
        tool("nft", "delete table ip xdocker0");
        home.xdocker("-a create -m test -c test --net BRIDGE --port-mapping 80:80,81:81/udp -b").ok();
        let vip = std::net::Ipv4Addr::new(166, 88, 0, 3);
        let (test, remote) = (Machine::named(TEST), Machine::named("remote"));
        test.serves(80);
        test.serves(82);
        for table in ["ip xdocker0", "bridge xdocker0", "ip6 xdocker0"] {
            tool("nft", &format!("delete table {table}"));
            home.xdocker("-a boot -c two").ok();
            assert_eq!(remote.tcp(HOST, 80), Some(REMOTE.into()), "{table}");
            // A direct route to a port that is not mapped, and to one that is.
            for port in [80, 82] {
                assert_eq!(remote.leaks_to(vip, port), (None, None), "{table}");
            }
            home.xdocker("-a kill -c two").ok();
        }
    });
}
