//! nf_tables(8) over netlink: our tables, and what is in their sets for one container.

mod elements;
mod expression;
mod foreign;
mod item;
mod message;
mod table;

use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use nix::sys::socket::SockProtocol;

use self::elements::port_key;
pub(super) use self::elements::{Change, Member};
use self::expression::{ITEM, VALUE};
use self::item::{ELEMENTS, SET, TABLE, element, value};
use self::message::{ACK, Attributes, DUMP, Family, Kind, attributes, message, nested};
use self::table::{CONTAINERS, DISCARD, PUBLISHED_AT, Set, ask_whole, make, unmake};
use super::BridgeSettings;
use super::socket::Socket;
use crate::spec::{HostPort, InterfaceName};

/// The rules of the network namespace that we are in.
///
/// Closing one of these may take 20 ms, for everybody, when somebody has just deleted something: not for what is done often.
#[derive(Debug)]
pub(super) struct Rules(Socket);

impl Rules {
    pub(super) fn open() -> io::Result<Self> {
        Socket::open(SockProtocol::NetlinkNetFilter).map(Self)
    }

    /// Makes what is missing of the tables. What is in their sets stays there.
    pub(super) fn ensure(&self, settings: &BridgeSettings) -> io::Result<()> {
        for family in families(settings.subnet6.is_some()) {
            if !self.has_whole(family, settings)? {
                self.change(&make(family, settings))?;
            }
        }
        Ok(())
    }

    /// Whether the table of `family` is there, with its rules.
    fn has_whole(&self, family: Family, settings: &BridgeSettings) -> io::Result<bool> {
        match self.0.transact(&ask_whole(family, settings.bridge.as_str())) {
            Err(why) if why.raw_os_error() == Some(libc::ENOENT) => Ok(false),
            answer => answer.map(|_| true),
        }
    }

    /// Removes the tables.
    pub(super) fn remove(&self, settings: &BridgeSettings) -> io::Result<()> {
        for family in families(true) {
            match self.0.transact(&unmake(family, settings)) {
                Err(why) if why.raw_os_error() != Some(libc::ENOENT) => return Err(why),
                _ => {}
            }
        }
        Ok(())
    }

    /// Sends a batch of ours.
    pub(super) fn change(&self, batch: &[u8]) -> io::Result<()> {
        self.0.transact(batch).map(drop)
    }

    /// The address that a port leads to, in the version of IP of `address`.
    pub(super) fn target(
        &self,
        bridge: &InterfaceName,
        port: &HostPort,
        address: IpAddr,
    ) -> io::Result<Option<IpAddr>> {
        if !port.is_for(address) {
            return Ok(None);
        }
        let (set, key) = port_key(port);
        let found = self.elements(bridge, Family::of(address), set, Some(&key))?;
        Ok(found.into_iter().find_map(|(_, data)| address_in(&data, address)))
    }

    /// The address of another container whose map of the port's number and protocol is for packets that `port` is for, too.
    pub(super) fn rival(
        &self,
        bridge: &InterfaceName,
        port: &HostPort,
        own: IpAddr,
    ) -> io::Result<Option<IpAddr>> {
        let others = |address: &IpAddr| *address != own;
        let everywhere = HostPort { address: None, ..*port };
        for port in [port, &everywhere] {
            if let Some(address) = self.target(bridge, port, own)?.filter(others) {
                return Ok(Some(address));
            }
        }
        if port.address.is_some() {
            return Ok(None);
        }
        let (_, key) = port_key(port);
        let (transport, number) = key.split_at(4);
        let all = self.elements(bridge, Family::of(own), &PUBLISHED_AT, None)?;
        let same = all.into_iter().filter(|(key, _)| key.starts_with(transport) && key.ends_with(number));
        Ok(same.filter_map(|(_, data)| address_in(&data, own)).find(others))
    }

    /// Whether some running container has the address.
    pub(super) fn has(&self, bridge: &InterfaceName, address: IpAddr) -> io::Result<bool> {
        let key = elements::bytes(address);
        Ok(!self.elements(bridge, Family::of(address), &CONTAINERS, Some(&key))?.is_empty())
    }

    /// Key and data of the element with that key, or of all of a set.
    fn elements(
        &self,
        bridge: &InterfaceName,
        family: Family,
        set: &Set,
        key: Option<&[u8]>,
    ) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut asked = Attributes::default().text(TABLE, bridge.as_str()).text(SET, set.name);
        if let Some(key) = key {
            asked = asked.nest(ELEMENTS, Attributes::default().nest(ITEM, element(key, None)));
        }
        let flags = if key.is_some() { ACK } else { DUMP };
        let answers = match self.0.transact(&message(Kind::GetElement, family, flags, &asked)) {
            Err(why) if why.raw_os_error() == Some(libc::ENOENT) => return Ok(Vec::new()),
            answers => answers?,
        };
        let inner = |bytes: &[u8], kind: u16| {
            nested(bytes).find(|(it, _)| *it == kind).map(|(_, value)| value.to_vec())
        };
        let plain =
            |item: &[u8], kind| inner(item, kind).and_then(|it| inner(&it, VALUE)).unwrap_or_default();
        let mut found = Vec::new();
        for answer in &answers {
            let Some((_, list)) = attributes(answer).find(|(kind, _)| *kind == ELEMENTS) else { continue };
            found.extend(nested(list).map(|(_, item)| (plain(item, value::KEY), plain(item, value::DATA))));
        }
        Ok(found)
    }
}

/// Those that a bridge has tables of.
fn families(ipv6: bool) -> impl Iterator<Item = Family> {
    [Family::Bridge, Family::Ipv4].into_iter().chain(ipv6.then_some(Family::Ipv6))
}

/// Questions that fail, with ENOENT, where rules are missing: messages for a launch plan.
pub(super) fn ask_for_rules(bridge: &InterfaceName, ipv6: bool) -> Vec<u8> {
    families(ipv6).flat_map(|family| ask_whole(family, bridge.as_str())).collect()
}

impl BridgeSettings {
    /// Whether the rules for IPv4 are seen to be gone, as all are after a firewall was loaded anew. It takes a packet that
    /// they do not let out, and no socket of nf_tables. Where that packet tells nothing they are taken to be there.
    pub(in super::super) fn rules_are_gone(&self) -> bool {
        let send = || {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.send_to(&[], (self.subnet.gateway(), DISCARD))
        };
        send().is_ok()
    }
}

impl Family {
    /// That of the table for an address.
    fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }
}

/// The address that the data of an element begin with, in the version of IP of `like`.
fn address_in(data: &[u8], like: IpAddr) -> Option<IpAddr> {
    Some(match like {
        IpAddr::V4(_) => IpAddr::from(<[u8; 4]>::try_from(data.get(..4)?).ok()?),
        IpAddr::V6(_) => IpAddr::from(<[u8; 16]>::try_from(data.get(..16)?).ok()?),
    })
}
