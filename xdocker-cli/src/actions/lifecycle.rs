//! From create to destroy.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use xdocker_core::{
    Boot, Capabilities, Container, ContainerName, ContainerSpec, Error, Exec, IfRunning, Sandbox, State,
};

use super::{container, engine, logs, network, session, show};
use crate::grammar::Given;
use crate::report::{self, Failure, Outcome, exit_code};
use crate::signals::{self, Signal};

/// How long a container may take to end by itself.
const SHUTDOWN_TIME: Duration = Duration::from_secs(10);

/// `-a create`
pub(crate) fn create(mut given: Given) -> Outcome {
    let spec = spec_of(&mut given)?;
    let engine = engine()?;
    if given.remove {
        let ephemeral = engine.create_ephemeral(&spec)?;
        let outcome = bound(&ephemeral, &boot_of(&given));
        return removed(outcome, ephemeral.name().clone(), ephemeral.close());
    }
    let container = engine.create(&spec)?;
    if !given.boot {
        return report::ok();
    }
    match start(&container, &given) {
        // What was asked for as a whole and did not come to be leaves nothing behind.
        Err(Failure::Engine(error))
            if matches!(container.state(), Ok(State::Stopped)) && !ended(&container) =>
        {
            removed(Err(error.into()), container.name().clone(), container.destroy(IfRunning::Refuse))
        }
        outcome => outcome,
    }
}

/// What the container is to be.
pub(super) fn spec_of(given: &mut Given) -> Result<ContainerSpec, Failure> {
    let network = network::network_of(given)?;
    let mut spec = ContainerSpec::new(std::mem::take(&mut given.images)).network(network);
    if let Some(name) = given.container.take() {
        spec = spec.name(name);
    }
    if let Some(hostname) = given.hostname.take() {
        spec = spec.hostname(hostname);
    }
    if let Some(size) = given.log_size {
        spec = spec.log(size);
    }
    if let Some(policy) = given.restart {
        spec = spec.restart(policy);
    }
    if let Some(signal) = given.stop_signal {
        spec = spec.stop_signal(signal);
    }
    let (tmpfs, volumes) = (std::mem::take(&mut given.tmpfs), std::mem::take(&mut given.volumes));
    Ok(spec.sandbox(sandbox_of(given)).tmpfs(tmpfs).volumes(volumes))
}

/// What its programs may do.
fn sandbox_of(given: &mut Given) -> Sandbox {
    let mut sandbox = if given.privileged { Sandbox::privileged() } else { Sandbox::new() };
    if let Some(seccomp) = given.seccomp.take() {
        sandbox = sandbox.seccomp(seccomp);
    }
    if let Some(allowed) = given.new_privileges {
        sandbox = sandbox.new_privileges(allowed);
    }
    let union = |sets: &[Capabilities]| sets.iter().fold(Capabilities::NONE, |all, set| all | *set);
    sandbox
        .change_capabilities(union(&given.cap_add), union(&given.cap_drop))
        .read_only(given.read_only)
        .user_namespace(given.user_namespace)
}

/// Whether the container has ever run to an end.
fn ended(container: &Container) -> bool {
    container.info().is_ok_and(|info| info.exit.is_some())
}

/// `-a boot`
pub(crate) fn boot(given: Given) -> Outcome {
    if given.all_restart {
        return boot_all();
    }
    start(&container(&given)?, &given)
}

/// `-a boot --all-restart`
fn boot_all() -> Outcome {
    let failures: Vec<_> = engine()?
        .boot_all()?
        .into_iter()
        .filter_map(|(name, booted)| booted.err().map(|error| format!("{name}: {}", error.chain())))
        .collect();
    match failures.is_empty() {
        true => report::ok(),
        false => Err(Failure::NotAll(failures)),
    }
}

/// `-a restart_policy`
pub(crate) fn restart_policy(given: Given) -> Outcome {
    container(&given)?.set_restart_policy(given.restart.expect("the grammar asks for it"))?;
    report::ok()
}

/// Boots `container` and does what was asked for then.
fn start(container: &Container, given: &Given) -> Outcome {
    let boot = boot_of(given);
    if given.wait {
        return bound(container, &boot);
    }
    container.boot(&boot)?;
    if given.attach { session::attach_to(container) } else { report::ok() }
}

/// How it is to be booted.
fn boot_of(given: &Given) -> Boot {
    let mut boot = Boot::new().resources(given.resources.clone());
    if let Some(size) = given.log_size {
        boot = boot.log(size);
    }
    match given.program.as_deref() {
        Some([program, args @ ..]) => boot.exec(Exec::new(program).args(args)),
        _ => boot,
    }
}

/// Boots `container` with our streams, and stays with it until it ends.
fn bound(container: &Container, boot: &Boot) -> Outcome {
    let [stdin, stdout, stderr] = our_streams().map_err(Failure::stream("pass on our streams"))?;
    let signals = session::taken_signals()?;
    let mut root = container.boot_bound(boot, [&stdin, &stdout, &stderr])?;
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

/// What came of a container that had to go again: what came of it before, unless only its going failed.
fn removed(outcome: Outcome, name: ContainerName, gone: Result<(), Error>) -> Outcome {
    match (outcome, gone) {
        (Err(Failure::Engine(first)), Err(second)) => {
            Err(Error::TearDown { what: format!("container {name}"), failures: vec![first, second] }.into())
        }
        (Ok(_), Err(failure)) => Err(failure.into()),
        (outcome, _) => outcome,
    }
}

/// `-a shutdown`
pub(crate) fn shutdown(given: Given) -> Outcome {
    let time = given.time.unwrap_or(SHUTDOWN_TIME);
    let container = container(&given)?;
    let ended = match container.shutdown(time) {
        Err(Error::Timeout { .. } | Error::System { .. }) if given.forcely => container.kill_by_force(),
        other => other,
    };
    stopped(ended, given.forcely)?;
    report::ok()
}

/// `-a kill`
pub(crate) fn kill(given: Given) -> Outcome {
    let container = container(&given)?;
    // One that means the end waits for it.
    let result = match given.signal {
        None | Some(Signal::SIGKILL) if given.forcely => container.kill_by_force(),
        None | Some(Signal::SIGKILL) => container.kill(),
        Some(signal) => container.signal(signal as i32),
    };
    stopped(result, given.forcely)?;
    report::ok()
}

/// `-a wait`
pub(crate) fn wait(given: Given) -> Outcome {
    let container = container(&given)?;
    if let Some(id) = given.run {
        return logs::wait_for_run(&container, id, given.json);
    }
    let Some(exit) = container.wait()? else {
        return Err(Error::NotRunning(container.name().clone()).into());
    };
    if given.json {
        show::json(&show::ExitObject::from(&exit))?;
    } else {
        report::print(&format!("{}\n", report::code(exit.status())))?;
    }
    Ok(exit_code(exit.status()))
}

/// `-a destroy`
pub(crate) fn destroy(given: Given) -> Outcome {
    let container = container(&given)?;
    if given.shutdown {
        stopped(container.shutdown(SHUTDOWN_TIME), true)?;
    }
    container.destroy(IfRunning::forced(given.forcely))?;
    report::ok()
}

/// What came of stopping a container; that it does not run is no failure if `stopped_is_fine`.
fn stopped(result: Result<(), Error>, stopped_is_fine: bool) -> Result<(), Error> {
    match result {
        Err(Error::NotRunning(_)) if stopped_is_fine => Ok(()),
        result => result,
    }
}
