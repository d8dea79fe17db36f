//! The `xdocker` command: parse, hand over to the engine, print.
#![forbid(unsafe_code)]

mod actions;
mod clock;
mod grammar;
mod log;
mod report;
mod signals;
mod table;
mod terminal;
mod text;

use std::ffi::OsString;
use std::process::ExitCode;

use grammar::{Request, Verb, usage};
use report::Outcome;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    // How an error is told must be known even when the arguments make no sense.
    let plain = |wanted: &[&str]| {
        args.iter().take_while(|arg| *arg != "--").any(|arg| wanted.iter().any(|flag| arg == flag))
    };
    let (debug, json) = (plain(&["-d", "--debug"]), plain(&["--json"]));
    run(args).unwrap_or_else(|failure| {
        log::failure(&failure);
        failure.report(debug, json)
    })
}

fn run(args: Vec<OsString>) -> Outcome {
    match grammar::parse(args)? {
        Request::Usage => report::print(&usage::all()),
        Request::Help(row) => report::print(&usage::one(row)),
        Request::Do(row, given) => {
            log::start(given.debug);
            // Looking leaves no trace.
            if let Verb::Action(action) = row.verb {
                tracing::debug!("-a {action}");
            }
            (row.run)(*given)
        }
    }
}
