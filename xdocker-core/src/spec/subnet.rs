//! Addresses of a bridge.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A range of IPv4 addresses with one of them, the gateway, picked out: `166.88.0.1/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    gateway: Ipv4Addr,
    prefix: u8,
}

impl Subnet {
    /// The seed's.
    pub(crate) const DEFAULT: Self = Self { gateway: Ipv4Addr::new(166, 88, 0, 1), prefix: 24 };

    /// The address of the bridge itself.
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        self.gateway
    }

    /// Length of the common prefix.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    fn mask(self) -> u32 {
        u32::MAX << (32 - u32::from(self.prefix))
    }

    fn network(self) -> u32 {
        self.gateway.to_bits() & self.mask()
    }

    /// The last address of the range.
    pub(crate) fn broadcast(self) -> Ipv4Addr {
        (self.network() | !self.mask()).into()
    }

    /// Whether a container may have the address.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it lies outside, or is the gateway's, the network's own or its broadcast's.
    pub fn check(&self, address: Ipv4Addr) -> Result<()> {
        let bits = address.to_bits();
        let why = if bits & self.mask() != self.network() {
            format!("it is outside of {self}")
        } else if address == self.gateway {
            "it is the address of the bridge".to_owned()
        } else if bits == self.network() {
            "it is the address of the network itself".to_owned()
        } else if address == self.broadcast() {
            "it is the broadcast address".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::invalid("address", address.to_string(), why))
    }

    /// The addresses that containers may have, in their order.
    pub(crate) fn hosts(self) -> impl Iterator<Item = Ipv4Addr> {
        let all = self.network() + 1..self.broadcast().to_bits();
        all.map(Ipv4Addr::from).filter(move |address| *address != self.gateway)
    }
}

impl FromStr for Subnet {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let bad = |why| Error::invalid("subnet", text, why);
        let parts = text.split_once('/').and_then(|(address, prefix)| {
            let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
            Some((address.parse::<Ipv4Addr>().ok()?, prefix.parse::<u8>().ok().filter(|_| digits)?))
        });
        let (gateway, prefix) =
            parts.ok_or_else(|| bad("the bridge's address and a prefix are expected, as in 10.9.0.1/24"))?;
        if !(8..=30).contains(&prefix) {
            return Err(bad("its prefix is not one from 8 to 30"));
        }
        let subnet = Self { gateway, prefix };
        if gateway.is_loopback()
            || gateway.is_multicast()
            || gateway.octets()[0] == 0
            || gateway.octets()[0] >= 240
        {
            return Err(bad("no host can have such an address"));
        }
        if gateway.to_bits() == subnet.network() || gateway == subnet.broadcast() {
            return Err(bad("the bridge's address is the network's own or its broadcast's"));
        }
        Ok(subnet)
    }
}

impl TryFrom<String> for Subnet {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.gateway, self.prefix)
    }
}

#[cfg(test)]
mod tests {
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
    }
}
