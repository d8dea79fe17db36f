//! The rules of a bridge, all of them: tables with the bridge's name, which nobody else's rules are in. One is for the
//! bridge itself, and one for each version of IP that it has.
//!
//! What is said of a single container are elements of sets and maps, so that a packet costs the same whether there is one
//! container or a thousand.

use super::expression::ITEM;
use super::expression::Meta::{InputName, OutputName, Transport};
use super::expression::{Connection, Field, Ip, Rule, Verdict};
use super::item::{ELEMENTS, SET, TABLE, element};
use super::message::{APPEND, Attributes, Batch, CREATE, Family, Kind, message};
use crate::network::BridgeSettings;

/// A type of nft(8), by which it prints what is in a set: number and length.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Type(u32, u32);

/// The address of the version of IP that the table is for.
const ADDRESS: Type = Type(0, 0);
const IPV4: Type = Type(7, 4);
const IPV6: Type = Type(8, 16);
const MAC: Type = Type(9, 6);
const PROTOCOL: Type = Type(12, 1);
const PORT: Type = Type(13, 2);
const LINK: Type = Type(41, libc::IFNAMSIZ as u32);

/// A note of nft(8) about a set's keys: kind, length, value.
const HOST_BYTE_ORDER: [u8; 6] = [0, 4, 1, 0, 0, 0];

/// A set, or with `data` a map.
pub(super) struct Set {
    pub(super) name: &'static str,
    key: &'static [Type],
    data: &'static [Type],
    /// Whether an element is a range, none of which may overlap.
    ranges: bool,
}

impl Set {
    const fn new(name: &'static str, key: &'static [Type], data: &'static [Type]) -> Self {
        Self { name, key, data, ranges: false }
    }
}

/// Addresses of running containers.
pub(super) const CONTAINERS: Set = Set::new("containers", &[ADDRESS], &[]);
/// Those that are limited to one interface of the host.
pub(super) const LIMITED: Set = Set::new("limited", &[ADDRESS], &[]);
/// That interface.
pub(super) const UPLINKS: Set = Set::new("uplinks", &[ADDRESS, LINK], &[]);
/// Where a port leads that is mapped on all addresses of the host.
pub(super) const PUBLISHED: Set = Set::new("published", &[PROTOCOL, PORT], &[ADDRESS, PORT]);
/// Where one leads that is mapped on one address.
pub(super) const PUBLISHED_AT: Set = Set::new("published_at", &[PROTOCOL, ADDRESS, PORT], &[ADDRESS, PORT]);
/// Every mapped port once more, as [`claim`](super::claim) writes it. No packet is looked up here: ranges that overlap
/// are refused by the kernel, so that a port which is mapped on all addresses is not mapped on one of them by another.
pub(super) const CLAIMS: Set = Set { name: "claims", key: &[IPV6], data: &[], ranges: true };
/// Links that lead to running containers.
pub(super) const LINKS: Set = Set::new("links", &[LINK], &[]);
/// What may come over such a link: from this Ethernet and this IP address.
pub(super) const SENDERS: Set = Set::new("senders", &[LINK, MAC, IPV4], &[]);
/// The same of IPv6.
pub(super) const SENDERS6: Set = Set::new("senders6", &[LINK, MAC, IPV6], &[]);

/// Number of the guard in a batch, where the others count from 1.
const GUARD_ID: u32 = 100;

const OF_THE_BRIDGE: [Set; 3] = [LINKS, SENDERS, SENDERS6];
const OF_IP: [Set; 6] = [CONTAINERS, LIMITED, UPLINKS, PUBLISHED, PUBLISHED_AT, CLAIMS];

/// Type and length of a value that is made of these, each in registers of its own unless it is the only one.
fn combined(types: &[Type], family: Family) -> (u32, u32) {
    let known = |part: &Type| match *part {
        ADDRESS if family == Family::Ipv6 => IPV6,
        ADDRESS => IPV4,
        other => other,
    };
    match types {
        [only] => (known(only).0, known(only).1),
        _ => types.iter().map(known).fold((0, 0), |(number, length), part| {
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

/// Messages of neighbour discovery (RFC 4861).
const ROUTER: u8 = 134;
const ND_ASKS: u8 = 135;
const ND_TELLS: u8 = 136;
const REDIRECT: u8 = 137;

/// Chain that translates the destinations of mapped ports.
const TRANSLATE: &str = "translate";
/// Chain that nobody asks, and the set without a name of its own that its only rule has: it goes when the rules go, while
/// chains and named sets stay.
const WHOLE: &str = "whole";
const GUARD: &str = "__guard";

/// Port to which [`BridgeSettings::rules_are_gone`] sends from 127.0.0.1 to the bridge's own address, and nobody else
/// does: what the port is for is to be thrown away (RFC 863).
pub(super) const DISCARD: u16 = 9;

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
        self.batch.add(Kind::NewTable, self.family, CREATE, &self.attributes());
    }

    /// Empties all chains, and makes the guard.
    fn whole(&mut self) {
        const ANONYMOUS_AND_CONSTANT: u32 = 3;
        const NOBODYS: [u8; 1] = [255];
        self.batch.add(Kind::DeleteRule, self.family, 0, &self.attributes());
        let set = self.attributes().text(SET, GUARD).number(3, ANONYMOUS_AND_CONSTANT);
        let set = set.number(4, PROTOCOL.0).number(5, PROTOCOL.1).number(10, GUARD_ID);
        self.batch.add(Kind::NewSet, self.family, CREATE, &set);
        let list = Attributes::default().nest(ITEM, element(&NOBODYS, None));
        let elements = self.attributes().text(SET, GUARD).nest(ELEMENTS, list);
        self.batch.add(Kind::NewElement, self.family, CREATE, &elements);
        let chain = self.attributes().text(3, WHOLE);
        self.batch.add(Kind::NewChain, self.family, CREATE, &chain);
        self.rules(WHOLE, [rule().load_meta(Transport, 0).in_set(GUARD)]);
    }

    fn set(&mut self, id: u32, set: &Set) {
        const RANGES: u32 = 4;
        const MAP: u32 = 8;
        let of = |types| combined(types, self.family);
        let ((key, key_length), (data, data_length)) = (of(set.key), of(set.data));
        let mut attributes = self.attributes().text(2, set.name);
        if set.ranges {
            attributes = attributes.number(3, RANGES);
        }
        if data_length > 0 {
            attributes = attributes.number(3, MAP).number(6, data).number(7, data_length);
        }
        let mut attributes = attributes.number(4, key).number(5, key_length).number(10, id);
        if let [LINK] = set.key {
            // How nft(8) is to print it: the kernel does not look at this.
            attributes = attributes.bytes(13, &HOST_BYTE_ORDER);
        }
        self.batch.add(Kind::NewSet, self.family, CREATE, &attributes);
    }

    fn chain(&mut self, name: &str, kind: &str, hook: Hook, priority: i32) {
        let hook = Attributes::default().number(1, hook as u32).number(2, priority as u32);
        let attributes = self.attributes().text(3, name).nest(4, hook).text(7, kind);
        self.batch.add(Kind::NewChain, self.family, CREATE, &attributes);
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

/// A batch that makes the table of `family`, or what is missing of it: what is in its sets stays there. The version of IP is
/// one that the bridge has.
pub(super) fn make(family: Family, settings: &BridgeSettings) -> Vec<u8> {
    let bridge = settings.bridge.as_str();
    let mut maker = Maker { batch: Batch::new(), family, table: bridge };
    maker.table();
    maker.whole();
    let sets = if family == Family::Bridge { &OF_THE_BRIDGE[..] } else { &OF_IP };
    for (id, set) in (1..).zip(sets) {
        maker.set(id, set);
    }
    match (family, settings.subnet6) {
        (Family::Bridge, _) => senders(&mut maker),
        (Family::Ipv6, Some(subnet)) => routed(&mut maker, Ip::V6, bridge, &subnet.gateway().octets()),
        _ => routed(&mut maker, Ip::V4, bridge, &settings.subnet.gateway().octets()),
    }
    maker.batch.finish()
}

/// A question that fails, with ENOENT, where the table of `family` is not there or has lost its rules.
pub(super) fn ask_whole(family: Family, bridge: &str) -> Vec<u8> {
    message(Kind::GetSet, family, 0, &Attributes::default().text(TABLE, bridge).text(SET, GUARD))
}

/// A batch that removes the table of `family`.
pub(super) fn unmake(family: Family, settings: &BridgeSettings) -> Vec<u8> {
    let mut batch = Batch::new();
    batch.add(Kind::DeleteTable, family, 0, &Attributes::default().text(1, settings.bridge.as_str()));
    batch.finish()
}

/// Everything that one version of IP has; `gateway` is the bridge's address.
fn routed(maker: &mut Maker<'_>, ip: Ip, bridge: &str, gateway: &[u8]) {
    ports(maker, ip);
    localhost(maker, ip, bridge, gateway);
    sources(maker, ip, bridge);
    forward(maker, ip, bridge);
}

/// Destinations: a mapped port of an address of the host's leads to its container.
fn ports(maker: &mut Maker<'_>, ip: Ip) {
    let attributes = maker.attributes().text(3, TRANSLATE);
    maker.batch.add(Kind::NewChain, maker.family, CREATE, &attributes);
    maker.rules(
        TRANSLATE,
        [
            protocol_address_port(rule(), ip).map(PUBLISHED_AT.name).translate_destination(ip),
            protocol_port(rule(), ip).map(PUBLISHED.name).translate_destination(ip),
        ],
    );
    let to_this_host = || rule().for_this_host().verdict(Verdict::Jump(TRANSLATE));
    maker.chain("prerouting", "nat", Hook::Prerouting, DESTINATIONS);
    // Only a forger sends such a packet over a link. Here it has not been thrown away yet.
    let forged = rule().with_loopback(ip, ip.destination).verdict(Verdict::Return);
    maker.rules("prerouting", [forged, to_this_host()]);
    maker.chain("output", "nat", Hook::Output, DESTINATIONS);
    maker.rules("output", [to_this_host()]);
}

fn protocol_port(rule: Rule, _: Ip) -> Rule {
    rule.load_meta(Transport, 0).load(Field::PORT, 1)
}

fn protocol_address_port(rule: Rule, ip: Ip) -> Rule {
    rule.load_meta(Transport, 0).load(ip.destination, 1).load(Field::PORT, 1 + ip.registers())
}

/// From 127.0.0.1 or ::1 to a mapped port. The kernel lets no packet from or to such an address over a link, and
/// `route_localnet`, which would make it, opens the host's own services to the neighbours. So these packets leave
/// loopback as the bridge's: with its address before a connection is made of them, and what comes back gets its own
/// again when it has arrived.
fn localhost(maker: &mut Maker<'_>, ip: Ip, bridge: &str, gateway: &[u8]) {
    let from_localhost = || rule().is(ip.source, ip.localhost);
    // What the map has is of no interest here, but a map is no set for kernels before 6.4.
    let leaving = |mapped: Rule, map: &str| mapped.map(map).set_address(ip, ip.source, gateway);
    let probe = rule().is(ip.destination, gateway).transport_is(libc::IPPROTO_UDP as u8);
    maker.chain("localhost_out", "filter", Hook::Output, RAW);
    maker.rules(
        "localhost_out",
        [
            // First what is nearly always so: every packet that leaves the host comes by here.
            rule().differs(ip.source, ip.localhost).verdict(Verdict::Return),
            probe.is(Field::PORT, &DISCARD.to_be_bytes()).verdict(Verdict::Drop),
            leaving(protocol_address_port(rule(), ip), PUBLISHED_AT.name),
            // The one before has changed the address.
            leaving(protocol_port(from_localhost(), ip), PUBLISHED.name),
        ],
    );
    maker.chain("localhost_in", "filter", Hook::Input, LAST);
    maker.rules(
        "localhost_in",
        [rule().link_is(InputName, bridge).with_loopback(ip, ip.source).set_address(
            ip,
            ip.destination,
            ip.localhost,
        )],
    );
}

/// Sources: what a container sends leaves the host as the host's; so does what comes back to the bridge by a mapped
/// port, since the answer would go past the translation otherwise.
fn sources(maker: &mut Maker<'_>, ip: Ip, bridge: &str) {
    let from_container = || rule().load(ip.source, 0).in_set(CONTAINERS.name);
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
fn forward(maker: &mut Maker<'_>, ip: Ip, bridge: &str) {
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
                .load(ip.source, 0)
                .in_set(LIMITED.name)
                .load(ip.source, 0)
                .load_meta(OutputName, ip.registers())
                .not_in_set(UPLINKS.name)
                .verdict(Verdict::Drop),
        ],
    );
}

/// A container speaks for itself only: IPv4 and ARP, IPv6 and its neighbour discovery, from its own addresses. It is no
/// router, and tells nobody of one.
fn senders(maker: &mut Maker<'_>) {
    const IPV4: [u8; 2] = [0x08, 0x00];
    const ARP: [u8; 2] = [0x08, 0x06];
    const IPV6: [u8; 2] = [0x86, 0xdd];
    // The name of a link takes four registers, an Ethernet address two.
    let own = |rule: Rule, mac: Field, address: Field, set: &Set| {
        rule.load_meta(InputName, 0).load(mac, 4).load(address, 6).in_set(set.name)
    };
    let ethernet = |kind: &[u8]| rule().is(Field::ETHER_TYPE, kind);
    let icmp =
        |kind: u8| ethernet(&IPV6).transport_is(libc::IPPROTO_ICMPV6 as u8).is(Field::ICMPV6_TYPE, &[kind]);
    let arp = own(ethernet(&ARP), Field::ETHER_SOURCE, Field::ARP_SENDER_IP, &SENDERS);
    // Each names the sender's Ethernet address in its first option, which the asked one would believe.
    let asks = own(icmp(ND_ASKS).is(Field::ND_OPTION, &[1, 1]), Field::ND_MAC, Field::IPV6_SOURCE, &SENDERS6);
    let tells = own(icmp(ND_TELLS).is(Field::ND_OPTION, &[2, 1]), Field::ND_MAC, Field::ND_TARGET, &SENDERS6);
    let own_ipv6 = |rule: Rule| own(rule, Field::ETHER_SOURCE, Field::IPV6_SOURCE, &SENDERS6);
    maker.chain("prerouting", "filter", Hook::Prerouting, RAW);
    maker.rules(
        "prerouting",
        [
            // Nearly every packet is such a one, and is looked up once.
            own(ethernet(&IPV4), Field::ETHER_SOURCE, Field::IPV4_SOURCE, &SENDERS).verdict(Verdict::Return),
            rule().load_meta(InputName, 0).not_in_set(LINKS.name).verdict(Verdict::Return),
            own(arp, Field::ARP_SENDER_MAC, Field::ARP_SENDER_IP, &SENDERS).verdict(Verdict::Return),
            own_ipv6(asks).verdict(Verdict::Return),
            own_ipv6(tells).verdict(Verdict::Return),
            icmp(ND_ASKS).verdict(Verdict::Drop),
            icmp(ND_TELLS).verdict(Verdict::Drop),
            icmp(ROUTER).verdict(Verdict::Drop),
            icmp(REDIRECT).verdict(Verdict::Drop),
            own_ipv6(ethernet(&IPV6)).verdict(Verdict::Return),
            rule().verdict(Verdict::Drop),
        ],
    );
}
