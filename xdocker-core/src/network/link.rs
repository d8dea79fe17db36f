//! Links, addresses and routes: rtnetlink(7), a message at a time.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::thread;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoPortKind, InfoVeth, LinkAttribute, LinkFlags,
    LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::SockProtocol;

use super::socket::Socket;
use crate::spec::{NetnsName, Subnet};

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

/// What there is to know of a link.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) is_bridge: bool,
    /// The bridge that it is a port of.
    pub(super) bridge: Option<u32>,
}

/// The links of a network namespace.
#[derive(Debug)]
pub(super) struct Links(Socket);

impl Links {
    /// Those of the namespace that we are in.
    pub(super) fn here() -> io::Result<Self> {
        Socket::open(SockProtocol::NetlinkRoute).map(Self)
    }

    /// Those of a namespace with a name. A thread of our own goes there, and leaves the socket to us.
    pub(super) fn of(namespace: &NetnsName) -> io::Result<Self> {
        let file = File::open(namespace.path())?;
        let open = || {
            setns(&file, CloneFlags::CLONE_NEWNET)?;
            Self::here()
        };
        thread::scope(|scope| {
            scope.spawn(open).join().unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
        })
    }

    /// The link of that name.
    pub(super) fn find(&self, name: &str) -> io::Result<Option<Link>> {
        let link = link(0, [LinkAttribute::IfName(name.to_owned())]);
        match self.ask(RouteNetlinkMessage::GetLink(link), 0) {
            Err(why) if why.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            Err(why) => Err(why),
            Ok(answers) => Ok(answers.into_iter().find_map(|answer| match answer {
                RouteNetlinkMessage::NewLink(link) => Some(read(&link)),
                _ => None,
            })),
        }
    }

    /// Makes a bridge that is up and has an address: it appears under its name with all of it, or not at all.
    pub(super) fn add_bridge(&self, name: &str, subnet: Subnet) -> io::Result<u32> {
        let draft = format!("xdnew{}", std::process::id());
        let bridge = link(
            0,
            [
                LinkAttribute::IfName(draft.clone()),
                // Without one of its own it would take the lowest of its ports', and change it as these come and go.
                LinkAttribute::Address(mac(subnet.gateway()).to_vec()),
                LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
            ],
        );
        self.ask(RouteNetlinkMessage::NewLink(bridge), NLM_F_CREATE | NLM_F_EXCL)?;
        let publish = || {
            let made = self.find(&draft)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
            self.add_address(made.index, subnet.gateway(), subnet)?;
            let mut named = link(made.index, [LinkAttribute::IfName(name.to_owned())]);
            set_up(&mut named);
            self.ask(RouteNetlinkMessage::SetLink(named), 0)?;
            Ok(made.index)
        };
        publish().inspect_err(|_: &io::Error| {
            // The reason why is what counts.
            let _ = self.delete(&draft);
        })
    }

    /// Makes a pair of links: `name`, a port of `bridge`, here, and `inside`, with the Ethernet address `mac`, in
    /// `namespace`. All of it in one message: a link that is made first and moved then waits for the kernel.
    pub(super) fn add_pair(
        &self,
        name: &str,
        bridge: u32,
        namespace: BorrowedFd<'_>,
        inside: &str,
        mac: Mac,
    ) -> io::Result<()> {
        let peer = link(
            0,
            [
                LinkAttribute::IfName(inside.to_owned()),
                LinkAttribute::Address(mac.to_vec()),
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
        // Where bridged packets go through the host's filters (br_netfilter), one that a container sends to a port of
        // its own goes out of the port that it came in by.
        let hairpin = vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(InfoPortData::BridgePort(vec![InfoBridgePort::HairpinMode(true)])),
        ];
        let attributes = [LinkAttribute::IfName(name.to_owned()), LinkAttribute::LinkInfo(hairpin)];
        self.ask(RouteNetlinkMessage::NewLink(link(0, attributes)), 0).map(drop)
    }

    /// Deletes the link of that name; none there is fine. The kernel takes 10 to 30 ms for it.
    pub(super) fn delete(&self, name: &str) -> io::Result<()> {
        let link = link(0, [LinkAttribute::IfName(name.to_owned())]);
        match self.ask(RouteNetlinkMessage::DelLink(link), 0) {
            Err(why) if why.raw_os_error() != Some(libc::ENODEV) => Err(why),
            _ => Ok(()),
        }
    }

    /// Makes the namespace of a container usable: loopback up, an address on `interface`, the way out by the gateway.
    pub(super) fn configure(&self, interface: &str, address: Ipv4Addr, subnet: Subnet) -> io::Result<()> {
        let found = self.find(interface)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        for index in [LOOPBACK, found.index] {
            let mut up = link(index, []);
            set_up(&mut up);
            self.ask(RouteNetlinkMessage::SetLink(up), 0)?;
        }
        self.add_address(found.index, address, subnet)?;
        let mut route = RouteMessage::default();
        route.header = RouteHeader {
            address_family: AddressFamily::Inet,
            table: RouteHeader::RT_TABLE_MAIN,
            protocol: RouteProtocol::Boot,
            scope: RouteScope::Universe,
            kind: RouteType::Unicast,
            ..RouteHeader::default()
        };
        route.attributes = vec![
            RouteAttribute::Gateway(RouteAddress::Inet(subnet.gateway())),
            RouteAttribute::Oif(found.index),
        ];
        self.ask(RouteNetlinkMessage::NewRoute(route), NLM_F_CREATE | NLM_F_EXCL).map(drop)
    }

    fn add_address(&self, index: u32, address: Ipv4Addr, subnet: Subnet) -> io::Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.prefix_len = subnet.prefix();
        message.header.index = index;
        message.attributes = vec![
            AddressAttribute::Local(IpAddr::V4(address)),
            AddressAttribute::Address(IpAddr::V4(address)),
            AddressAttribute::Broadcast(subnet.broadcast()),
        ];
        self.ask(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL).map(drop)
    }

    /// Every IPv4 address, with the index of its link and its prefix.
    pub(super) fn addresses(&self) -> io::Result<Vec<(u32, Ipv4Addr, u8)>> {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        let answers = self.ask(RouteNetlinkMessage::GetAddress(message), NLM_F_DUMP)?;
        let found = answers.into_iter().filter_map(|answer| {
            let RouteNetlinkMessage::NewAddress(message) = answer else { return None };
            let local = message.attributes.iter().find_map(|attribute| match attribute {
                AddressAttribute::Local(IpAddr::V4(address)) => Some(*address),
                _ => None,
            });
            Some((message.header.index, local?, message.header.prefix_len))
        });
        Ok(found.collect())
    }

    /// Destination and prefix of every IPv4 route of the main table, the default route apart.
    pub(super) fn routes(&self) -> io::Result<Vec<(Ipv4Addr, u8)>> {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet;
        let answers = self.ask(RouteNetlinkMessage::GetRoute(message), NLM_F_DUMP)?;
        let found = answers.into_iter().filter_map(|answer| {
            let RouteNetlinkMessage::NewRoute(route) = answer else { return None };
            let destination = route.attributes.iter().find_map(|attribute| match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(*address),
                _ => None,
            });
            let main = route.header.table == RouteHeader::RT_TABLE_MAIN;
            main.then_some((destination?, route.header.destination_prefix_length))
        });
        Ok(found.collect())
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

fn set_up(link: &mut LinkMessage) {
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
}

fn read(link: &LinkMessage) -> Link {
    let mut found = Link { index: link.header.index, is_bridge: false, bridge: None };
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::Controller(index) => found.bridge = Some(*index),
            LinkAttribute::LinkInfo(infos) => {
                found.is_bridge = infos.contains(&LinkInfo::Kind(InfoKind::Bridge));
            }
            _ => {}
        }
    }
    found
}
