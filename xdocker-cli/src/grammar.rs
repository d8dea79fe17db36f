//! How a command line is written: one row an action, and everything else follows from the rows.
//!
//! A [`Row`] says what follows `-a X` or `-s X` as a small tree of [`Part`]s over [`Opt`]s. The same tree
//! decides what is accepted ([`parse`]), is printed as the usage text and as `--help` ([`usage`]), and knows what may
//! have been meant ([`misuse`]). Which rows there are, and what is done about them, is not known here: a new action is
//! one row in `rows` and one handler in `actions`; a new option is one constant and one field in [`options`].

mod misuse;
pub(crate) mod options;
mod parse;
mod usage;
mod words;

use std::ffi::OsString;
use std::fmt;

pub(crate) use misuse::{Fault, Misuse};
pub(crate) use options::{Given, program};
pub(crate) use parse::Request;

/// Everything that a command line may say.
pub(crate) struct Grammar<Run: 'static> {
    /// What the program can do.
    pub(crate) rows: &'static [Row<Run>],
    /// What every row takes.
    pub(crate) everywhere: &'static [Group],
}

/// What an option does with what it is given; the error says what is wrong with a value.
enum Takes {
    /// It is there or not.
    Nothing(fn(&mut Given)),
    /// A value, called in the usage text as said here.
    Value(&'static str, fn(&mut Given, OsString) -> Result<(), BadValue>),
}

/// Why a value is refused.
pub(crate) type BadValue = Box<dyn std::error::Error>;

/// An option of the command line. It means the same wherever it is allowed.
pub(crate) struct Opt {
    /// The letter after one dash.
    short: Option<char>,
    /// The word after two dashes, unique among all options.
    long: &'static str,
    /// Another spelling, accepted and not shown.
    alias: Option<&'static str>,
    /// Whether a value belongs to it, and where it goes.
    takes: Takes,
    /// One line for `--help`.
    about: &'static str,
}

impl fmt::Display for Opt {
    /// `-c|--container`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(short) = self.short {
            write!(f, "-{short}|")?;
        }
        write!(f, "--{}", self.long)
    }
}

/// What may follow an action.
pub(crate) enum Part {
    /// This option.
    One(&'static Opt),
    /// This option any number of times, none included.
    Many(&'static Opt),
    /// `--` and a program with its arguments, taken as they are.
    Program,
    /// All of these, in any order.
    All(&'static [Part]),
    /// Exactly one of these.
    OneOf(&'static [Part]),
    /// This or nothing. Whoever gives a piece of it must give all that it needs.
    Maybe(&'static Part),
    /// Options that several actions take, printed once in a line of their own.
    Group(&'static Group),
}

/// Options with a name of their own in the usage text.
pub(crate) struct Group {
    /// What it is called there.
    pub(crate) name: &'static str,
    /// Its options.
    pub(crate) parts: &'static [Part],
}

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// `-v`
    Version,
    /// `-s WHAT`
    Show(&'static str),
    /// `-a ACTION`
    Action(&'static str),
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version => f.write_str("-v"),
            Self::Show(what) => write!(f, "-s {what}"),
            Self::Action(what) => write!(f, "-a {what}"),
        }
    }
}

/// Something that the program can do.
pub(crate) struct Row<Run> {
    /// How it is asked for.
    pub(crate) verb: Verb,
    /// One line for `--help`.
    pub(crate) about: &'static str,
    /// What may follow.
    pub(crate) parts: &'static [Part],
    /// Does it.
    pub(crate) run: Run,
}

/// The options and programs in `parts`, in the order of the usage text, whatever they hang in.
fn leaves(parts: &'static [Part]) -> Vec<&'static Part> {
    let mut found = Vec::new();
    for part in parts {
        match part {
            Part::One(_) | Part::Many(_) | Part::Program => found.push(part),
            Part::All(parts) | Part::OneOf(parts) => found.extend(leaves(parts)),
            Part::Maybe(part) => found.extend(leaves(std::slice::from_ref(part))),
            Part::Group(group) => found.extend(leaves(group.parts)),
        }
    }
    found
}
