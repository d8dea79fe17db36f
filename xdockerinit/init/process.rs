//! A process that works on a plan: how far it came, how it tells its parent, and how it is given away.

use crate::BROKEN;
use crate::plan::Plan;
use crate::steps::Machine;
use crate::sys::{self, Errno, Memory, Result, SIGKILL};
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
        unsafe { (&raw mut (*this).state).write_volatile(0) };
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

/// Runs all steps of a section up to the first failure.
pub fn run_section(plan: &Plan, machine: &mut Machine, which: u32) -> core::result::Result<(), Failure> {
    for (index, step) in (0u32..).zip(plan.steps(which)) {
        machine.run(&step).map_err(|why| Failure { section: which, step: index, errno: why.0 })?;
    }
    Ok(())
}

/// Executes the `INSIDE` steps of `plan`, the last of which gives the process away. No program is executed
/// before the `SANDBOX` steps of `container`, the plan that the container was booted by.
pub fn enter(plan: &Plan, container: &Plan, machine: &mut Machine, progress: *mut Progress) -> ! {
    let steps = plan.steps(section::INSIDE);
    for (index, step) in (0u32..).zip(steps) {
        if step.head.op == op::EXEC
            && let Err(failure) = run_section(container, machine, section::SANDBOX)
        {
            Progress::failed(progress, failure);
            sys::exit(BROKEN);
        }
        let leaving = matches!(step.head.op, op::EXEC | op::INIT);
        if leaving {
            // A change of identity on the way here has cleared it (prctl(2)).
            die_with_parent();
            Progress::leaving(progress);
        }
        if let Err(why) = machine.run(&step) {
            Progress::failed(progress, Failure { section: section::INSIDE, step: index, errno: why.0 });
            sys::exit(BROKEN);
        }
    }
    Progress::failed(progress, Failure::of(work::PLAN)(sys::EPROTO));
    sys::exit(BROKEN)
}

/// Has the kernel kill this process when its parent ends (prctl(2)).
pub fn die_with_parent() {
    const PR_SET_PDEATHSIG: u64 = 1;
    let _ = sys::prctl(PR_SET_PDEATHSIG, SIGKILL as u64, 0);
}

/// A report as it travels.
pub fn as_bytes(message: &Report) -> &[u8] {
    // SAFETY: `Report` is seven 32-bit words without padding.
    unsafe { core::slice::from_raw_parts((&raw const *message).cast(), size_of::<Report>()) }
}
