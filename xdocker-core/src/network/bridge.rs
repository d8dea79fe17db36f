//! The bridge itself: what is in its way, making it the first time, and removing it.
//!
//! This is rare and asks for long answers, and is left to rtnetlink. That is asynchronous; so it gets a thread with a
//! runtime of its own, which is gone when the answer is there: the caller's may be one of another runtime's.

use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::thread;

use futures_util::{Stream, TryStreamExt};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressFlags};
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourAttribute, NeighbourState};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol};
use rtnetlink::{Handle, LinkBridge, LinkUnspec, RouteMessageBuilder};

use super::link::{Link, Links, address_of, link_local, mac, no_link_local, refuse_routers};
use super::nft::Rules;
use super::{BridgeSettings, Owner, sysctl};
use crate::error::{Error, NetworkError, Result};

/// A route of the host's: where to, by how many bits, by which link, and who says so.
struct Route {
    to: IpAddr,
    prefix: u8,
    link: Option<u32>,
    /// Whether it comes from a router's advertisement.
    advertised: bool,
}

impl BridgeSettings {
    /// The index of the bridge, if it is there and is as it should be. One that whoever made it has not completed is not
    /// there yet.
    ///
    /// # Errors
    /// [`NetworkError::BridgeTaken`], [`Error::System`].
    pub(super) fn find(&self, links: &Links) -> Result<Option<u32>> {
        let failed = || Error::system(format!("look for bridge {}", self.bridge));
        let taken = |why: String| NetworkError::BridgeTaken { bridge: self.bridge.to_string(), why };
        let Some(found) = links.find(self.bridge.as_str()).map_err(failed())? else { return Ok(None) };
        if !found.is_bridge {
            return Err(taken("is no bridge".to_owned()).into());
        }
        for (gateway, prefix) in self.gateways() {
            if !links.has_address(found.index, gateway, prefix).map_err(failed())? {
                if self.is_half_made(&found) {
                    return Ok(None);
                }
                return Err(taken(format!("has not the address {gateway}/{prefix}")).into());
            }
        }
        Ok(Some(found.index))
    }

    /// The index of the bridge if it is there; if not, nothing is in its way.
    ///
    /// # Errors
    /// [`NetworkError::BridgeTaken`], [`NetworkError::RouteTaken`], [`Error::System`].
    pub(super) fn check(&self, links: &Links) -> Result<Option<u32>> {
        if let Some(index) = self.find(links)? {
            return Ok(Some(index));
        }
        let failed = || Error::system("look at the host's routes");
        let routes = ask(routes).map_err(failed())?;
        let half = links.find(self.bridge.as_str()).map_err(failed())?.map(|link| link.index);
        let mut others = routes.iter().filter(|route| route.link.is_none() || route.link != half);
        let Some(route) = others.find(|route| self.is_in_the_way_of(route)) else {
            return Ok(None);
        };
        let subnet = match (route.to, self.subnet6) {
            (IpAddr::V6(_), Some(subnet)) => subnet.to_string(),
            _ => self.subnet.to_string(),
        };
        let link = route.link.and_then(|index| links.at(index).ok().flatten());
        let by = link.map(|link| format!(" by {}", link.name)).unwrap_or_default();
        let route = format!("{}/{}{by}", route.to, route.prefix);
        Err(NetworkError::RouteTaken { subnet, bridge: self.bridge.to_string(), route }.into())
    }

    /// Whether a link is on the way to be our bridge: it gets its alias last.
    fn is_half_made(&self, link: &Link) -> bool {
        link.alias.is_none() && link.mac.as_deref() == Some(&mac(self.subnet.gateway()))
    }

    fn is_in_the_way_of(&self, route: &Route) -> bool {
        // The whole in two halves is the default route as VPNs have it.
        route.prefix > 1
            && match (route.to, self.subnet6) {
                (IpAddr::V4(to), _) => self.subnet.overlaps(to, route.prefix),
                (IpAddr::V6(to), Some(subnet)) => subnet.overlaps(to, route.prefix),
                (IpAddr::V6(_), None) => false,
            }
    }

    /// The index of the bridge, which is made if it is not there.
    ///
    /// # Errors
    /// Those of [`Self::check`].
    pub(super) fn ensure(&self, links: &Links) -> Result<u32> {
        if let Some(index) = self.check(links)? {
            return Ok(index);
        }
        let addresses: Vec<_> =
            self.gateways().map(|(gateway, prefix)| format!("{gateway}/{prefix}")).collect();
        tracing::info!("bridge {}: made, with the addresses {}", self.bridge, addresses.join(" and "));
        ask(|handle| make(handle, self.clone()))
            .map_err(Error::system(format!("make bridge {}", self.bridge)))?;
        let found = self.find(links)?;
        found.ok_or_else(|| {
            let why = io::Error::other("it is gone again");
            Error::System { action: format!("make bridge {}", self.bridge), source: why }
        })
    }

    /// The addresses that others than this home have on the bridge, and we have, with that index.
    pub(super) fn addresses_behind(bridge: u32) -> Result<BTreeSet<Ipv4Addr>> {
        ask(move |handle| neighbours(handle, bridge))
            .map_err(Error::system("list the addresses on the bridge"))
    }

    /// Removes the bridge and its rules, unless somebody else is connected to it or it is not as it was made. What was this
    /// home's may go on to be there for a moment.
    pub(crate) fn abandon(&self, home: &Path) -> Result<()> {
        let failed = || Error::system(format!("remove bridge {}", self.bridge));
        let links = Links::here().map_err(Error::system("look at the host's network"))?;
        let Ok(Some(index)) = self.find(&links) else { return Ok(()) };
        let ports = ask(move |handle| ports(handle, index)).map_err(failed())?;
        if ports.iter().any(|mark| !mark.as_ref().is_some_and(|mark| Owner::is_of(home, mark))) {
            return Ok(());
        }
        tracing::info!("bridge {}: removed", self.bridge);
        Rules::open().and_then(|rules| rules.remove(self)).map_err(failed())?;
        links.delete(self.bridge.as_str()).map_err(failed())
    }

    /// Has the host pass on packets of the bridge's versions of IP.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::System`].
    pub(super) fn forward(&self) -> Result<()> {
        if sysctl::get("ipv4/ip_forward")?.starts_with('0') {
            sysctl::set("ipv4/ip_forward", "1")?;
            tracing::info!("switched on the forwarding of packets: net.ipv4.ip_forward=1");
        }
        if self.subnet6.is_none() || !sysctl::get("ipv6/conf/all/forwarding")?.starts_with('0') {
            return Ok(());
        }
        // Who passes packets on listens to no router, unless told to (ip-sysctl.rst): where the host has its own routes
        // from one it would lose them.
        let failed = || Error::system("look at the host's network");
        let links = Links::here().map_err(failed())?;
        let routes = ask(routes).map_err(failed())?;
        let advertised: BTreeSet<_> =
            routes.iter().filter(|it| it.advertised).filter_map(|it| it.link).collect();
        for link in advertised {
            let Some(link) = links.at(link).map_err(failed())? else { continue };
            let setting = format!("ipv6/conf/{}/accept_ra", link.name);
            if sysctl::get(&setting)?.starts_with('1') {
                sysctl::set(&setting, "2")?;
                tracing::info!("{} goes on to listen to routers: {setting}=2", link.name);
            }
        }
        sysctl::set("ipv6/conf/all/forwarding", "1")?;
        tracing::info!("switched on the forwarding of packets: net.ipv6.conf.all.forwarding=1");
        Ok(())
    }
}

/// Asks rtnetlink in the network namespace that we are in.
fn ask<T, F>(question: impl FnOnce(Handle) -> F + Send) -> io::Result<T>
where
    T: Send,
    F: Future<Output = std::result::Result<T, rtnetlink::Error>>,
{
    let answer = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        runtime.block_on(async {
            let (connection, handle, _) = rtnetlink::new_connection()?;
            // It ends with the runtime.
            tokio::spawn(connection);
            question(handle).await.map_err(|why| match why {
                rtnetlink::Error::NetlinkError(message) => message.to_io(),
                other => io::Error::other(other),
            })
        })
    };
    thread::scope(|scope| {
        let thread = scope.spawn(answer);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
    })
}

type Answer<T> = std::result::Result<T, rtnetlink::Error>;

/// Makes a bridge that is up and has its addresses, or completes one that somebody else was about to make, be it that he
/// was killed or that he is at it: then both do what is to be done.
async fn make(handle: Handle, settings: BridgeSettings) -> Answer<()> {
    let name = settings.bridge.as_str();
    // Without an Ethernet address of its own it would take the lowest of its ports', and change it as these come and go.
    let own = LinkAttribute::Address(mac(settings.subnet.gateway()).to_vec());
    let bridge = LinkBridge::new(name).append_extra_attribute(own).build();
    unless_there(handle.link().add(bridge).execute().await)?;
    let made = first(handle.link().get().match_name(name.to_owned()).execute()).await?;
    let index = made.map(|link| link.header.index).ok_or(rtnetlink::Error::RequestFailed)?;
    // Nobody on it is a router to the host.
    refuse_routers(name).map_err(|why| rtnetlink::Error::NamespaceError(why.to_string()))?;
    // An address that it makes for itself cannot be used for a second, and it is what neighbours are asked from.
    let mut addresses: Vec<_> = settings.gateways().collect();
    if settings.subnet6.is_some() {
        let quiet = LinkUnspec::new_with_index(index).append_extra_attribute(no_link_local()).build();
        handle.link().set(quiet).execute().await?;
        addresses.push((link_local(mac(settings.subnet.gateway())).into(), 64));
    }
    for (gateway, prefix) in addresses {
        let mut request = handle.address().add(index, gateway, prefix);
        if gateway.is_ipv6() {
            // At once, and not when nobody else has answered for a second.
            request.message_mut().attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        unless_there(request.execute().await)?;
    }
    let alias = LinkAttribute::IfAlias("bridge of xdocker".to_owned());
    let whole = LinkUnspec::new_with_index(index).up().append_extra_attribute(alias).build();
    handle.link().set(whole).execute().await
}

/// What came of making something that may be there already.
fn unless_there(made: Answer<()>) -> Answer<()> {
    match made {
        Err(rtnetlink::Error::NetlinkError(why)) if why.to_io().raw_os_error() == Some(libc::EEXIST) => {
            Ok(())
        }
        made => made,
    }
}

async fn first<T>(answers: impl Stream<Item = Answer<T>>) -> Answer<Option<T>> {
    std::pin::pin!(answers).try_next().await
}

/// Every route of the main table but the default route.
async fn routes(handle: Handle) -> Answer<Vec<Route>> {
    let mut found = Vec::new();
    let v4 = RouteMessageBuilder::<Ipv4Addr>::new().build();
    let v6 = RouteMessageBuilder::<Ipv6Addr>::new().build();
    for all in [v4, v6] {
        let mut answers = std::pin::pin!(handle.route().get(all).execute());
        while let Some(route) = answers.try_next().await? {
            found.extend(read_route(&route));
        }
    }
    Ok(found)
}

fn read_route(route: &RouteMessage) -> Option<Route> {
    let to = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(IpAddr::V4(*address)),
        RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    });
    let link = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    });
    let advertised = route.header.protocol == RouteProtocol::Ra;
    let everywhere: IpAddr = Ipv4Addr::UNSPECIFIED.into();
    let main = route.header.table == RouteHeader::RT_TABLE_MAIN;
    let (to, prefix) = (to.unwrap_or(everywhere), route.header.destination_prefix_length);
    main.then_some(Route { to, prefix, link, advertised })
}

/// The addresses of ours that are behind ports of the bridge.
async fn neighbours(handle: Handle, bridge: u32) -> Answer<BTreeSet<Ipv4Addr>> {
    let request = handle.neighbours().get().set_address_family(AddressFamily::Bridge);
    let mut answers = std::pin::pin!(request.execute());
    let mut found = BTreeSet::new();
    while let Some(entry) = answers.try_next().await? {
        let settled = entry.header.state == NeighbourState::Noarp;
        if settled && entry.attributes.contains(&NeighbourAttribute::Controller(bridge)) {
            found.extend(entry.attributes.iter().find_map(|attribute| match attribute {
                NeighbourAttribute::LinkLayerAddress(mac) => address_of(mac),
                _ => None,
            }));
        }
    }
    Ok(found)
}

/// The marks of the bridge's ports, of those that have one.
async fn ports(handle: Handle, bridge: u32) -> Answer<Vec<Option<String>>> {
    let is_port = |link: &LinkMessage| link.attributes.contains(&LinkAttribute::Controller(bridge));
    let mark = |link: LinkMessage| {
        link.attributes.into_iter().find_map(|attribute| match attribute {
            LinkAttribute::IfAlias(mark) => Some(mark),
            _ => None,
        })
    };
    let mut answers = std::pin::pin!(handle.link().get().execute());
    let mut found = Vec::new();
    while let Some(link) = answers.try_next().await? {
        found.extend(is_port(&link).then(|| mark(link)));
    }
    Ok(found)
}
