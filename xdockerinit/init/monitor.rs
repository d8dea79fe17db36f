//! The monitor: one process for each running container, on the host's side.
//!
//! It makes the container (the plan's `HOST` steps, a clone with new namespaces, the `INSIDE` steps in it),
//! serves sessions, keeps what is printed, and when the root process ends, for whatever reason, it undoes what was
//! made and writes how it ended. Then it goes, or does all of it again. While it lives it holds the lock on `run.json`, so its death cannot go unseen.

use crate::log::Log;
use crate::plan::Plan;
use crate::process::{Failure, Progress, as_bytes, begin_telling, enter, run_section};
use crate::record::Undone;
use crate::restart::Restarts;
use crate::server::{PRINTERS, Root, Server};
use crate::steps::{Machine, Within};
use crate::sys::{self, Cloned, Poll, SIGKILL, Text, Wait};
use crate::wire::{Report, fd, flag, op, report, section, work};
use crate::{BROKEN, record};

/// Whether the library started us.
pub fn has_plan() -> bool {
    (fd::CONTROL..fd::FREE).all(sys::is_open)
}

/// The whole life of a monitor.
pub fn run() -> ! {
    const PR_SET_DUMPABLE: u64 = 4;
    const PR_SET_NAME: u64 = 15;
    sys::default_signals();
    // A terminal's Ctrl-C, or a shell's farewell, is meant for whoever called, not for the container.
    sys::set_mask(u64::MAX);
    let _ = sys::setsid();
    let _ = sys::prctl(PR_SET_NAME, c"xdocker-monitor".as_ptr() as u64, 0);
    let _ = sys::prctl(PR_SET_DUMPABLE, 0, 0);
    sys::umask(0o022);
    let plan = match Plan::map(fd::PLAN) {
        Ok(plan) => plan,
        Err(why) => {
            tell(Failure::of(work::PLAN)(why).report());
            sys::exit(BROKEN)
        }
    };
    let mut machine = Machine::new(fd::DIRECTORY, -1);
    let started = Log::new(plan.header.log_limit, PRINTERS)
        .map_err(Failure::of(work::LOG))
        .and_then(|mut log| start(&plan, &mut machine, &mut log, 0).map(|root| (root, log)));
    match started {
        Ok((root, log)) => watch(&plan, (root, machine.within), log),
        Err(failure) => {
            // Undone first, told then: whoever hears of the failure finds nothing left.
            if undo(&plan, failure.is_of_first_step()).failure.is_none() {
                forget_run();
            }
            tell(failure.report());
            sys::exit(1)
        }
    }
}

/// Executes the plan up to the point where the root process runs on its own.
fn start(
    plan: &Plan,
    machine: &mut Machine,
    log: &mut Log,
    restarts: u32,
) -> core::result::Result<Root, Failure> {
    let started = run_section(plan, machine, section::HOST).and_then(|()| {
        let output = match plan.header.flags & flag::LOG_ROOT != 0 && log.is_kept() {
            true => Some(log.open(0).map_err(Failure::of(work::LOG))?),
            false => None,
        };
        let root = clone_root(plan, machine, output, restarts);
        output.into_iter().flatten().for_each(sys::close);
        root
    });
    machine.clear();
    started
}

/// The part of it behind the steps of the host.
fn clone_root(
    plan: &Plan,
    machine: &mut Machine,
    output: Option<[i32; 2]>,
    restarts: u32,
) -> core::result::Result<Root, Failure> {
    let clone_failure = || Failure::of(work::CLONE);
    let progress = Progress::new().map_err(clone_failure())?;
    let [ready, written] = sys::pipe().map_err(clone_failure())?;
    let flags = plan.header.clone_flags | sys::CLONE_PIDFD;
    let root = match sys::clone_process(flags, machine.within.cgroup).map_err(clone_failure())? {
        Cloned::Child => {
            sys::close(ready);
            become_root(plan, machine, progress, written, output)
        }
        Cloned::Parent { pid, pidfd } => Root { pid, pidfd },
    };
    sys::close(written);
    let recorded = record::running(plan.record(), root.pid, restarts).map_err(Failure::of(work::RECORD));
    // The pipe closes when the child has executed its program, became PID 1, or died.
    let _ = sys::read(ready, &mut [0u8; 1]);
    sys::close(ready);
    let outcome = Progress::outcome(progress);
    Progress::free(progress);
    recorded.and(outcome).map(|()| root).inspect_err(|_| {
        let _ = sys::pidfd_send_signal(root.pidfd, SIGKILL);
        let _ = sys::wait(Wait::Pid(root.pid), 0);
        sys::close(root.pidfd);
    })
}

/// The child's side: never returns.
fn become_root(
    plan: &Plan,
    machine: &mut Machine,
    progress: *mut Progress,
    pipe: i32,
    output: Option<[i32; 2]>,
) -> ! {
    machine.plan = plan.memory();
    sys::die_with_parent();
    // The monitor may have died before that took effect: then nobody reads the pipe.
    let mut reader = [Poll::new(pipe, 0)];
    if sys::poll(&mut reader, 0).is_ok_and(|n| n > 0) && reader[0].got & sys::POLLERR != 0 {
        sys::exit(BROKEN);
    }
    let _ = sys::setsid();
    for (number, end) in (1..).zip(output.into_iter().flatten()) {
        if let Err(why) = sys::dup_to(end, number) {
            Progress::failed(progress, Failure::of(work::LOG)(why));
            sys::exit(BROKEN);
        }
    }
    machine.may_be_init = plan.header.clone_flags & sys::CLONE_NEWPID != 0;
    enter(plan, plan, machine, progress)
}

/// What there is of a container that runs: its root process, and what others are born into.
type Running = (Root, Within);

/// Watches over the container until it has ended for good.
fn watch(plan: &Plan, running: Running, log: Log) -> ! {
    let flags = plan.header.flags;
    let pid = running.0.pid;
    let started = Report { kind: report::STARTED, pid, ..Report::default() };
    let heard = sys::send(fd::CONTROL, as_bytes(&started), -1).is_ok();
    if flags & flag::BOUND != 0 && !heard {
        let _ = sys::pidfd_send_signal(running.0.pidfd, SIGKILL);
    }
    // Of what a container outlives nothing is kept open: neither its caller's terminal nor its socket.
    drop_stdio();
    let mut control = fd::CONTROL;
    if flags & (flag::BOUND | flag::REPORT_END) == 0 {
        sys::close(control);
        control = -1;
    }
    let status = match Server::new(*plan, log, control, flags & flag::BOUND != 0) {
        Ok(mut server) => live(plan, running, &mut server),
        Err(why) => {
            let status = give_up(running.0, why, || ());
            sys::close(fd::SESSIONS);
            let undone = undo(plan, false);
            if record::ended(status, &undone, None).is_ok() && undone.failure.is_none() {
                forget_run();
            }
            status
        }
    };
    tell(Report { kind: report::ENDED, status, pid, ..Report::default() });
    sys::exit(0)
}

/// One run of the container after the other, until it has ended for good. The wait status of the last one.
fn live(plan: &Plan, running: Running, server: &mut Server) -> i32 {
    let mut plan = *plan;
    let mut restarts = Restarts::new(plan.header.restart, plan.header.restart_most);
    let (mut status, mut run): (i32, core::result::Result<Running, Failure>) = (0, Ok(running));
    loop {
        let begun = sys::uptime();
        let (mut goes_on, mut not_started) = (true, None);
        match &run {
            Ok((root, within)) => {
                // What it took to get here is not needed soon.
                sys::rest(plan.memory());
                sys::rest_stack();
                status = server.serve(*root, *within).unwrap_or_else(|why| {
                    goes_on = false;
                    give_up(*root, why, || server.reap())
                });
            }
            Err(failure) => not_started = Some(failure),
        }
        goes_on &= !server.is_stopped();
        let pause = if goes_on { restarts.next(status, sys::uptime() - begun) } else { None };
        if pause.is_none() {
            // Whoever connects from here on hears at once that there is nobody.
            sys::close(fd::SESSIONS);
        }
        server.log.finish();
        let undone = undo(&plan, not_started.is_some_and(|failure| failure.is_of_first_step()));
        let recorded = record::ended(status, &undone, not_started.map(|failure| failure.errno)).is_ok();
        let clean = recorded && undone.failure.is_none();
        match pause {
            Some(pause) if clean && record::pausing(plan.record(), restarts.count).is_ok() => {
                if let Ok((root, _)) = run {
                    // Only now that nobody is sent to it: its pid may become anybody's.
                    let _ = sys::wait(Wait::Pid(root.pid), 0);
                    sys::close(root.pidfd);
                }
                if server.pause(pause).unwrap_or(false) {
                    // The one before stays mapped, for whoever has something of it; it costs no memory.
                    plan = server.next_plan().unwrap_or(plan);
                    let mut machine = Machine::new(fd::DIRECTORY, -1);
                    run = start(&plan, &mut machine, &mut server.log, restarts.count)
                        .map(|root| (root, machine.within))
                        .inspect_err(|_| machine.within.close());
                    continue;
                }
                sys::close(fd::SESSIONS);
            }
            Some(_) => sys::close(fd::SESSIONS),
            None => {}
        }
        if clean {
            forget_run();
        }
        return status;
    }
}

/// Nobody can watch over the root process any more. It ends only when all that die with it have been reaped: those of
/// sessions are our children, and no other's.
fn give_up(root: Root, why: sys::Errno, mut reap: impl FnMut()) -> i32 {
    const PAUSE: i32 = 5;
    let _ = sys::pidfd_send_signal(root.pidfd, SIGKILL);
    while let Ok(None) = sys::wait(Wait::Pid(root.pid), sys::WNOWAIT | sys::WNOHANG) {
        reap();
        let _ = sys::poll(&mut [], PAUSE);
    }
    tell(Failure::of(work::REQUEST)(why).report());
    SIGKILL
}

/// Runs every step of the tear-down. What was never told to the kernel is not taken back: it may be somebody
/// else's, who was first.
fn undo(plan: &Plan, nothing_done: bool) -> Undone {
    let mut machine = Machine::new(fd::DIRECTORY, -1);
    let (mut failure, mut telling) = (None, None);
    for (index, step) in (0u32..).zip(plan.steps(section::UNDO)) {
        let done = match step.head.op {
            op::NETLINK if nothing_done => Ok(()),
            op::NETLINK => begin_telling(&step).map(|begun| telling = Some((index, begun))),
            _ => machine.run(&step),
        };
        failure = failure.or(done.err().map(|why| (index, why.0)));
    }
    if let Some((index, begun)) = telling {
        failure = failure.or(begun.outcome().err().map(|why| (index, why.0)));
    }
    Undone { failure, oom_kills: machine.oom_kills }
}

/// Nothing of the container is left in the kernel: its record of that goes, and before it the socket for sessions.
fn forget_run() {
    let _ = sys::unlinkat(fd::DIRECTORY, Text::of(c"session.sock"), 0);
    let _ = sys::unlinkat(fd::DIRECTORY, Text::of(c"run.json"), 0);
}

fn tell(message: Report) {
    let _ = sys::send(fd::CONTROL, as_bytes(&message), -1);
}

/// Puts /dev/null in the place of 0, 1 and 2, so that later descriptors do not take those numbers.
fn drop_stdio() {
    if let Ok(null) = sys::openat(sys::AT_FDCWD, Text::of(c"/dev/null"), sys::O_RDWR, 0) {
        for number in 0..3 {
            let _ = sys::dup_to(null, number);
        }
        sys::close(null);
    }
}
