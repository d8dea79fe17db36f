//! A test program has several roles: it runs the tests, and it is executed once more, on the host or inside
//! a container, as the other process that a test needs.
//!
//! A role is a test that is ignored unless it is asked for by name, and that is asked for by these functions:
//!
//! ```no_run
//! #[test]
//! #[ignore = "a role of other tests"]
//! fn sleeper() {
//!     let [seconds] = xdocker_test_harness::role::arguments();
//!     std::thread::sleep(std::time::Duration::from_secs(seconds.parse().unwrap()));
//! }
//! # fn example() {
//! let sleeper = xdocker_test_harness::role::on_host("sleeper", ["5"]).spawn();
//! # }
//! ```

use std::env;
use std::ffi::OsStr;
use std::process::Command;

/// Where every image of [`crate::home::Home`] has the test program.
pub const INSIDE: &str = "/usr/local/bin/test-program";

/// Arguments of a role, one a line.
const ARGUMENTS: &str = "XDOCKER_TEST_ROLE";

/// Arguments of the test program that make it play the role.
pub fn options(role: &str) -> [&str; 4] {
    ["--exact", role, "--ignored", "--nocapture"]
}

/// The variable that carries the arguments of a role.
pub fn environment<const N: usize>(arguments: [&str; N]) -> (&'static str, String) {
    (ARGUMENTS, arguments.join("\n"))
}

/// This program again, in that role.
///
/// # Panics
/// When its own path is not to be had.
#[must_use]
pub fn on_host<const N: usize>(role: &str, arguments: [&str; N]) -> Command {
    let (key, value) = environment(arguments);
    let mut command = Command::new(env::current_exe().expect("our own path"));
    command.args(options(role)).env(key, value);
    command
}

/// The role, executed inside a container.
#[must_use]
pub fn in_container<const N: usize>(
    container: &xdocker_core::Container,
    role: &str,
    arguments: [&str; N],
) -> xdocker_core::Command {
    let (key, value) = environment(arguments);
    let mut command = container.command(OsStr::new(INSIDE));
    command.args(options(role)).env(key, value);
    command
}

/// The arguments that this program got for its role.
///
/// # Panics
/// When it was not started in a role, or got another number of arguments.
#[must_use]
pub fn arguments<const N: usize>() -> [String; N] {
    let text = env::var(ARGUMENTS).expect("started by another test");
    let words: Vec<String> = text.split('\n').filter(|_| N > 0).map(str::to_owned).collect();
    words.try_into().expect("as many arguments as the role has")
}
