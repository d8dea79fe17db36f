//! The operations, and how each of them is done once.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use xdocker_core::{Boot, Container, Ephemeral, Exec, IfRunning, LogSize, Sandbox};

use crate::fixture::{Fixture, IDLE};
use crate::rival::{Rival, Who, succeed};
use crate::samples::{Samples, Series};
use crate::{Result, sys};

// Names of what is measured: the rows of the table and, for rivals, what several rows are compared with.
pub(crate) const CREATE: &str = "create";
pub(crate) const CREATE_EPHEMERAL: &str = "create, ephemeral";
pub(crate) const BOOT: &str = "boot our PID 1";
pub(crate) const BOOT_OPEN: &str = "boot our PID 1, no sandbox";
pub(crate) const BOOT_PROGRAM: &str = "boot a program, nothing kept";
pub(crate) const BOOT_LOGGED: &str = "boot a program, its output kept";
pub(crate) const BOOT_USERS: &str = "boot our PID 1, users of its own";
pub(crate) const FIRST_INSTRUCTION: &str = "boot to the first instruction";
pub(crate) const RUN: &str = "run `true` inside";
pub(crate) const RUN_IN_A_ROW: &str = "run `true` inside, 20 in a row, one of them";
pub(crate) const RUN_OPEN: &str = "run `true` inside, 20 in a row, one of them, no sandbox";
pub(crate) const RUN_USERS: &str = "run `true` inside, 20 in a row, one of them, users of its own";
/// How many programs are run in a row, as a program that uses the library would: nothing else in between.
const ROW: u32 = 20;
pub(crate) const RUN_DETACHED: &str = "start `true` inside, detached";
pub(crate) const RUN_COMMAND: &str = "run `true` inside, command";
pub(crate) const SHUTDOWN: &str = "shut down";
pub(crate) const DESTROY: &str = "destroy a stopped one";
pub(crate) const DESTROY_RUNNING: &str = "destroy a running one";
pub(crate) const WHOLE: &str = "create, boot, `true`, end";
pub(crate) const WHOLE_EPHEMERAL: &str = "the same, ephemeral";
pub(crate) const WHOLE_COMMAND: &str = "the same, command";
pub(crate) const WHOLE_COMMAND_EPHEMERAL: &str = "the same, command, --rm";
pub(crate) const LIST: &str = "list 100, stopped";
pub(crate) const LIST_RUNNING: &str = "list 100, running";

/// Containers in the lists.
const MANY: usize = 100;
/// How long a container may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Measures everything.
pub(crate) fn measure(fixture: &Fixture, rounds: usize) -> Result<Samples> {
    let idle = fixture.boot("idle")?;
    let open = fixture.engine.create(&Fixture::spec("open")?.sandbox(Sandbox::privileged()))?;
    open.boot(&Boot::new())?;
    let users = Sandbox::new().user_namespace(true);
    let users = fixture.engine.create(&Fixture::spec("users")?.sandbox(users))?;
    users.boot(&Boot::new())?;
    let victim = fixture.bundle("bundle-idle", &IDLE)?;
    for rival in fixture.rivals() {
        rival.start(&victim, "idle")?;
    }
    let mut series = Vec::new();
    life_cycle(fixture, &mut series);
    programs(fixture, [&idle, &open, &users], &mut series);
    whole_lives(fixture, &mut series)?;
    for rival in fixture.rivals() {
        let mut number = 0;
        let victim = &victim;
        add(&mut series, DESTROY_RUNNING, rival.who, move || {
            number += 1;
            let name = format!("victim{number}");
            rival.start(victim, &name)?;
            time(|| rival.delete(&name))
        });
    }
    let mut samples = Samples::take(series, rounds)?;
    for rival in fixture.rivals() {
        rival.delete("idle")?;
    }
    idle.destroy(IfRunning::Kill)?;
    open.destroy(IfRunning::Kill)?;
    users.destroy(IfRunning::Kill)?;
    samples.extend(lists(fixture, rounds.min(20))?);
    Ok(samples)
}

fn add<'a>(
    series: &mut Vec<Series<'a>>,
    operation: &'static str,
    who: Who,
    once: impl FnMut() -> Result<f64> + 'a,
) {
    series.push(Series { operation, who, once: Box::new(once) });
}

/// Milliseconds that an action takes.
fn time<T>(action: impl FnOnce() -> Result<T>) -> Result<f64> {
    let start = Instant::now();
    action()?;
    Ok(milliseconds(start.elapsed()))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Each step of a container's life, through the library.
fn life_cycle<'a>(fixture: &'a Fixture, series: &mut Vec<Series<'a>>) {
    let engine = &fixture.engine;
    add(series, CREATE, Who::Xdocker, || {
        let spec = Fixture::spec("created")?;
        let cost = time(|| Ok(engine.create(&spec)?))?;
        engine.container(&"created".parse()?)?.destroy(IfRunning::Refuse)?;
        Ok(cost)
    });
    add(series, CREATE_EPHEMERAL, Who::Xdocker, || {
        let spec = Fixture::spec("created")?;
        let mut made = None;
        let cost = time(|| Ok(made.insert(engine.create_ephemeral(&spec)?).name().clone()))?;
        made.map_or(Ok(()), Ephemeral::close)?;
        Ok(cost)
    });
    add(series, BOOT, Who::Xdocker, || {
        let container = engine.create(&Fixture::spec("booted")?)?;
        let cost = time(|| Ok(container.boot(&Boot::new())?))?;
        container.destroy(IfRunning::Kill)?;
        Ok(cost)
    });
    let others = [(BOOT_OPEN, Sandbox::privileged()), (BOOT_USERS, Sandbox::new().user_namespace(true))];
    for (operation, sandbox) in others {
        add(series, operation, Who::Xdocker, move || {
            let container = engine.create(&Fixture::spec("booted")?.sandbox(sandbox.clone()))?;
            let cost = time(|| Ok(container.boot(&Boot::new())?))?;
            container.destroy(IfRunning::Kill)?;
            Ok(cost)
        });
    }
    for (operation, log) in [(BOOT_PROGRAM, LogSize::NONE), (BOOT_LOGGED, LogSize::default())] {
        add(series, operation, Who::Xdocker, move || {
            let container = engine.create(&Fixture::spec("booted")?.log(log))?;
            let boot = Boot::new().exec(Exec::new(IDLE[0]).args(&IDLE[1..]));
            let cost = time(|| Ok(container.boot(&boot)?))?;
            container.destroy(IfRunning::Kill)?;
            Ok(cost)
        });
    }
    add(series, SHUTDOWN, Who::Xdocker, || {
        let container = fixture.boot("ending")?;
        let cost = time(|| Ok(container.shutdown(PATIENCE)?))?;
        container.destroy(IfRunning::Refuse)?;
        Ok(cost)
    });
    add(series, DESTROY, Who::Xdocker, || {
        let container = engine.create(&Fixture::spec("going")?)?;
        time(|| Ok(container.destroy(IfRunning::Refuse)?))
    });
    add(series, DESTROY_RUNNING, Who::Xdocker, || {
        let container = fixture.boot("going")?;
        time(|| Ok(container.destroy(IfRunning::Kill)?))
    });
}

/// Programs in a container that runs.
fn programs<'a>(fixture: &'a Fixture, [idle, open, users]: [&'a Container; 3], series: &mut Vec<Series<'a>>) {
    use xdocker_core::Stdio as Within;
    add(series, RUN_DETACHED, Who::Xdocker, || {
        let mut run = None;
        let cost = time(|| Ok(run.insert(idle.command("/bin/true").spawn_detached()?).id()))?;
        run.map_or(Ok(()), |run| run.wait().map(drop))?;
        Ok(cost)
    });
    add(series, RUN, Who::Xdocker, || {
        let mut command = idle.command("/bin/true");
        command.stdin(Within::Null).stdout(Within::Null).stderr(Within::Null);
        time(|| Ok(command.status()?))
    });
    for (operation, container) in [(RUN_IN_A_ROW, idle), (RUN_OPEN, open), (RUN_USERS, users)] {
        add(series, operation, Who::Xdocker, move || {
            let run = || -> Result<()> {
                let mut command = container.command("/bin/true");
                command.stdin(Within::Null).stdout(Within::Null).stderr(Within::Null);
                command.status()?;
                Ok(())
            };
            Ok(time(|| (0..ROW).try_for_each(|_| run()))? / f64::from(ROW))
        });
    }
    add(series, RUN_COMMAND, Who::Xdocker, || {
        time(|| succeed(&mut fixture.xdocker("-a run -c idle -- /bin/true")))
    });
    let busybox = fixture.layer().join("bin/busybox");
    add(series, RUN, Who::Floor, move || {
        let mut command = Command::new(&busybox);
        command.arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        time(|| succeed(&mut command))
    });
    let busybox = fixture.layer().join("bin/busybox");
    add(series, RUN_IN_A_ROW, Who::Floor, move || {
        let run = || {
            let mut command = Command::new(&busybox);
            command.arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            succeed(&mut command)
        };
        Ok(time(|| (0..ROW).try_for_each(|_| run()))? / f64::from(ROW))
    });
    for rival in fixture.rivals() {
        add(series, RUN, rival.who, || {
            time(|| succeed(rival.command().args(["exec", &rival.id("idle"), "/bin/true"])))
        });
    }
}

/// From nothing to a program that has run.
fn whole_lives<'a>(fixture: &'a Fixture, series: &mut Vec<Series<'a>>) -> Result<()> {
    let engine = &fixture.engine;
    let null: OwnedFd = File::options().read(true).write(true).open("/dev/null")?.into();
    let again = null.try_clone()?;
    let run = move |container: &Container, null: &OwnedFd| -> Result<()> {
        let status = container.boot_bound(&Boot::new().exec(Exec::new("/bin/true")), [null; 3])?.wait()?;
        if status.success() { Ok(()) } else { Err(status.to_string().into()) }
    };
    add(series, WHOLE, Who::Xdocker, move || {
        let spec = Fixture::spec("whole")?;
        let cost = time(|| run(&engine.create(&spec)?, &null))?;
        engine.container(&"whole".parse()?)?.destroy(IfRunning::Refuse)?;
        Ok(cost)
    });
    add(series, WHOLE_EPHEMERAL, Who::Xdocker, move || {
        let spec = Fixture::spec("whole")?;
        let mut made = None;
        let cost = time(|| run(made.insert(engine.create_ephemeral(&spec)?), &again))?;
        made.map_or(Ok(()), Ephemeral::close)?;
        Ok(cost)
    });
    add(series, WHOLE_COMMAND, Who::Xdocker, || {
        let cost =
            time(|| succeed(&mut fixture.xdocker("-a create -m test -c whole -b --wait -- /bin/true")))?;
        engine.container(&"whole".parse()?)?.destroy(IfRunning::Refuse)?;
        Ok(cost)
    });
    add(series, WHOLE_COMMAND_EPHEMERAL, Who::Xdocker, || {
        time(|| succeed(&mut fixture.xdocker("-a create -m test -c whole -b --rm -- /bin/true")))
    });
    add(series, WHOLE, Who::Floor, || time(|| succeed(fixture.floor("/bin/busybox").arg("true"))));
    add(series, FIRST_INSTRUCTION, Who::Xdocker, || {
        let container = engine.create_ephemeral(&Fixture::spec("stamp")?)?;
        let (mut reader, writer) = std::io::pipe()?;
        let null: OwnedFd = File::open("/dev/null")?.into();
        let writer = OwnedFd::from(writer);
        let start = sys::monotonic();
        let mut root =
            container.boot_bound(&Boot::new().exec(Exec::new("/bin/stamp")), [&null, &writer, &null])?;
        drop(writer);
        let cost = since(start, &mut reader)?;
        root.wait()?;
        container.close()?;
        Ok(cost)
    });
    add(series, FIRST_INSTRUCTION, Who::Floor, || stamp(&mut fixture.floor("/bin/stamp")));
    let bundle = Rc::new(fixture.bundle("bundle-true", &["/bin/true"])?);
    let stamps = Rc::new(fixture.bundle("bundle-stamp", &["/bin/stamp"])?);
    for rival in fixture.rivals() {
        let (bundle, stamps) = (bundle.clone(), stamps.clone());
        add(series, WHOLE, rival.who, move || time(|| succeed(&mut rival.run(&bundle, "whole"))));
        add(series, FIRST_INSTRUCTION, rival.who, move || stamp(&mut rival.run(&stamps, "stamp")));
    }
    Ok(())
}

/// Milliseconds from the start of a process to the time that it writes.
fn stamp(command: &mut Command) -> Result<f64> {
    command.stdout(Stdio::piped());
    let start = sys::monotonic();
    let mut child = command.spawn()?;
    let cost = since(start, child.stdout.as_mut().ok_or("its output is a pipe")?)?;
    let status = child.wait()?;
    if status.success() { Ok(cost) } else { Err(format!("{command:?}: {status}").into()) }
}

/// Milliseconds from `start` to the time that is read.
fn since(start: Duration, reader: &mut impl Read) -> Result<f64> {
    let (mut seconds, mut nanoseconds) = ([0; 8], [0; 8]);
    reader.read_exact(&mut seconds)?;
    reader.read_exact(&mut nanoseconds)?;
    let time = Duration::new(u64::from_ne_bytes(seconds), u64::from_ne_bytes(nanoseconds) as u32);
    Ok(milliseconds(time.saturating_sub(start)))
}

/// Processor time of a whole process that lists many containers.
fn lists(fixture: &Fixture, rounds: usize) -> Result<Samples> {
    let name = |number: usize| format!("many{number:03}");
    for number in 0..MANY {
        fixture.engine.create(&Fixture::spec(&name(number))?)?;
    }
    let mut samples = Samples::take(list(fixture, LIST, false), rounds)?;
    let idle = fixture.bundle("bundle-many", &IDLE)?;
    for number in 0..MANY {
        fixture.engine.container(&name(number).parse()?)?.boot(&Boot::new())?;
        for rival in with_cgroups(fixture) {
            rival.start(&idle, &name(number))?;
        }
    }
    samples.extend(Samples::take(list(fixture, LIST_RUNNING, true), rounds)?);
    for number in 0..MANY {
        fixture.engine.container(&name(number).parse()?)?.destroy(IfRunning::Kill)?;
        for rival in with_cgroups(fixture) {
            rival.delete(&name(number))?;
        }
    }
    Ok(samples)
}

/// The runtimes as they are used; a list is the same without cgroups.
fn with_cgroups(fixture: &Fixture) -> impl Iterator<Item = &Rival> {
    fixture.rivals().iter().filter(|rival| rival.who != Who::CrunBare)
}

fn list<'a>(fixture: &'a Fixture, operation: &'static str, with_rivals: bool) -> Vec<Series<'a>> {
    let mut series = Vec::new();
    add(&mut series, operation, Who::Xdocker, || cpu(&mut fixture.xdocker("-s containers")));
    for rival in with_cgroups(fixture).filter(|_| with_rivals) {
        add(&mut series, operation, rival.who, || cpu(rival.command().arg("list")));
    }
    series
}

/// Milliseconds of processor time that a process takes.
fn cpu(command: &mut Command) -> Result<f64> {
    let before = sys::children_cpu()?;
    succeed(command)?;
    Ok(milliseconds(sys::children_cpu()? - before))
}
