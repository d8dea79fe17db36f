//! Ports of the host that lead into a container.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How many ports a container may have mapped: they are set in one message to the kernel, which is finite.
const MOST: usize = 1024;

/// Protocol of a mapped port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Transport {
    const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    /// `tcp`, `udp` or `sctp`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }

    /// Its number in an IP packet.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Tcp => libc::IPPROTO_TCP as u8,
            Self::Udp => libc::IPPROTO_UDP as u8,
            Self::Sctp => libc::IPPROTO_SCTP as u8,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One port of the host, on one address or on all of them, and the port inside that it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// Protocol of both.
    pub transport: Transport,
    /// The host's address; `None` for every one that it has.
    pub address: Option<IpAddr>,
    /// The host's port.
    pub port: u16,
    /// The container's port.
    pub inside: u16,
}

impl HostPort {
    /// Whether no packet can be for both.
    fn is_apart_from(&self, other: &Self) -> bool {
        self.transport != other.transport || self.port != other.port || self.address != other.address
    }
}

impl fmt::Display for HostPort {
    /// The host's side, as `8080/tcp`, `127.0.0.1:8080/tcp` or `[::1]:8080/tcp`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_address(f, self.address)?;
        write!(f, "{}/{}", self.port, self.transport)
    }
}

/// The address that a port is limited to, and what is between the two.
fn write_address(f: &mut fmt::Formatter<'_>, address: Option<IpAddr>) -> fmt::Result {
    match address {
        None => Ok(()),
        Some(IpAddr::V4(address)) => write!(f, "{address}:"),
        Some(IpAddr::V6(address)) => write!(f, "[{address}]:"),
    }
}

/// An address as it stands before a port: of IPv6 in brackets, since it has colons of its own.
fn read_address(text: &str) -> Option<IpAddr> {
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => text.parse().ok().map(IpAddr::V4),
    }
}

/// Ports in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: u16,
    last: u16,
}

impl Range {
    fn len(self) -> usize {
        usize::from(self.last - self.first) + 1
    }
}

impl FromStr for Range {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = |text: &str| match text.parse::<u16>() {
            // Not `+80`, which Rust takes for a number.
            Ok(port) if port > 0 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
            _ => Err("a port is a number from 1 to 65535"),
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = Self { first: port(first)?, last: port(last)? };
        if range.first <= range.last {
            Ok(range)
        } else {
            Err("a range goes from a lower port to a higher one")
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.last > self.first { write!(f, "-{}", self.last) } else { Ok(()) }
    }
}

/// One item of a list: ports of the host in a row, and as many inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    address: Option<IpAddr>,
    host: Range,
    inside: Range,
    transport: Transport,
}

impl FromStr for Item {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "[address:]port:port[/tcp|/udp|/sctp] is expected";
        let (ports, transport) = match text.split_once('/') {
            None => (text, Transport::Tcp),
            Some((ports, name)) => {
                (ports, Transport::ALL.into_iter().find(|known| known.as_str() == name).ok_or(FORM)?)
            }
        };
        let (rest, inside) = ports.rsplit_once(':').ok_or(FORM)?;
        let (address, host) = match rest.rsplit_once(':') {
            None => (None, rest),
            Some((address, host)) => {
                (Some(read_address(address).ok_or("its address is no IP address")?), host)
            }
        };
        // 0.0.0.0 is how every address is written.
        let address = address.filter(|address| !address.is_unspecified());
        let (host, inside): (Range, Range) = (host.parse()?, inside.parse()?);
        if host.len() != inside.len() {
            return Err("the two ranges differ in length");
        }
        Ok(Self { address, host, inside, transport })
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_address(f, self.address)?;
        write!(f, "{}:{}", self.host, self.inside)?;
        if self.transport == Transport::Tcp { Ok(()) } else { write!(f, "/{}", self.transport) }
    }
}

/// The ports of the host that lead into a container: `(host's port):(container's port)`, several of them with commas
/// between. Each may be a range, begin with an address of the host that it is limited to (one of IPv6 in brackets), and end
/// with a protocol.
///
/// ```
/// # use xdocker_core::PortMap;
/// let map: PortMap = "19527:9527,127.0.0.1:53:5353/udp,8000-8010:9000-9010".parse()?;
/// assert_eq!(map.ports().count(), 13);
/// assert!("80:0".parse::<PortMap>().is_err());
/// # Ok::<(), xdocker_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortMap(Vec<Item>);

impl PortMap {
    /// Whether no port is mapped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every port.
    pub fn ports(&self) -> impl Iterator<Item = HostPort> + '_ {
        self.0.iter().flat_map(|item| {
            (item.host.first..=item.host.last).zip(item.inside.first..=item.inside.last).map(
                |(port, inside)| HostPort { transport: item.transport, address: item.address, port, inside },
            )
        })
    }
}

impl FromStr for PortMap {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::invalid("port mapping", text, why);
        let items = text.split(',').map(str::parse).collect::<Result<Vec<Item>, _>>().map_err(bad)?;
        if items.iter().map(|item| item.host.len()).sum::<usize>() > MOST {
            return Err(bad("it maps more than 1024 ports"));
        }
        let map = Self(items);
        let mut ports: Vec<_> = map.ports().collect();
        ports.sort_unstable_by_key(|port| (port.transport, port.address, port.port));
        match ports.windows(2).find(|two| !two[0].is_apart_from(&two[1])) {
            Some(two) => Err(bad(&format!("it maps {} twice", two[0]))),
            None => Ok(map),
        }
    }
}

impl TryFrom<String> for PortMap {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        if text.is_empty() { Ok(Self::default()) } else { text.parse() }
    }
}

impl From<PortMap> for String {
    fn from(map: PortMap) -> Self {
        map.to_string()
    }
}

impl fmt::Display for PortMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, item) in self.0.iter().enumerate() {
            write!(f, "{}{item}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_can_be_no_port_map_is_refused() {
        let bad = [
            "",
            ",",
            "80",
            "80:",
            ":80",
            "0:80",
            "80:0",
            "65536:80",
            "80:65536",
            "a:b",
            "80:80/icmp",
            "80:80/",
            "+80:80",
            "-80:80",
            "80-:80",
            "9-8:1-2",
            "1-3:1-2",
            "1.2.3:80:80",
            "1.2.3.4:80",
            "::1:80:80",
            "[::1:80:80",
            "[]:80:80",
            "[1.2.3.4]:80:80",
            "[fe80::1%eth0]:80:80",
            "80:80,80:81",
            "1-5:1-5,3:9",
            "1-1025:1-1025",
            "80:80,",
            "80 :80",
            "1:2:3:4",
        ];
        for text in bad {
            let parsed = text.parse::<PortMap>();
            assert!(parsed.is_err(), "{text}: {parsed:?}");
        }
    }

    #[test]
    fn the_same_port_may_be_mapped_for_two_protocols_or_addresses() {
        for text in [
            "53:53,53:53/udp,53:53/sctp",
            "127.0.0.1:80:80,10.0.0.1:80:81,[::1]:80:80",
            "127.0.0.1:80:80,80:81",
        ] {
            assert_eq!(text.parse::<PortMap>().unwrap().to_string(), text);
        }
        assert_eq!("0.0.0.0:80:81/tcp".parse::<PortMap>().unwrap().to_string(), "80:81");
    }

    fn item() -> impl Strategy<Value = Item> {
        let transport = prop::sample::select(Transport::ALL.to_vec());
        let address =
            prop::option::of(any::<IpAddr>().prop_filter("all", |address| !address.is_unspecified()));
        (address, 1..60000u16, 1..60000u16, 0..20u16, transport).prop_map(
            |(address, host, inside, more, transport)| Item {
                address,
                host: Range { first: host, last: host + more },
                inside: Range { first: inside, last: inside + more },
                transport,
            },
        )
    }

    /// Checks that what is taken for a map is one, and is read again as it is.
    fn answers(text: &str) -> Result<(), TestCaseError> {
        let Ok(map) = text.parse::<PortMap>() else { return Ok(()) };
        let ports: Vec<_> = map.ports().collect();
        prop_assert!((1..=MOST).contains(&ports.len()));
        prop_assert!(ports.iter().all(|port| port.port > 0 && port.inside > 0));
        let again = map.to_string().parse::<PortMap>();
        prop_assert_eq!(again.ok(), Some(map), "{}", text);
        Ok(())
    }

    proptest! {
        #[test]
        fn a_map_is_read_as_it_is_written(items in prop::collection::vec(item(), 1..6)) {
            let map = PortMap(items);
            match map.to_string().parse::<PortMap>() {
                Ok(read) => prop_assert_eq!(read, map),
                Err(error) => prop_assert!(error.to_string().ends_with("twice"), "{error}"),
            }
        }

        #[test]
        fn any_text_has_an_answer(text in r"[0-9a-z:./,\[\]-]{0,40}|\PC{0,20}") {
            answers(&text)?;
        }

        #[test]
        fn a_map_with_a_slip_of_the_pen_has_an_answer(
            items in prop::collection::vec(item(), 1..4),
            (at, typed) in (any::<prop::sample::Index>(), r"[0-9:/,\[\]-]{0,3}"),
        ) {
            let mut text = PortMap(items).to_string();
            let at = at.index(text.len());
            text.replace_range(at..=at, &typed);
            answers(&text)?;
        }
    }
}
