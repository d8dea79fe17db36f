//! From create to destroy.

use std::time::Duration;

use xdocker_core::{Boot, Container, ContainerSpec, Error, Exec};

use super::{container, engine, session};
use crate::grammar::Given;
use crate::report::{self, Outcome, exit_code};

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
    if given.remove {
        spec = spec.ephemeral();
    }
    let container = engine()?.create(&spec)?;
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
    if given.wait || given.remove {
        let mut root = container.boot_attached(&boot)?;
        return Ok(exit_code(root.wait()?));
    }
    container.boot(&boot)?;
    if given.attach { session::attach_to(container) } else { report::ok() }
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
