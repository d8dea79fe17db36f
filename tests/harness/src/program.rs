//! Programs that a test makes and executes.

use std::path::Path;
use std::process::Command;

use crate::cli::run;

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
