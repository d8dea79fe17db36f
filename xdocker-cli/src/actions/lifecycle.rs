//! From create to destroy.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use xdocker_core::{Boot, Container, ContainerSpec, Error, Exec};

use super::{container, engine, session};
use crate::grammar::Given;
use crate::report::{self, Failure, Outcome, exit_code};
use crate::signals::{self, Signal, Signals};

/// How long a container may take to end by itself.
const SHUTDOWN_TIME: Duration = Duration::from_secs(10);

/// `-a create`
pub(crate) fn create(mut given: Given) -> Outcome {
    let mut spec = ContainerSpec::new(std::mem::take(&mut given.images));
    if let Some(name) = given.container.take() {
        spec = spec.name(name);
    }
    if let Some(hostname) = given.hostname.take() {
        spec = spec.hostname(hostname);
    }
    if let Some(network) = given.network.take() {
        spec = spec.network(network);
    }
    let engine = engine()?;
    let container = if given.remove { engine.create_ephemeral(&spec)? } else { engine.create(&spec)? };
    if given.boot { start(&container, &given) } else { report::ok() }
}

/// `-a boot`
pub(crate) fn boot(given: Given) -> Outcome {
    start(&container(&given)?, &given)
}

/// Boots `container` and does what was asked for then.
fn start(container: &Container, given: &Given) -> Outcome {
    let mut boot = Boot::new();
    if let Some([program, args @ ..]) = given.program.as_deref() {
        boot = boot.exec(Exec::new(program).args(args));
    }
    if given.wait {
        return bound(container, &boot);
    }
    if given.remove {
        return removed(bound(container, &boot), container);
    }
    container.boot(&boot)?;
    if given.attach { session::attach_to(container) } else { report::ok() }
}

/// Boots `container` with our streams, and stays with it until it ends.
fn bound(container: &Container, boot: &Boot) -> Outcome {
    let [stdin, stdout, stderr] = our_streams().map_err(Failure::stream("pass on our streams"))?;
    let mut root = container.boot_bound(boot, [&stdin, &stdout, &stderr])?;
    let signals = Signals::take().map_err(Failure::stream("watch for signals"))?;
    let pass_on = |signal: Signal| stopped(container.signal(signal as i32), true);
    match signals.pass_until(root.as_fd(), pass_on)? {
        None => Ok(exit_code(root.wait()?)),
        // Dropping the root ends the container.
        Some(signal) => Ok(signals::exit_code(signal)),
    }
}

/// Standard input, output and error.
fn our_streams() -> io::Result<[OwnedFd; 3]> {
    Ok([
        io::stdin().as_fd().try_clone_to_owned()?,
        io::stdout().as_fd().try_clone_to_owned()?,
        io::stderr().as_fd().try_clone_to_owned()?,
    ])
}

/// Removes `container` whatever came of running it. That is what is reported, unless only this fails.
fn removed(outcome: Outcome, container: &Container) -> Outcome {
    let gone = container.destroy(true);
    match (outcome, gone) {
        (Err(Failure::Engine(first)), Err(second)) => {
            let what = format!("container {}", container.name());
            Err(Error::TearDown { what, failures: vec![first, second] }.into())
        }
        (Ok(_), Err(failure)) => Err(failure.into()),
        (outcome, _) => outcome,
    }
}

/// `-a shutdown`
pub(crate) fn shutdown(given: Given) -> Outcome {
    let time = given.time.unwrap_or(SHUTDOWN_TIME);
    stopped(container(&given)?.shutdown(time), given.forcely)?;
    report::ok()
}

/// `-a kill`
pub(crate) fn kill(given: Given) -> Outcome {
    stopped(container(&given)?.kill(), given.forcely)?;
    report::ok()
}

/// `-a destroy`
pub(crate) fn destroy(given: Given) -> Outcome {
    let container = container(&given)?;
    if given.shutdown {
        stopped(container.shutdown(SHUTDOWN_TIME), true)?;
    }
    container.destroy(given.forcely)?;
    report::ok()
}

/// What came of stopping a container; that it does not run is no failure if `stopped_is_fine`.
fn stopped(result: Result<(), Error>, stopped_is_fine: bool) -> Result<(), Error> {
    match result {
        Err(Error::NotRunning(_)) if stopped_is_fine => Ok(()),
        result => result,
    }
}
