//! How a container is made, comes and goes.

use std::time::Duration;

use xdocker_core::StopSignal;

use super::values::{Refused, parsed, program, signal, text};
use crate::grammar::{Opt, Takes};

pub(crate) static HOSTNAME: Opt = Opt {
    short: None,
    long: "host",
    alias: None,
    takes: Takes::Value("(hostname)", |given, value| {
        given.hostname = Some(parsed(value)?);
        Ok(())
    }),
    about: "host name inside; without it the container's name",
};

pub(crate) static BOOT: Opt = Opt {
    short: Some('b'),
    long: "boot",
    alias: None,
    takes: Takes::Nothing(|given| given.boot = true),
    about: "boot the container once it is there",
};

pub(crate) static ATTACH: Opt = Opt {
    short: Some('t'),
    long: "attach",
    alias: None,
    takes: Takes::Nothing(|given| given.attach = true),
    about: "work in it through this terminal; Ctrl-P Ctrl-Q leaves it",
};

pub(crate) static EXEC: Opt = Opt {
    short: Some('e'),
    long: "exec",
    alias: None,
    takes: Takes::Value(r#"(cmd|"program para1 ...")"#, |given, value| {
        given.program = Some(program(value)?);
        Ok(())
    }),
    about: "program to be the root process; quotes and backslashes group words as in a shell",
};

pub(crate) static WAIT: Opt = Opt {
    short: None,
    long: "wait",
    alias: None,
    takes: Takes::Nothing(|given| given.wait = true),
    about: "give the program our standard streams, wait for its end, end with its exit code",
};

pub(crate) static REMOVE: Opt = Opt {
    short: None,
    long: "rm",
    alias: None,
    takes: Takes::Nothing(|given| given.remove = true),
    about: "--wait, and the container ends with us and is gone afterwards",
};

pub(crate) static RESTART: Opt = Opt {
    short: None,
    long: "restart",
    alias: None,
    takes: Takes::Value("(no|on-failure[:num]|always)", |given, value| {
        given.restart = Some(parsed(value)?);
        Ok(())
    }),
    about: "whether it is started again when it has ended by itself; num is how often in a row",
};

pub(crate) static ALL_RESTART: Opt = Opt {
    short: None,
    long: "all-restart",
    alias: None,
    takes: Takes::Nothing(|given| given.all_restart = true),
    about: "all whose policy is always, or on-failure and that ran when the host went down; as they were booted before",
};

pub(crate) static STOP_SIGNAL: Opt = Opt {
    short: None,
    long: "stop-signal",
    alias: None,
    takes: Takes::Value("(signal)", |given, value| {
        let signal = signal(&text(value)?).ok_or(Refused::Signal)?;
        given.stop_signal = Some(StopSignal::try_from(signal as i32)?);
        Ok(())
    }),
    about: "signal by which a shutdown asks it to end, as in QUIT; TERM without this",
};

pub(crate) static TIME: Opt = Opt {
    short: None,
    long: "time",
    alias: None,
    takes: Takes::Value("(seconds)", |given, value| {
        let seconds: u32 = text(value)?.parse().map_err(|_| Refused::Seconds)?;
        given.time = Some(Duration::from_secs(seconds.into()));
        Ok(())
    }),
    about: "how long it may take to end by itself before it is killed; 10 without this",
};

pub(crate) static SIGNAL: Opt = Opt {
    short: None,
    long: "signal",
    alias: None,
    takes: Takes::Value("(signal)", |given, value| {
        given.signal = Some(signal(&text(value)?).ok_or(Refused::Signal)?);
        Ok(())
    }),
    about: "signal to send to the root process, as in HUP; without this all end at once",
};

pub(crate) static SHUTDOWN: Opt = Opt {
    short: Some('h'),
    long: "shutdown",
    alias: None,
    takes: Takes::Nothing(|given| given.shutdown = true),
    about: "shut the container down first, if it runs",
};

pub(crate) static FROM_CONTAINER: Opt = Opt {
    short: None,
    long: "from-container",
    alias: None,
    takes: Takes::Value("(container)", |given, value| {
        given.container = Some(parsed(value)?);
        Ok(())
    }),
    about: "the container to begin with, which must be stopped",
};

pub(crate) static TO_CONTAINER: Opt = Opt {
    short: None,
    long: "to-container",
    alias: None,
    takes: Takes::Value("(container)", |given, value| {
        given.container = Some(parsed(value)?);
        Ok(())
    }),
    about: "the container that there is then",
};
