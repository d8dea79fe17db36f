//! BRIDGE: who reaches whom, and who does not. Each test has a host of its own, with a remote host beside it, and
//! sends real packets.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrIn, bind, connect, listen, socket,
};

use xdocker_test_harness::cli::Home;
use xdocker_test_harness::net::{HOST, Machine, REMOTE, ip, on_own_host, tool};

const GATEWAY: Ipv4Addr = Ipv4Addr::new(166, 88, 0, 1);
const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Namespaces of containers: the first ten digits of the MD5 of `test` and `two`.
const TEST: &str = "nns098F6BCD46";
const TWO: &str = "nnsB8A9F715DB";

fn vip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(166, 88, 0, last)
}

fn saw(address: Ipv4Addr) -> Option<IpAddr> {
    Some(IpAddr::V4(address))
}

/// A home with a bare image, on a host of its own.
fn with_home(work: impl FnOnce(Home) + Send) {
    on_own_host(|| {
        let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
        home.add_bare_image("test");
        work(home);
    });
}

/// Whether a port is reached over TCP and UDP, and by whom the server thinks that it is.
#[track_caller]
fn reaches(from: &Machine, address: Ipv4Addr, port: u16, seen: Ipv4Addr) {
    let got = (from.tcp(address, port), from.udp(address, port));
    assert_eq!(got, (saw(seen), saw(seen)), "{from:?} to {address}:{port}");
}

#[track_caller]
fn does_not_reach(from: &Machine, address: Ipv4Addr, port: u16) {
    assert_eq!(from.leaks_to(address, port), (None, None), "{from:?} to {address}:{port}");
}

#[test]
fn chapter_3_of_the_seed() {
    with_home(|home| {
        home.xdocker(
            "-a create -m test --host test --net BRIDGE --vip 166.88.0.2 --port-mapping 19527:9527 -c test",
        )
        .ok();
        let row = "test                 test                 test       BRIDGE     nns098F6BCD46    0 B        STOPED";
        assert_eq!(home.xdocker("-s containers").succeeds().lines().nth(2), Some(row));
        assert!(ip("link show eth098F6BCD46").contains("master xdocker0"));
        home.xdocker("-a boot -c test").ok();
        Machine::named(TEST).serves(9527);
        assert_eq!(Machine::named("remote").tcp(HOST, 19527), saw(REMOTE));
        assert_eq!(Machine::host().tcp(vip(2), 9527), saw(GATEWAY));
        home.xdocker("-a vip --vip 166.88.0.3 -c test").fails(1, "container test is running");
        home.xdocker("-a port_mapping --port-mapping 1:1 -c test").fails(1, "container test is running");
        home.xdocker("-a shutdown -c test").ok();
        does_not_reach(&Machine::named("remote"), HOST, 19527);

        home.xdocker("-a vip --vip 166.88.0.3 -c test").ok();
        home.xdocker("-a port_mapping --port-mapping 19528:9528 -c test").ok();
        let json = home.xdocker("-s containers --json").succeeds();
        assert!(json.contains(r#""vip":"166.88.0.3","port_mapping":"19528:9528""#), "{json}");
        home.xdocker("-a boot -c test").ok();
        Machine::named(TEST).serves(9528);
        assert_eq!(Machine::named("remote").tcp(HOST, 19528), saw(REMOTE));
        assert_eq!(Machine::host().tcp(vip(3), 9528), saw(GATEWAY));
        does_not_reach(&Machine::named("remote"), HOST, 19527);
        home.xdocker("-a destroy -c test -h").ok();
    });
}

#[test]
fn mapped_ports_are_reached_from_everywhere_and_nothing_else_is() {
    with_home(|home| {
        let ports = "8000-8001:9000-9001,8000-8001:9000-9001/udp,127.0.0.1:7000:9000,127.0.0.1:7000:9000/udp";
        home.xdocker(&format!("-a create -m test -c test --net BRIDGE --port-mapping {ports} -b")).ok();
        home.xdocker("-a create -m test -c two --net BRIDGE -b").ok();
        let [host, remote, test, two] =
            [Machine::host(), Machine::named("remote"), Machine::named(TEST), Machine::named(TWO)];
        for port in [9000, 9001, 9002] {
            test.serves(port);
        }
        for (port, inside) in [(8000, 9000), (8001, 9001)] {
            reaches(&remote, HOST, port, REMOTE);
            reaches(&host, HOST, port, HOST);
            reaches(&host, GATEWAY, port, GATEWAY);
            reaches(&host, LOCALHOST, port, GATEWAY);
            reaches(&two, HOST, port, GATEWAY);
            reaches(&test, HOST, port, GATEWAY);
            reaches(&two, vip(2), inside, vip(3));
        }
        reaches(&host, LOCALHOST, 7000, GATEWAY);
        does_not_reach(&remote, HOST, 7000);
        does_not_reach(&two, HOST, 7000);
        // A port that is not mapped, the container's own address, and a forged 127.0.0.1.
        does_not_reach(&remote, HOST, 8002);
        does_not_reach(&remote, vip(2), 9000);
        send_localhost_to("remote", HOST);
        does_not_reach(&remote, LOCALHOST, 7000);
        does_not_reach(&remote, LOCALHOST, 8000);

        // Outwards the container is the host, which goes on working as it did.
        remote.serves(5000);
        reaches(&test, REMOTE, 5000, HOST);
        reaches(&host, REMOTE, 5000, HOST);
        host.serves_on(LOCALHOST, 6000);
        reaches(&host, LOCALHOST, 6000, LOCALHOST);
        send_localhost_to(TEST, GATEWAY);
        does_not_reach(&test, LOCALHOST, 6000);
        does_not_reach(&test, GATEWAY, 6000);
        let localnet = tool("sh", "-c cat</proc/sys/net/ipv4/conf/xdocker0/route_localnet");
        assert_eq!(localnet.trim(), "0");
    });
}

/// Has a machine send packets for 127.0.0.1 to another one, as a forger does.
fn send_localhost_to(machine: &str, other: Ipv4Addr) {
    ip(&format!("-n {machine} route del local 127.0.0.1 dev lo table local"));
    ip(&format!("-n {machine} route del local 127.0.0.0/8 dev lo table local"));
    ip(&format!("-n {machine} route add 127.0.0.0/8 via {other}"));
}

/// With traffic where the kernel has SCTP, as Debian's in `make test-vm`; where it has none nobody inside could serve, and
/// what is left is that the port leads there.
#[test]
fn a_port_of_sctp_leads_inside() {
    let socket = || {
        let (kind, protocol) = (SockType::Stream, SockProtocol::Sctp);
        socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, protocol)
    };
    with_home(|home| {
        home.xdocker("-a create -m test -c test --net BRIDGE --port-mapping 8000:9000/sctp,8000:9001 -b")
            .ok();
        let published = tool("nft", "list map ip xdocker0 published");
        assert!(published.contains("sctp . 8000 : 166.88.0.2 . 9000"), "{published}");
        let (test, remote) = (Machine::named(TEST), Machine::named("remote"));
        let listening = match test.does(socket) {
            Err(why) => return assert_eq!(why, nix::Error::EPROTONOSUPPORT),
            Ok(socket) => socket,
        };
        bind(listening.as_raw_fd(), &SockaddrIn::new(0, 0, 0, 0, 9000)).unwrap();
        listen(&listening, Backlog::new(8).unwrap()).unwrap();
        let listening = TcpListener::from(listening);
        thread::scope(|scope| {
            scope.spawn(|| {
                let (mut client, from) = listening.accept().unwrap();
                client.write_all(from.ip().to_string().as_bytes()).unwrap();
            });
            let connected = remote.does(socket).unwrap();
            let [a, b, c, d] = HOST.octets();
            connect(connected.as_raw_fd(), &SockaddrIn::new(a, b, c, d, 8000)).unwrap();
            let mut seen = String::new();
            TcpStream::from(connected).read_to_string(&mut seen).unwrap();
            assert_eq!(seen, REMOTE.to_string());
        });
    });
}

/// CVE-2020-15257: whoever has the host's network reaches every abstract socket of it. So neither the engine nor a monitor
/// has one, nor does either listen on the network.
#[test]
fn nothing_of_ours_listens_where_a_container_with_the_hosts_network_could_come() {
    with_home(|home| {
        home.xdocker("-a install_test --version 1").ok();
        home.xdocker("-a create -m test:1 -c test --net HOST -b").ok();
        home.xdocker("-a create -m test:1 -c two --net BRIDGE -b").ok();
        home.xdocker("-a run -c test --detach -- sleep 600").succeeds();
        let engine = xdocker_core::Engine::open(home.path()).unwrap();
        let container = engine.container(&"test".parse().unwrap()).unwrap();
        let mut endless = container.command("sleep").arg("600").spawn().unwrap();
        for table in ["unix", "tcp", "tcp6", "udp", "udp6", "raw", "packet"] {
            let output = container.command("cat").arg(format!("/proc/net/{table}")).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let entries: Vec<_> = text.lines().skip(1).collect();
            assert!(text.lines().count() > 0, "{table}");
            match table {
                "unix" => {
                    assert!(text.contains("/session.sock"), "{text}");
                    assert!(!text.contains(" @"), "{text}");
                }
                _ => assert!(entries.is_empty(), "{table}: {text}"),
            }
        }
        endless.kill().unwrap();
        endless.wait().unwrap();
    });
}

#[test]
fn a_container_speaks_for_itself_only() {
    with_home(|home| {
        home.xdocker("-a create -m test -c test --net BRIDGE -b").ok();
        home.xdocker("-a create -m test -c two --net BRIDGE -b").ok();
        let (test, two) = (Machine::named(TEST), Machine::named(TWO));
        two.serves(9000);
        reaches(&test, vip(3), 9000, vip(2));
        // Another address: neither ARP nor IP of it gets anywhere.
        ip(&format!("-n {TEST} addr add 166.88.0.77/24 dev eth0"));
        ip(&format!("-n {TEST} route replace 166.88.0.3 dev eth0 src 166.88.0.77"));
        does_not_reach(&test, vip(3), 9000);
        ip(&format!("-n {TEST} route del 166.88.0.3"));
        reaches(&test, vip(3), 9000, vip(2));
        // The gateway's address, told to a neighbour.
        ip(&format!("-n {TEST} addr add 166.88.0.1/32 dev eth0"));
        ip(&format!("-n {TWO} neigh flush all"));
        ip(&format!("-n {TWO} neigh flush dev eth0"));
        Machine::host().serves_on(GATEWAY, 9100);
        reaches(&two, GATEWAY, 9100, vip(3));
        ip(&format!("-n {TEST} addr del 166.88.0.1/32 dev eth0"));
        // Another Ethernet address.
        let own = "02:78:a6:58:00:02";
        ip(&format!("-n {TEST} link set eth0 address 02:78:a6:58:00:03"));
        does_not_reach(&test, vip(3), 9000);
        ip(&format!("-n {TEST} link set eth0 address {own}"));
        ip(&format!("-n {TWO} neigh flush dev eth0"));
        reaches(&test, vip(3), 9000, vip(2));
    });
}

#[test]
fn an_interface_of_the_host_may_be_the_only_way_out() {
    with_home(|home| {
        ip("netns add other");
        ip("link add lan up type veth peer name eth0 netns other");
        ip("addr add 10.8.0.1/24 dev lan");
        ip("-n other link set eth0 up");
        ip("-n other addr add 10.8.0.2/24 dev eth0");
        let (other, there) = (Machine::named("other"), Ipv4Addr::new(10, 8, 0, 2));
        other.serves(5000);
        Machine::named("remote").serves(5000);
        home.xdocker(
            "-a create -m test -c test --net BRIDGE --host-eth wan --port-mapping 80:80,80:80/udp -b",
        )
        .ok();
        let test = Machine::named(TEST);
        test.serves(80);
        reaches(&test, REMOTE, 5000, HOST);
        does_not_reach(&test, there, 5000);
        reaches(&other, Ipv4Addr::new(10, 8, 0, 1), 80, there);
        home.xdocker("-a create -m test -c two --net BRIDGE -b").ok();
        reaches(&Machine::named(TWO), there, 5000, Ipv4Addr::new(10, 8, 0, 1));
    });
}

#[test]
fn what_is_taken_is_refused_and_its_holder_named() {
    with_home(|home| {
        home.xdocker("-a create -m test -c test --net BRIDGE --vip 166.88.0.9 --port-mapping 80:80 -b").ok();
        home.unchanged(|| {
            home.xdocker("-a create -m test -c two --net BRIDGE --vip 166.88.0.9")
                .fails(1, "address 166.88.0.9 is that of container test");
        });
        home.xdocker("-a create -m test -c two --net BRIDGE --port-mapping 81:80,80:81").ok();
        home.xdocker("-a vip -c two --vip 166.88.0.9")
            .fails(1, "address 166.88.0.9 is that of container test");
        home.xdocker("-a boot -c two").fails(1, "port 80/tcp is mapped by container test");
        Machine::named(TEST).serves(80);
        assert_eq!(Machine::named("remote").tcp(HOST, 80), saw(REMOTE), "who was first is not disturbed");

        home.xdocker("-a port_mapping -c two --port-mapping 22222:80").ok();
        Machine::host().serves_on(LOCALHOST, 22222);
        let name = format!("(process {})", std::process::id());
        home.xdocker("-a boot -c two").fails(1, &name);
        home.xdocker("-a port_mapping -c two --port-mapping 22222:80/udp").ok();
        home.xdocker("-a boot -c two").fails(1, "port 22222/udp is in use by");
        home.xdocker("-a port_mapping -c two --port-mapping 10.9.0.1:22222:80").ok();
        home.xdocker("-a boot -c two").ok();
        home.xdocker("-a destroy -c test -f").ok();
        home.xdocker("-a destroy -c two -f").ok();
        home.xdocker("-a create -m test -c three --net BRIDGE --vip 166.88.0.9 --port-mapping 80:80 -b").ok();
    });
}

#[test]
fn what_can_never_be_right_is_refused_at_create() {
    with_home(|home| {
        home.xdocker("-s images").succeeds();
        home.unchanged(|| {
            for (options, why) in [
                ("--port-mapping 0:80", "a port is a number from 1 to 65535"),
                ("--port-mapping 80:65536", "a port is a number from 1 to 65535"),
                ("--port-mapping a:b", "a port is a number from 1 to 65535"),
                ("--port-mapping 80", "is expected"),
                ("--port-mapping 80:80,80:81", "maps 80/tcp twice"),
                ("--vip 166.88.0", "invalid"),
            ] {
                home.xdocker(&format!("-a create -m test -c x --net BRIDGE {options}")).fails(2, why);
            }
            for (options, why) in [
                ("--vip 166.88.1.2", "outside of 166.88.0.1/24"),
                ("--vip 166.88.0.1", "the address of the bridge"),
                ("--vip 166.88.0.0", "the network itself"),
                ("--vip 166.88.0.255", "the broadcast address"),
                ("--host-eth nowhere", "no network interface nowhere"),
            ] {
                home.xdocker(&format!("-a create -m test -c x --net BRIDGE {options}")).fails(1, why);
            }
            for network in ["", "--net HOST", "--net CUSTOM"] {
                home.xdocker(&format!("-a create -m test -c x {network} --vip 166.88.0.2"))
                    .fails(2, "BRIDGE");
            }
        });
    });
}

#[test]
fn containers_of_one_bridge_know_each_other_by_name_and_no_image_hears_of_it() {
    with_home(|home| {
        home.xdocker("-a install_test --version 1").ok();
        home.xdocker("-a create -m test:1 -c test --host first --net BRIDGE -b").ok();
        let inside =
            |file: &str| home.xdocker_args(["-a", "run", "-c", "test", "--", "cat", file]).succeeds();
        assert_eq!(inside("/etc/hostname"), "first\n");
        // Made after the one that looks was booted.
        home.xdocker("-a create -m test:1 -c two --host second --net BRIDGE").ok();
        let hosts = inside("/etc/hosts");
        assert!(hosts.contains("\n166.88.0.2\tfirst test\t"), "{hosts}");
        assert!(hosts.contains("\n166.88.0.3\tsecond two\t"), "{hosts}");
        home.xdocker("-a destroy -c two").ok();
        assert!(!inside("/etc/hosts").contains("second"));
        let write = home.xdocker_args(["-a", "run", "-c", "test", "--cmd", "echo x > /etc/hosts"]);
        assert!(write.stderr().contains("Read-only file system"), "{write}");
        home.xdocker_args(["-a", "run", "-c", "test", "--cmd", "echo x > /etc/resolv.conf"]).succeeds();
        home.xdocker("-a shutdown -c test").ok();
        let layer = home.path().join("containers/test/rwlayer");
        assert!(!layer.join("etc").exists(), "nothing of it is the container's own");
        home.xdocker("-a destroy -c test").ok();

        // A link in the place of a file is covered, wherever it leads.
        let etc = home.path().join("images/test/1/rlayer/etc");
        std::os::unix::fs::symlink("/nowhere/at/all", etc.join("hostname")).unwrap();
        home.xdocker("-a create -m test:1 -c test --host first -b").ok();
        assert_eq!(inside("/etc/hostname"), "first\n");
    });
}
