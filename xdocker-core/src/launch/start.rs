//! Handing a plan to the helper, and what it answers.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::OnceLock;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use xdockerinit::wire::{Report, report, section, work};

use super::plan::Plan;
use crate::error::{Error, Result};
use crate::sys::seqpacket::{self, Connection};
use crate::sys::{program, spawn};

/// The helper, made executable once in the life of the process.
static PROGRAM: OnceLock<File> = OnceLock::new();

/// What a monitor inherits.
pub(crate) struct Inheritance<'a> {
    /// Descriptors 0, 1 and 2 of the root process.
    pub(crate) stdio: [BorrowedFd<'a>; 3],
    /// `run.json`, locked.
    pub(crate) run: &'a File,
    /// The container's directory.
    pub(crate) directory: &'a File,
    /// The listening socket for sessions.
    pub(crate) sessions: &'a OwnedFd,
    /// A bare mount namespace, if one was found.
    pub(crate) bare: Option<&'a OwnedFd>,
    /// The file on which those have locks who keep one, if that matters.
    pub(crate) keepers: Option<&'a File>,
    /// Where the helper may be kept as a file, on hosts that execute no memfd.
    pub(crate) fallback: &'a Path,
}

/// A monitor that has started its container.
#[derive(Debug)]
pub(crate) struct Monitor {
    /// Id of the container's root process.
    pub(crate) pid: u32,
    /// Where it reports the end, if the plan says so.
    pub(crate) control: Connection,
}

impl Monitor {
    /// Starts the helper on `plan` and waits until the root process runs.
    ///
    /// # Errors
    /// The first step that failed, in words; what had been done by then is undone.
    pub(crate) fn start(plan: &Plan, inheritance: &Inheritance<'_>) -> Result<Self> {
        let (control, theirs) = seqpacket::pair().map_err(Error::system("make a socket pair"))?;
        let file = memfd(plan)?;
        let [input, output, errors] = inheritance.stdio;
        let other = inheritance.directory.as_fd();
        let fds = [
            input,
            output,
            errors,
            theirs.as_fd(),
            file.as_fd(),
            inheritance.run.as_fd(),
            inheritance.directory.as_fd(),
            inheritance.sessions.as_fd(),
            inheritance.bare.map_or(other, AsFd::as_fd),
            inheritance.keepers.map_or(other, AsFd::as_fd),
        ];
        execute(fds, inheritance.fallback)?;
        // Ours must be the only copies, or the end of the helper would not be seen.
        drop(theirs);
        match control.report().map_err(Error::system("hear from the monitor"))? {
            Some((report, _)) if report.kind == report::STARTED => {
                Ok(Self { pid: report.pid as u32, control })
            }
            Some((report, _)) => Err(failure(plan, &report)),
            None => Err(vanished()),
        }
    }
}

/// Executes the helper from a sealed memfd, or from a file where that is not allowed.
fn execute(fds: [BorrowedFd<'_>; spawn::INHERITED], fallback: &Path) -> Result<()> {
    let refused = match PROGRAM.get() {
        Some(program) => spawn::detached(program, fds),
        None => match program::sealed() {
            Err(why) => Err(why),
            Ok(program) => spawn::detached(&program, fds).inspect(|()| {
                // Another thread may have been first: one is as good as the other.
                let _ = PROGRAM.set(program);
            }),
        },
    };
    let Err(why) = refused else { return Ok(()) };
    if !matches!(why.raw_os_error(), Some(libc::EACCES | libc::EPERM | libc::ENOSYS | libc::ENOEXEC)) {
        return Err(Error::system("start the monitor")(why));
    }
    let program = program::in_file(fallback).map_err(Error::file("write", fallback))?;
    spawn::detached(&program, fds).map_err(Error::system("start the monitor"))?;
    let _ = PROGRAM.set(program);
    Ok(())
}

/// The plan as a file without a name.
pub(crate) fn memfd(plan: &Plan) -> Result<File> {
    let make = || -> io::Result<File> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let mut file = File::from(memfd_create(c"xdocker-plan", flags)?);
        file.write_all(&plan.encode())?;
        // The helper maps it, and could not survive its getting shorter.
        fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK))?;
        Ok(file)
    };
    make().map_err(Error::system("write the launch plan"))
}

fn vanished() -> Error {
    let why = io::Error::other("it went away without a word");
    Error::System { action: "hear from the helper".into(), source: why }
}

/// What a report of a failure says, in words.
pub(crate) fn failure(plan: &Plan, report: &Report) -> Error {
    let step = match (report.section, report.step) {
        (section::HELPER, work::PLAN) => "read the launch plan",
        (section::HELPER, work::CLONE) => "create a process in new namespaces",
        (section::HELPER, work::RECORD) => "write run.json",
        (section::HELPER, work::TERMINAL) => "make a terminal in the container's /dev/pts",
        (section::HELPER, work::LOG) => "make the pipes for the log",
        (section::HELPER, work::RUN_RECORD) => "write the record of the run",
        (section::HELPER, work::REQUEST) => "take the request",
        (section::HELPER, work::VANISHED) => {
            let why = io::Error::other("the new process was killed before it had begun");
            return Error::Launch { step: "start the root process".into(), source: why };
        }
        // A session's plan does not hold what the container does to every program.
        (section::SANDBOX, index) => plan.purpose(section::SANDBOX, index).unwrap_or("enter the sandbox"),
        (which, index) => plan.purpose(which, index).unwrap_or("take a step that it does not know"),
    };
    let source = io::Error::from_raw_os_error(report.errno);
    if plan.maps_owners(report.section, report.step) && report.errno == libc::EINVAL {
        let why = "its file system, or one that is mounted below, does not let owners be mapped".into();
        return Error::Unsupported { what: format!("to {step}"), why };
    }
    if let (Some(user), libc::EINVAL) = (plan.user(report.section, report.step), report.errno) {
        return Error::invalid("user", user, "it is not among those that the container has for itself");
    }
    match plan.executes(report.section, report.step) {
        Some(program) => Error::Execute { program: program.to_string_lossy().into_owned(), source },
        None => Error::Launch { step: step.to_owned(), source },
    }
}
