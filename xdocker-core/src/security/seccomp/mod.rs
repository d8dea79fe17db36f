//! Filters of system calls: from what is wanted to what the kernel runs.
//!
//! [`default`] and [`profile`] say what becomes of each call ([`filter`]), [`bpf`] makes a program of it. The
//! program is our own code's and not seccompiler's, which has one verdict for all matches and looks at call
//! after call: the tree here costs a session a fifth of what such a list does.

mod bpf;
mod default;
mod filter;
mod profile;
mod syscalls;

use crate::host::Kernel;
use crate::spec::{Sandbox, Seccomp};

/// The program for what is executed in a container; `None` where nothing is filtered.
pub(super) fn program(sandbox: &Sandbox) -> Option<Vec<u8>> {
    let filter = match &sandbox.seccomp {
        Seccomp::Unconfined => return None,
        Seccomp::Default => default::filter(sandbox.capabilities),
        Seccomp::Profile(profile) => profile::filter(profile, sandbox.capabilities, Kernel::running()),
    };
    Some(bpf::compile(&filter))
}

/// The program for our own PID 1, the same beside every other.
pub(super) fn init(sandbox: &Sandbox) -> Option<Vec<u8>> {
    (sandbox.seccomp != Seccomp::Unconfined).then(|| bpf::compile(&default::init()))
}
