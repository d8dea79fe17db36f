//! Rules of iptables-legacy, which nf_tables knows nothing of: whether they let anything through to our bridge.

use std::fs;
use std::io;
use std::os::fd::AsFd;

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use crate::sys::sockopt;

/// `IPT_SO_GET_INFO` and `IPT_SO_GET_ENTRIES`, and of IPv6 the same.
const INFO: i32 = 64;
const ENTRIES: i32 = 65;
/// Bytes of a table's name (`XT_TABLE_MAXNAMELEN`).
const NAME: usize = 32;
/// Where the kernel asks about packets that it passes on (`NF_INET_FORWARD`).
const FORWARD: usize = 2;
/// Verdict of a standard target that drops (`-NF_DROP - 1`).
const DROP: i32 = -1;
/// Bytes of `struct xt_entry_target`; behind it a standard target has its verdict.
const TARGET: usize = 32;

/// What the two versions of IP differ in.
struct Version {
    program: &'static str,
    /// The tables that there are; to ask for one makes it.
    names: &'static str,
    family: AddressFamily,
    level: i32,
    /// Bytes of what an entry may ask of a packet's header (`struct ipt_ip`, `struct ip6t_ip6`).
    header: usize,
    /// Bytes of the entry up to its first match or its target (`struct ipt_entry`, `struct ip6t_entry`).
    entry: usize,
}

const VERSIONS: [Version; 2] = [
    Version {
        program: "iptables-legacy",
        names: "ip_tables_names",
        family: AddressFamily::Inet,
        level: libc::IPPROTO_IP,
        header: 84,
        entry: 112,
    },
    Version {
        program: "ip6tables-legacy",
        names: "ip6_tables_names",
        family: AddressFamily::Inet6,
        level: libc::IPPROTO_IPV6,
        header: 136,
        entry: 168,
    },
];

/// Tables whose chain FORWARD drops what it is asked about unless one of its rules lets it, by its policy or its last rule.
pub(super) fn closed_chains() -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for version in &VERSIONS {
        let names = match fs::read_to_string(format!("/proc/thread-self/net/{}", version.names)) {
            // Nobody uses it here, or the kernel has none.
            Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
            names => names?,
        };
        for table in names.lines().filter(|name| name.len() < NAME) {
            if version.is_closed(table)? {
                found.push(format!("{table} FORWARD ({})", version.program));
            }
        }
    }
    Ok(found)
}

impl Version {
    fn is_closed(&self, table: &str) -> io::Result<bool> {
        let socket = socket(self.family, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Raw)?;
        let mut name = [0; NAME];
        name[..table.len()].copy_from_slice(table.as_bytes());
        // `struct ipt_getinfo`: name, hooks, five entries, five policies, number and size of the entries.
        let mut info = [&name[..], &[0; 52]].concat();
        sockopt::get(socket.as_fd(), self.level, INFO, &mut info)?;
        let number = |at: usize| word(&info, NAME + 4 * at).map_or(0, |word| word as usize);
        if number(0) & 1 << FORWARD == 0 {
            return Ok(false);
        }
        let (first, policy, size) = (number(1 + FORWARD), number(6 + FORWARD), number(12));
        // `struct ipt_get_entries`: name and size, padded to eight bytes, and the entries.
        let head = NAME + 8;
        let mut entries = [&name[..], &(size as u32).to_ne_bytes(), &[0; 4]].concat();
        entries.resize(head + size, 0);
        sockopt::get(socket.as_fd(), self.level, ENTRIES, &mut entries)?;
        Ok(self.drops(&entries[head..], first, policy).unwrap_or_default())
    }

    /// Whether the chain that begins with the entry at `first` and ends with that of its policy drops what is left. `None` if
    /// that is no chain.
    fn drops(&self, entries: &[u8], first: usize, policy: usize) -> Option<bool> {
        let (mut at, mut last) = (first, None);
        while at < policy {
            last = Some(at);
            at += self.offset(entries, at, 6).filter(|length| *length >= self.entry)?;
        }
        let is_for_all = |at: usize| {
            let asked = entries.get(at..at + self.header)?;
            Some(asked.iter().all(|byte| *byte == 0) && self.offset(entries, at, 4)? == self.entry)
        };
        let dropped = match last {
            Some(last) if is_for_all(last)? => self.target_drops(entries, last)?,
            _ => false,
        };
        Some(dropped || self.target_drops(entries, policy)?)
    }

    /// The offset of an entry's target (4), or of the next entry (6), behind its header and `nfcache`.
    fn offset(&self, entries: &[u8], at: usize, which: usize) -> Option<usize> {
        let start = at + self.header + which;
        Some(usize::from(u16::from_ne_bytes(entries.get(start..start + 2)?.try_into().ok()?)))
    }

    fn target_drops(&self, entries: &[u8], at: usize) -> Option<bool> {
        let target = at + self.offset(entries, at, 4)?;
        let name = entries.get(target + 2..target + TARGET - 1)?;
        let name = name.split(|byte| *byte == 0).next()?;
        Some(match name {
            // The standard target.
            b"" => word(entries, target + TARGET)? as i32 == DROP,
            name => name == b"REJECT",
        })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry for all packets with that target.
    fn entry(version: &Version, name: &str, verdict: i32) -> Vec<u8> {
        let mut bytes = vec![0; version.entry + TARGET + 8];
        let length = bytes.len() as u16;
        bytes[version.header + 4..version.header + 6].copy_from_slice(&(version.entry as u16).to_ne_bytes());
        bytes[version.header + 6..version.header + 8].copy_from_slice(&length.to_ne_bytes());
        let target = version.entry;
        bytes[target + 2..target + 2 + name.len()].copy_from_slice(name.as_bytes());
        bytes[target + TARGET..target + TARGET + 4].copy_from_slice(&verdict.to_ne_bytes());
        bytes
    }

    #[test]
    fn a_chain_is_closed_by_its_policy_or_by_a_last_rule_for_all() {
        const ACCEPT: i32 = -2;
        for version in &VERSIONS {
            let drops = |rules: &[Vec<u8>]| {
                let last = rules[..rules.len() - 1].iter().map(Vec::len).sum();
                version.drops(&rules.concat(), 0, last)
            };
            let (accept, drop) = (entry(version, "", ACCEPT), entry(version, "", DROP));
            let mut some = drop.clone();
            some[8] = 1;
            assert_eq!(drops(std::slice::from_ref(&accept)), Some(false));
            assert_eq!(drops(std::slice::from_ref(&drop)), Some(true));
            assert_eq!(drops(&[drop.clone(), accept.clone()]), Some(true));
            assert_eq!(drops(&[entry(version, "REJECT", 0), accept.clone()]), Some(true));
            assert_eq!(drops(&[some, accept.clone()]), Some(false));
            assert_eq!(drops(&[drop.clone(), entry(version, "LOG", 0), accept.clone()]), Some(false));
            // What the kernel never says has an answer, too.
            let damaged = [drop, accept].concat();
            for at in 0..damaged.len() {
                let mut other = damaged.clone();
                other[at] = 255;
                version.drops(&other, 0, damaged.len() / 2);
                version.drops(&damaged[..at], 0, damaged.len() / 2);
            }
        }
    }
}
