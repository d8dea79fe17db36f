//! What a container has of links, addresses and routes: rtnetlink(7), a message at a time. This is on the way of every
//! container; what is done once for a bridge is in [`bridge`](super::bridge).

use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;
use std::thread;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoBridgePort, InfoData, InfoKind, InfoPortData,
    InfoPortKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::neighbour::{NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::SockProtocol;

use super::socket::Socket;
use super::{BridgeSettings, Owner};
use crate::spec::NetnsName;

/// Index of the loopback interface in every namespace.
const LOOPBACK: u32 = 1;

/// An Ethernet address.
pub(super) type Mac = [u8; 6];

/// The Ethernet address that belongs to an IPv4 address of ours: one that is administered locally, so that nobody
/// else's is the same, and follows from the other, so that no cache on the bridge is ever wrong.
pub(super) fn mac(address: Ipv4Addr) -> Mac {
    let [a, b, c, d] = address.octets();
    [0x02, b'x', a, b, c, d]
}

/// The IPv4 address that an Ethernet address of ours belongs to.
pub(super) fn address_of(mac: &[u8]) -> Option<Ipv4Addr> {
    match *mac {
        [0x02, b'x', a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d)),
        _ => None,
    }
}

/// The Ethernet address that an address is known by at the ports of a bridge.
pub(super) fn mac_of(address: IpAddr) -> Mac {
    match address {
        IpAddr::V4(address) => mac(address),
        IpAddr::V6(address) => stand_in(address),
    }
}

/// An Ethernet address that stands for an IPv6 address where the ports of a bridge are looked up; no packet ever has it.
fn stand_in(address: Ipv6Addr) -> Mac {
    let bits = address.to_bits();
    let [a, b, c, d] = (0..4).fold(0, |folded, part| folded ^ (bits >> (32 * part)) as u32).to_be_bytes();
    [0x02, b'y', a, b, c, d]
}

/// The IPv6 address that a link gives itself by its Ethernet address (RFC 4291, appendix A).
pub(super) fn link_local([a, b, c, d, e, f]: Mac) -> Ipv6Addr {
    Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
}

/// What there is to know of a link.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) mac: Option<Vec<u8>>,
    pub(super) is_bridge: bool,
    /// The bridge that it is a port of.
    pub(super) bridge: Option<u32>,
    /// Whose it is, as [`Owner`] writes it.
    pub(super) alias: Option<String>,
}

/// The container's end of a pair.
#[derive(Debug)]
pub(super) struct Inside<'a> {
    pub(super) name: &'a str,
    pub(super) mac: Mac,
    pub(super) vip: Ipv4Addr,
    pub(super) vip6: Option<Ipv6Addr>,
}

/// The links of a network namespace.
#[derive(Debug)]
pub(super) struct Links(Socket);

impl Links {
    /// Those of the namespace that we are in.
    pub(super) fn here() -> io::Result<Self> {
        Socket::open(SockProtocol::NetlinkRoute).map(Self)
    }

    /// Those of the namespace that we are in, which is new and a container's: its links believe nobody who says that he is a
    /// router.
    pub(super) fn of_new_namespace() -> io::Result<Self> {
        refuse_routers("default")?;
        Self::here()
    }

    /// The link of that name.
    pub(super) fn find(&self, name: &str) -> io::Result<Option<Link>> {
        self.get(link(0, [LinkAttribute::IfName(name.to_owned())]))
    }

    /// The link with that index.
    pub(super) fn at(&self, index: u32) -> io::Result<Option<Link>> {
        self.get(link(index, []))
    }

    fn get(&self, link: LinkMessage) -> io::Result<Option<Link>> {
        match self.ask(RouteNetlinkMessage::GetLink(link), 0) {
            Err(why) if why.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            Err(why) => Err(why),
            Ok(answers) => Ok(answers.into_iter().find_map(|answer| match answer {
                RouteNetlinkMessage::NewLink(link) => Some(read(&link)),
                _ => None,
            })),
        }
    }

    /// The port of a bridge behind which an Ethernet address is, if that was settled when the port was made.
    pub(super) fn behind(&self, bridge: u32, mac: Mac) -> io::Result<Option<Link>> {
        let mut message = neighbour(0, mac);
        message.header.flags = NeighbourFlags::Controller;
        message.attributes.push(NeighbourAttribute::Controller(bridge));
        let answers = match self.ask(RouteNetlinkMessage::GetNeighbour(message), 0) {
            Err(why) if why.raw_os_error() == Some(libc::ENOENT) => return Ok(None),
            answers => answers?,
        };
        let port = answers.into_iter().find_map(|answer| match answer {
            // What was learned from a packet will be forgotten again.
            RouteNetlinkMessage::NewNeighbour(entry) if entry.header.state == NeighbourState::Noarp => {
                Some(entry.header.ifindex)
            }
            _ => None,
        });
        port.map_or(Ok(None), |index| self.at(index))
    }

    /// Makes a pair of links: `name`, a port of `bridge`, here, and `inside` in `namespace`. All of it in one message: a
    /// link that is made first and moved then waits for the kernel.
    pub(super) fn add_pair(
        &self,
        name: &str,
        bridge: u32,
        namespace: BorrowedFd<'_>,
        inside: &Inside<'_>,
    ) -> io::Result<u32> {
        let peer = link(
            0,
            [
                LinkAttribute::IfName(inside.name.to_owned()),
                LinkAttribute::Address(inside.mac.to_vec()),
                LinkAttribute::NetNsFd(namespace.as_raw_fd()),
            ],
        );
        let mut pair = link(
            0,
            [
                LinkAttribute::IfName(name.to_owned()),
                LinkAttribute::Controller(bridge),
                LinkAttribute::LinkInfo(vec![
                    LinkInfo::Kind(InfoKind::Veth),
                    LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
                ]),
            ],
        );
        set_up(&mut pair);
        self.ask(RouteNetlinkMessage::NewLink(pair), NLM_F_CREATE | NLM_F_EXCL)?;
        let made = self.find(name)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        // A port of a bridge needs no address.
        self.without_link_local(made.index)?;
        Ok(made.index)
    }

    /// Settles that an Ethernet address is behind that port of a bridge, and behind no other one.
    ///
    /// # Errors
    /// EEXIST when it is behind another one, unless it is to `replace` that.
    pub(super) fn settle(&self, port: u32, mac: Mac, replace: bool) -> io::Result<()> {
        let mut message = neighbour(port, mac);
        message.header.flags = NeighbourFlags::Controller;
        message.header.state = NeighbourState::Noarp;
        let flags = NLM_F_CREATE | if replace { NLM_F_REPLACE } else { NLM_F_EXCL };
        self.ask(RouteNetlinkMessage::NewNeighbour(message), flags).map(drop)
    }

    /// Completes a port of a bridge, and marks it as its owner's: one without the mark is half of one.
    pub(super) fn mark(&self, port: u32, owner: &Owner) -> io::Result<()> {
        // Where bridged packets go through the host's filters (br_netfilter), one that a container sends to a port of
        // its own goes out of the port that it came in by.
        let hairpin = vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(InfoPortData::BridgePort(vec![InfoBridgePort::HairpinMode(true)])),
        ];
        let attributes = [LinkAttribute::IfAlias(owner.mark()), LinkAttribute::LinkInfo(hairpin)];
        self.ask(RouteNetlinkMessage::NewLink(link(port, attributes)), 0).map(drop)
    }

    /// Has a link make no IPv6 address for itself.
    fn without_link_local(&self, index: u32) -> io::Result<()> {
        let message = link(index, [no_link_local()]);
        match self.ask(RouteNetlinkMessage::SetLink(message), 0) {
            // A kernel without IPv6 makes none.
            Err(why) if why.raw_os_error() != Some(libc::EAFNOSUPPORT) => Err(why),
            _ => Ok(()),
        }
    }

    /// Deletes the link of that name; none there is fine. The kernel takes 10 to 30 ms for it.
    pub(super) fn delete(&self, name: &str) -> io::Result<()> {
        let link = link(0, [LinkAttribute::IfName(name.to_owned())]);
        match self.ask(RouteNetlinkMessage::DelLink(link), 0) {
            Err(why) if why.raw_os_error() != Some(libc::ENODEV) => Err(why),
            _ => Ok(()),
        }
    }

    /// Does something about the links of a namespace, in a thread of our own that goes there.
    fn within<T: Send>(
        namespace: &NetnsName,
        work: impl FnOnce(&Self) -> io::Result<T> + Send,
    ) -> io::Result<T> {
        let file = File::open(namespace.path())?;
        let work = || {
            setns(&file, CloneFlags::CLONE_NEWNET)?;
            work(&Self::here()?)
        };
        thread::scope(|scope| {
            scope.spawn(work).join().unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
        })
    }

    /// Whose the namespace is, if its loopback interface has a mark.
    pub(super) fn mark_of(namespace: &NetnsName) -> io::Result<Option<String>> {
        Self::within(namespace, |links| Ok(links.at(LOOPBACK)?.and_then(|link| link.alias)))
    }

    /// Marks the namespace as its owner's unless somebody has marked it. Says whose it is.
    pub(super) fn claim(namespace: &NetnsName, owner: &Owner) -> io::Result<String> {
        Self::within(namespace, |links| match links.at(LOOPBACK)?.and_then(|link| link.alias) {
            Some(mark) => Ok(mark),
            None => {
                let mark = link(LOOPBACK, [LinkAttribute::IfAlias(owner.mark())]);
                links.ask(RouteNetlinkMessage::NewLink(mark), 0)?;
                Ok(owner.mark())
            }
        })
    }

    /// Makes the namespace of a container usable: loopback up, its addresses, the ways out by the bridge's.
    pub(super) fn set_up(&self, inside: &Inside<'_>, settings: &BridgeSettings) -> io::Result<()> {
        let found = self.find(inside.name)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        self.without_link_local(found.index)?;
        for index in [LOOPBACK, found.index] {
            let mut up = link(index, []);
            set_up(&mut up);
            self.ask(RouteNetlinkMessage::SetLink(up), 0)?;
        }
        let subnet = settings.subnet;
        self.add_address(found.index, inside.vip.into(), subnet.prefix(), Some(subnet.last()))?;
        self.add_default_route(found.index, subnet.gateway().into())?;
        if let (Some(vip), Some(subnet)) = (inside.vip6, settings.subnet6) {
            self.add_address(found.index, link_local(inside.mac).into(), 64, None)?;
            self.add_address(found.index, vip.into(), subnet.prefix(), None)?;
            self.add_default_route(found.index, subnet.gateway().into())?;
        }
        Ok(())
    }

    fn add_default_route(&self, index: u32, gateway: IpAddr) -> io::Result<()> {
        let (address_family, gateway) = match gateway {
            IpAddr::V4(address) => (AddressFamily::Inet, RouteAddress::Inet(address)),
            IpAddr::V6(address) => (AddressFamily::Inet6, RouteAddress::Inet6(address)),
        };
        let mut route = RouteMessage::default();
        route.header = RouteHeader {
            address_family,
            table: RouteHeader::RT_TABLE_MAIN,
            protocol: RouteProtocol::Boot,
            scope: RouteScope::Universe,
            kind: RouteType::Unicast,
            ..RouteHeader::default()
        };
        route.attributes = vec![RouteAttribute::Gateway(gateway), RouteAttribute::Oif(index)];
        self.ask(RouteNetlinkMessage::NewRoute(route), NLM_F_CREATE | NLM_F_EXCL).map(drop)
    }

    fn add_address(
        &self,
        index: u32,
        address: IpAddr,
        prefix: u8,
        broadcast: Option<Ipv4Addr>,
    ) -> io::Result<()> {
        let mut message = address_message(index, address, prefix);
        message.attributes.extend(broadcast.map(AddressAttribute::Broadcast));
        if address.is_ipv6() {
            // Nobody else has it: it need not be asked for a second whether somebody does.
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
            message.header.flags = AddressHeaderFlags::Nodad;
        }
        self.ask(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL).map(drop)
    }

    /// Whether the link with that index has the address, with that prefix.
    pub(super) fn has_address(&self, index: u32, address: IpAddr, prefix: u8) -> io::Result<bool> {
        let (message, flags) = match address {
            IpAddr::V4(_) => {
                let mut all = AddressMessage::default();
                all.header.family = AddressFamily::Inet;
                (all, NLM_F_DUMP)
            }
            // Of IPv6 every link has one, so that all may be many; but one can be asked for.
            IpAddr::V6(_) => (address_message(index, address, prefix), 0),
        };
        let answers = match self.ask(RouteNetlinkMessage::GetAddress(message), flags) {
            Err(why) if why.raw_os_error() == Some(libc::EADDRNOTAVAIL) => return Ok(false),
            answers => answers?,
        };
        Ok(answers.iter().any(|answer| {
            let RouteNetlinkMessage::NewAddress(found) = answer else { return false };
            let same = found.attributes.iter().any(|attribute| match attribute {
                AddressAttribute::Local(local) => *local == address,
                // Of IPv6 this one is given, where the link is no tunnel.
                AddressAttribute::Address(own) => own.is_ipv6() && *own == address,
                _ => false,
            });
            same && (found.header.index, found.header.prefix_len) == (index, prefix)
        }))
    }

    fn ask(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags | if flags & NLM_F_DUMP == NLM_F_DUMP { 0 } else { NLM_F_ACK };
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        let mut read = Vec::new();
        for answer in self.0.transact(&bytes)? {
            let answer =
                NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer).map_err(io::Error::other)?;
            if let NetlinkPayload::InnerMessage(inner) = answer.payload {
                read.push(inner);
            }
        }
        Ok(read)
    }
}

fn link(index: u32, attributes: impl IntoIterator<Item = LinkAttribute>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes = attributes.into_iter().collect();
    message
}

/// That a link makes no IPv6 address for itself: those that it is to have it gets, and has them at once.
pub(super) fn no_link_local() -> LinkAttribute {
    let none = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
    LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![none])])
}

/// An Ethernet address behind a port of a bridge.
fn neighbour(port: u32, mac: Mac) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Bridge;
    message.header.ifindex = port;
    message.attributes = vec![NeighbourAttribute::LinkLayerAddress(mac.to_vec())];
    message
}

fn address_message(index: u32, address: IpAddr, prefix: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.prefix_len = prefix;
    message.header.index = index;
    message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
    message
}

/// Has a link of the namespace that we are in, or with `default` every one to come, believe nobody who says that he is a
/// router.
pub(super) fn refuse_routers(link: &str) -> io::Result<()> {
    let setting = Path::new("/proc/sys/net/ipv6/conf").join(link).join("accept_ra");
    match fs::write(setting, "0") {
        // A kernel without IPv6.
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

fn set_up(link: &mut LinkMessage) {
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
}

/// What of an answer matters here.
fn read(link: &LinkMessage) -> Link {
    let index = link.header.index;
    let mut found =
        Link { index, name: String::new(), mac: None, is_bridge: false, bridge: None, alias: None };
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::IfName(name) => found.name.clone_from(name),
            LinkAttribute::Address(mac) => found.mac = Some(mac.clone()),
            LinkAttribute::IfAlias(alias) => found.alias = Some(alias.clone()),
            LinkAttribute::Controller(index) => found.bridge = Some(*index),
            LinkAttribute::LinkInfo(infos) => {
                found.is_bridge = infos.contains(&LinkInfo::Kind(InfoKind::Bridge));
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_follows_from_an_address() {
        let vip = Ipv4Addr::new(166, 88, 0, 2);
        assert_eq!(address_of(&mac(vip)), Some(vip));
        assert_eq!(address_of(&[2, 0, 166, 88, 0, 2]), None);
        assert_eq!(link_local(mac(vip)).to_string(), "fe80::78:a6ff:fe58:2");
        let [one, other] = ["fd00:88::1:2", "fd00:88::1:3"].map(|text| stand_in(text.parse().unwrap()));
        assert!(one != other && address_of(&one).is_none());
    }
}
