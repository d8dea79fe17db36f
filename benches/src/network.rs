//! Containers on the bridge: what it costs a boot and a life, and what a thousand mapped ports cost one packet and one
//! boot. On a host of our own, whose network nobody else has.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use xdocker_core::{Boot, Container, Endpoint, Network, PortMap};

use crate::Result;
use crate::fixture::Fixture;
use crate::rival::succeed;
use crate::samples::median;
use crate::sys;

/// How many ports are mapped at the same time.
const MANY: u16 = 1000;
/// The first of them.
const FIRST: u16 = 20_000;
/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the kernel takes to clear away what was taken out of the rules: a change of them that comes sooner waits for it.
const CLEARED: Duration = Duration::from_millis(100);

/// What is measured in a round.
type Row<'a> = (&'static str, Box<dyn FnMut() -> Result<f64> + 'a>, Vec<f64>);

/// Measures everything `rounds` times, and prints medians.
pub(crate) fn run(directory: &Path, rounds: usize) -> Result<()> {
    sys::enter_own_network()?;
    succeed(Command::new("ip").args(["link", "set", "lo", "up"]))?;
    let fixture = Fixture::new(directory)?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    println!("{rounds} rounds, interleaved; load {}; median, ms", load.split(' ').next().unwrap_or("?"));
    let host = fixture.engine.create(&Fixture::spec("host")?)?;
    let bridge = fixture.engine.create(&Fixture::spec("bridge")?.network(mapped("8080:80")?))?;
    let life = |options: &str| format!("-a create -m test {options} -c life -b --rm -- /bin/true");
    let (lives, bridged) = (life("--net HOST"), life("--net BRIDGE --port-mapping 8081:80"));
    let mut rows: [Row<'_>; 9] = [
        ("library: boot, HOST", Box::new(|| rested(|| boot(&host))), Vec::new()),
        ("library: boot, BRIDGE and a port", Box::new(|| rested(|| boot(&bridge))), Vec::new()),
        ("command: a whole life, HOST", Box::new(|| rested(|| command(&fixture, &lives))), Vec::new()),
        (
            "command: a whole life, BRIDGE and a port",
            Box::new(|| rested(|| command(&fixture, &bridged))),
            Vec::new(),
        ),
        (
            "floor: mounts and a process",
            Box::new(|| rested(|| floor(fixture.floor("/bin/busybox")))),
            Vec::new(),
        ),
        (
            "floor: the same, bridge and a port",
            Box::new(|| rested(|| floor(fixture.floor_on("xdocker0", "/bin/busybox")))),
            Vec::new(),
        ),
        (
            "floor: a whole life, HOST",
            Box::new(|| rested(|| floor(fixture.floor_of_all("-", "/bin/busybox")))),
            Vec::new(),
        ),
        (
            "floor: a whole life, BRIDGE and a port",
            Box::new(|| rested(|| floor(fixture.floor_of_all("xdocker0", "/bin/busybox")))),
            Vec::new(),
        ),
        (
            "library: boot, BRIDGE, as another one ends",
            Box::new(|| boot(&bridge).and(boot(&bridge))),
            Vec::new(),
        ),
    ];
    take(&mut rows, rounds)?;
    println!("{:<44}{:>9.2}", "BRIDGE over HOST, a boot", median(&rows[1].2) - median(&rows[0].2));
    let life = median(&rows[3].2);
    println!("{:<44}{:>8.2}x", "a whole life on the bridge, to its floor", life / median(&rows[7].2));
    println!("{:<44}{:>8.2}x", "the same, to mounts, process and network", life / median(&rows[5].2));

    // Each a map of its own, as a thousand containers with one each would have them.
    let ports: Vec<_> = (0..MANY).map(|number| format!("{}:{}", FIRST + number, 80 + number)).collect();
    let many = fixture.engine.create(&Fixture::spec("many")?.network(mapped(&ports.join(","))?))?;
    many.boot(&Boot::new())?;
    let mut rows: [Row<'_>; 3] = [
        ("with 1,000 mapped ports: boot, BRIDGE", Box::new(|| rested(|| boot(&bridge))), Vec::new()),
        ("an answer through the first map", Box::new(|| answer(FIRST)), Vec::new()),
        ("an answer through the thousandth map", Box::new(|| answer(FIRST + MANY - 1)), Vec::new()),
    ];
    take(&mut rows, rounds)
}

pub(crate) fn mapped(ports: &str) -> Result<Network> {
    Ok(Network::Bridge(Endpoint::new().ports(ports.parse::<PortMap>()?)))
}

/// Does each once a round, and prints the medians.
fn take(rows: &mut [Row<'_>], rounds: usize) -> Result<()> {
    for round in 0..=rounds {
        for (what, once, taken) in &mut *rows {
            let cost = once().map_err(|why| format!("{what}: {why}"))?;
            // The first makes what is there from then on.
            taken.extend((round > 0).then_some(cost));
        }
    }
    for (what, _, taken) in rows {
        println!("{what:<44}{:>9.3}", median(taken));
    }
    Ok(())
}

/// Does it when the kernel has nothing left to do of what came before.
fn rested(once: impl FnOnce() -> Result<f64>) -> Result<f64> {
    std::thread::sleep(CLEARED);
    once()
}

fn boot(container: &Container) -> Result<f64> {
    let cost = time(|| Ok(container.boot(&Boot::new())?))?;
    container.kill()?;
    Ok(cost)
}

fn command(fixture: &Fixture, line: &str) -> Result<f64> {
    time(|| succeed(&mut fixture.xdocker(line)))
}

fn floor(mut command: Command) -> Result<f64> {
    time(|| succeed(command.arg("true")))
}

/// How long the container takes to refuse a connection: there and back, through the rules.
fn answer(port: u16) -> Result<f64> {
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    time(|| match TcpStream::connect_timeout(&to, PATIENCE) {
        Err(why) if why.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(why) => Err(why.into()),
        Ok(_) => Err("nobody listens there".into()),
    })
}

/// Milliseconds that an action takes.
fn time<T>(action: impl FnOnce() -> Result<T>) -> Result<f64> {
    let start = Instant::now();
    action()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
