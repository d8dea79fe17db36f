//! What a network lets through, beside one with the rules that dockerd makes: bytes between the host and a container and
//! between two containers, and requests to a small server through a mapped port.
//!
//! Each of the two is a host of its own with a neighbour, two containers, and the same programs in the same places, in
//! network namespaces. Ours has real containers; the programs are put into their networks only, so that nothing but the
//! network is compared.

use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use xdocker_core::{Boot, Endpoint, NetnsName};

use crate::fixture::Fixture;
use crate::rival::succeed;
use crate::samples::median;
use crate::{Result, network, server, sys};

/// How long each measurement goes on, in seconds.
const SECONDS: &str = "1";
/// Until servers listen.
const PATIENCE: Duration = Duration::from_secs(20);
/// The mapped port, and where it leads.
const PORT: u16 = 8080;
const INSIDE: u16 = 80;

/// The rules of dockerd.
const DOCKER: &str = include_str!("../docker.rules");

/// A host with two containers and a neighbour.
struct Host {
    who: &'static str,
    /// Its network namespace, unless it is the one that we are in.
    netns: Option<&'static str>,
    /// That of the neighbour.
    remote: &'static str,
    /// Where the neighbour finds it.
    address: Ipv4Addr,
    /// Networks of the containers.
    server: String,
    client: String,
    /// The server's address.
    vip: Ipv4Addr,
    servers: Vec<Child>,
}

/// What is measured: a title, its unit, and how.
type Row = (&'static str, &'static str, fn(&Host) -> Result<f64>);

const ROWS: [Row; 5] = [
    ("host to container", "Gbit/s", |host| iperf(host.inside(host.netns), host.vip)),
    ("container to container", "Gbit/s", |host| iperf(host.inside(Some(&host.client)), host.vip)),
    ("neighbour to container, by its map", "Gbit/s", |host| iperf_through_the_map(host)),
    ("requests through the map, 16 connections", "1/s", |host| wrk(host, &[])),
    ("the same, a connection each", "1/s", |host| wrk(host, &["--header", "Connection: close"])),
];

/// Measures both, `rounds` times, in a network namespace of our own.
pub(crate) fn run(directory: &Path, rounds: usize) -> Result<()> {
    sys::enter_own_network()?;
    succeed(Command::new("ip").args(["link", "set", "lo", "up"]))?;
    let fixture = Fixture::new(directory)?;
    let mut hosts = [ours(&fixture)?, like_docker()?];
    for host in &mut hosts {
        host.serve()?;
    }
    println!("{rounds} rounds of {SECONDS} s each, interleaved; medians");
    println!("{:<44}{:>10}{:>10}{:>8}{:>10}", "", "xdocker", "docker's", "", "of it");
    let mut taken = vec![[const { Vec::new() }; 2]; ROWS.len()];
    for round in 0..rounds {
        for ((what, _, once), taken) in ROWS.iter().zip(&mut taken) {
            // Who is first has the machine as another one left it.
            for which in [round % 2, 1 - round % 2] {
                let host = &hosts[which];
                taken[which].push(once(host).map_err(|why| format!("{what}, {}: {why}", host.who))?);
            }
        }
    }
    for ((what, unit, _), [ours, others]) in ROWS.iter().zip(&taken) {
        // Of each round, whose two halves have the same machine.
        let ratios: Vec<_> = ours.iter().zip(others).map(|(ours, others)| ours / others).collect();
        let (ours, others, ratio) = (median(ours), median(others), median(&ratios));
        println!("{what:<44}{ours:>10.1}{others:>10.1}{unit:>8}{ratio:>9.2}x");
    }
    Ok(())
}

fn ours(fixture: &Fixture) -> Result<Host> {
    let maps = format!("{PORT}:{INSIDE},5201:5201");
    let [server, client] = [("server", maps.as_str()), ("client", "8079:80")].map(|(name, ports)| {
        let container = fixture.engine.create(&Fixture::spec(name)?.network(network::mapped(ports)?))?;
        container.boot(&Boot::new())?;
        Ok::<_, Box<dyn std::error::Error>>(container)
    });
    let (server, client) = (server?, client?);
    let vip = server.info()?.network.endpoint().and_then(Endpoint::address).ok_or("no address")?;
    lines(&[
        "netns add remote",
        "link add wan up type veth peer name eth0 netns remote",
        "addr add 10.9.0.1/24 dev wan",
        "-n remote link set eth0 up",
        "-n remote addr add 10.9.0.2/24 dev eth0",
    ])?;
    let [server, client] = [server, client].map(|it| NetnsName::of(it.name()).to_string());
    Ok(Host {
        who: "xdocker",
        netns: None,
        remote: "remote",
        address: Ipv4Addr::new(10, 9, 0, 1),
        server,
        client,
        vip,
        servers: Vec::new(),
    })
}

/// A host as dockerd makes it.
fn like_docker() -> Result<Host> {
    lines(&[
        "netns add docker",
        "netns add neighbour",
        "netns add docker1",
        "netns add docker2",
        "-n docker link set lo up",
        "-n docker link add wan up type veth peer name eth0 netns neighbour",
        "-n docker addr add 10.9.0.1/24 dev wan",
        "-n neighbour link set eth0 up",
        "-n neighbour addr add 10.9.0.2/24 dev eth0",
        "-n docker link add docker0 up type bridge",
        "-n docker addr add 172.17.0.1/16 dev docker0",
    ])?;
    for number in [1, 2] {
        let (netns, last) = (format!("docker{number}"), number + 1);
        lines(&[
            &format!(
                "-n docker link add veth{number} up master docker0 type veth peer name eth0 netns {netns}"
            ),
            &format!("-n {netns} link set lo up"),
            &format!("-n {netns} link set eth0 up"),
            &format!("-n {netns} addr add 172.17.0.{last}/16 dev eth0"),
            &format!("-n {netns} route add default via 172.17.0.1"),
            &format!("-n docker link set veth{number} type bridge_slave hairpin on"),
        ])?;
    }
    let host = Host {
        who: "as docker",
        netns: Some("docker"),
        remote: "neighbour",
        address: Ipv4Addr::new(10, 9, 0, 1),
        server: "docker1".to_owned(),
        client: "docker2".to_owned(),
        vip: Ipv4Addr::new(172, 17, 0, 2),
        servers: Vec::new(),
    };
    let settings =
        "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv4/conf/docker0/route_localnet";
    succeed(host.inside(host.netns).args(["sh", "-ec", settings]))?;
    let mut restore = host.inside(host.netns).arg("iptables-nft-restore").stdin(Stdio::piped()).spawn()?;
    restore.stdin.take().ok_or("a pipe")?.write_all(DOCKER.as_bytes())?;
    match restore.wait()? {
        status if status.success() => Ok(host),
        status => Err(format!("iptables-nft-restore: {status}").into()),
    }
}

fn lines(lines: &[&str]) -> Result<()> {
    lines.iter().try_for_each(|line| succeed(Command::new("ip").args(line.split(' '))))
}

impl Host {
    /// A command in a network namespace, or in the one that we are in.
    fn inside(&self, netns: Option<&str>) -> Command {
        match netns {
            Some(netns) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", netns]);
                command
            }
            None => Command::new("env"),
        }
    }

    /// Starts the servers, in the first container.
    fn serve(&mut self) -> Result<()> {
        let mut small = self.inside(Some(&self.server));
        small.arg(std::env::current_exe()?).args([server::ROLE, &INSIDE.to_string()]);
        let mut small = small.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let said = small.stdout.take().ok_or("a pipe")?;
        self.servers.push(small);
        BufReader::new(said).read_line(&mut String::new())?;
        let mut endless = self.inside(Some(&self.server));
        endless.args(["iperf3", "--server"]).stdin(Stdio::null()).stdout(Stdio::null());
        self.servers.push(endless.spawn()?);
        let start = Instant::now();
        while let Err(why) = iperf(self.inside(self.netns), self.vip) {
            if start.elapsed() > PATIENCE {
                return Err(format!("{}: {why}", self.who).into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn iperf_through_the_map(host: &Host) -> Result<f64> {
    iperf(host.inside(Some(host.remote)), host.address)
}

/// Gigabits a second that one connection gets through.
fn iperf(mut from: Command, to: Ipv4Addr) -> Result<f64> {
    from.args(["iperf3", "--json", "--client", &to.to_string(), "--time", SECONDS]);
    let output = from.stdin(Stdio::null()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let received = text.split("\"sum_received\"").nth(1).ok_or_else(|| text.clone())?;
    let rate = received.split("\"bits_per_second\":").nth(1).ok_or("no rate")?;
    let rate: f64 = rate.split([',', '}']).next().unwrap_or_default().trim().parse()?;
    Ok(rate / 1e9)
}

/// Requests in a second that are answered.
fn wrk(host: &Host, options: &[&str]) -> Result<f64> {
    let mut wrk = host.inside(Some(host.remote));
    wrk.args(["wrk", "--threads", "1", "--connections", "16", "--duration", SECONDS]).args(options);
    wrk.arg(format!("http://{}:{PORT}/", host.address));
    let text = String::from_utf8(wrk.stdin(Stdio::null()).output()?.stdout)?;
    if text.contains("Socket errors") || text.contains("Non-2xx") {
        return Err(text.into());
    }
    let rate = text.split("Requests/sec:").nth(1).ok_or_else(|| text.clone())?;
    Ok(rate.split_whitespace().next().unwrap_or_default().parse()?)
}
