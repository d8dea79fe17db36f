//! Programs that a test makes and executes.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::libc;

use crate::cli::run;
use crate::wait::{PATIENCE, until};

/// Writes a file that is to be executed, with these bits of its mode.
///
/// Another process does it: what some other thread forks while we have a file open to write has it open too
/// until it executes its own program, and until then nobody can execute the file (`ETXTBSY`).
///
/// # Panics
/// It cannot be written.
pub fn write(path: &Path, mode: u32, content: &[u8]) {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"cat >"$0" && chmod "$1" "$0""#]).arg(path).arg(format!("{mode:o}"));
    run(shell, content).prints("");
}

/// Waits until nobody has a program below `directory` open to write: what this process has written may be held by what
/// another thread has forked.
///
/// # Panics
/// Somebody keeps it, or the directory cannot be read.
pub fn settle(directory: &Path) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let entry = entry.expect("an entry");
        let data = entry.metadata().expect("a file");
        if data.is_dir() {
            settle(&entry.path());
        } else if data.is_file() && data.permissions().mode() & 0o111 != 0 {
            let file = File::open(entry.path()).expect("a program");
            assert!(until(PATIENCE, || is_read_only(&file)), "{} stays open", entry.path().display());
        }
    }
}

/// Whether nobody has the file open to write: else the kernel gives no lease on it (fcntl(2)).
#[allow(unsafe_code)]
fn is_read_only(file: &File) -> bool {
    let lease = |kind: libc::c_int| {
        // SAFETY: F_SETLEASE takes a number and no pointer; the descriptor is open for as long as `file` lives.
        Errno::result(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) })
    };
    match lease(libc::F_RDLCK) {
        Ok(_) => lease(libc::F_UNLCK).is_ok(),
        Err(Errno::EAGAIN) => false,
        Err(why) => panic!("cannot ask who writes: {why}"),
    }
}
