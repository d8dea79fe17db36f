//! How a container is connected.

use super::values::parsed;
use crate::grammar::{Opt, Takes};

pub(crate) static NETWORK: Opt = Opt {
    short: None,
    long: "net",
    alias: None,
    takes: Takes::Value("(BRIDGE|HOST|CUSTOM)", |given, value| {
        given.network = Some(parsed(value)?);
        Ok(())
    }),
    about: "HOST: the network of the host (default); CUSTOM: an empty one of its own; BRIDGE: one with NAT",
};

pub(crate) static VIP: Opt = Opt {
    short: None,
    long: "vip",
    alias: None,
    takes: Takes::Value("(ip)", |given, value| {
        given.vip = Some(parsed(value)?);
        Ok(())
    }),
    about: "address on the bridge; without it the next that is free",
};

pub(crate) static VIP6: Opt = Opt {
    short: None,
    long: "vip6",
    alias: None,
    takes: Takes::Value("(ip)", |given, value| {
        given.vip6 = Some(parsed(value)?);
        Ok(())
    }),
    about: "IPv6 address on the bridge, if that has such ones; without it the one with the number of the other",
};

pub(crate) static PORT_MAPPING: Opt = Opt {
    short: None,
    long: "port-mapping",
    alias: None,
    takes: Takes::Value("(src_port:dst_port)", |given, value| {
        given.ports = Some(parsed(value)?);
        Ok(())
    }),
    about: "ports of the host that lead inside; also 8000-8010:9000-9010, 127.0.0.1:80:80, [::1]:80:80, 53:53/udp",
};

pub(crate) static HOST_ETH: Opt = Opt {
    short: None,
    long: "host-eth",
    alias: None,
    takes: Takes::Value("(eth)", |given, value| {
        given.host_interface = Some(parsed(value)?);
        Ok(())
    }),
    about: "interface of the host by which alone the container reaches others",
};

pub(crate) static BRIDGE: Opt = Opt {
    short: None,
    long: "name",
    alias: None,
    takes: Takes::Value("(bridge)", |given, value| {
        given.bridge = Some(parsed(value)?);
        Ok(())
    }),
    about: "name of the bridge; xdocker0 if nothing was said",
};

pub(crate) static SUBNET: Opt = Opt {
    short: None,
    long: "subnet",
    alias: None,
    takes: Takes::Value("(ip/prefix)", |given, value| {
        given.subnet = Some(parsed(value)?);
        Ok(())
    }),
    about: "address of the bridge and length of the prefix; 166.88.0.1/24 if nothing was said",
};

pub(crate) static SUBNET6: Opt = Opt {
    short: None,
    long: "subnet6",
    alias: None,
    takes: Takes::Value("(ip/prefix|off)", |given, value| {
        given.subnet6 = Some(match value.to_str() {
            Some("off") => None,
            _ => Some(parsed(value)?),
        });
        Ok(())
    }),
    about: "the same of IPv6, as in fd00:88::1/64, which the bridge has not if nothing was said",
};
