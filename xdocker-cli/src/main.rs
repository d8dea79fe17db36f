//! The `xdocker` command: parse, hand over to the engine, print.
#![forbid(unsafe_code)]

mod actions;
mod clock;
mod grammar;
mod log;
mod report;
mod rows;
mod signals;
mod table;
mod terminal;
mod text;

use std::ffi::OsString;
use std::process::ExitCode;

use grammar::{Request, Verb};
use report::Outcome;
use rows::GRAMMAR;

fn main() -> ExitCode {
    signals::survive_large_files();
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    // How an error is told must be known even when the arguments make no sense.
    let json = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json");
    run(args).unwrap_or_else(|failure| {
        log::failure(&failure);
        failure.report(json)
    })
}

fn run(args: Vec<OsString>) -> Outcome {
    match GRAMMAR.parse(args)? {
        Request::Usage => report::print(&GRAMMAR.usage()),
        Request::Help(row) => report::print(&GRAMMAR.help(row)),
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
