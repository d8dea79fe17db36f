//! Sessions: processes that join a running container (run, attach).
//!
//! ```text
//! monitor ── fork ──> holder: has the client's connection; stays in the host's namespaces
//!                       └─ vfork ──> joiner: closes all that is the host's, joins the namespaces
//!                                      └─ clone(CLONE_PARENT) ──> the process, child of the holder
//! ```
//! The process appears in the container's PID namespace with no descriptor but its own 0, 1 and 2, with
//! the container's root as its root, and with memory that it shares with nobody: whoever may trace
//! processes inside finds nothing of the host in it (CVE-2016-9962, CVE-2024-21626).

use core::ffi::c_void;

use crate::plan::Plan;
use crate::process::{Failure, Progress, as_bytes, enter, run_section};
use crate::steps::Machine;
use crate::sys::{self, Cloned, Poll, Result, SIGHUP, SIGKILL, Text, Wait};
use crate::wire::{MAGIC, Report, Request, fd, flag, report, request, section, work};

/// How long a process may go on after its client has gone, in milliseconds.
const GRACE: i32 = 2000;
/// `f_type` of a devpts (statfs(2)).
const DEVPTS: u64 = 0x1cd1;

/// Descriptors of a holder, at fixed numbers so that everything else can be closed.
const CONNECTION: i32 = 3;
const ROOT_PIDFD: i32 = 4;
const LAST: i32 = 4;

/// Forks a holder for one connection.
pub fn hold(connection: i32, root: i32) {
    match sys::clone_process(0) {
        Ok(Cloned::Child) => serve(connection, root),
        Ok(Cloned::Parent { .. }) => (),
        Err(why) => {
            let failure = Failure::of(work::CLONE)(why).report();
            let _ = sys::send(connection, as_bytes(&failure), -1);
        }
    }
    sys::close(connection);
}

fn serve(connection: i32, root: i32) -> ! {
    // The lock above all: a holder that kept it would make a dead monitor look alive.
    let settled = sys::move_up(connection, fd::FREE).and_then(|connection| {
        let root = sys::move_up(root, fd::FREE)?;
        sys::dup_to(connection, CONNECTION)?;
        sys::dup_to(root, ROOT_PIDFD)?;
        sys::close_range(LAST + 1, u32::MAX)
    });
    if settled.is_err() {
        sys::exit(1);
    }
    let status = match accept_request().and_then(|(plan, stdio)| start(&plan, stdio)) {
        Ok((process, terminal)) => attend(process, terminal),
        Err(failure) => {
            let _ = sys::send(CONNECTION, as_bytes(&failure.report()), -1);
            1
        }
    };
    sys::exit(status)
}

/// Waits for the request, or for the end of the container.
fn accept_request() -> core::result::Result<(Plan, [i32; 3]), Failure> {
    let failed = || Failure::of(work::REQUEST);
    let mut set = [Poll::new(CONNECTION, sys::POLLIN), Poll::new(ROOT_PIDFD, sys::POLLIN)];
    sys::poll(&mut set, -1).map_err(failed())?;
    if set[0].got & sys::POLLIN == 0 {
        sys::exit(0); // nobody asks any more
    }
    let (asked, fds) = receive_request().map_err(failed())?;
    if asked.kind == request::HANG_UP {
        // All holders are of one process group, the monitor's, which blocks every signal; so do we, but
        // those with a terminal look for this one.
        sys::kill_own_group(SIGHUP);
        sys::exit(0);
    }
    let [plan, stdio @ ..] = fds;
    if asked.kind != request::SESSION || plan < 0 {
        return Err(failed()(sys::EPROTO));
    }
    let plan = Plan::map(plan).map_err(Failure::of(work::PLAN))?;
    let terminal = plan.header.flags & flag::TERMINAL != 0;
    if !terminal && stdio.contains(&-1) {
        return Err(failed()(sys::EPROTO));
    }
    Ok((plan, stdio))
}

fn receive_request() -> Result<(Request, [i32; sys::PASSED])> {
    let mut buffer = [0u8; size_of::<Request>()];
    let (length, fds) = sys::receive(CONNECTION, &mut buffer)?;
    // SAFETY: any 16 bytes are a `Request`; the read allows for their alignment.
    let asked = unsafe { buffer.as_ptr().cast::<Request>().read_unaligned() };
    if length != buffer.len() || asked.magic != MAGIC {
        return Err(sys::EPROTO);
    }
    Ok((asked, fds))
}

/// What holder and joiner share: the joiner runs in the holder's memory while the holder is stopped.
struct Joint<'a> {
    plan: &'a Plan,
    progress: *mut Progress,
    /// Where the joiner sends the master of the terminal.
    courier: i32,
    pid: i32,
    failure: Option<Failure>,
}

/// Has the process made and reports that it runs. Gives back its id, and whether it has a terminal.
fn start(plan: &Plan, stdio: [i32; 3]) -> core::result::Result<(i32, bool), Failure> {
    let failed = || Failure::of(work::CLONE);
    let terminal = plan.header.flags & flag::TERMINAL != 0;
    let progress = Progress::new().map_err(failed())?;
    let [mine, courier] = if terminal { sys::socketpair().map_err(failed())? } else { [-1, -1] };
    if !terminal {
        settle_stdio(stdio).map_err(failed())?;
    }
    let mut joint = Joint { plan, progress, courier, pid: 0, failure: None };
    let mut stack = [0u8; 16 * 1024];
    let joiner = sys::run_in_vfork(&mut stack, join, (&raw mut joint).cast::<c_void>()).map_err(failed())?;
    let _ = sys::wait(Wait::Pid(joiner), 0);
    // SAFETY: a plain read of what the joiner wrote while we were stopped.
    let (pid, failure) =
        unsafe { ((&raw const joint.pid).read_volatile(), (&raw const joint.failure).read_volatile()) };
    if pid == 0 {
        return Err(failure.unwrap_or_else(|| failed()(sys::EPROTO)));
    }
    Progress::outcome(progress).inspect_err(|_| {
        let _ = sys::wait(Wait::Pid(pid), 0);
    })?;
    let master = match terminal {
        true => sys::receive(mine, &mut [0u8; 1]).map_err(Failure::of(work::TERMINAL))?.1[0],
        false => -1,
    };
    for fd in [mine, courier] {
        if fd >= 0 {
            sys::close(fd);
        }
    }
    let started = Report { kind: report::STARTED, pid, ..Report::default() };
    let _ = sys::send(CONNECTION, as_bytes(&started), master);
    // A pipe's end in our hands would keep its other end from ever reading the end of file.
    let _ = sys::close_range(0, 2);
    if master >= 0 {
        sys::close(master);
    }
    Ok((pid, terminal))
}

/// Puts the client's descriptors where the process will have them.
fn settle_stdio(stdio: [i32; 3]) -> Result<()> {
    for (number, fd) in (0..).zip(stdio) {
        sys::dup_to(fd, number)?;
        sys::close(fd);
    }
    Ok(())
}

/// The joiner: enters the container and leaves the new process there as the holder's child.
extern "C" fn join(joint: *mut c_void) -> ! {
    // SAFETY: the holder, stopped until we end, lent us its `Joint`; descriptors are a copy of our own.
    let joint = unsafe { &mut *joint.cast::<Joint<'_>>() };
    match try_join(joint) {
        Ok(pid) => joint.pid = pid,
        Err(failure) => joint.failure = Some(failure),
    }
    sys::exit(0)
}

fn try_join(joint: &Joint<'_>) -> core::result::Result<i32, Failure> {
    let plan = joint.plan;
    let failed = || Failure::of(work::CLONE);
    sys::close(CONNECTION);
    let mut machine = Machine::new(-1, ROOT_PIDFD);
    run_section(plan, &mut machine, section::HOST)?;
    let slave = match joint.courier {
        -1 => -1,
        courier => open_terminal(plan, courier).map_err(Failure::of(work::TERMINAL))?,
    };
    sys::close_range(if slave < 0 { 3 } else { 4 }, u32::MAX).map_err(failed())?;
    // CLONE_VFORK without CLONE_VM: we go on when it has executed its program or failed.
    match sys::clone_process(sys::CLONE_PARENT | sys::CLONE_VFORK).map_err(failed())? {
        Cloned::Child => {
            let _ = sys::setsid();
            if slave >= 0 {
                take_terminal(slave, joint.progress);
            }
            enter(plan, &mut Machine::new(-1, -1), joint.progress)
        }
        Cloned::Parent { pid, .. } => Ok(pid),
    }
}

/// Makes a pseudo-terminal in the container's devpts, sends the master to the holder and keeps the slave
/// as descriptor 3.
///
/// The path could be the container's own doing, so what it leads to is checked, and the slave is opened
/// through the master and not by its name (CVE-2025-52565).
fn open_terminal(plan: &Plan, courier: i32) -> Result<i32> {
    let how = sys::RESOLVE_NO_SYMLINKS | sys::RESOLVE_NO_MAGICLINKS;
    let flags = sys::O_RDWR | sys::O_NOCTTY;
    let master = sys::openat2(sys::AT_FDCWD, Text::of(c"/dev/pts/ptmx"), flags, how)?;
    if sys::file_system_type(master)? != DEVPTS {
        return Err(sys::EXDEV);
    }
    let slave = sys::open_slave(master)?;
    let window = plan.header.window;
    if window != 0 {
        sys::set_window(master, (window >> 16) as u16, window as u16)?;
    }
    sys::send(courier, b"m", master)?;
    sys::dup_to(slave, 3)?;
    Ok(3)
}

/// Makes the slave the controlling terminal and descriptors 0, 1 and 2.
fn take_terminal(slave: i32, progress: *mut Progress) {
    let taken = sys::set_controlling_terminal(slave)
        .and_then(|()| (0..3).try_for_each(|number| sys::dup_to(slave, number)));
    sys::close(slave);
    if let Err(why) = taken {
        Progress::failed(progress, Failure::of(work::TERMINAL)(why));
        sys::exit(1);
    }
}

/// Waits for the end of the process, passing the client's signals on; reports the end.
fn attend(pid: i32, terminal: bool) -> i32 {
    let Ok(process) = sys::pidfd_open(pid) else {
        return 1;
    };
    // An interactive shell ignores SIGTERM: without a hang-up it would hold a shutdown until it is killed.
    let hang_up = if terminal { sys::signalfd(sys::signals(&[SIGHUP])).unwrap_or(-1) } else { -1 };
    let mut set = [
        Poll::new(process, sys::POLLIN),
        Poll::new(CONNECTION, sys::POLLIN),
        Poll::new(hang_up, sys::POLLIN),
    ];
    let mut patience = -1;
    loop {
        let woken = sys::poll(&mut set, patience).unwrap_or(0);
        if set[0].got != 0 {
            break;
        }
        if woken == 0 {
            let _ = sys::kill(-pid, SIGKILL);
            patience = -1;
            continue;
        }
        if set[2].got != 0 {
            let _ = sys::kill(-pid, SIGHUP);
            set[2].fd = -1;
        }
        if set[1].got == 0 {
            continue;
        }
        match receive_request() {
            Ok((asked, _)) if asked.kind == request::SIGNAL => {
                // To its whole group, as a terminal would: a shell's command line is more than the shell.
                let _ = sys::kill(-pid, asked.argument as i32);
            }
            _ => {
                // The client has gone: as with a terminal that hangs up, and then by force.
                let _ = sys::kill(-pid, SIGHUP);
                set[1].fd = -1;
                patience = GRACE;
            }
        }
    }
    let status = sys::wait(Wait::Pid(pid), 0).ok().flatten().map_or(0, |(_, status)| status);
    let ended = Report { kind: report::ENDED, pid, status, ..Report::default() };
    let _ = sys::send(CONNECTION, as_bytes(&ended), -1);
    0
}
