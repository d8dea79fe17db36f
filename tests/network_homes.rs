//! Homes that do not know of each other, on one host: they may share the bridge, and what one of them has the other does
//! not get, nor take away.

use std::fs;
use std::path::Path;

use xdocker_test_harness::cli::Home;
use xdocker_test_harness::net::{HOST, Machine, REMOTE, ip, on_own_host, tool};
use xdocker_test_harness::wait::{PATIENCE, until};

/// Namespaces of containers: the first ten digits of the MD5 of `test`.
const TEST: &str = "nns098F6BCD46";

/// Two homes with a bare image each, on a host of their own.
fn with_homes(work: impl FnOnce(Home, Home) + Send) {
    on_own_host(|| {
        let [one, other] = [(); 2].map(|()| Home::new(env!("CARGO_BIN_EXE_xdocker")));
        one.add_bare_image("test");
        other.add_bare_image("test");
        other.xdocker("-s images").succeeds();
        work(one, other);
    });
}

/// Links, named namespaces and rules.
fn host() -> [String; 3] {
    // Without the state of a link, which the kernel brings up to date when it finds the time.
    let links = ip("-o -br link");
    let links: Vec<_> = links.lines().filter_map(|line| line.split_ascii_whitespace().next()).collect();
    [links.join(" "), ip("netns list"), tool("nft", "list ruleset")]
}

/// Checks that the command fails, and changes nothing of its home and of the host.
#[track_caller]
fn fails(home: &Home, line: &str, why: &str) {
    let before = host();
    home.unchanged(|| {
        home.xdocker(line).fails(1, why);
    });
    assert_eq!(host(), before);
}

#[test]
fn an_address_is_one_containers_in_all_homes() {
    with_homes(|one, other| {
        one.xdocker("-a create -m test -c a --net BRIDGE --vip 166.88.0.2").ok();
        let holder = format!("address 166.88.0.2 is that of container a of {}", one.path().display());
        fails(&other, "-a create -m test -c b --net BRIDGE --vip 166.88.0.2", &holder);
        // Without a wish there is another one.
        other.xdocker("-a create -m test -c b --net BRIDGE").ok();
        assert!(other.xdocker("-s containers --json").succeeds().contains(r#""vip":"166.88.0.3""#));
        fails(&one, "-a create -m test -c c --net BRIDGE --vip 166.88.0.3", "of container b of ");
        other.xdocker("-a vip -c b --vip 166.88.0.2").fails(1, &holder);
        one.xdocker("-a create -m test -c c --net BRIDGE").ok();
        assert!(one.xdocker("-s containers --json").succeeds().contains(r#""vip":"166.88.0.4""#));
        // One that went is free, at once in its own home.
        one.xdocker("-a destroy -c a").ok();
        one.xdocker("-a create -m test -c d --net BRIDGE --vip 166.88.0.2 -b").ok();
        assert_eq!(Machine::named("nns8277E0910D").leaks_to(HOST, 1), (None, None));
    });
}

#[test]
fn a_name_is_one_containers_namespace_in_all_homes() {
    with_homes(|one, other| {
        one.xdocker("-a create -m test -c test --net CUSTOM").ok();
        let holder = format!("it is that of container test of {}", one.path().display());
        fails(&other, "-a create -m test -c test --net CUSTOM", &holder);
        one.xdocker("-a destroy -c test").ok();
        other.xdocker("-a create -m test -c test --net CUSTOM").ok();
        other.xdocker("-a destroy -c test").ok();

        one.xdocker("-a create -m test -c test --net BRIDGE --port-mapping 80:80 -b").ok();
        Machine::named(TEST).serves(80);
        for network in ["BRIDGE", "CUSTOM"] {
            let why = format!(
                "network namespace {TEST} is there already: it is that of container test of {}",
                one.path().display()
            );
            fails(&other, &format!("-a create -m test -c test --net {network}"), &why);
        }
        // One without a namespace of its own takes nobody's away.
        other.xdocker("-a create -m test -c test").ok();
        other.xdocker("-a destroy -c test").ok();
        assert_eq!(Machine::named("remote").tcp(HOST, 80), Some(REMOTE.into()));
        one.xdocker("-a destroy -c test -f").ok();
    });
}

/// As after a reboot of the host: both homes have their containers, and the kernel has nothing of them.
#[test]
fn who_is_first_after_a_reboot_keeps_what_both_have() {
    with_homes(|one, other| {
        one.xdocker("-a create -m test -c test --net BRIDGE").ok();
        nothing_is_left_in_the_kernel();
        other.xdocker("-a create -m test -c test --net BRIDGE --vip 166.88.0.9").ok();
        one.xdocker("-a boot -c test").fails(1, "is there already: it is that of container test of");
        one.xdocker("-a destroy -c test").ok();
        other.xdocker("-a boot -c test").ok();
        assert!(Path::new("/run/netns").join(TEST).exists(), "what is another home's is not destroyed");
        one.xdocker("-a create -m test -c a --net BRIDGE --vip 166.88.0.5").ok();
        other.xdocker("-a kill -c test").ok();
        nothing_is_left_in_the_kernel();
        other.xdocker("-a create -m test -c b --net BRIDGE --vip 166.88.0.5").ok();
        one.xdocker("-a boot -c a").fails(1, "address 166.88.0.5 is that of container b of");
        assert!(!Path::new("/run/netns/nns0CC175B9C0").exists(), "nothing of it is left");
        one.xdocker("-a vip -c a --vip 166.88.0.6").ok();
        one.xdocker("-a boot -c a").ok();
    });
}

#[test]
fn a_namespace_that_users_set_up_is_one_containers_after_a_reboot_too() {
    with_homes(|one, other| {
        one.xdocker("-a create -m test -c test --net CUSTOM").ok();
        ip(&format!("netns delete {TEST}"));
        other.xdocker("-a create -m test -c test --net CUSTOM -b").ok();
        let why = format!(
            "network namespace {TEST} is there already: it is that of container test of {}",
            other.path().display()
        );
        let before = host();
        one.xdocker("-a boot -c test").fails(1, &why);
        assert_eq!(one.status("test").as_deref(), Some("STOPED"));
        one.xdocker("-a destroy -c test").ok();
        assert_eq!(host(), before, "what is another home's is not destroyed");
        other.xdocker("-a destroy -c test -f").ok();
        assert!(!Path::new("/run/netns").join(TEST).exists());
        // One that a user has made before is the container's from then on.
        one.xdocker("-a create -m test -c test --net CUSTOM").ok();
        ip(&format!("netns delete {TEST}"));
        ip(&format!("netns add {TEST}"));
        one.xdocker("-a boot -c test").ok();
        fails(&other, "-a create -m test -c test --net CUSTOM", "it is that of container test of ");
        one.xdocker("-a destroy -c test -f").ok();
    });
}

#[test]
fn an_address_of_ipv6_is_one_containers_in_all_homes() {
    with_homes(|one, other| {
        for home in [&one, &other] {
            home.xdocker("-a bridge --subnet6 fd00:88::1/64").ok();
        }
        one.xdocker("-a create -m test -c a --net BRIDGE --vip6 fd00:88::3").ok();
        let holder = format!("address fd00:88::3 is that of container a of {}", one.path().display());
        fails(&other, "-a create -m test -c b --net BRIDGE --vip6 fd00:88::3", &holder);
        // The one with the number of the other address is somebody's: there are more.
        other.xdocker("-a create -m test -c b --net BRIDGE").ok();
        let json = other.xdocker("-s containers --json").succeeds();
        assert!(json.contains(r#""vip":"166.88.0.3","vip6":"fd00:88::2""#), "{json}");
        other.xdocker("-a vip -c b --vip6 fd00:88::3").fails(1, &holder);
        other.xdocker("-a boot -c b").ok();
        other.xdocker("-a destroy -c b -f").ok();
        nothing_is_left_in_the_kernel();
        other.xdocker("-a create -m test -c c --net BRIDGE --vip 166.88.0.7 --vip6 fd00:88::3").ok();
        one.xdocker("-a boot -c a").fails(1, "address fd00:88::3 is that of container c of ");
        one.xdocker("-a vip -c a --vip6 fd00:88::5").ok();
        one.xdocker("-a boot -c a").ok();
    });
}

fn nothing_is_left_in_the_kernel() {
    for name in ip("netns list").split_whitespace().filter(|name| name.starts_with("nns")) {
        ip(&format!("netns delete {name}"));
    }
    ip("link del xdocker0");
    tool("nft", "flush ruleset");
    assert!(until(PATIENCE, || {
        !ip("-o -br link").contains("@if") || !ip("-o -br link").contains("eth0")
    }));
}

#[test]
fn a_bridge_that_others_made_otherwise_is_told_and_one_that_they_use_stays() {
    with_homes(|one, other| {
        one.xdocker("-a create -m test -c a --net BRIDGE").ok();
        other.xdocker("-a bridge --subnet 10.7.0.1/24").ok();
        fails(
            &other,
            "-a create -m test -c b --net BRIDGE",
            "xdocker0 is there already and has not the address 10.7.0.1/24",
        );
        other.xdocker("-a bridge --subnet 166.88.0.1/24 --name br7").ok();
        fails(
            &other,
            "-a create -m test -c b --net BRIDGE",
            "the range 166.88.0.1/24 of bridge br7 overlaps the route to 166.88.0.0/24 by xdocker0",
        );
        // A home that leaves a bridge which another one uses leaves it as it is.
        other.xdocker("-a bridge --name xdocker0").ok();
        other.xdocker("-a create -m test -c b --net BRIDGE").ok();
        other.xdocker("-a destroy -c b").ok();
        other.xdocker("-a bridge --name br8 --subnet 10.7.0.1/24").ok();
        assert!(ip("-o -br link").contains("xdocker0"));
        one.xdocker("-a boot -c a").ok();
        one.xdocker("-a destroy -c a -f").ok();
        // The kernel takes the links of a namespace away behind its last user.
        assert!(until(PATIENCE, || !ip("-o link").contains("master xdocker0")));
        one.xdocker("-a bridge --name br9 --subnet 10.8.0.1/24").ok();
        assert!(!ip("-o -br link").contains("xdocker0"));
        assert_eq!(tool("nft", "list ruleset"), "");
    });
}

#[test]
fn a_port_on_all_addresses_and_one_on_an_address_exclude_each_other_whoever_has_them() {
    with_homes(|one, other| {
        let boots = |home: &Home, name: &str, ports: &str| {
            home.xdocker(&format!("-a create -m test -c {name} --net BRIDGE --port-mapping {ports}")).ok();
            home.xdocker(&format!("-a boot -c {name}"))
        };
        boots(&one, "one", "127.0.0.1:80:80,10.9.0.1:80:80,81:80,82:80/udp").ok();
        boots(&one, "two", "80:80").fails(1, "port 80/tcp is mapped by container one");
        boots(&one, "three", "10.9.0.1:81:80").fails(1, "port 10.9.0.1:81/tcp is mapped by container one");
        let holder = format!("port 80/tcp is mapped by container one of {}", one.path().display());
        boots(&other, "four", "80:80").fails(1, &holder);
        boots(&other, "five", "10.9.0.1:80:80")
            .fails(1, "port 10.9.0.1:80/tcp is mapped by container one of");
        // What excludes nothing is nobody's.
        boots(&other, "six", "127.0.0.2:80:80,80:80/udp,82:80,79:80").ok();
        one.xdocker("-a kill -c one").ok();
        one.xdocker("-a boot -c two").fails(1, "port 80/tcp is mapped by container six of");
        other.xdocker("-a kill -c six").ok();
        one.xdocker("-a boot -c two").ok();
        // A container's own may overlap: the more special one decides.
        boots(&other, "seven", "127.0.0.1:90:91,90:90").ok();
        let namespace = fs::read_dir("/run/netns").unwrap().count();
        assert_eq!(namespace, 1 + 7);
        boots(&one, "eight", "127.0.0.3:90:90")
            .fails(1, "port 127.0.0.3:90/tcp is mapped by container seven of");
        let [ipv4, claims] = ["published", "claims"].map(|map| {
            tool("nft", &format!("list {} ip xdocker0 {map}", if map == "claims" { "set" } else { "map" }))
        });
        assert!(ipv4.contains("tcp . 90"), "{ipv4}");
        assert!(claims.contains("6:5a::/32") && !claims.contains("6:5a::7f00"), "{claims}");
    });
}
