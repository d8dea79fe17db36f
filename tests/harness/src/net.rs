//! Network namespaces that play the machines of a test: the host, those beyond it, and the containers.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns, unshare};

use crate::cli::run;
use crate::mounts::{Tmpfs, in_private_mounts};
use crate::wait::{PATIENCE, until};

/// How long is waited for a packet that nobody is to get.
const SHORT: Duration = Duration::from_millis(400);

/// The link of the host that leads to the remote host, and the two addresses on it.
pub const UPLINK: &str = "wan";
/// The host's address on the link to the remote host.
pub const HOST: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
/// The remote host's.
pub const REMOTE: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
/// The same two of IPv6.
pub const HOST6: Ipv6Addr = Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, 1);
/// The remote host's.
pub const REMOTE6: Ipv6Addr = Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, 2);

/// Does `work` on a host of its own, with a remote host beside it: in a thread with a network namespace and mounts of
/// its own, which the programs that it starts share.
///
/// # Panics
/// `work` does; or the kernel gives no namespace.
pub fn on_own_host(work: impl FnOnce() + Send) {
    in_private_mounts(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        let _run = Tmpfs::mount(Path::new("/run"), "mode=755");
        // The way of the remote host to the bridge is what a neighbour would choose who wants to get in.
        for line in [
            "link set lo up",
            "netns add remote",
            "link add wan up type veth peer name eth0 netns remote",
            "addr add 10.9.0.1/24 dev wan",
            "-n remote link set lo up",
            "-n remote link set eth0 up",
            "-n remote addr add 10.9.0.2/24 dev eth0",
            "-n remote route add 166.88.0.0/24 via 10.9.0.1",
            "addr add fd09::1/64 dev wan nodad",
            "-n remote addr add fd09::2/64 dev eth0 nodad",
            "-n remote route add fd00:88::/64 via fd09::1",
        ] {
            ip(line);
        }
        work();
    });
}

/// What `ip` prints.
///
/// # Panics
/// It fails.
pub fn ip(line: &str) -> String {
    tool("ip", line)
}

/// What a program prints that gets the words of `line`.
///
/// # Panics
/// It fails.
pub fn tool(program: &str, line: &str) -> String {
    let mut finished = None;
    until(PATIENCE, || {
        let mut command = Command::new(program);
        command.args(line.split_ascii_whitespace());
        let ended = finished.insert(run(command, b""));
        // A list that changed while ip-link(8) read it, as when links go with their namespace, is to be read again.
        !ended.stderr().starts_with("Dump was interrupted")
    });
    finished.expect("run once at least").succeeds()
}

/// A machine of the test.
#[derive(Clone, Debug)]
pub struct Machine {
    namespace: Option<PathBuf>,
}

impl Machine {
    /// The host that the test runs on.
    #[must_use]
    pub fn host() -> Self {
        Self { namespace: None }
    }

    /// The one whose namespace has that name: `remote`, or a container's.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { namespace: Some(Path::new("/run/netns").join(name)) }
    }

    /// Does `work` there, in a thread.
    ///
    /// # Panics
    /// `work` does, or there is no such machine.
    pub fn does<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| scope.spawn(|| self.enter_and(work)).join()).unwrap_or_else(|panic| {
            std::panic::resume_unwind(panic);
        })
    }

    fn enter_and<T>(&self, work: impl FnOnce() -> T) -> T {
        if let Some(path) = &self.namespace {
            let file = File::open(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            setns(file, CloneFlags::CLONE_NEWNET).expect("a way into the namespace");
        }
        work()
    }

    /// Serves there on a port, TCP and UDP: whoever comes is told the address that it comes from.
    ///
    /// # Panics
    /// The port is taken.
    pub fn serves(&self, port: u16) {
        self.serves_on(Ipv4Addr::UNSPECIFIED, port);
    }

    /// The same on one address.
    ///
    /// # Panics
    /// The port is taken.
    pub fn serves_on(&self, address: impl Into<IpAddr>, port: u16) {
        let address = address.into();
        let (ready, listening) = mpsc::channel();
        let machine = self.clone();
        thread::spawn(move || {
            machine.enter_and(|| {
                let tcp = TcpListener::bind((address, port)).expect("a TCP port");
                let udp = UdpSocket::bind((address, port)).expect("a UDP port");
                thread::spawn(move || {
                    let mut buffer = [0; 64];
                    while let Ok((_, from)) = udp.recv_from(&mut buffer) {
                        let _ = udp.send_to(from.ip().to_canonical().to_string().as_bytes(), from);
                    }
                });
                ready.send(()).expect("somebody waits");
                for mut client in tcp.incoming().flatten() {
                    let from = client.peer_addr().expect("its address");
                    let _ = client.write_all(from.ip().to_canonical().to_string().as_bytes());
                }
            });
        });
        listening.recv().expect("a server");
    }

    /// The address that a TCP server sees of us, which is to be reached: however long that takes.
    #[must_use]
    pub fn tcp(&self, address: impl Into<IpAddr>, port: u16) -> Option<IpAddr> {
        let to = SocketAddr::from((address.into(), port));
        self.does(|| tcp(to, PATIENCE).ok())
    }

    /// Whether somebody answers there, whatever he says.
    #[must_use]
    pub fn tcp_connects(&self, address: impl Into<IpAddr>, port: u16) -> bool {
        let to = SocketAddr::from((address.into(), port));
        self.does(|| TcpStream::connect_timeout(&to, PATIENCE).is_ok())
    }

    /// The same as [`Self::tcp`] over UDP. One packet may be lost while neighbours find each other.
    #[must_use]
    pub fn udp(&self, address: impl Into<IpAddr>, port: u16) -> Option<IpAddr> {
        let to = SocketAddr::from((address.into(), port));
        let mut seen = None;
        until(PATIENCE, || {
            seen = self.does(|| udp(to, Duration::from_secs(1)).ok());
            seen.is_some()
        });
        seen
    }

    /// The addresses that servers see of us which are not to be reached, over TCP and UDP: none of both.
    #[must_use]
    pub fn leaks_to(&self, address: impl Into<IpAddr>, port: u16) -> (Option<IpAddr>, Option<IpAddr>) {
        let to = SocketAddr::from((address.into(), port));
        self.does(|| (tcp(to, SHORT).ok(), udp(to, SHORT).ok()))
    }
}

fn tcp(to: SocketAddr, patience: Duration) -> io::Result<IpAddr> {
    let mut stream = TcpStream::connect_timeout(&to, patience)?;
    stream.set_read_timeout(Some(patience))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    text.parse().map_err(io::Error::other)
}

fn udp(to: SocketAddr, patience: Duration) -> io::Result<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_read_timeout(Some(patience))?;
    socket.connect(to)?;
    socket.send(b"?")?;
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer)?;
    String::from_utf8_lossy(&buffer[..length]).parse().map_err(io::Error::other)
}
