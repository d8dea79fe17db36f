//! The monitor: one process for each running container, on the host's side.
//!
//! It makes the container (the plan's `HOST` steps, a clone with new namespaces, the `INSIDE` steps in it),
//! serves sessions, keeps what is printed, and when the root process ends, for whatever reason, it undoes what was made, writes
//! how it ended and goes. While it lives it holds the lock on `run.json`, so its death cannot go unseen.

use crate::log::{self, Log};
use crate::plan::Plan;
use crate::process::{Failure, Progress, as_bytes, die_with_parent, enter, run_section};
use crate::session::{self, Sessions};
use crate::steps::Machine;
use crate::sys::{self, Cgroup, Cloned, Poll, Result, SIGCHLD, SIGKILL, Text, Wait};
use crate::wire::{Report, fd, flag, op, report, section, work};
use crate::{BROKEN, record};

/// Whether the library started us.
pub fn has_plan() -> bool {
    [fd::CONTROL, fd::PLAN, fd::RUN, fd::DIRECTORY, fd::SESSIONS].iter().all(|fd| sys::is_open(*fd))
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
    let started = Log::new(plan.header.log_limit)
        .map_err(Failure::of(work::LOG))
        .and_then(|mut log| start(&plan, &mut machine, &mut log).map(|root| (root, log)));
    match started {
        Ok((root, log)) => watch(&plan, root, machine.cgroup, log),
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

/// The container's root process.
#[derive(Clone, Copy)]
pub struct Root {
    pub pid: i32,
    pub pidfd: i32,
}

/// Executes the plan up to the point where the root process runs on its own.
fn start(plan: &Plan, machine: &mut Machine, log: &mut Log) -> core::result::Result<Root, Failure> {
    run_section(plan, machine, section::HOST)?;
    let output = match plan.header.flags & flag::LOG_ROOT != 0 && log.is_kept() {
        true => Some(log.open(0).map_err(Failure::of(work::LOG))?),
        false => None,
    };
    let clone_failure = || Failure::of(work::CLONE);
    let progress = Progress::new().map_err(clone_failure())?;
    let [ready, written] = sys::pipe().map_err(clone_failure())?;
    let flags = plan.header.clone_flags | sys::CLONE_PIDFD;
    let root = match sys::clone_process(flags, machine.cgroup).map_err(clone_failure())? {
        Cloned::Child => {
            sys::close(ready);
            become_root(plan, machine, progress, written, output)
        }
        Cloned::Parent { pid, pidfd } => Root { pid, pidfd },
    };
    sys::close(written);
    output.into_iter().flatten().for_each(sys::close);
    let recorded = record::running(plan.record(), root.pid).map_err(Failure::of(work::RECORD));
    // The pipe closes when the child has executed its program, became PID 1, or died.
    let _ = sys::read(ready, &mut [0u8; 1]);
    sys::close(ready);
    recorded.and_then(|()| Progress::outcome(progress)).map(|()| root).inspect_err(|_| {
        let _ = sys::pidfd_send_signal(root.pidfd, SIGKILL);
        let _ = sys::wait(Wait::Pid(root.pid), 0);
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
    die_with_parent();
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

/// Serves until the root process ends; then takes everything down.
fn watch(plan: &Plan, root: Root, cgroup: Option<Cgroup>, mut log: Log) -> ! {
    let flags = plan.header.flags;
    let started = Report { kind: report::STARTED, pid: root.pid, ..Report::default() };
    let heard = sys::send(fd::CONTROL, as_bytes(&started), -1).is_ok();
    if flags & flag::BOUND != 0 && !heard {
        let _ = sys::pidfd_send_signal(root.pidfd, SIGKILL);
    }
    // Of what a container outlives nothing is kept open: neither its caller's terminal nor its socket.
    drop_stdio();
    let mut control = fd::CONTROL;
    if flags & (flag::BOUND | flag::REPORT_END) == 0 {
        sys::close(control);
        control = -1;
    }
    let sessions = Sessions::new(*plan, root.pidfd, cgroup);
    let served =
        sessions.and_then(|sessions| serve(root, sessions, &mut log, control, flags & flag::BOUND != 0));
    let status = match served {
        Ok(status) => status,
        Err(why) => {
            // Nobody would watch over it any more.
            let _ = sys::pidfd_send_signal(root.pidfd, SIGKILL);
            let _ = sys::wait(Wait::Pid(root.pid), sys::WNOWAIT);
            tell(Failure::of(work::REQUEST)(why).report());
            SIGKILL
        }
    };
    sys::close(fd::SESSIONS);
    log.finish();
    let undone = undo(plan, false);
    if record::ended(status, &undone).is_ok() && undone.failure.is_none() {
        forget_run();
    }
    let ended = Report { kind: report::ENDED, status, pid: root.pid, ..Report::default() };
    tell(ended);
    sys::exit(0)
}

/// Serves sessions until the root process ends; its wait status. It stays a zombie to the last, so that
/// its pid cannot become anybody else's.
fn serve(root: Root, mut sessions: Sessions, log: &mut Log, mut control: i32, bound: bool) -> Result<i32> {
    const FIXED: usize = 4;
    let children = sys::signalfd(sys::signals(&[SIGCHLD]))?;
    let set: &mut [Poll] = sys::zeros(FIXED + session::MOST + log::MOST)?;
    loop {
        set[0] = Poll::new(root.pidfd, sys::POLLIN);
        set[1] = Poll::new(fd::SESSIONS, sys::POLLIN);
        set[2] = Poll::new(control, 0);
        set[3] = Poll::new(children, sys::POLLIN);
        let printers = FIXED + sessions.watch(&mut set[FIXED..]);
        let count = printers + log.watch(&mut set[printers..]);
        sys::poll(&mut set[..count], sessions.patience())?;
        let [ended, connected, owner, child] = [0, 1, 2, 3].map(|index: usize| set[index].got != 0);
        log.keep(&set[printers..count]);
        sessions.answer(&set[FIXED..printers], log);
        sessions.expire();
        if child {
            let _ = sys::read(children, &mut [0u8; 128]);
            sessions.reap(log);
        }
        // The kernel lets PID 1 end only when everything inside has been reaped: no session is left.
        if ended {
            let status = sys::wait(Wait::Pid(root.pid), sys::WNOWAIT)?;
            return Ok(status.map_or(0, |(_, status)| status));
        }
        if owner {
            sys::close(control);
            control = -1;
            if bound {
                sys::pidfd_send_signal(root.pidfd, SIGKILL)?;
            }
        }
        if connected && let Ok(connection) = sys::accept(fd::SESSIONS) {
            sessions.admit(connection);
        }
    }
}

/// What came of a tear-down.
pub struct Undone {
    /// The first step that failed, as (index, errno).
    pub failure: Option<(u32, i32)>,
    /// How often the kernel had killed in the container for want of memory, if that is known.
    pub oom_kills: Option<u64>,
}

/// Runs every step of the tear-down. What was never told to the kernel is not taken back: it may be somebody
/// else's, who was first.
fn undo(plan: &Plan, nothing_done: bool) -> Undone {
    let mut machine = Machine::new(fd::DIRECTORY, -1);
    let mut failure = None;
    for (index, step) in (0u32..).zip(plan.steps(section::UNDO)) {
        if nothing_done && step.head.op == op::NETLINK {
            continue;
        }
        if let Err(why) = machine.run(&step) {
            failure = failure.or(Some((index, why.0)));
        }
    }
    Undone { failure, oom_kills: machine.oom_kills }
}

/// Nothing of the container is left in the kernel: its record of that goes.
fn forget_run() {
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
