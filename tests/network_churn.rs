//! BRIDGE in the long run: many at once, many in a row, what is lost and comes back, and what is somebody else's.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::{env, thread};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use xdocker_test_harness::cli::{Home, run};
use xdocker_test_harness::leaks::has_died;
use xdocker_test_harness::net::{HOST, Machine, REMOTE, ip, on_own_host, tool};
use xdocker_test_harness::wait::{PATIENCE, until};

const TEST: &str = "nns098F6BCD46";
/// Rules of somebody else's, and such as Docker makes.
const FOREIGN: &str = "table inet theirs {
    set s { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 } }
    chain forward { type filter hook forward priority 0; policy accept; ip saddr @s counter; }
}
table ip nat {
    chain PREROUTING { type nat hook prerouting priority -100; fib daddr type local counter jump DOCKER; }
    chain POSTROUTING { type nat hook postrouting priority 100; ip saddr 172.17.0.0/16 oifname != \"docker0\" masquerade; }
    chain DOCKER { iifname \"docker0\" counter return; }
}
";

/// How often a container is booted and killed.
fn cycles() -> u32 {
    env::var("XDOCKER_NETWORK_CYCLES").map_or(200, |text| text.parse().expect("a number of cycles"))
}

/// A home with a bare image, on a host of its own.
fn with_home(work: impl FnOnce(Home) + Send) {
    on_own_host(|| {
        let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
        home.add_bare_image("test");
        work(home);
    });
}

/// Links, named namespaces and rules. The kernel takes a moment for the links of a namespace that has gone.
#[track_caller]
fn settles_to(expected: &[String; 3]) {
    let mut seen = host();
    until(PATIENCE, || {
        seen = host();
        seen == *expected
    });
    assert_eq!(seen, *expected);
}

fn host() -> [String; 3] {
    // Without the state of a link, which the kernel brings up to date when it finds the time.
    let links = ip("-o -br link");
    let links: Vec<_> = links.lines().filter_map(|line| line.split_ascii_whitespace().next()).collect();
    // The sysfs of this host: that at /sys is the machine's.
    let sys = Path::new("/run/sys");
    if !sys.exists() {
        fs::create_dir(sys).unwrap();
        mount(Some("sysfs"), sys, Some("sysfs"), MsFlags::MS_RDONLY, None::<&str>).unwrap();
    }
    let known = fs::read_dir(sys.join("class/net")).unwrap();
    let known: BTreeSet<_> = known.map(|entry| entry.unwrap().file_name()).collect();
    [format!("{} {known:?}", links.join(" ")), ip("netns list"), tool("nft", "list ruleset")]
}

fn add_rules(rules: &str) {
    let mut nft = std::process::Command::new("nft");
    nft.args(["-f", "-"]);
    run(nft, rules.as_bytes()).prints("");
}

#[test]
fn fifty_containers_made_by_eight_processes_get_fifty_addresses() {
    with_home(|home| {
        let namespace = fs::File::open("/proc/thread-self/ns/net").unwrap();
        thread::scope(|scope| {
            for maker in 0..8 {
                let (home, namespace) = (&home, &namespace);
                scope.spawn(move || {
                    nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
                    for number in (maker..50).step_by(8) {
                        let ports = format!("{}:80", 2000 + number);
                        let name = format!("c{number}");
                        let create =
                            format!("-a create -m test -c {name} --net BRIDGE --port-mapping {ports} -b");
                        home.xdocker(&create).ok();
                    }
                });
            }
        });
        let json = home.xdocker("-s containers --json").succeeds();
        let vips: BTreeSet<_> =
            json.split("\"vip\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(vips.len(), 50, "{json}");
        assert_eq!(json.matches("\"state\":\"running\"").count(), 50);
        let published = tool("nft", "list map ip xdocker0 published");
        assert_eq!(published.matches(" : 166.88.0.").count(), 50, "{published}");
    });
}

#[test]
fn boots_and_kills_leave_the_host_as_it_was_and_the_rules_of_others_alone() {
    with_home(|home| {
        add_rules(FOREIGN);
        let before = tool("nft", "list ruleset");
        home.xdocker("-a create -m test -c test --net BRIDGE --port-mapping 80:80,127.0.0.1:81:80/udp --host-eth wan -b").ok();
        let with_one = tool("nft", "list ruleset");
        home.xdocker("-a kill -c test").ok();
        let stopped = host();
        for _ in 0..cycles() {
            home.xdocker("-a boot -c test").ok();
            home.xdocker("-a kill -c test").ok();
        }
        settles_to(&stopped);
        home.xdocker("-a boot -c test").ok();
        assert_eq!(tool("nft", "list ruleset"), with_one);
        home.xdocker("-a destroy -c test -f").ok();
        tool("nft", "delete table ip xdocker0");
        tool("nft", "delete table bridge xdocker0");
        ip("link del xdocker0");
        assert_eq!(tool("nft", "list ruleset"), before);
        assert!(until(PATIENCE, || !ip("-o -br link").contains("eth098F6BCD46")));
        assert!(!ip("netns list").contains("nns"));
    });
}

#[test]
fn a_container_that_ends_by_itself_or_whose_monitor_is_killed_leaves_no_way_in() {
    with_home(|home| {
        home.xdocker("-a create -m test -c test --net BRIDGE --port-mapping 80:80 -b").ok();
        home.xdocker("-a create -m test -c two --net BRIDGE --port-mapping 80:80").ok();
        let elements = || tool("nft", "list ruleset").matches("elements").count();
        assert_ne!(elements(), 0);
        kill(Pid::from_raw(home.root_process("test").cast_signed()), Signal::SIGKILL).unwrap();
        assert!(until(PATIENCE, || home.status("test").as_deref() == Some("STOPED")));
        assert_eq!(elements(), 0, "{}", tool("nft", "list ruleset"));
        home.xdocker("-a boot -c test").ok();
        let record = fs::read_to_string(home.path().join("containers/test/run.json")).unwrap();
        let monitor = record.split("\"monitor\":").nth(1).unwrap().trim_end().trim_end_matches('}');
        let monitor: u32 = monitor.parse().unwrap();
        kill(Pid::from_raw(monitor.cast_signed()), Signal::SIGKILL).unwrap();
        assert!(until(PATIENCE, || has_died(monitor)));
        home.xdocker("-s containers").succeeds();
        assert_eq!(elements(), 0);
        // Whoever was killed before it had the port takes it from nobody.
        home.xdocker("-a boot -c two").ok();
        home.xdocker("-a boot -c test").fails(1, "port 80/tcp is mapped by container two");
        assert_ne!(elements(), 0);
    });
}

#[test]
fn what_was_lost_is_made_again_at_boot() {
    with_home(|home| {
        home.xdocker("-a create -m test -c test --net BRIDGE --port-mapping 80:80 -b").ok();
        home.xdocker("-a create -m test -c two --net BRIDGE --port-mapping 81:80 -b").ok();
        home.xdocker("-a kill -c two").ok();
        let reached = |port| Machine::named("remote").tcp(HOST, port).is_some();
        Machine::named(TEST).serves(80);
        assert!(reached(80));
        // Somebody reloads the firewall: the next boot opens the ways to those who run again.
        tool("nft", "flush ruleset");
        home.xdocker("-a boot -c two").ok();
        assert!(reached(80));
        home.xdocker("-a kill -c test").ok();
        home.xdocker("-a kill -c two").ok();
        // As a reboot of the host does.
        umount2(&Path::new("/run/netns").join(TEST), MntFlags::MNT_DETACH).unwrap();
        fs::remove_file(Path::new("/run/netns").join(TEST)).unwrap();
        tool("nft", "flush ruleset");
        ip("link del xdocker0");
        home.xdocker("-a boot -c test").ok();
        Machine::named(TEST).serves(80);
        assert!(reached(80));
        assert_eq!(
            Machine::host().tcp(Ipv4Addr::new(166, 88, 0, 2), 80).map(|it| it.to_string()).as_deref(),
            Some("166.88.0.1")
        );
        // Half of it gone, all of it goes.
        ip("link del eth098F6BCD46");
        home.xdocker("-a destroy -c test -f").ok();
        home.xdocker("-a destroy -c two -f").ok();
        assert!(!ip("netns list").contains("nns"));
    });
}

/// Somebody takes the rules away from a container that runs, in each way that there is: whatever is done next to containers
/// of the home, or asked about them, brings them back, and nothing is open then that was not.
#[test]
fn whatever_is_done_next_brings_rules_back_that_were_taken_away() {
    with_home(|home| {
        let ports = "80:80,81:81/udp";
        home.xdocker(&format!("-a create -m test -c test --net BRIDGE --port-mapping {ports} -b")).ok();
        home.xdocker("-a create -m test -c two --net BRIDGE").ok();
        home.xdocker("-a create -m test -c host --net HOST").ok();
        let (test, remote) = (Machine::named(TEST), Machine::named("remote"));
        let vip = Ipv4Addr::new(166, 88, 0, 2);
        test.serves(80);
        test.serves(82);
        // The order of tables is that in which they were made.
        let rules = || ["bridge", "ip"].map(|family| tool("nft", &format!("list table {family} xdocker0")));
        let whole = rules();
        let ways = ["flush ruleset", "flush table ip xdocker0", "delete table ip xdocker0"];
        let operations = [
            "-s containers",
            "-a create -m test -c three --net HOST",
            "-a create -m test -c four --net BRIDGE",
            "-a boot -c host",
            "-a kill -c host",
            "-a vip -c two --vip 166.88.0.9",
            "-a destroy -c three",
            "-a boot -c two",
        ];
        for (number, operation) in operations.iter().enumerate() {
            let way = ways[number % ways.len()];
            tool("nft", way);
            assert_eq!(remote.leaks_to(HOST, 80), (None, None), "{way}: the rules are gone");
            let did = home.xdocker(operation);
            assert!(did.stderr().is_empty(), "{operation}: {did}");
            assert_eq!(remote.tcp(HOST, 80), Some(REMOTE.into()), "{way}, {operation}");
            assert_eq!(remote.leaks_to(vip, 82), (None, None), "{way}, {operation}");
        }
        // What only a boot sees: the rules of the bridge itself.
        for way in ["flush table bridge xdocker0", "delete table bridge xdocker0", "flush table ip xdocker0"]
        {
            home.xdocker("-a kill -c two").ok();
            tool("nft", way);
            home.xdocker("-a boot -c two").ok();
            home.xdocker("-a kill -c two").ok();
            assert_eq!(rules(), whole, "{way}");
            home.xdocker("-a boot -c two").ok();
        }
        let log = fs::read_to_string(home.path().join("xdocker.log")).unwrap();
        let told = log.matches("had been taken away from 1 running containers").count();
        assert_eq!(told, operations.len() + 3, "{log}");
        // Whoever has none is told nothing, and nothing is made for him.
        home.xdocker("-a kill -c test").ok();
        home.xdocker("-a kill -c two").ok();
        tool("nft", "flush ruleset");
        home.xdocker("-s containers").succeeds();
        assert_eq!(tool("nft", "list ruleset"), "");
    });
}

#[test]
fn a_home_chooses_its_bridge_and_finds_out_what_is_in_its_way() {
    with_home(|home| {
        home.xdocker("-s bridge").prints("xdocker0 166.88.0.1/24\n");
        home.xdocker("-a bridge --subnet 10.9.0.1/33").fails(2, "prefix");
        home.xdocker("-a bridge --name br7 --subnet 10.9.0.129/25").ok();
        home.xdocker("-a create -m test -c test --net BRIDGE").fails(1, "overlaps the route to 10.9.0.0/24");
        ip("link add br7 type veth peer name end7");
        home.xdocker("-a bridge --subnet 10.7.0.1/30").ok();
        home.xdocker("-a create -m test -c test --net BRIDGE")
            .fails(1, "br7 is there already and is no bridge");
        ip("link del br7");
        ip("link add br7 type bridge");
        home.xdocker("-a create -m test -c test --net BRIDGE").fails(1, "has not the address 10.7.0.1/30");
        ip("link del br7");
        home.xdocker("-a create -m test -c test --net BRIDGE -b").ok();
        assert!(ip("-n nns098F6BCD46 addr show eth0").contains("inet 10.7.0.2/30"));
        home.xdocker("-a create -m test -c two --net BRIDGE").fails(1, "no address of 10.7.0.1/30 is free");
        home.xdocker("-a bridge --name br8").fails(1, "containers are connected to bridge br7");
        home.xdocker("-a destroy -c test -f").ok();
        home.xdocker("-a bridge --name br8").ok();
        home.xdocker("-s bridge --json").prints("{\"bridge\":\"br8\",\"subnet\":\"10.7.0.1/30\"}\n");
    });
}

#[test]
fn a_closed_filter_of_others_is_told() {
    with_home(|home| {
        // By its policy as Docker's, by its last rule as firewalld's; and two that let everything else through.
        add_rules(
            "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }
            table inet firewalld {
                chain filter_FORWARD { type filter hook forward priority 10; iifname \"lo\" accept; counter reject; }
                chain filter_INPUT { type filter hook input priority 10; counter drop; }
            }
            table inet theirs {
                chain one { type filter hook forward priority 20; iifname \"eth7\" drop; }
                chain other { type filter hook forward priority 30; drop; }
            }
            table inet open { chain last { type filter hook forward priority 40; ct state invalid drop; accept; }; }",
        );
        // These nf_tables knows nothing of.
        tool("iptables-legacy", "-P FORWARD DROP");
        tool("iptables-legacy", "-t mangle -A FORWARD -s 10.0.0.0/8 -j DROP");
        tool("ip6tables-legacy", "-A FORWARD -p tcp -j ACCEPT");
        tool("ip6tables-legacy", "-A FORWARD -j REJECT");
        let told = |text: &str| {
            let about = text.lines().filter(|line| line.contains("of the host's packet filter drops"));
            about.map(|line| line.split('`').nth(1).unwrap().to_owned()).collect::<Vec<_>>()
        };
        let legacy = ["filter FORWARD (iptables-legacy)", "filter FORWARD (ip6tables-legacy)"];
        let expected = ["filter FORWARD", "firewalld filter_FORWARD", "theirs other", legacy[0], legacy[1]];
        home.xdocker("-a create -m test -c test --net BRIDGE").ok();
        let debug = home.xdocker("-a boot -c test -d");
        assert_eq!(told(&debug.stderr()), expected, "{debug}");
        let log = fs::read_to_string(home.path().join("xdocker.log")).unwrap();
        assert_eq!(told(&log), expected, "{log}");
    });
}
