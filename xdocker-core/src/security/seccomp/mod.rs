//! Filters of system calls: from what is wanted to what the kernel runs.
//!
//! [`default`] and [`profile`] say what becomes of each call ([`filter`]), [`bpf`] makes a program of it. The
//! program is our own code's and not seccompiler's, which has one verdict for all matches and tries call after
//! call; a tree is checked and translated sooner when it is loaded, and every session waits for that.

mod bpf;
mod default;
mod filter;
mod profile;
mod syscalls;

use crate::error::{Error, Result};
use crate::host::Kernel;
use crate::spec::{Sandbox, Seccomp};

/// How many instructions the kernel takes (`BPF_MAXINSNS`), of eight bytes each.
const LONGEST: usize = 4096 * 8;

/// The program for what is executed in a container; `None` where nothing is filtered.
///
/// # Errors
/// [`Error::Invalid`] for a profile that makes too long a program.
pub(super) fn program(sandbox: &Sandbox) -> Result<Option<Vec<u8>>> {
    let filter = match &sandbox.seccomp {
        Seccomp::Unconfined => return Ok(None),
        Seccomp::Default => default::filter(sandbox.capabilities),
        Seccomp::Profile(profile) => profile::filter(profile, sandbox.capabilities, Kernel::running()),
    };
    let program = bpf::compile(&filter);
    if program.len() > LONGEST {
        let length =
            format!("{} rules", filter.responses.iter().map(|response| response.rules.len()).sum::<usize>());
        return Err(Error::invalid(
            "seccomp profile",
            length,
            "the kernel takes no filter as long as theirs",
        ));
    }
    Ok(Some(program))
}

/// The program for our own PID 1, the same beside every other.
pub(super) fn init(sandbox: &Sandbox) -> Option<Vec<u8>> {
    (sandbox.seccomp != Seccomp::Unconfined).then(|| bpf::compile(&default::init()))
}
