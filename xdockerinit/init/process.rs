//! A process that works on a plan: how far it came, how it tells its parent, and how it is given away.

use core::ffi::c_void;
use core::iter::Zip;
use core::ops::RangeFrom;

use crate::BROKEN;
use crate::netlink::Telling;
use crate::plan::{Plan, Step, Steps};
use crate::steps::Machine;
use crate::sys::{self, EPROTO, Errno, Memory, Result, Robust, SIGCONT, SIGKILL};
use crate::wire::{Report, op, report, section, work};

/// Where a step failed, and why.
#[derive(Clone, Copy)]
pub struct Failure {
    pub section: u32,
    pub step: u32,
    pub errno: i32,
}

impl Failure {
    /// A failure of the helper's own work.
    pub fn of(work: u32) -> impl FnOnce(Errno) -> Self {
        move |why| Self { section: section::HELPER, step: work, errno: why.0 }
    }

    /// Whether it failed before anything was done.
    pub fn is_of_first_step(self) -> bool {
        self.section == section::HOST && self.step == 0
    }

    pub fn report(self) -> Report {
        Report {
            kind: report::FAILED,
            section: self.section,
            step: self.step,
            errno: self.errno,
            ..Report::default()
        }
    }
}

/// What a new process tells its parent through memory that both see: descriptors would be visible from
/// inside the container.
#[repr(C)]
pub struct Progress {
    /// 0 while it works on its steps, 1 when it has left them behind, 2 when one failed.
    state: u32,
    failure: Failure,
    /// What the kernel marks when the process executes a program or ends.
    end: Robust,
}

impl Progress {
    /// A new shared page, all zeros.
    pub fn new() -> Result<*mut Self> {
        Ok(sys::map(Memory::Shared, size_of::<Self>())?.cast())
    }

    /// Gives it back. No process uses it any more.
    pub fn free(this: *mut Self) {
        sys::unmap(this.cast(), size_of::<Self>());
    }

    /// Ready for another process.
    pub fn reset(this: *mut Self) {
        // SAFETY: as in `outcome`; no process uses it at the moment.
        unsafe {
            (&raw mut (*this).state).write_volatile(0);
            (&raw mut (*this).end).write_volatile(Robust::NONE);
        }
    }

    /// Has the process that calls this be seen by [`Self::wait`].
    pub fn begin(this: *mut Self) {
        // SAFETY: `this` stays mapped in this process until it executes something.
        unsafe { Robust::hold(&raw mut (*this).end) };
    }

    /// Waits until the process has executed its program or has ended. It can be seen from inside already, so that somebody
    /// may stop it: it is told to go on then, and killed if nothing helps.
    pub fn wait(this: *mut Self, process: i32) {
        const TICK: u64 = 50_000_000;
        const TICKS: u32 = 200;
        // SAFETY: `this` stays mapped in this process too.
        let end = unsafe { &raw mut (*this).end };
        for tick in 1.. {
            if Robust::wait(end, TICK) || sys::has_ended(process) {
                return;
            }
            let _ = sys::pidfd_send_signal(process, if tick < TICKS { SIGCONT } else { SIGKILL });
        }
    }

    /// How it went, once the process has executed its program, closed its pipe or died.
    pub fn outcome(this: *mut Self) -> core::result::Result<(), Failure> {
        // SAFETY: `this` came from `new` and stays mapped; the other process writes no more.
        let seen = unsafe { this.read_volatile() };
        match seen.state {
            1 => Ok(()),
            2 => Err(seen.failure),
            _ => Err(Failure::of(work::VANISHED)(Errno(0))),
        }
    }

    pub fn leaving(this: *mut Self) {
        // SAFETY: as in `outcome`; only one process writes.
        unsafe { (&raw mut (*this).state).write_volatile(1) };
    }

    pub fn failed(this: *mut Self, failure: Failure) {
        // SAFETY: as in `leaving`.
        unsafe {
            (&raw mut (*this).failure).write_volatile(failure);
            (&raw mut (*this).state).write_volatile(2);
        }
    }
}

/// Runs all steps of a section up to the first failure. What the kernel is told by another process meanwhile it has heard
/// when this returns: a failure of that comes before any other one.
pub fn run_section(plan: &Plan, machine: &mut Machine, which: u32) -> core::result::Result<(), Failure> {
    let failed = |(step, why): (u32, Errno)| Failure { section: which, step, errno: why.0 };
    let mut telling = None;
    let mut steps = (0u32..).zip(plan.steps(which));
    let mut done = Ok(());
    while let (Ok(()), Some((index, step))) = (done, steps.next()) {
        done = match step.head.op {
            op::APART => run_apart(&mut steps, machine, step.head.x),
            op::NETLINK => {
                begin_telling(&step).map(|begun| telling = Some((index, begun))).map_err(|why| (index, why))
            }
            _ => machine.run(&step).map_err(|why| (index, why)),
        };
    }
    let told = telling.map_or(Ok(()), |(index, begun)| begun.outcome().map_err(|why| (index, why)));
    told.and(done).map_err(failed)
}

/// Takes a step of the kind [`op::NETLINK`], but for its end.
pub fn begin_telling(step: &Step) -> Result<Telling> {
    Telling::begin(step.head.x, step.payload(), step.head.y == 1)
}

/// Steps with their indices.
type Numbered = Zip<RangeFrom<u32>, Steps>;

/// What a process that takes steps apart shares with us, who are stopped for as long as it lives.
struct Apart<'a> {
    steps: &'a mut Numbered,
    machine: &'a mut Machine,
    failed: Option<(u32, Errno)>,
}

/// Takes the steps up to `TOGETHER` in a process with these namespaces of its own. The step that failed.
fn run_apart(
    steps: &mut Numbered,
    machine: &mut Machine,
    namespaces: u64,
) -> core::result::Result<(), (u32, Errno)> {
    const STACK: usize = 16 * 1024;
    let index = steps.clone().next().map_or(0, |(index, _)| index);
    let stack = sys::zeros(STACK).map_err(|why| (index, why))?;
    machine.apart = true;
    // Killed, it has said nothing.
    let mut apart = Apart { steps, machine, failed: Some((index, EPROTO)) };
    let flags = sys::CLONE_FILES | namespaces;
    let ran = sys::run_in_vfork(stack, flags, None, take_apart, (&raw mut apart).cast());
    // SAFETY: a plain read of what the process wrote while we were stopped.
    let failed = unsafe { (&raw const apart.failed).read_volatile() };
    machine.apart = false;
    sys::unmap(stack.as_ptr(), STACK);
    machine.forget(ran.map_err(|why| (index, why))?);
    failed.map_or(Ok(()), Err)
}

extern "C" fn take_apart(apart: *mut c_void) -> ! {
    // SAFETY: `run_apart`, stopped until we end, lent us its `Apart`.
    let apart = unsafe { &mut *apart.cast::<Apart<'_>>() };
    sys::die_with_parent();
    apart.failed = None;
    for (index, step) in apart.steps.by_ref().take_while(|(_, step)| step.head.op != op::TOGETHER) {
        if let Err(why) = apart.machine.run(&step) {
            apart.failed = Some((index, why));
            break;
        }
    }
    sys::exit(0)
}

/// Executes the `INSIDE` steps of `plan`, the last of which gives the process away.
pub fn enter(plan: &Plan, container: &Plan, machine: &mut Machine, progress: *mut Progress) -> ! {
    match prepare(plan, container, machine) {
        Ok(rest) => rest.leave(machine, progress),
        Err(failure) => give_up(progress, failure),
    }
}

fn give_up(progress: *mut Progress, failure: Failure) -> ! {
    Progress::failed(progress, failure);
    sys::exit(BROKEN)
}

/// What only the process itself can do that is given away: the end of the sandbox, and the last step.
pub struct Rest {
    sandbox: Option<Numbered>,
    index: u32,
    last: Step,
}

/// Executes the `INSIDE` steps of `plan` before the last one. When that executes a program, the `SANDBOX` steps of
/// `container`, the plan that the container was booted by, have been taken too: all but a filter of system calls that
/// has to be loaded at once and what follows it, since nothing is to be done under it but the end.
pub fn prepare(plan: &Plan, container: &Plan, machine: &mut Machine) -> core::result::Result<Rest, Failure> {
    for (index, step) in (0u32..).zip(plan.steps(section::INSIDE)) {
        match step.head.op {
            op::IDS | op::OWN_TERMINAL => enter_users(&step, container, machine)?,
            op::EXEC => {
                let mut sandbox = (0u32..).zip(container.steps(section::SANDBOX));
                let mut left = sandbox.clone();
                while let Some((index, step)) = sandbox.next()
                    && !(step.head.op == op::SECCOMP && step.head.x == 1)
                {
                    take(machine, section::SANDBOX, index, &step)?;
                    left = sandbox.clone();
                }
                return Ok(Rest { sandbox: Some(left), index, last: step });
            }
            // Its plan has what it needs of the sandbox.
            op::INIT => return Ok(Rest { sandbox: None, index, last: step }),
            _ => {}
        }
        take(machine, section::INSIDE, index, &step)?;
    }
    Err(Failure::of(work::PLAN)(sys::EPROTO))
}

impl Rest {
    /// Gives the process away.
    pub fn leave(self, machine: &mut Machine, progress: *mut Progress) -> ! {
        if let Err(why) = machine.leave_root() {
            give_up(progress, Failure::of(work::CLONE)(why));
        }
        for (index, step) in self.sandbox.into_iter().flatten() {
            if let Err(failure) = take(machine, section::SANDBOX, index, &step) {
                give_up(progress, failure);
            }
        }
        // A change of identity on the way here has cleared it (prctl(2)).
        sys::die_with_parent();
        Progress::leaving(progress);
        let failure = match take(machine, section::INSIDE, self.index, &self.last) {
            Err(failure) => failure,
            Ok(()) => Failure::of(work::PLAN)(sys::EPROTO),
        };
        give_up(progress, failure)
    }
}

fn take(machine: &mut Machine, section: u32, step: u32, what: &Step) -> core::result::Result<(), Failure> {
    machine.run(what).map_err(|why| Failure { section, step, errno: why.0 })
}

/// Before a process becomes a user of the container it enters the container's user namespace, if there is one: a
/// client's plan says who it is to be, and cannot leave that out.
fn enter_users(
    becoming: &Step,
    container: &Plan,
    machine: &mut Machine,
) -> core::result::Result<(), Failure> {
    let mut sandbox = (0u32..).zip(container.steps(section::SANDBOX));
    let entrance = sandbox.find(|(_, step)| step.head.op == op::USERS_ENTER);
    if becoming.head.op == op::IDS {
        own_pipes(entrance.as_ref().map_or(0, |(_, step)| step.head.x) + becoming.head.y);
    }
    let Some((index, step)) = entrance else { return Ok(()) };
    machine.run(&step).map_err(|why| Failure { section: section::SANDBOX, step: index, errno: why.0 })
}

/// Gives the pipes among the standard streams to the user that is to use them, numbered as outside: it could not open
/// them by /dev/stdout otherwise. A pipe that has a name, or a file, stays whose it is, and so do those of the log, which
/// everybody may write to and nobody inside is to read.
fn own_pipes(uid: u64) {
    const PIPEFS: u64 = 0x5049_5045;
    let is_pipe = |fd: i32| sys::file_system_type(fd) == Ok(PIPEFS);
    let is_private = |fd: i32| sys::kind(fd).is_ok_and(|kind| !kind.is_for_all_to_write);
    for fd in (0..3).filter(|fd| uid != 0 && is_pipe(*fd) && is_private(*fd)) {
        let _ = sys::fchown(fd, uid);
    }
}

/// A report as it travels.
pub fn as_bytes(message: &Report) -> &[u8] {
    // SAFETY: `Report` is seven 32-bit words without padding.
    unsafe { core::slice::from_raw_parts((&raw const *message).cast(), size_of::<Report>()) }
}
