//! The rules of a bridge, all of them: two tables with the bridge's name, which nobody else's rules are in.
//!
//! What is said of a single container are elements of sets and maps, so that a packet costs the same whether there is one
//! container or a thousand.

use super::expression::Meta::{InputName, OutputName, Transport};
use super::expression::{Connection, Field, Rule, Verdict};
use super::message::{APPEND, Attributes, Batch, CREATE, EXCLUSIVE, Family, Kind};
use crate::spec::{InterfaceName, Subnet};

/// A type of nft(8), by which it prints what is in a set: number and length.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Type(u32, u32);

const ADDRESS: Type = Type(7, 4);
const MAC: Type = Type(9, 6);
const PROTOCOL: Type = Type(12, 1);
const PORT: Type = Type(13, 2);
const LINK: Type = Type(41, libc::IFNAMSIZ as u32);

/// A note of nft(8) about a set's keys: kind, length, value.
const HOST_BYTE_ORDER: [u8; 6] = [0, 4, 1, 0, 0, 0];

/// A set, or with `data` a map.
pub(super) struct Set {
    pub(super) name: &'static str,
    pub(super) family: Family,
    key: &'static [Type],
    data: &'static [Type],
}

/// Addresses of running containers.
pub(super) const CONTAINERS: Set =
    Set { name: "containers", family: Family::Ipv4, key: &[ADDRESS], data: &[] };
/// Those that are limited to one interface of the host.
pub(super) const LIMITED: Set = Set { name: "limited", family: Family::Ipv4, key: &[ADDRESS], data: &[] };
/// That interface.
pub(super) const UPLINKS: Set =
    Set { name: "uplinks", family: Family::Ipv4, key: &[ADDRESS, LINK], data: &[] };
/// Where a port leads that is mapped on all addresses of the host.
pub(super) const PUBLISHED: Set =
    Set { name: "published", family: Family::Ipv4, key: &[PROTOCOL, PORT], data: &[ADDRESS, PORT] };
/// Where one leads that is mapped on one address.
pub(super) const PUBLISHED_AT: Set = Set {
    name: "published_at",
    family: Family::Ipv4,
    key: &[PROTOCOL, ADDRESS, PORT],
    data: &[ADDRESS, PORT],
};
/// Links that lead to running containers.
pub(super) const LINKS: Set = Set { name: "links", family: Family::Bridge, key: &[LINK], data: &[] };
/// What may come over such a link: from this Ethernet and this IP address.
pub(super) const SENDERS: Set =
    Set { name: "senders", family: Family::Bridge, key: &[LINK, MAC, ADDRESS], data: &[] };

const SETS: [Set; 7] = [CONTAINERS, LIMITED, UPLINKS, PUBLISHED, PUBLISHED_AT, LINKS, SENDERS];

/// Type and length of a value that is made of these, each in registers of its own unless it is the only one.
fn combined(types: &[Type]) -> (u32, u32) {
    match types {
        [Type(number, length)] => (*number, *length),
        _ => types.iter().fold((0, 0), |(number, length), part| {
            (number << 6 | part.0, length + part.1.next_multiple_of(4))
        }),
    }
}

/// Where the kernel asks a chain (`enum nf_inet_hooks`).
#[derive(Clone, Copy)]
enum Hook {
    Prerouting = 0,
    Input = 1,
    Forward = 2,
    Output = 3,
    Postrouting = 4,
}

/// Before connections are looked up (`NF_IP_PRI_RAW`).
const RAW: i32 = -300;
/// Where destinations are translated (`NF_IP_PRI_NAT_DST`).
const DESTINATIONS: i32 = -100;
const FILTER: i32 = 0;
/// Where sources are translated (`NF_IP_PRI_NAT_SRC`).
const SOURCES: i32 = 100;
/// When everything has been translated back.
const LAST: i32 = 200;

/// Chain that translates the destinations of mapped ports.
const TRANSLATE: &str = "translate";

/// What there is to say about one table.
struct Maker<'a> {
    batch: Batch,
    family: Family,
    table: &'a str,
}

impl Maker<'_> {
    fn attributes(&self) -> Attributes {
        Attributes::default().text(1, self.table)
    }

    fn table(&mut self) {
        self.batch.add(Kind::NewTable, self.family, CREATE | EXCLUSIVE, &self.attributes());
    }

    fn set(&mut self, id: u32, set: &Set) {
        const MAP: u32 = 8;
        let ((key, key_length), (data, data_length)) = (combined(set.key), combined(set.data));
        let mut attributes = self.attributes().text(2, set.name);
        if data_length > 0 {
            attributes = attributes.number(3, MAP).number(6, data).number(7, data_length);
        }
        let mut attributes = attributes.number(4, key).number(5, key_length).number(10, id);
        if let [LINK] = set.key {
            // How nft(8) is to print it: the kernel does not look at this.
            attributes = attributes.bytes(13, &HOST_BYTE_ORDER);
        }
        self.batch.add(Kind::NewSet, self.family, CREATE | EXCLUSIVE, &attributes);
    }

    fn chain(&mut self, name: &str, kind: &str, hook: Hook, priority: i32) {
        let hook = Attributes::default().number(1, hook as u32).number(2, priority as u32);
        let attributes = self.attributes().text(3, name).nest(4, hook).text(7, kind);
        self.batch.add(Kind::NewChain, self.family, CREATE | EXCLUSIVE, &attributes);
    }

    fn rules<const N: usize>(&mut self, chain: &str, rules: [Rule; N]) {
        for rule in rules {
            let attributes = self.attributes().text(2, chain).nest(4, rule.list());
            self.batch.add(Kind::NewRule, self.family, CREATE | APPEND, &attributes);
        }
    }
}

fn rule() -> Rule {
    Rule::new()
}

/// A batch that makes the table of `family`, unless there is one.
pub(super) fn make(family: Family, bridge: &InterfaceName, subnet: Subnet) -> Vec<u8> {
    let mut maker = Maker { batch: Batch::new(), family, table: bridge.as_str() };
    maker.table();
    for (id, set) in (1..).zip(SETS).filter(|(_, set)| set.family == family) {
        maker.set(id, &set);
    }
    match family {
        Family::Bridge => senders(&mut maker),
        _ => {
            ports(&mut maker);
            localhost(&mut maker, bridge.as_str(), subnet);
            sources(&mut maker, bridge.as_str());
            forward(&mut maker, bridge.as_str());
        }
    }
    maker.batch.finish()
}

/// Destinations: a mapped port of an address of the host's leads to its container.
fn ports(maker: &mut Maker<'_>) {
    let attributes = maker.attributes().text(3, TRANSLATE);
    maker.batch.add(Kind::NewChain, maker.family, CREATE | EXCLUSIVE, &attributes);
    maker.rules(
        TRANSLATE,
        [
            protocol_address_port().map(PUBLISHED_AT.name).translate_destination(),
            protocol_port().map(PUBLISHED.name).translate_destination(),
        ],
    );
    let to_this_host = || rule().for_this_host().verdict(Verdict::Jump(TRANSLATE));
    maker.chain("prerouting", "nat", Hook::Prerouting, DESTINATIONS);
    // Only a forger sends such a packet over a link. Here it has not been thrown away yet.
    let forged = rule().with_loopback(Field::IP_DESTINATION).verdict(Verdict::Return);
    maker.rules("prerouting", [forged, to_this_host()]);
    maker.chain("output", "nat", Hook::Output, DESTINATIONS);
    maker.rules("output", [to_this_host()]);
}

fn protocol_port() -> Rule {
    rule().load_meta(Transport, 0).load(Field::PORT, 1)
}

fn protocol_address_port() -> Rule {
    rule().load_meta(Transport, 0).load(Field::IP_DESTINATION, 1).load(Field::PORT, 2)
}

/// From 127.0.0.1 to a mapped port. The kernel lets no packet from or to such an address over a link, and
/// `route_localnet`, which would make it, opens the host's own services to the neighbours. So these packets leave
/// loopback as the bridge's: with its address before a connection is made of them, and what comes back gets 127.0.0.1
/// again when it has arrived.
fn localhost(maker: &mut Maker<'_>, bridge: &str, subnet: Subnet) {
    const LOCALHOST: [u8; 4] = [127, 0, 0, 1];
    let leaving = |mapped: Rule, map: &str| {
        // What the map has is of no interest here, but a map is no set for kernels before 6.4.
        let from_localhost = mapped.map(map).is(Field::IP_SOURCE, &LOCALHOST);
        from_localhost.set_address(Field::IP_SOURCE, subnet.gateway().octets())
    };
    maker.chain("localhost_out", "filter", Hook::Output, RAW);
    maker.rules(
        "localhost_out",
        [leaving(protocol_address_port(), PUBLISHED_AT.name), leaving(protocol_port(), PUBLISHED.name)],
    );
    maker.chain("localhost_in", "filter", Hook::Input, LAST);
    maker.rules(
        "localhost_in",
        [rule()
            .link_is(InputName, bridge)
            .with_loopback(Field::IP_SOURCE)
            .set_address(Field::IP_DESTINATION, LOCALHOST)],
    );
}

/// Sources: what a container sends leaves the host as the host's; so does what comes back to the bridge by a mapped
/// port, since the answer would go past the translation otherwise.
fn sources(maker: &mut Maker<'_>, bridge: &str) {
    let from_container = || rule().load(Field::IP_SOURCE, 0).in_set(CONTAINERS.name);
    maker.chain("postrouting", "nat", Hook::Postrouting, SOURCES);
    maker.rules(
        "postrouting",
        [
            from_container().link_is_not(OutputName, bridge).masquerade(),
            from_container().connection(Connection::TRANSLATED).masquerade(),
        ],
    );
}

/// Nothing comes to a container but answers, what was sent to a mapped port, and its neighbours; and nothing leaves but by
/// the interface that it is limited to.
fn forward(maker: &mut Maker<'_>, bridge: &str) {
    maker.chain("forward", "filter", Hook::Forward, FILTER);
    let to_container = || rule().link_is(OutputName, bridge);
    maker.rules(
        "forward",
        [
            to_container().link_is(InputName, bridge).verdict(Verdict::Return),
            rule().connection(Connection::KNOWN).verdict(Verdict::Return),
            to_container().connection(Connection::TRANSLATED).verdict(Verdict::Return),
            to_container().verdict(Verdict::Drop),
            rule()
                .link_is(InputName, bridge)
                .load(Field::IP_SOURCE, 0)
                .in_set(LIMITED.name)
                .load(Field::IP_SOURCE, 0)
                .load_meta(OutputName, 1)
                .not_in_set(UPLINKS.name)
                .verdict(Verdict::Drop),
        ],
    );
}

/// A container speaks for itself only: IPv4 and ARP, from its own addresses.
fn senders(maker: &mut Maker<'_>) {
    const IPV4: [u8; 2] = [0x08, 0x00];
    const ARP: [u8; 2] = [0x08, 0x06];
    // The name of a link takes four registers, an Ethernet address two.
    let own = |rule: Rule, mac: Field, address: Field| {
        let rule = rule.load_meta(InputName, 0).load(mac, 4).load(address, 6);
        rule.in_set(SENDERS.name)
    };
    let arp = own(rule().is(Field::ETHER_TYPE, &ARP), Field::ETHER_SOURCE, Field::ARP_SENDER_IP);
    maker.chain("prerouting", "filter", Hook::Prerouting, RAW);
    maker.rules(
        "prerouting",
        [
            rule().load_meta(InputName, 0).not_in_set(LINKS.name).verdict(Verdict::Return),
            own(rule().is(Field::ETHER_TYPE, &IPV4), Field::ETHER_SOURCE, Field::IP_SOURCE)
                .verdict(Verdict::Return),
            own(arp, Field::ARP_SENDER_MAC, Field::ARP_SENDER_IP).verdict(Verdict::Return),
            rule().verdict(Verdict::Drop),
        ],
    );
}
