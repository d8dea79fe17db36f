//! Programs in a container, and what they print.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::values::{Refused, assignment, assignments, number, parsed, text};
use crate::clock;
use crate::grammar::{Opt, Takes};

pub(crate) static COMMAND: Opt = Opt {
    short: None,
    long: "cmd",
    alias: None,
    takes: Takes::Value("(command)", |given, value| {
        given.command = Some(text(value)?);
        Ok(())
    }),
    about: "command line for the shell of the image",
};

pub(crate) static ENVIRONMENT: Opt = Opt {
    short: None,
    long: "env",
    alias: None,
    takes: Takes::Value("(name=value)", |given, value| {
        given.environment.push(assignment(&value).ok_or(Refused::Assignment)?);
        Ok(())
    }),
    about: "variable for the environment of the command",
};

pub(crate) static ENVIRONMENT_FILE: Opt = Opt {
    short: None,
    long: "env-file",
    alias: None,
    takes: Takes::Value("(file)", |given, value| {
        let file = PathBuf::from(value);
        let text = std::fs::read(&file).map_err(|why| Refused::File(file.clone(), why))?;
        given.environment.extend(assignments(&file, &text)?);
        Ok(())
    }),
    about: "variables for it, a name=value a line, taken as they are; empty lines and those with # are passed over",
};

pub(crate) static USER: Opt = Opt {
    short: None,
    long: "user",
    alias: None,
    takes: Takes::Value("(user[:group])", |given, value| {
        given.user = Some(parsed(value)?);
        Ok(())
    }),
    about: "who the command is inside: a name that the container knows, or a number; root without this",
};

pub(crate) static TIMEOUT: Opt = Opt {
    short: None,
    long: "timeout",
    alias: None,
    takes: Takes::Value("(seconds)", |given, value| {
        let seconds = text(value)?.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        given.timeout = Some(seconds.filter(|limit| !limit.is_zero()).ok_or(Refused::Limit)?);
        Ok(())
    }),
    about: "how long the command may take, as in 0.5; then SIGTERM, SIGKILL two seconds later, and exit code 124",
};

pub(crate) static DIRECTORY: Opt = Opt {
    short: None,
    long: "workdir",
    alias: None,
    takes: Takes::Value("(directory)", |given, value| {
        given.directory = Some(value.into());
        Ok(())
    }),
    about: "directory inside to start the command in",
};

pub(crate) static DETACH: Opt = Opt {
    short: None,
    long: "detach",
    alias: None,
    takes: Takes::Nothing(|given| given.detach = true),
    about: "print an id for it and leave it: what it prints goes to the log, -a wait tells how it ended",
};

pub(crate) static RUN: Opt = Opt {
    short: None,
    long: "run",
    alias: None,
    takes: Takes::Value("(id)", |given, value| {
        given.run = Some(parsed(value)?);
        Ok(())
    }),
    about: "id of a detached run, in place of the root process",
};

pub(crate) static LOG_SIZE: Opt = Opt {
    short: None,
    long: "log-size",
    alias: None,
    takes: Takes::Value("(num|numM|none)", |given, value| {
        given.log_size = Some(parsed(value)?);
        Ok(())
    }),
    about: "how much is kept of what its program and detached runs print; 16M without this",
};

pub(crate) static FOLLOW: Opt = Opt {
    short: None,
    long: "follow",
    alias: None,
    takes: Takes::Nothing(|given| given.logs = std::mem::take(&mut given.logs).follow(true)),
    about: "go on with what is printed from now on, until the container has ended",
};

pub(crate) static SINCE: Opt = Opt {
    short: None,
    long: "since",
    alias: None,
    takes: Takes::Value("(time)", |given, value| {
        let time = clock::moment(&text(value)?, &clock::zone(), SystemTime::now()).ok_or(Refused::Moment)?;
        given.logs = std::mem::take(&mut given.logs).since(time);
        Ok(())
    }),
    about: "only what was printed since then: 2018-11-10T09:21:12, or 90s, 10m, 2h, 1d ago",
};

pub(crate) static TAIL: Opt = Opt {
    short: None,
    long: "tail",
    alias: None,
    takes: Takes::Value("(number)", |given, value| {
        let lines = usize::try_from(number(value)?).map_err(|_| Refused::Number)?;
        given.logs = std::mem::take(&mut given.logs).tail(lines);
        Ok(())
    }),
    about: "only the last lines of what there is already",
};
