//! What the rules say of one container: elements of their sets and maps.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::expression::{ITEM, link_name};
use super::item::{ELEMENTS, SET, TABLE, element, value};
use super::message::{Attributes, Batch, CREATE, EXCLUSIVE, Family, Kind};
use super::table::{
    CLAIMS, CONTAINERS, LIMITED, LINKS, PUBLISHED, PUBLISHED_AT, SENDERS, SENDERS6, Set, UPLINKS,
};
use crate::host::Kernel;
use crate::network::link::{Mac, link_local};
use crate::spec::{HostPort, InterfaceName};

/// Bytes of elements in one message: the length of an attribute has 16 bits.
const LIST_MAX: usize = 32 * 1024;

/// What is to become of a container's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Change {
    Add,
    /// Adds them where some may be there already.
    Restore,
    Delete,
}

impl Change {
    fn kind(self) -> Kind {
        match self {
            Self::Add | Self::Restore => Kind::NewElement,
            Self::Delete if Kernel::running().destroys_elements() => Kind::DestroyElement,
            Self::Delete => Kind::DeleteElement,
        }
    }
}

/// A container, as far as the rules know it.
#[derive(Debug)]
pub(in super::super) struct Member<'a> {
    /// The table.
    pub(in super::super) bridge: &'a InterfaceName,
    /// The host's end of its pair.
    pub(in super::super) link: &'a str,
    /// The Ethernet address of the other end.
    pub(in super::super) mac: Mac,
    pub(in super::super) vip: Ipv4Addr,
    pub(in super::super) vip6: Option<Ipv6Addr>,
    /// The interface of the host that it is limited to.
    pub(in super::super) interface: Option<&'a InterfaceName>,
    /// Its mapped ports.
    pub(in super::super) ports: Vec<HostPort>,
}

impl Member<'_> {
    /// Batches that put all that the rules say of the container into their sets, or take it out. The one is done as a whole,
    /// in one batch; the other as far as there is something, in one for each table.
    pub(in super::super) fn batches(&self, change: Change) -> Vec<Vec<u8>> {
        let mut changes = Changes { change, bridge: self.bridge, batches: Vec::new() };
        let link = link_name(self.link);
        let sender = |address: IpAddr| plain([&link[..], &self.mac, &[0; 2], &bytes(address)].concat());
        changes.set(Family::Bridge, &LINKS, vec![plain(link.to_vec())]);
        changes.set(Family::Bridge, &SENDERS, vec![sender(self.vip.into())]);
        if let Some(vip6) = self.vip6 {
            let own = vec![sender(vip6.into()), sender(link_local(self.mac).into())];
            changes.set(Family::Bridge, &SENDERS6, own);
        }
        for address in std::iter::once(self.vip.into()).chain(self.vip6.map(IpAddr::V6)) {
            self.add_routed(&mut changes, address);
        }
        changes.batches.into_iter().map(|(_, batch)| batch.finish()).collect()
    }

    /// What the table of the version of IP of `address` says of it.
    fn add_routed(&self, changes: &mut Changes<'_>, address: IpAddr) {
        let family = Family::of(address);
        let own = bytes(address);
        changes.set(family, &CONTAINERS, vec![plain(own.clone())]);
        if let Some(interface) = self.interface {
            changes.set(family, &LIMITED, vec![plain(own.clone())]);
            changes.set(family, &UPLINKS, vec![plain([&own[..], &link_name(interface.as_str())].concat())]);
        }
        let ports: Vec<_> = self.ports.iter().filter(|port| port.is_for(address)).collect();
        let (mut published, mut published_at) = (Vec::new(), Vec::new());
        for port in &ports {
            let (set, key) = port_key(port);
            let list = if set.name == PUBLISHED.name { &mut published } else { &mut published_at };
            list.push(Element { key, data: [&own[..], &number(port.inside)].concat(), ends: false });
        }
        // Its own may overlap: then the more special one decides, and the wider one is claimed.
        let is_wider = |port: &HostPort, other: &HostPort| {
            other.address.is_none() && (other.transport, other.port) == (port.transport, port.port)
        };
        let claims = ports
            .iter()
            .filter(|port| port.address.is_none() || !ports.iter().any(|other| is_wider(port, other)));
        let claims = claims.flat_map(|port| claim(port)).collect();
        changes.set(family, &CLAIMS, claims);
        changes.set(family, &PUBLISHED, published);
        changes.set(family, &PUBLISHED_AT, published_at);
    }
}

impl HostPort {
    /// Whether packets to an address of the host's of this version of IP may be for the port.
    pub(super) fn is_for(&self, address: IpAddr) -> bool {
        self.address.is_none_or(|at| at.is_ipv4() == address.is_ipv4())
    }
}

/// An element of a set, or with data of a map.
struct Element {
    key: Vec<u8>,
    data: Vec<u8>,
    /// Whether the range that began before ends in front of this one.
    ends: bool,
}

fn plain(key: Vec<u8>) -> Element {
    Element { key, data: Vec::new(), ends: false }
}

/// An address as it is sent.
pub(super) fn bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// A number of a port, in a register.
fn number(port: u16) -> [u8; 4] {
    let [high, low] = port.to_be_bytes();
    [high, low, 0, 0]
}

/// The map that a port of the host belongs into, and its key there.
pub(super) fn port_key(port: &HostPort) -> (&'static Set, Vec<u8>) {
    let (transport, number) = ([port.transport.number(), 0, 0, 0], number(port.port));
    match port.address {
        None => (&PUBLISHED, [transport, number].concat()),
        Some(at) => (&PUBLISHED_AT, [&transport[..], &bytes(at), &number].concat()),
    }
}

/// The range of everything that a packet can be sent to that is for the port, as two addresses of IPv6, the second of
/// which is not in it: two bytes of protocol, two of port, and an address of the host, of IPv6 folded to the twelve that
/// are left.
fn claim(port: &HostPort) -> [Element; 2] {
    let head = u128::from(port.transport.number()) << 112 | u128::from(port.port) << 96;
    let (first, length) = match port.address {
        None => (0, 1 << 96),
        Some(IpAddr::V4(address)) => (u128::from(address.to_bits()), 1),
        Some(IpAddr::V6(address)) => {
            let bits = address.to_bits();
            ((bits ^ ((bits >> 96) << 64)) & ((1 << 96) - 1), 1)
        }
    };
    let element = |at: u128, ends| Element { key: at.to_be_bytes().to_vec(), data: Vec::new(), ends };
    [element(head + first, false), element(head + first + length, true)]
}

/// Batches in the making.
struct Changes<'a> {
    change: Change,
    bridge: &'a InterfaceName,
    /// Each with the table that it began with.
    batches: Vec<(Family, Batch)>,
}

impl Changes<'_> {
    fn set(&mut self, family: Family, set: &Set, elements: Vec<Element>) {
        let flags = match self.change {
            // An address has one container: of this the kernel is to make sure.
            Change::Add if set.name == CONTAINERS.name && family == Family::Ipv6 => CREATE | EXCLUSIVE,
            Change::Add | Change::Restore => CREATE,
            Change::Delete => 0,
        };
        let mut list = Attributes::default();
        for element in elements {
            // What is to be deleted is named by its key.
            let data = Some(&element.data).filter(|data| self.change != Change::Delete && !data.is_empty());
            let mut attributes = self::element(&element.key, data);
            if element.ends {
                attributes = attributes.number(value::FLAGS, 1);
            }
            list = list.nest(ITEM, attributes);
            if list.len() > LIST_MAX {
                self.send(family, set, flags, std::mem::take(&mut list));
            }
        }
        if list.len() > 0 {
            self.send(family, set, flags, list);
        }
    }

    fn send(&mut self, family: Family, set: &Set, flags: u16, list: Attributes) {
        let attributes = Attributes::default().text(TABLE, self.bridge.as_str()).text(SET, set.name);
        let apart = self.change == Change::Delete;
        if self.batches.last().is_none_or(|(table, _)| apart && *table != family) {
            self.batches.push((family, Batch::new()));
        }
        let (_, batch) = self.batches.last_mut().expect("there is one now");
        batch.add(self.change.kind(), family, flags, &attributes.nest(ELEMENTS, list));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::PortMap;

    /// Start and end of the claim of the first port of a map.
    fn range(map: &str) -> [u128; 2] {
        let port = map.parse::<PortMap>().unwrap().ports().next().unwrap();
        claim(&port).map(|element| u128::from_be_bytes(element.key.try_into().unwrap()))
    }

    #[test]
    fn a_port_on_all_addresses_claims_what_one_on_an_address_claims_and_nothing_else() {
        let [first, end] = range("65535:1");
        for inside in
            ["127.0.0.1:65535:1", "255.255.255.255:65535:1", "[::1]:65535:1", "[ffff::ffff]:65535:1"]
        {
            let [one, next] = range(inside);
            assert!(first <= one && next <= end && next == one + 1, "{inside}");
        }
        for outside in ["65534:1", "127.0.0.1:65534:1", "65535:1/udp", "[::1]:1:1/sctp"] {
            let [one, next] = range(outside);
            assert!(next <= first || end <= one, "{outside}");
        }
        assert_ne!(range("[fd00::1]:80:80"), range("[2001:db8::1]:80:80"));
        assert_eq!(Ipv6Addr::from(range("80:80")[0]).to_string(), "6:50::");
    }
}
