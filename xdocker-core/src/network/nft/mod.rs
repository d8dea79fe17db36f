//! nf_tables(8) over netlink: our tables, and what is in their sets for one container.

mod expression;
mod message;
mod table;

use std::io;
use std::net::Ipv4Addr;

use nix::sys::socket::SockProtocol;

use self::expression::{ITEM, VALUE, link_name};
use self::message::{Attributes, Batch, CREATE, DUMP, Family, Kind, attributes, message, nested};
use self::table::{CONTAINERS, LIMITED, LINKS, PUBLISHED, PUBLISHED_AT, SENDERS, Set, UPLINKS, make};
use super::link::mac;
use super::socket::Socket;
use crate::host::Kernel;
use crate::spec::{HostPort, InterfaceName, Subnet};

/// Attributes of a set's elements: the table, the set, the list.
const TABLE: u16 = 1;
const SET: u16 = 2;
const ELEMENTS: u16 = 3;
/// Attributes of an element.
const KEY: u16 = 1;
const DATA: u16 = 2;
/// Bytes of elements in one message: the length of an attribute has 16 bits.
const LIST_MAX: usize = 32 * 1024;

/// What is to become of a container's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Add,
    Delete,
}

impl Change {
    fn kind(self) -> Kind {
        match self {
            Self::Add => Kind::NewElement,
            Self::Delete if Kernel::running().destroys_elements() => Kind::DestroyElement,
            Self::Delete => Kind::DeleteElement,
        }
    }
}

/// A batch that puts all that the rules say of a container into their sets, or takes it out.
///
/// `link` is the host's end of its pair, and `vip` its address.
pub(super) fn elements(
    change: Change,
    bridge: &InterfaceName,
    link: &str,
    vip: Ipv4Addr,
    interface: Option<&InterfaceName>,
    ports: impl Iterator<Item = HostPort>,
) -> Vec<u8> {
    let address = vip.octets();
    let port = |port: u16| [port.to_be_bytes(), [0; 2]].concat();
    let transport = |map: &HostPort| [map.transport.number(), 0, 0, 0];
    let one = |bytes: Vec<u8>| vec![(bytes, Vec::new())];
    let (mut published, mut published_at) = (Vec::new(), Vec::new());
    for map in ports {
        let target = [&address[..], &port(map.inside)].concat();
        match map.address {
            None => published.push(([&transport(&map)[..], &port(map.port)].concat(), target)),
            Some(at) => {
                let key = [&transport(&map)[..], &at.octets(), &port(map.port)].concat();
                published_at.push((key, target));
            }
        }
    }
    let sender = [&link_name(link)[..], &mac(vip), &[0; 2], &address].concat();
    let mut all = vec![
        (CONTAINERS, one(address.to_vec())),
        (LINKS, one(link_name(link).to_vec())),
        (SENDERS, one(sender)),
        (PUBLISHED, published),
        (PUBLISHED_AT, published_at),
    ];
    if let Some(interface) = interface {
        all.push((LIMITED, one(address.to_vec())));
        all.push((UPLINKS, one([&address[..], &link_name(interface.as_str())].concat())));
    }
    let mut batch = Batch::new();
    for (set, elements) in all {
        add_elements(&mut batch, change, bridge, &set, &elements);
    }
    batch.finish()
}

fn add_elements(
    batch: &mut Batch,
    change: Change,
    bridge: &InterfaceName,
    set: &Set,
    elements: &[(Vec<u8>, Vec<u8>)],
) {
    let flags = if change == Change::Add { CREATE } else { 0 };
    let mut send = |list: Attributes| {
        let attributes = Attributes::default().text(TABLE, bridge.as_str()).text(SET, set.name);
        batch.add(change.kind(), set.family, flags, &attributes.nest(ELEMENTS, list));
    };
    let mut list = Attributes::default();
    for (key, data) in elements {
        // What is to be deleted is named by its key.
        let data = Some(data).filter(|data| change == Change::Add && !data.is_empty());
        list = list.nest(ITEM, element(key, data));
        if list.len() > LIST_MAX {
            send(std::mem::take(&mut list));
        }
    }
    if list.len() > 0 {
        send(list);
    }
}

fn element(key: &[u8], data: Option<&Vec<u8>>) -> Attributes {
    let value = |bytes: &[u8]| Attributes::default().bytes(VALUE, bytes);
    let element = Attributes::default().nest(KEY, value(key));
    match data {
        Some(data) => element.nest(DATA, value(data)),
        None => element,
    }
}

/// The rules of the network namespace that we are in.
///
/// Closing one of these may take 20 ms, when somebody has just deleted something: not for what is done often.
#[derive(Debug)]
pub(super) struct Rules(Socket);

impl Rules {
    pub(super) fn open() -> io::Result<Self> {
        Socket::open(SockProtocol::NetlinkNetFilter).map(Self)
    }

    /// Makes the tables that are missing.
    pub(super) fn ensure(&self, bridge: &InterfaceName, subnet: Subnet) -> io::Result<()> {
        for family in [Family::Bridge, Family::Ipv4] {
            match self.0.transact(&make(family, bridge, subnet)) {
                Err(why) if why.raw_os_error() != Some(libc::EEXIST) => return Err(why),
                _ => {}
            }
        }
        Ok(())
    }

    /// Sends a batch of ours.
    pub(super) fn change(&self, batch: &[u8]) -> io::Result<()> {
        self.0.transact(batch).map(drop)
    }

    /// The address that a port leads to.
    pub(super) fn target(&self, bridge: &InterfaceName, port: &HostPort) -> io::Result<Option<Ipv4Addr>> {
        let transport = [port.transport.number(), 0, 0, 0];
        let number = [port.port.to_be_bytes(), [0; 2]].concat();
        let (set, key) = match port.address {
            None => (PUBLISHED, [&transport[..], &number].concat()),
            Some(at) => (PUBLISHED_AT, [&transport[..], &at.octets(), &number].concat()),
        };
        let list = Attributes::default().nest(ITEM, element(&key, None));
        let asked =
            Attributes::default().text(TABLE, bridge.as_str()).text(SET, set.name).nest(ELEMENTS, list);
        let answers = match self.0.transact(&message(Kind::GetElement, set.family, message::ACK, &asked)) {
            Err(why) if why.raw_os_error() == Some(libc::ENOENT) => return Ok(None),
            answers => answers?,
        };
        // Element, data, value: each the only one of its kind.
        let inner = |bytes: &[u8], kind: u16| {
            nested(bytes).find(|(it, _)| *it == kind).map(|(_, value)| value.to_vec())
        };
        let target = answers.iter().find_map(|answer| {
            let (_, list) = attributes(answer).find(|(kind, _)| *kind == ELEMENTS)?;
            let value = inner(&inner(&inner(list, ITEM)?, DATA)?, VALUE)?;
            Some(Ipv4Addr::from(<[u8; 4]>::try_from(value.get(..4)?).ok()?))
        });
        Ok(target)
    }

    /// Chains of other tables, as `table chain`, that drop what is forwarded unless one of their rules allows it.
    pub(super) fn closed_chains(&self, bridge: &InterfaceName) -> io::Result<Vec<String>> {
        const FORWARD: u32 = 2;
        let asked = message(Kind::GetChain, Family::Any, DUMP, &Attributes::default());
        let text = |value: &[u8]| String::from_utf8_lossy(value).trim_end_matches('\0').to_owned();
        let number = |value: &[u8]| value.try_into().ok().map(u32::from_be_bytes);
        let mut found = Vec::new();
        for answer in self.0.transact(&asked)? {
            let (mut table, mut name, mut hook, mut policy) = (String::new(), String::new(), None, None);
            for (kind, value) in attributes(&answer) {
                match kind {
                    1 => table = text(value),
                    3 => name = text(value),
                    4 => hook = nested(value).find(|(kind, _)| *kind == 1).and_then(|(_, hook)| number(hook)),
                    5 => policy = number(value),
                    _ => {}
                }
            }
            // inet and ip; of the others none sees what is routed to IPv4.
            let routed = matches!(message::family(&answer), 1 | 2);
            if routed && hook == Some(FORWARD) && policy == Some(0) && table != bridge.as_str() {
                found.push(format!("{table} {name}"));
            }
        }
        Ok(found)
    }
}
