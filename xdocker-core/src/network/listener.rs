//! Whether a process of the host listens on a port, and which.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt,
};

use super::socket::{HEADER, Socket};
use crate::error::{Error, NetworkError, Result};
use crate::spec::{HostPort, Transport};

/// Fails when a process of the host listens on the port, on an address that `port` is for: if that is none in special, on
/// all of IPv4, and of IPv6 too if the container has it.
///
/// # Errors
/// [`NetworkError::PortInUse`].
pub(super) fn refuse_if_in_use(port: &HostPort, ipv6: bool) -> Result<()> {
    let failed = || Error::system(format!("see who listens on port {port}"));
    let all = [Some(Ipv4Addr::UNSPECIFIED.into()), ipv6.then_some(Ipv6Addr::UNSPECIFIED.into())];
    let mut addresses = port.address.map_or(all, |address| [Some(address), None]).into_iter().flatten();
    let taken = addresses.try_fold(None, |taken: Option<IpAddr>, address| match taken {
        None => Ok((!can_be_bound(port, address)?).then_some(address)),
        taken => Ok(taken),
    });
    let Some(address) = taken.map_err(failed())? else { return Ok(()) };
    // Not everything that is bound to a port listens on it: what is on its way out has one, too.
    match find(port, address).map_err(failed())? {
        None => Ok(()),
        Some(inode) => {
            let holder = owner(inode).unwrap_or_else(|| "a process that cannot be seen from here".to_owned());
            Err(NetworkError::PortInUse { port: port.to_string(), holder }.into())
        }
    }
}

/// Whether the port could be bound at an address, which takes no looking at other sockets.
fn can_be_bound(port: &HostPort, address: IpAddr) -> io::Result<bool> {
    let kind = match port.transport {
        Transport::Tcp => SockType::Stream,
        Transport::Udp => SockType::Datagram,
        // No host of today's has it without a module, and that is not to be loaded for this.
        Transport::Sctp => return Ok(true),
    };
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC, None)?;
    if address.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    }
    if port.transport == Transport::Tcp {
        // Connections that have ended are in nobody's way.
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    }
    let address = SocketAddr::new(address, port.port);
    match bind(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
        Err(nix::Error::EADDRINUSE) => Ok(false),
        // Nobody can listen on an address that the host has not.
        Ok(()) | Err(nix::Error::EADDRNOTAVAIL) => Ok(true),
        Err(why) => Err(why.into()),
    }
}

/// The inode of a socket that waits for whoever comes to the port at an address (sock_diag(7)).
fn find(port: &HostPort, address: IpAddr) -> io::Result<Option<u64>> {
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    const TCP_LISTEN: u32 = 10;
    /// What a UDP socket is in that is connected to nobody (`TCP_CLOSE`).
    const UNCONNECTED: u32 = 7;
    let state = if port.transport == Transport::Tcp { TCP_LISTEN } else { UNCONNECTED };
    for family in [libc::AF_INET, libc::AF_INET6] {
        // `struct inet_diag_req_v2`: family, protocol, two bytes, states, and which sockets: all.
        let mut request = vec![family as u8, port.transport.number(), 0, 0];
        request.extend((1u32 << state).to_ne_bytes());
        request.extend([0; 48]);
        let mut message = ((HEADER + request.len()) as u32).to_ne_bytes().to_vec();
        message.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        message.extend(((libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16).to_ne_bytes());
        message.extend([0; 8]);
        message.extend(request);
        let answers = Socket::open(SockProtocol::NetlinkSockDiag)?.transact(&message)?;
        let hit = answers.iter().find_map(|answer| waits_for(answer.get(HEADER..)?, port.port, address));
        if hit.is_some() {
            return Ok(hit);
        }
    }
    Ok(None)
}

/// The inode in an answer, when what it tells of waits for the port at the address, which may be any. `struct
/// inet_diag_msg`: family, state, two bytes, source and destination port, source and destination address, …, inode; then
/// attributes.
fn waits_for(answer: &[u8], port: u16, address: IpAddr) -> Option<u64> {
    const BODY: usize = 72;
    const SKV6ONLY: u8 = 11;
    let body = answer.get(..BODY)?;
    if body[4..6] != port.to_be_bytes() {
        return None;
    }
    let own = if i32::from(body[0]) == libc::AF_INET6 {
        let only = answer[BODY..].windows(5).any(|bytes| bytes == [5, 0, SKV6ONLY, 0, 1]);
        let own = Ipv6Addr::from(<[u8; 16]>::try_from(&body[8..24]).ok()?);
        match own.to_ipv4_mapped() {
            Some(own) => IpAddr::V4(own),
            // One for both versions.
            None if own.is_unspecified() && !only && address.is_ipv4() => Ipv4Addr::UNSPECIFIED.into(),
            None => own.into(),
        }
    } else {
        Ipv4Addr::from(<[u8; 4]>::try_from(&body[8..12]).ok()?).into()
    };
    let same_version = own.is_ipv4() == address.is_ipv4();
    let clash = same_version && (own.is_unspecified() || address.is_unspecified() || address == own);
    clash.then(|| u64::from(u32::from_ne_bytes(body[68..72].try_into().unwrap_or_default())))
}

/// The process that has the socket open, in words.
fn owner(inode: u64) -> Option<String> {
    let wanted = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has_it = |pid: &u32| {
        let fds = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        fds.filter_map(|fd| fs::read_link(fd.path()).ok()).any(|target| target.as_os_str() == wanted.as_str())
    };
    let pid = processes.into_iter().find(has_it)?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(format!("{} (process {pid})", name.trim_end()))
}
