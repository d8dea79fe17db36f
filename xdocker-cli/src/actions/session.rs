//! Commands in a running container.

use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;

use xdocker_core::{Child, Command, Container, Error, Terminal};

use super::{container, show};
use crate::grammar::Given;
use crate::report::{self, Failure, Outcome, exit_code};
use crate::signals::{self, Signals};
use crate::terminal::{Ending, RawMode, Relay, window_size};

/// What a terminal session takes from our environment: what the terminal is, and what its characters are.
const TERMINAL_ENVIRONMENT: [&str; 5] = ["TERM", "COLORTERM", "LANG", "LC_ALL", "LC_CTYPE"];

/// `-a attach`
pub(crate) fn attach(given: Given) -> Outcome {
    attach_to(&container(&given)?)
}

/// A login shell of `container` in our terminal.
pub(super) fn attach_to(container: &Container) -> Outcome {
    let mut shell = container.login_shell()?;
    in_terminal(&mut shell);
    let signals = taken_signals()?;
    let child = shell.spawn()?;
    report::print("connect to container ok\n")?;
    follow(child, &signals)
}

/// `-a run`
pub(crate) fn run(given: Given) -> Outcome {
    let container = container(&given)?;
    let mut command = match (&given.command, given.program.as_deref()) {
        (None, Some([program, args @ ..])) => {
            let mut command = container.command(program);
            command.args(args);
            command
        }
        (line, _) => container.shell(line.as_deref().unwrap_or_default())?,
    };
    if given.attach {
        in_terminal(&mut command);
    }
    for (name, value) in &given.environment {
        command.env(name, value);
    }
    if let Some(directory) = &given.directory {
        command.current_dir(directory);
    }
    if let Some(user) = given.user {
        command.user(user);
    }
    if let Some(limit) = given.timeout {
        command.timeout(limit);
    }
    if given.detach {
        let id = command.spawn_detached()?.id();
        return match given.json {
            true => show::json(&serde_json::json!({ "run": id.get() })),
            false => report::print(&format!("{id}\n")),
        };
    }
    let signals = taken_signals()?;
    match follow(command.spawn()?, &signals) {
        Err(Failure::Engine(Error::Timeout { .. })) => Ok(ExitCode::from(report::TIMED_OUT)),
        outcome => outcome,
    }
}

/// Signals to us from here on. They are taken before the command starts: none is lost between the two.
pub(super) fn taken_signals() -> Result<Signals, Failure> {
    Signals::take().map_err(Failure::stream("watch for signals"))
}

/// Gives `command` a terminal like ours.
fn in_terminal(command: &mut Command) {
    command.terminal(window_size());
    for name in TERMINAL_ENVIRONMENT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

/// Stays with `child` until it ends, and ends as it does.
fn follow(mut child: Child, signals: &Signals) -> Outcome {
    let ending = match &child.terminal {
        Some(terminal) => through_terminal(&child, terminal, signals)?,
        // The command has our own streams: nothing is left to do but to tell it of signals to us.
        None => match signals.pass_until(child.as_fd(), |signal| child.signal(signal as i32))? {
            None => Ending::Over,
            Some(signal) => Ending::Signal(signal),
        },
    };
    match ending {
        Ending::Over => Ok(exit_code(child.wait()?)),
        Ending::Detached => Ok(ExitCode::SUCCESS),
        Ending::Signal(signal) => Ok(signals::exit_code(signal)),
    }
}

/// Keys in, output out.
fn through_terminal(child: &Child, terminal: &Terminal, signals: &Signals) -> Result<Ending, Failure> {
    let _raw = RawMode::enter().map_err(Failure::stream("set the terminal"))?;
    let (stdin, stdout) = (io::stdin(), io::stdout());
    let relay =
        Relay { input: stdin.as_fd(), output: stdout.as_fd(), master: terminal.as_fd(), over: child.as_fd() };
    let resized = || {
        // It fails where the session has just ended, which is about to be noticed.
        let _ = terminal.resize(window_size());
    };
    relay.run(signals, resized).map_err(Failure::stream("pass on what the terminal says"))
}
