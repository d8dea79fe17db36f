//! What a container may not do: the sandbox. Pure: a plan for the helper.

mod masks;
mod seccomp;

use crate::error::Result;
use crate::launch::{Action, Plan, Section};
use crate::spec::Sandbox;
use crate::users::IdRange;

pub(crate) use masks::mask;

/// What everything inside inherits from the monitor, which needs none of it: the ways to gain more rights
/// are closed once for all, and neither the root process nor a session has to do it again.
pub(crate) fn confine(plan: &mut Plan, sandbox: &Sandbox) {
    const PR_SET_NO_NEW_PRIVS: u8 = 38;
    let host = plan.host.purpose("take a session keyring of its own");
    // Otherwise everything inside would have the caller's keys.
    host.push(Action::Keyring);
    if !sandbox.core_dumps {
        host.purpose("limit core dumps");
        // No dump is as small as a byte; of 0 a program of the host's that takes dumps (`core_pattern`) would not hear.
        host.push(Action::LimitResource { resource: libc::RLIMIT_CORE, soft: 1, hard: 1 });
    }
    host.purpose("bound capabilities");
    host.push(Action::BoundCapabilities { keep: sandbox.capabilities.bits() });
    if !sandbox.new_privileges {
        host.purpose("forbid new privileges");
        host.push(Action::Control { option: PR_SET_NO_NEW_PRIVS, x: 1, y: 0 });
    }
}

/// What each program inside goes through last: the rights themselves are taken away.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) for a seccomp profile that the kernel cannot take.
pub(crate) fn restrict(plan: &mut Plan, sandbox: &Sandbox, ids: Option<IdRange>) -> Result<()> {
    if let Some(ids) = ids {
        let entrance = Action::EnterUsers { first: ids.first() };
        plan.sandbox.purpose("enter the user namespace").push(entrance);
    }
    take_rights(&mut plan.sandbox, sandbox, seccomp::program(sandbox)?);
    Ok(())
}

/// The same for our own PID 1.
pub(crate) fn restrict_init(plan: &mut Plan, sandbox: &Sandbox) {
    take_rights(&mut plan.inside, sandbox, seccomp::init(sandbox));
}

fn take_rights(section: &mut Section, sandbox: &Sandbox, program: Option<Vec<u8>>) {
    if sandbox.user_namespace {
        // Whoever enters one has a full set again.
        let keep = sandbox.capabilities.bits();
        section.purpose("bound capabilities").push(Action::BoundCapabilities { keep });
    }
    let mut filter = program.map(|program| Action::Filter { program, at_once: sandbox.new_privileges });
    // Without no_new_privs only CAP_SYS_ADMIN may filter, which is about to go.
    if let Some(filter) = filter.take_if(|_| sandbox.new_privileges) {
        section.purpose("filter system calls").push(filter);
    }
    // Inheritable and ambient ones stay empty (CVE-2022-24769).
    let capabilities = Action::SetCapabilities { permitted: sandbox.capabilities.bits(), inheritable: 0 };
    section.purpose("drop capabilities").push(capabilities);
    if let Some(filter) = filter {
        section.purpose("filter system calls").push(filter);
    }
}
