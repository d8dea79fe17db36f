//! Sessions: processes that join a running container (run, attach).
//!
//! ```text
//! monitor: has the client's connection; stays in the host's namespaces, outside the limits
//!    └─ vfork ──> joiner: enters the cgroups, drops all that is the host's, enters the namespaces, gives up its rights
//!                   └─ clone(CLONE_PARENT) ──> the process, child of the monitor
//! ```
//! The process appears in the container's PID namespace with no descriptor but its own 0, 1 and 2, with
//! the container's root as its root, without any right that the container has not, and with memory that it shares with
//! nobody: whoever may trace processes inside finds nothing of the host in it (CVE-2016-9962, CVE-2024-21626). The monitor stops
//! for as long as the joiner lives, which is until the program has been executed. Somebody inside may stop the process before
//! that: the joiner tells it to go on, and kills it when ten seconds were not enough.

use core::ffi::c_void;

use crate::log::{Log, SINK};
use crate::plan::{Plan, Step};
use crate::process::{Failure, Progress, as_bytes, prepare, run_section};
use crate::runs::Runs;
use crate::steps::{Machine, Within};
use crate::sys::{self, Cloned, Poll, Result, SIGHUP, SIGKILL, SIGTERM, Text, Wait};
use crate::wire::{MAGIC, Report, Request, flag, op, report, request, runs, section, work};

/// How many sessions a container can have at a time.
pub const MOST: usize = 512;
/// What is polled, besides connections and pipes of the log, or is a descriptor all the time.
const OTHERS: usize = 24;
/// How many connections: some are left for those who have no process to be started.
pub const ROOM: usize = MOST + 8;
/// How long a process may go on after its client has gone, in nanoseconds.
const GRACE: u64 = 2_000_000_000;
/// Bytes of stack for a joiner.
const STACK: usize = 16 * 1024;
/// `f_type` of a devpts (statfs(2)).
const DEVPTS: u64 = 0x1cd1;
const PR_SET_DUMPABLE: u64 = 4;

/// One session, from its connection to the end of its process. All zeros is none.
#[derive(Clone, Copy)]
struct Session {
    /// The client's connection; -1 when it has gone.
    connection: i32,
    /// The process; 0 as long as the client has not asked for one.
    pid: i32,
    terminal: bool,
    /// Id of a run that needs no client; 0 for one that does.
    run: u32,
    /// When something is done about the process, in nanoseconds since boot; 0 for never.
    deadline: u64,
    /// What is done then: a signal.
    last_word: i32,
    timed_out: bool,
}

impl Session {
    fn tell(&self, message: Report, fd: i32) {
        let _ = sys::send(self.connection, as_bytes(&message), fd);
    }

    /// To the whole group, as a terminal would: a shell's command line is more than the shell.
    fn signal(&self, signal: i32) {
        if self.pid > 0 {
            let _ = sys::kill(-self.pid, signal);
        }
    }
}

/// The sessions of a container.
pub struct Sessions {
    table: &'static mut [Session],
    count: usize,
    /// How many there can be, where there may be few descriptors: poll(2) takes no more than those, and each session has
    /// a place for its connection and may have two for its pipes.
    most: usize,
    /// How the container was launched: a session goes the same way into its cgroups and its sandbox.
    launch: Plan,
    /// Whether somebody has said that the container is not to be started again.
    pub stopped: bool,
    /// By what it is to be started again, if not as it was.
    next: Option<Plan>,
    /// The container's root process; -1 between two of them.
    root: i32,
    within: Within,
    runs: Runs,
    /// What starts of sessions use, one after the other.
    progress: *mut Progress,
    stack: &'static mut [u8],
}

impl Sessions {
    pub fn new(launch: Plan) -> Result<Self> {
        Ok(Self {
            table: sys::zeros(ROOM)?,
            count: 0,
            most: MOST.min(sys::descriptors()?.saturating_sub(OTHERS) / 3),
            launch,
            stopped: false,
            next: None,
            root: -1,
            within: Within::NOTHING,
            runs: Runs::new(),
            progress: Progress::new()?,
            stack: sys::zeros(STACK)?,
        })
    }

    /// The container has this root process now.
    pub fn container_runs(&mut self, root: i32, within: Within) {
        self.root = root;
        self.within = within;
    }

    /// By what to start it again, if not as it was. Those who join it then go its way.
    pub fn take_next(&mut self) -> Option<Plan> {
        let next = self.next.take()?;
        self.launch = next;
        Some(next)
    }

    /// It has none any more.
    pub fn container_has_ended(&mut self) {
        self.root = -1;
        self.within.close();
    }

    /// Fills `set` with what to poll, and says how much that is.
    pub fn watch(&self, set: &mut [Poll]) -> usize {
        for (entry, session) in set.iter_mut().zip(&self.table[..self.count]) {
            *entry = Poll::new(session.connection, sys::POLLIN);
        }
        self.count
    }

    /// Milliseconds until the next process is to be killed; -1 for never.
    pub fn patience(&self) -> i32 {
        let next =
            self.table[..self.count].iter().map(|session| session.deadline).filter(|at| *at != 0).min();
        next.map_or(-1, |at| (at.saturating_sub(sys::uptime()) / 1_000_000 + 1).min(i32::MAX as u64) as i32)
    }

    /// A client has connected.
    pub fn admit(&mut self, connection: i32) {
        let session = Session {
            connection,
            pid: 0,
            terminal: false,
            run: 0,
            deadline: 0,
            last_word: SIGKILL,
            timed_out: false,
        };
        match self.table[..self.most + ROOM - MOST].get_mut(self.count) {
            Some(free) => {
                *free = session;
                self.count += 1;
            }
            None => {
                session.tell(Failure::of(work::REQUEST)(sys::EAGAIN).report(), -1);
                sys::close(connection);
            }
        }
    }

    /// Answers those clients of whom `set`, as [`Self::watch`] filled it, says that they have spoken or gone.
    pub fn answer(&mut self, set: &[Poll], log: &mut Log) {
        // Backwards: what takes the place of one that is removed has had its turn.
        for index in (0..set.len().min(self.count)).rev().filter(|index| set[*index].got != 0) {
            match self.table[index].pid {
                0 => self.begin(index, log),
                _ => self.go_on(index),
            }
        }
    }

    /// Ends what has gone on for too long: by SIGKILL without its client, by SIGTERM first when its time is up.
    pub fn expire(&mut self) {
        let now = sys::uptime();
        for session in self.table[..self.count].iter_mut().filter(|session| session.deadline != 0) {
            if session.deadline <= now {
                session.signal(session.last_word);
                let asked = session.last_word == SIGTERM;
                session.timed_out |= asked;
                session.deadline = if asked { now + GRACE } else { 0 };
                session.last_word = SIGKILL;
            }
        }
    }

    /// Collects the processes that have ended, and tells their clients.
    pub fn reap(&mut self, log: &mut Log) {
        for index in (0..self.count).rev() {
            let session = self.table[index];
            if session.pid > 0
                && let Ok(Some((pid, status))) = sys::wait(Wait::Pid(session.pid), sys::WNOHANG)
            {
                if session.run != 0 {
                    log.catch_up(u64::from(session.run));
                    self.runs.ended(session.run, status, session.timed_out);
                }
                let kind = if session.timed_out { report::TIMED_OUT } else { report::ENDED };
                session.tell(Report { kind, pid, status, ..Report::default() }, -1);
                self.remove(index);
            }
        }
    }

    fn remove(&mut self, index: usize) {
        let connection = self.table[index].connection;
        if connection >= 0 {
            sys::close(connection);
        }
        self.count -= 1;
        self.table[index] = self.table[self.count];
    }

    /// The first message of a client.
    fn begin(&mut self, index: usize, log: &mut Log) {
        let connection = self.table[index].connection;
        match receive_request(connection) {
            Ok((asked, mut passed)) if asked.kind == request::PLAN => {
                let session = self.table[index];
                match open_plan(passed.take_plan()) {
                    Ok(plan) => {
                        if let Some(never_used) = self.next.replace(plan) {
                            never_used.unmap();
                        }
                        session.tell(Report { kind: report::TAKEN, ..Report::default() }, -1);
                    }
                    Err(failure) => session.tell(failure.report(), -1),
                }
                self.remove(index);
            }
            // There is nothing to join.
            Ok((asked, _)) if self.root < 0 && asked.kind != request::STOP => self.remove(index),
            Ok((asked, mut passed)) if matches!(asked.kind, request::SESSION | request::DETACHED) => {
                let detached = asked.kind == request::DETACHED;
                let started = open_plan(passed.take_plan()).and_then(|plan| {
                    let started = match detached {
                        _ if self.count > self.most => Err(Failure::of(work::REQUEST)(sys::EAGAIN)),
                        true => self.start_detached(&plan, log),
                        false => self.join(&plan, passed.stdio()),
                    };
                    plan.unmap();
                    started
                });
                let session = &mut self.table[index];
                match started {
                    Ok(process) => {
                        session.pid = process.pid;
                        session.run = process.run;
                        if asked.argument != 0 {
                            session.deadline = sys::uptime().saturating_add(asked.argument);
                            session.last_word = SIGTERM;
                        }
                        session.terminal = process.master >= 0;
                        let (kind, pid, run) = (report::STARTED, process.pid, process.run);
                        session.tell(Report { kind, pid, run, ..Report::default() }, process.master);
                        if detached {
                            sys::close(session.connection);
                            session.connection = -1;
                        }
                        if process.master >= 0 {
                            sys::close(process.master);
                        }
                    }
                    Err(failure) => {
                        session.tell(failure.report(), -1);
                        self.remove(index);
                    }
                }
            }
            Ok((asked, _)) if asked.kind == request::HANG_UP => {
                // An interactive shell ignores SIGTERM: without this it would hold a shutdown until it is killed.
                let attached = self.table[..self.count].iter().filter(|session| session.terminal);
                attached.for_each(|session| session.signal(SIGHUP));
                self.remove(index);
            }
            Ok((asked, _)) if asked.kind == request::STOP => {
                self.stopped = true;
                self.table[index].tell(Report { kind: report::STOPPED, ..Report::default() }, -1);
                self.remove(index);
            }
            Ok(_) => self.remove(index),
            Err(why) => {
                self.table[index].tell(Failure::of(work::REQUEST)(why).report(), -1);
                self.remove(index);
            }
        }
    }

    /// A later message of a client, or its end.
    fn go_on(&mut self, index: usize) {
        let session = &mut self.table[index];
        match receive_request(session.connection) {
            Ok((asked, _)) if asked.kind == request::SIGNAL => session.signal(asked.argument as i32),
            _ => {
                // The client has gone: as with a terminal that hangs up, and then by force.
                sys::close(session.connection);
                session.connection = -1;
                session.signal(SIGHUP);
                session.deadline = sys::uptime() + GRACE;
                session.last_word = SIGKILL;
            }
        }
    }

    /// Has a process made inside that prints into the log and needs no client.
    fn start_detached(&mut self, plan: &Plan, log: &mut Log) -> core::result::Result<Process, Failure> {
        if plan.header.flags & flag::TERMINAL != 0 {
            return Err(Failure::of(work::REQUEST)(sys::EPROTO));
        }
        let table = &self.table[..self.count];
        let runs = |place| table.iter().any(|session| session.run != 0 && session.run % runs::MOST == place);
        let run = self.runs.begin(plan, runs).map_err(Failure::of(work::RUN_RECORD))?;
        let started = match log.is_kept() {
            false => self.join(plan, [SINK; 3]),
            true => log.open(u64::from(run)).map_err(Failure::of(work::LOG)).and_then(|[out, errors]| {
                let started = self.join(plan, [SINK, out, errors]);
                sys::close(out);
                sys::close(errors);
                started
            }),
        };
        match started {
            Ok(process) => {
                self.runs.started(run, process.pid);
                Ok(Process { run, ..process })
            }
            Err(failure) => {
                self.runs.forget(run);
                Err(failure)
            }
        }
    }

    /// Has a process made inside.
    fn join(&mut self, plan: &Plan, stdio: [i32; 3]) -> core::result::Result<Process, Failure> {
        let failed = || Failure::of(work::CLONE);
        let terminal = plan.header.flags & flag::TERMINAL != 0;
        if !terminal && stdio.contains(&-1) {
            return Err(Failure::of(work::REQUEST)(sys::EPROTO));
        }
        let [mine, courier] = if terminal { sys::socketpair().map_err(failed())? } else { [-1, -1] };
        Progress::reset(self.progress);
        let mut joint = Joint {
            launch: &self.launch,
            plan,
            stdio,
            courier,
            root: self.root,
            users: self.within.users,
            progress: self.progress,
            pid: 0,
            failure: None,
        };
        let joined =
            sys::run_in_vfork(self.stack, 0, self.within.cgroup, join, (&raw mut joint).cast::<c_void>());
        if let Ok(joiner) = joined {
            let _ = sys::wait(Wait::Pid(joiner), 0);
        }
        // SAFETY: plain reads of what the joiner wrote while we were stopped.
        let (pid, failure) =
            unsafe { ((&raw const joint.pid).read_volatile(), (&raw const joint.failure).read_volatile()) };
        let master = match terminal && pid != 0 {
            true => sys::receive(mine, &mut [0u8; 1]).map_or(-1, |(_, fds)| fds[0]),
            false => -1,
        };
        for fd in [mine, courier].into_iter().filter(|fd| *fd >= 0) {
            sys::close(fd);
        }
        joined.map_err(failed())?;
        if pid == 0 {
            return Err(failure.unwrap_or_else(|| failed()(sys::EPROTO)));
        }
        let outcome = match terminal && master < 0 {
            true => Err(Failure::of(work::TERMINAL)(sys::EPROTO)),
            false => Progress::outcome(self.progress),
        };
        outcome.map(|()| Process { pid, master, run: 0 }).inspect_err(|_| {
            let _ = sys::kill(pid, SIGKILL);
            let _ = sys::wait(Wait::Pid(pid), 0);
            if master >= 0 {
                sys::close(master);
            }
        })
    }
}

/// A process that runs inside, and the master of its terminal or -1.
struct Process {
    pid: i32,
    master: i32,
    /// Id of a detached run, or 0.
    run: u32,
}

/// Maps the plan of a client, and closes it.
fn open_plan(plan: i32) -> core::result::Result<Plan, Failure> {
    // What a client could still cut short would kill the monitor that reads it.
    if !sys::is_sealed(plan) {
        sys::close(plan);
        return Err(Failure::of(work::REQUEST)(sys::EPROTO));
    }
    Plan::map(plan).map_err(Failure::of(work::PLAN))
}

/// What came with a request, and goes with it: a plan, and standard streams.
struct Passed([i32; sys::PASSED]);

impl Passed {
    fn take_plan(&mut self) -> i32 {
        core::mem::replace(&mut self.0[0], -1)
    }

    fn stdio(&self) -> [i32; 3] {
        [self.0[1], self.0[2], self.0[3]]
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        self.0.into_iter().filter(|fd| *fd >= 0).for_each(sys::close);
    }
}

fn receive_request(connection: i32) -> Result<(Request, Passed)> {
    let mut buffer = [0u8; size_of::<Request>()];
    let (length, fds) = sys::receive(connection, &mut buffer)?;
    let passed = Passed(fds);
    // SAFETY: any 16 bytes are a `Request`; the read allows for their alignment.
    let asked = unsafe { buffer.as_ptr().cast::<Request>().read_unaligned() };
    if length != buffer.len() || asked.magic != MAGIC {
        return Err(sys::EPROTO);
    }
    Ok((asked, passed))
}

/// What monitor and joiner share: the joiner runs in the monitor's memory while the monitor is stopped.
struct Joint<'a> {
    launch: &'a Plan,
    plan: &'a Plan,
    stdio: [i32; 3],
    /// Where the joiner sends the master of the terminal; -1 without one.
    courier: i32,
    root: i32,
    users: i32,
    progress: *mut Progress,
    pid: i32,
    failure: Option<Failure>,
}

/// The joiner: enters the container and leaves the new process there as the monitor's child.
extern "C" fn join(joint: *mut c_void) -> ! {
    // SAFETY: the monitor, stopped until we end, lent us its `Joint`; descriptors are a copy of our own.
    let joint = unsafe { &mut *joint.cast::<Joint<'_>>() };
    joint.failure = try_join(joint).err();
    sys::exit(0)
}

fn try_join(joint: &mut Joint<'_>) -> core::result::Result<(), Failure> {
    let failed = || Failure::of(work::CLONE);
    let mut machine = Machine::new(-1, joint.root);
    // As long as the host's files are to be seen: what is cloned below is born within the limits.
    let shared = |step: &Step| matches!(step.head.op, op::CGROUP_ENTER | op::FILES_AS);
    let entries = joint.launch.steps(section::INSIDE).filter(shared);
    for step in entries {
        machine.run(&step).map_err(failed())?;
    }
    run_section(joint.plan, &mut machine, section::HOST)?;
    if joint.courier >= 0 {
        open_terminal(joint.plan, joint.courier).map_err(Failure::of(work::TERMINAL))?;
    } else {
        // Those of a client are all above 2; of 0, 1 and 2 any is as good as the others, the monitor's /dev/null.
        for (number, fd) in (0..).zip(joint.stdio) {
            sys::dup_to(fd, number).map_err(failed())?;
        }
    }
    // What is left is the way to the container's own users, which leads nobody out.
    let mut process = Machine::new(-1, -1);
    let mut first = 3;
    if joint.users >= 0 {
        sys::dup_to(joint.users, first).map_err(failed())?;
        process.within.users = first;
        first += 1;
    }
    sys::close_range(first, u32::MAX).map_err(failed())?;
    // All that can be done without being seen from inside, where somebody may trace (SYS_PTRACE) whomever he sees: who is
    // born below has the rights of the container, and no more.
    process.stays_root = true;
    let rest = prepare(joint.plan, joint.launch, &mut process)?;
    // A change of identity makes this what the host's administrator likes (fs.suid_dumpable).
    sys::prctl(PR_SET_DUMPABLE, 0, 0).map_err(failed())?;
    // Not CLONE_VFORK: who can be seen from inside can be stopped from there, and we would wait for ever, and the monitor
    // with us.
    match sys::clone_process(sys::CLONE_PARENT | sys::CLONE_PIDFD, None).map_err(failed())? {
        Cloned::Child => {
            Progress::begin(joint.progress);
            let _ = sys::setsid();
            if joint.courier >= 0
                && let Err(why) = sys::set_controlling_terminal(0)
            {
                Progress::failed(joint.progress, Failure::of(work::TERMINAL)(why));
                sys::exit(1);
            }
            rest.leave(&mut process, joint.progress)
        }
        Cloned::Parent { pid, pidfd } => {
            // Known from here on, whatever becomes of us: it has to be reaped.
            joint.pid = pid;
            Progress::wait(joint.progress, pidfd);
            Ok(())
        }
    }
}

/// Makes a pseudo-terminal in the container's devpts, sends the master to the monitor and makes the slave
/// descriptors 0, 1 and 2.
///
/// The path could be the container's own doing, so what it leads to is checked, and the slave is opened
/// through the master and not by its name (CVE-2025-52565).
fn open_terminal(plan: &Plan, courier: i32) -> Result<()> {
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
    (0..3).try_for_each(|number| sys::dup_to(slave, number))
}
