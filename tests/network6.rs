//! BRIDGE with a subnet of IPv6: the same reach, the same limits, and nothing of it where it was not asked for.

use std::net::{IpAddr, Ipv6Addr};

use xdocker_test_harness::cli::Home;
use xdocker_test_harness::net::{HOST, HOST6, Machine, REMOTE, REMOTE6, ip, on_own_host, tool};

const GATEWAY: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x88, 0, 0, 0, 0, 0, 1);
/// Namespaces of containers: the first ten digits of the MD5 of `test` and `two`.
const TEST: &str = "nns098F6BCD46";
const TWO: &str = "nnsB8A9F715DB";

fn vip(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0x88, 0, 0, 0, 0, 0, last)
}

/// A home with a bare image and IPv6 on its bridge, on a host of its own.
fn with_home(work: impl FnOnce(Home) + Send) {
    on_own_host(|| {
        let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
        home.add_bare_image("test");
        home.xdocker("-a bridge --subnet6 fd00:88::1/64").ok();
        work(home);
    });
}

/// Whether a port is reached over TCP and UDP, and by whom the server thinks that it is.
#[track_caller]
fn reaches(from: &Machine, address: impl Into<IpAddr>, port: u16, seen: impl Into<IpAddr>) {
    let (address, seen) = (address.into(), Some(seen.into()));
    let got = (from.tcp(address, port), from.udp(address, port));
    assert_eq!(got, (seen, seen), "{from:?} to {address}, port {port}");
}

#[track_caller]
fn does_not_reach(from: &Machine, address: impl Into<IpAddr>, port: u16) {
    let address = address.into();
    assert_eq!(from.leaks_to(address, port), (None, None), "{from:?} to {address}, port {port}");
}

#[test]
fn mapped_ports_are_reached_from_everywhere_and_nothing_else_is() {
    with_home(|home| {
        let ports = "8000:9000,8000:9000/udp,[::1]:7000:9000,[::1]:7000:9000/udp,127.0.0.1:7001:9000";
        home.xdocker(&format!("-a create -m test -c test --net BRIDGE --port-mapping {ports} -b")).ok();
        home.xdocker("-a create -m test -c two --net BRIDGE -b").ok();
        let [host, remote, test, two] =
            [Machine::host(), Machine::named("remote"), Machine::named(TEST), Machine::named(TWO)];
        test.serves_on(Ipv6Addr::UNSPECIFIED, 9000);
        test.serves_on(Ipv6Addr::UNSPECIFIED, 9001);
        // At once: no address is asked for a second whether it is somebody else's.
        assert_eq!(ip(&format!("-n {TWO} -6 addr show tentative")), "");
        reaches(&two, vip(2), 9000, vip(3));
        reaches(&remote, HOST6, 8000, REMOTE6);
        reaches(&remote, HOST, 8000, REMOTE);
        reaches(&host, HOST6, 8000, HOST6);
        reaches(&host, GATEWAY, 8000, GATEWAY);
        reaches(&host, Ipv6Addr::LOCALHOST, 8000, GATEWAY);
        reaches(&two, HOST6, 8000, GATEWAY);
        reaches(&test, HOST6, 8000, GATEWAY);
        reaches(&host, Ipv6Addr::LOCALHOST, 7000, GATEWAY);
        does_not_reach(&host, Ipv6Addr::LOCALHOST, 7001);
        does_not_reach(&remote, HOST6, 7000);
        does_not_reach(&two, HOST6, 7000);
        // A port that is not mapped, the container's own address, a forged ::1.
        does_not_reach(&remote, HOST6, 9001);
        does_not_reach(&remote, vip(2), 9000);
        ip("-n remote -6 route del local ::1 dev lo table local");
        ip("-n remote -6 route add ::1 via fd09::1");
        does_not_reach(&remote, Ipv6Addr::LOCALHOST, 7000);

        // Outwards the container is the host, which goes on working as it did.
        remote.serves_on(REMOTE6, 5000);
        reaches(&test, REMOTE6, 5000, HOST6);
        reaches(&host, REMOTE6, 5000, HOST6);
        host.serves_on(Ipv6Addr::LOCALHOST, 6000);
        reaches(&host, Ipv6Addr::LOCALHOST, 6000, Ipv6Addr::LOCALHOST);
        does_not_reach(&test, GATEWAY, 6000);
    });
}

#[test]
fn a_container_is_neither_another_one_nor_a_router() {
    with_home(|home| {
        home.xdocker("-a create -m test -c test --net BRIDGE -b").ok();
        home.xdocker("-a create -m test -c two --net BRIDGE -b").ok();
        let (test, two) = (Machine::named(TEST), Machine::named(TWO));
        two.serves_on(Ipv6Addr::UNSPECIFIED, 9000);
        reaches(&test, vip(3), 9000, vip(2));
        // Another address: neither its neighbour discovery nor packets of it get anywhere.
        ip(&format!("-n {TEST} addr add fd00:88::77/128 dev eth0 nodad"));
        ip(&format!("-n {TEST} route replace fd00:88::3 dev eth0 src fd00:88::77"));
        does_not_reach(&test, vip(3), 9000);
        ip(&format!("-n {TEST} addr del fd00:88::77/128 dev eth0"));
        reaches(&test, vip(3), 9000, vip(2));
        // The gateway's address, told to a neighbour who asks.
        ip(&format!("-n {TEST} addr add fd00:88::1/128 dev eth0 nodad"));
        ip(&format!("-n {TWO} neigh flush dev eth0"));
        Machine::host().serves_on(GATEWAY, 9100);
        reaches(&two, GATEWAY, 9100, vip(3));
        ip(&format!("-n {TEST} addr del fd00:88::1/128 dev eth0"));
        // What a forger tells: a router, somebody else's address, his own with somebody else's Ethernet address.
        let own = forged::OWN;
        let other = [0x02, b'x', 166, 88, 0, 3];
        let local: Ipv6Addr = "fe80::78:a6ff:fe58:2".parse().unwrap();
        let told = |message: forged::Message| forged::arrives(&test, &two, own, local, message);
        assert!(told(forged::Message::tells(vip(2), own)), "of itself it may tell");
        assert!(!told(forged::Message::tells(vip(3), own)));
        assert!(!told(forged::Message::tells(GATEWAY, own)));
        assert!(!told(forged::Message::tells(vip(2), other)));
        assert!(!told(forged::Message::router()));
        assert!(!told(forged::Message::redirect(vip(9))));
        assert!(!forged::arrives(&test, &two, other, local, forged::Message::tells(vip(2), own)));
        assert!(!forged::arrives(&test, &two, own, vip(9), forged::Message::tells(vip(2), own)));
        let accepts =
            |link: &str| std::fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{link}/accept_ra"));
        assert_eq!(accepts("xdocker0").unwrap().trim(), "0");
        assert_eq!(test.does(|| accepts("eth0")).unwrap().trim(), "0");
    });
}

/// Messages of neighbour discovery, made by hand.
mod forged {
    use super::*;
    use std::io;
    use std::net::UdpSocket;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    use nix::libc;
    use xdocker_test_harness::wait::PATIENCE;

    /// The message, from its type on.
    #[derive(Clone)]
    pub(crate) struct Message(Vec<u8>);

    /// The Ethernet address of the container `test`.
    pub(crate) const OWN: [u8; 6] = [0x02, b'x', 166, 88, 0, 2];

    const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

    impl Message {
        /// A neighbour advertisement: the address is at that Ethernet address.
        pub(crate) fn tells(address: Ipv6Addr, mac: [u8; 6]) -> Self {
            let override_it = [0x20, 0, 0, 0];
            Self([&[136, 0, 0, 0][..], &override_it, &address.octets(), &[2, 1], &mac].concat())
        }

        /// A router advertisement.
        pub(crate) fn router() -> Self {
            Self(vec![134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0])
        }

        /// A request that everybody may make.
        fn asks_for_an_echo() -> Self {
            Self(vec![128, 0, 0, 0, 0, 1, 0, 1])
        }

        /// A redirect of an address to another one.
        pub(crate) fn redirect(to: Ipv6Addr) -> Self {
            Self([&[137, 0, 0, 0, 0, 0, 0, 0][..], &to.octets(), &to.octets()].concat())
        }

        /// As a frame to all.
        fn frame(&self, from: [u8; 6], source: Ipv6Addr) -> Vec<u8> {
            let mut body = self.0.clone();
            let pseudo = [
                &source.octets()[..],
                &ALL_NODES.octets(),
                &(body.len() as u32).to_be_bytes(),
                &[0, 0, 0, 58],
            ];
            let words = [&pseudo.concat()[..], &body].concat();
            let sum: u32 = words.chunks(2).map(|two| u32::from(two[0]) << 8 | u32::from(two[1])).sum();
            let folded = (sum & 0xffff) + (sum >> 16);
            let check = !(((folded & 0xffff) + (folded >> 16)) as u16);
            body[2..4].copy_from_slice(&check.to_be_bytes());
            let mut frame = [&[0x33, 0x33, 0, 0, 0, 1][..], &from, &[0x86, 0xdd, 0x60, 0, 0, 0]].concat();
            frame.extend((body.len() as u16).to_be_bytes());
            frame.extend([58, 255]);
            frame.extend(source.octets());
            frame.extend(ALL_NODES.octets());
            frame.extend(body);
            frame
        }
    }

    /// A socket for frames of IPv6 on `eth0`.
    #[allow(unsafe_code)]
    fn packets() -> OwnedFd {
        let protocol = (libc::ETH_P_IPV6 as u16).to_be();
        // SAFETY: socket and bind take numbers and an address that lives until they return; the descriptor is new.
        unsafe {
            let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, protocol.into());
            assert!(fd >= 0, "{}", io::Error::last_os_error());
            let mut address: libc::sockaddr_ll = std::mem::zeroed();
            address.sll_family = libc::AF_PACKET as u16;
            address.sll_protocol = protocol;
            address.sll_ifindex = libc::if_nametoindex(c"eth0".as_ptr()) as i32;
            let length = size_of::<libc::sockaddr_ll>() as u32;
            assert_eq!(libc::bind(fd, (&raw const address).cast(), length), 0);
            OwnedFd::from_raw_fd(fd)
        }
    }

    /// Whether a message that `from` sends, with those two addresses of its own, comes to `to`: before what `from` may
    /// say comes, which it says after it.
    pub(crate) fn arrives(
        from: &Machine,
        to: &Machine,
        mac: [u8; 6],
        source: Ipv6Addr,
        message: Message,
    ) -> bool {
        let frames = [message.frame(mac, source), Message::asks_for_an_echo().frame(OWN, vip(2))];
        let receiver = to.does(|| UdpSocket::from(packets()));
        receiver.set_read_timeout(Some(PATIENCE)).unwrap();
        from.does(|| {
            let socket = packets();
            for frame in &frames {
                assert_eq!(nix::unistd::write(&socket, frame).unwrap(), frame.len());
            }
        });
        let mut buffer = [0; 2048];
        loop {
            let fd = receiver.as_raw_fd();
            let length = nix::sys::socket::recv(fd, &mut buffer, nix::sys::socket::MsgFlags::empty());
            let length = length.expect("the message that may be sent");
            if let Some(first) = frames.iter().position(|frame| *frame == buffer[..length]) {
                return first == 0;
            }
        }
    }
}

#[test]
fn addresses_are_given_and_kept_and_known_by_name() {
    with_home(|home| {
        home.xdocker("-s bridge").prints("xdocker0 166.88.0.1/24 fd00:88::1/64\n");
        home.xdocker("-a install_test --version 1").ok();
        home.xdocker("-a create -m test:1 -c test --host first --net BRIDGE --vip 166.88.0.9").ok();
        home.xdocker("-a create -m test:1 -c two --net BRIDGE --vip6 fd00:88::abcd -b").ok();
        let json = home.xdocker("-s containers --json").succeeds();
        assert!(json.contains(r#""vip":"166.88.0.9","vip6":"fd00:88::9""#), "{json}");
        assert!(json.contains(r#""vip":"166.88.0.2","vip6":"fd00:88::abcd""#), "{json}");
        let hosts = home.xdocker("-a run -c two -- cat /etc/hosts").succeeds();
        assert!(
            hosts.contains("\n166.88.0.9\tfirst test\t") && hosts.contains("\nfd00:88::9\tfirst test\t"),
            "{hosts}"
        );
        home.unchanged(|| {
            for (options, why) in [
                ("--vip6 fd00:88::9", "address fd00:88::9 is that of container test"),
                ("--vip6 fd00:88::1", "the address of the bridge"),
                ("--vip6 fd00:88::", "the network itself"),
                ("--vip6 fd00:89::2", "outside of fd00:88::1/64"),
            ] {
                home.xdocker(&format!("-a create -m test:1 -c x --net BRIDGE {options}")).fails(1, why);
            }
            home.xdocker("-a create -m test:1 -c x --net BRIDGE --vip6 166.88.0.3").fails(2, "invalid");
            home.xdocker("-a create -m test:1 -c x --vip6 fd00:88::5").fails(2, "BRIDGE");
        });
        // Another one, and it stays reachable as what it has become.
        home.xdocker("-a vip -c test --vip6 fd00:88::77").ok();
        home.xdocker("-a vip -c test --vip6 fd00:88::abcd").fails(1, "is that of container two");
        home.xdocker("-a boot -c test").ok();
        Machine::named(TEST).serves_on(Ipv6Addr::UNSPECIFIED, 9000);
        reaches(&Machine::host(), vip(0x77), 9000, GATEWAY);
        home.xdocker("-a bridge --subnet6 off").fails(1, "containers are connected to bridge xdocker0");
        home.xdocker("-a destroy -c test -f").ok();
        home.xdocker("-a destroy -c two -f").ok();
        assert_eq!(tool("nft", "list ruleset").matches("elements").count(), 0);
        // The bridge goes with what it was, rules and all.
        home.xdocker("-a bridge --subnet6 off").ok();
        assert!(!ip("-br link").contains("xdocker0"));
        assert_eq!(tool("nft", "list ruleset"), "");
    });
}

#[test]
fn what_others_have_is_in_the_way_of_ipv6_too() {
    with_home(|home| {
        home.xdocker("-a create -m test -c test --net BRIDGE --port-mapping 80:80 -b").ok();
        for (number, ports) in ["[fd09::1]:80:80", "80:81"].into_iter().enumerate() {
            home.xdocker(&format!("-a create -m test -c c{number} --net BRIDGE --port-mapping {ports}")).ok();
            home.xdocker(&format!("-a boot -c c{number}")).fails(1, "80/tcp is mapped by container test");
        }
        home.xdocker("-a port_mapping -c c0 --port-mapping 22223:80").ok();
        Machine::host().serves_on(Ipv6Addr::LOCALHOST, 22223);
        home.xdocker("-a boot -c c0").fails(1, &format!("(process {})", std::process::id()));
        for name in ["test", "c0", "c1"] {
            home.xdocker(&format!("-a destroy -c {name} -f")).ok();
        }
        // A route of the host's.
        home.xdocker("-a bridge --subnet6 fd09::99/112").ok();
        home.unchanged(|| {
            home.xdocker("-a create -m test -c test --net BRIDGE")
                .fails(1, "the range fd09::99/112 of bridge xdocker0 overlaps the route to fd09::/64 by wan");
        });
    });
}

#[test]
fn without_a_subnet_of_ipv6_there_is_none() {
    on_own_host(|| {
        let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
        home.add_bare_image("test");
        for (options, why) in [
            ("--vip6 fd00:88::2", "bridge xdocker0 has no IPv6"),
            ("--port-mapping [::1]:80:80", "bridge xdocker0 has no IPv6"),
        ] {
            home.xdocker(&format!("-a create -m test -c test --net BRIDGE {options}")).fails(1, why);
        }
        home.xdocker("-a create -m test -c test --net BRIDGE --port-mapping 80:80 -b").ok();
        assert!(!ip(&format!("-n {TEST} addr show eth0")).contains("inet6"));
        assert!(!tool("nft", "list tables").contains("ip6"));
        let forwarding = tool("cat", "/proc/sys/net/ipv6/conf/all/forwarding");
        assert_eq!(forwarding.trim(), "0");
    });
}
