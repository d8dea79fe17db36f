//! Addresses of a bridge.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A range of addresses with one of them, the gateway, picked out: `166.88.0.1/24`, `fd00:88::1/64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String", bound = "A: Address")]
pub struct Subnet<A: Address = Ipv4Addr> {
    gateway: A,
    prefix: u8,
}

impl Subnet {
    /// The seed's.
    pub(crate) const DEFAULT: Self = Self { gateway: Ipv4Addr::new(166, 88, 0, 1), prefix: 24 };
}

impl<A: Address> Subnet<A> {
    /// The address of the bridge itself.
    #[must_use]
    pub fn gateway(&self) -> A {
        self.gateway
    }

    /// Length of the common prefix.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Bits that differ within the range.
    fn rest(self) -> u128 {
        (1 << (A::BITS - self.prefix)) - 1
    }

    fn network(self) -> u128 {
        self.gateway.bits() & !self.rest()
    }

    /// The last address of the range; of IPv4 that of all hosts on it.
    pub(crate) fn last(self) -> A {
        A::from_bits(self.network() | self.rest())
    }

    /// Whether a container may have the address.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it lies outside, or is the gateway's, the network's own or its broadcast's.
    pub fn check(&self, address: A) -> Result<()> {
        let why = if address.bits() & !self.rest() != self.network() {
            format!("it is outside of {self}")
        } else if address == self.gateway {
            "it is the address of the bridge".to_owned()
        } else if address.bits() == self.network() {
            "it is the address of the network itself".to_owned()
        } else if A::HAS_BROADCAST && address == self.last() {
            "it is the broadcast address".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::invalid("address", address.to_string(), why))
    }

    /// The addresses that containers may have, in their order.
    pub(crate) fn hosts(self) -> impl Iterator<Item = A> {
        let all = self.network() + 1..self.last().bits() + u128::from(!A::HAS_BROADCAST);
        all.map(A::from_bits).filter(move |address| *address != self.gateway)
    }

    /// Which address of the range it is.
    pub(crate) fn number(self, address: A) -> u128 {
        address.bits() & self.rest()
    }

    /// The address with that number, as far as the range has so many.
    pub(crate) fn host(self, number: u128) -> A {
        A::from_bits(self.network() | number & self.rest())
    }

    /// Whether an address is in both ranges, the other of which begins with `prefix` bits of `address`.
    pub(crate) fn overlaps(self, address: A, prefix: u8) -> bool {
        let apart = A::BITS - self.prefix.min(prefix);
        (self.gateway.bits() ^ address.bits()).checked_shr(apart.into()).unwrap_or_default() == 0
    }
}

impl<A: Address> FromStr for Subnet<A> {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::invalid("subnet", text, why);
        let parts = text.split_once('/').and_then(|(address, prefix)| {
            let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
            Some((address.parse::<A>().ok()?, prefix.parse::<u8>().ok().filter(|_| digits)?))
        });
        let (gateway, prefix) = parts.ok_or_else(|| {
            bad(&format!("the bridge's address and a prefix are expected, as in {}", A::EXAMPLE))
        })?;
        // Two hosts at least, beside what means the whole.
        let longest = A::BITS - 2;
        if !(8..=longest).contains(&prefix) {
            return Err(bad(&format!("its prefix is not one from 8 to {longest}")));
        }
        let subnet = Self { gateway, prefix };
        if !gateway.is_some_hosts() {
            return Err(bad("no host can have such an address"));
        }
        if gateway.bits() == subnet.network() || (A::HAS_BROADCAST && gateway == subnet.last()) {
            return Err(bad("the bridge's address is the network's own or its broadcast's"));
        }
        Ok(subnet)
    }
}

impl<A: Address> TryFrom<String> for Subnet<A> {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl<A: Address> From<Subnet<A>> for String {
    fn from(subnet: Subnet<A>) -> Self {
        subnet.to_string()
    }
}

impl<A: Address> fmt::Display for Subnet<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.gateway, self.prefix)
    }
}

/// What the two versions of IP differ in, as far as a range is concerned. Nobody outside can name it.
pub(super) mod address {
    use std::fmt;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::str::FromStr;

    /// [`Ipv4Addr`] or [`Ipv6Addr`].
    pub trait Address: Copy + Eq + fmt::Display + FromStr + Into<std::net::IpAddr> {
        /// How long it is.
        const BITS: u8;
        /// Whether the last address of a range means all hosts on it.
        const HAS_BROADCAST: bool;
        /// A range, for who does not know how one is written.
        const EXAMPLE: &'static str;
        /// As a number.
        fn bits(self) -> u128;
        /// The address with that number.
        fn from_bits(bits: u128) -> Self;
        /// Whether there can be a host with this address on a bridge.
        fn is_some_hosts(self) -> bool;
    }

    impl Address for Ipv4Addr {
        const BITS: u8 = 32;
        const HAS_BROADCAST: bool = true;
        const EXAMPLE: &'static str = "10.9.0.1/24";
        fn bits(self) -> u128 {
            self.to_bits().into()
        }
        fn from_bits(bits: u128) -> Self {
            Self::from_bits(bits as u32)
        }
        fn is_some_hosts(self) -> bool {
            let first = self.octets()[0];
            !self.is_loopback() && !self.is_multicast() && first != 0 && first < 240
        }
    }

    impl Address for Ipv6Addr {
        const BITS: u8 = 128;
        const HAS_BROADCAST: bool = false;
        const EXAMPLE: &'static str = "fd00:88::1/64";
        fn bits(self) -> u128 {
            self.to_bits()
        }
        fn from_bits(bits: u128) -> Self {
            Self::from_bits(bits)
        }
        fn is_some_hosts(self) -> bool {
            // Below ::/8 are ::1 and addresses of IPv4; those of fe80::/10 are every link's own.
            !self.is_multicast() && self.octets()[0] != 0 && !self.is_unicast_link_local()
        }
    }
}
use address::Address;

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn a_container_gets_no_address_that_has_a_meaning() {
        let subnet: Subnet = "166.88.0.1/24".parse().unwrap();
        assert_eq!(subnet, Subnet::DEFAULT);
        for bad in ["166.88.1.2", "166.88.0.0", "166.88.0.1", "166.88.0.255", "127.0.0.1"] {
            assert!(subnet.check(bad.parse().unwrap()).is_err(), "{bad}");
        }
        let hosts: Vec<_> = subnet.hosts().collect();
        assert_eq!((hosts.len(), hosts[0].to_string()), (253, "166.88.0.2".to_owned()));
        assert!(hosts.iter().all(|host| subnet.check(*host).is_ok()));
    }

    #[test]
    fn what_is_no_subnet_is_refused() {
        for bad in [
            "",
            "10.0.0.1",
            "10.0.0.1/",
            "10.0.0.1/+8",
            "10.0.0.1/7",
            "10.0.0.1/31",
            "10.0.0.0/8",
            "10.255.255.255/8",
            "127.0.0.1/8",
            "224.0.0.1/24",
            "0.0.0.1/8",
            "a/24",
            "10.0.0.1/33",
        ] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad}");
        }
        assert_eq!("10.9.0.5/29".parse::<Subnet>().unwrap().to_string(), "10.9.0.5/29");
        for bad in
            ["10.0.0.1/24", "fd00::/64", "fe80::1/64", "ff02::1/64", "::1/64", "fd00::1/127", "fd00::1"]
        {
            assert!(bad.parse::<Subnet<Ipv6Addr>>().is_err(), "{bad}");
        }
    }

    #[test]
    fn of_ipv6_only_the_first_address_means_something() {
        let subnet: Subnet<Ipv6Addr> = "fd00:88::1/126".parse().unwrap();
        let hosts: Vec<_> = subnet.hosts().map(|host| host.to_string()).collect();
        assert_eq!(hosts, ["fd00:88::2", "fd00:88::3"]);
        for bad in ["fd00:88::", "fd00:88::1", "fd00:88::4"] {
            assert!(subnet.check(bad.parse().unwrap()).is_err(), "{bad}");
        }
        let wide: Subnet<Ipv6Addr> = "fd00:88::1/8".parse().unwrap();
        assert_eq!(wide.hosts().next().unwrap().to_string(), "fd00::1");
    }

    #[test]
    fn ranges_overlap_where_one_is_in_the_other() {
        let subnet: Subnet = "10.9.0.129/25".parse().unwrap();
        let overlaps = |text: &str, prefix| subnet.overlaps(text.parse().unwrap(), prefix);
        assert!(overlaps("10.9.0.0", 24) && overlaps("10.9.0.200", 32) && overlaps("0.0.0.0", 0));
        assert!(!overlaps("10.9.0.0", 25) && !overlaps("10.9.1.0", 24) && !overlaps("0.0.0.0", 5));
    }
}
