//! What is wrong with a command line, and what was meant, perhaps.

use std::error::Error as StdError;
use std::fmt;

use super::{BadValue, Grammar, Opt, Part, Row, Verb, leaves};

/// What is wrong with a command line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// A flag that nothing has.
    #[error("option {0} is unknown")]
    Unknown(String),
    /// An argument that is neither a flag nor the value of one.
    #[error("`{0}` is not expected")]
    Stray(String),
    /// Neither `-a` nor `-s`.
    #[error("it is not said what to do: -a (action) or -s (what)")]
    NoVerb,
    /// More than one of `-a`, `-s`, `-v`.
    #[error("{0} and {1} exclude each other")]
    TwoVerbs(Verb, Verb),
    /// `-a X` where there is no X.
    #[error("{0} is unknown")]
    UnknownVerb(String),
    /// A flag of another action.
    #[error("option {option} is not for {verb}")]
    Foreign {
        /// The flag.
        option: String,
        /// The action.
        verb: Verb,
    },
    /// A flag that says something about a bridge where there is none.
    #[error("option {0} is for --net BRIDGE")]
    NoBridge(&'static str),
    /// A flag without its value.
    #[error("option {0} needs a value")]
    NoValue(String),
    /// A flag with a value that it does not take.
    #[error("option {0} takes no value")]
    NeedlessValue(String),
    /// A flag that counts once.
    #[error("option {0} is given twice")]
    Twice(String),
    /// A value that can never be right.
    #[error("option {option}")]
    Value {
        /// The flag.
        option: String,
        /// What is wrong.
        source: BadValue,
    },
    /// Something that must be there.
    #[error("{wanting} needs {missing}")]
    Missing {
        /// The action, or the flag that cannot be alone.
        wanting: String,
        /// What is missing.
        missing: String,
    },
    /// Two things of which only one may be there.
    #[error("{0} and {1} exclude each other")]
    Exclusive(String, String),
}

/// A command line that is refused, and what may be done about it.
#[derive(Debug)]
pub(crate) struct Misuse {
    fault: Fault,
    hint: String,
}

impl Misuse {
    /// What may be done about it.
    pub(crate) fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl StdError for Misuse {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.fault.source()
    }
}

/// What only a handler can see.
impl From<Fault> for Misuse {
    fn from(fault: Fault) -> Self {
        Self { fault, hint: explained(None) }
    }
}

/// Where the whole story is.
fn explained(verb: Option<Verb>) -> String {
    match verb {
        Some(verb) => format!("`xdocker {verb} --help` explains it"),
        None => "`xdocker --help` shows what there is".to_owned(),
    }
}

impl<Run> Grammar<Run> {
    /// `fault` with what may be done about it, in a line that asked for `verb` and gave the options for which `given` is true
    /// before.
    pub(super) fn misuse(&self, fault: Fault, verb: Option<Verb>, given: impl Fn(&Opt) -> bool) -> Misuse {
        let hint = self.meant(&fault, verb, given).unwrap_or_else(|| explained(verb));
        Misuse { fault, hint }
    }

    /// What was meant, as far as one can guess.
    fn meant(&self, fault: &Fault, verb: Option<Verb>, given: impl Fn(&Opt) -> bool) -> Option<String> {
        match fault {
            Fault::UnknownVerb(typed) => {
                let verbs = self.rows.iter().map(|row| row.verb.to_string());
                nearest(typed, verbs).map(|verb| format!("did you mean {verb}?"))
            }
            Fault::Unknown(flag) => {
                let rows = self.rows.iter().filter(|row| verb.is_none_or(|verb| row.verb == verb));
                let flags = rows.flat_map(options).flat_map(spellings);
                nearest(flag, flags).map(|flag| format!("did you mean {flag}?"))
            }
            Fault::Stray(word) => {
                let named = |row: &&Row<Run>| match row.verb {
                    Verb::Show(name) | Verb::Action(name) => name == word,
                    Verb::Version => false,
                };
                if let Some(row) = self.rows.iter().find(named) {
                    return Some(format!("did you mean {}?", row.verb));
                }
                let row = self.rows.iter().find(|row| Some(row.verb) == verb)?;
                let names = |option: &&Opt| ["container", "image"].contains(&option.long) && !given(option);
                if let Some(option) = options(row).find(names) {
                    return Some(format!("did you mean {option} {word}?"));
                }
                let program = leaves(row.parts).iter().any(|part| matches!(part, Part::Program));
                program.then(|| "a program and its arguments go behind `--`".to_owned())
            }
            _ => None,
        }
    }
}

/// The options of `row`.
fn options<Run>(row: &Row<Run>) -> impl Iterator<Item = &'static Opt> + use<Run> {
    leaves(row.parts).into_iter().filter_map(|part| match part {
        Part::One(option) | Part::Many(option) => Some(*option),
        _ => None,
    })
}

/// How `option` is written.
fn spellings(option: &Opt) -> impl Iterator<Item = String> + use<> {
    option.short.map(|letter| format!("-{letter}")).into_iter().chain([format!("--{}", option.long)])
}

/// That of `candidates` which `typed` is a beginning of, or differs from by two letters at most.
fn nearest(typed: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    let far = |candidate: &String| match candidate.strip_prefix(typed) {
        Some(_) if typed.len() > 4 => 0,
        // A letter is all that short options have: there only its case is a slip.
        _ if typed.len() < 4 => usize::from(!candidate.eq_ignore_ascii_case(typed)) * 3,
        _ => distance(typed, candidate),
    };
    candidates
        .map(|candidate| (far(&candidate), candidate))
        .filter(|(far, _)| *far <= 2)
        .min()
        .map(|(_, it)| it)
}

/// How many letters must be put in, taken out or changed to make `one` the `other` (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], above + 1);
        for (left, wanted) in other.iter().enumerate() {
            let changed = corner + usize::from(letter != *wanted);
            corner = row[left + 1];
            row[left + 1] = changed.min(corner + 1).min(row[left] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::rows::GRAMMAR;

    #[test]
    fn a_distance_is_the_number_of_slips() {
        for (one, other, slips) in
            [("", "", 0), ("boot", "boot", 0), ("bot", "boot", 1), ("kitten", "sitting", 3), ("", "abc", 3)]
        {
            assert_eq!((distance(one, other), distance(other, one)), (slips, slips), "{one} {other}");
        }
    }

    #[test]
    fn what_was_meant_is_guessed() {
        for (line, hint) in [
            ("-a bot -c x", "did you mean -a boot?"),
            ("-a images", "did you mean -s images?"),
            ("-s image", "did you mean -s images?"),
            ("boot -c x", "did you mean -a boot?"),
            ("images", "did you mean -s images?"),
            ("-a boot web", "did you mean -c|--container web?"),
            ("-a run -c web ls", "a program and its arguments go behind `--`"),
            ("-a shutdown -c web now", "`xdocker -a shutdown --help` explains it"),
            ("-a shutdown web", "did you mean -c|--container web?"),
            ("-a del_image old", "did you mean -m|--image old?"),
            ("-a create -m test --port 80:80", "did you mean --port-mapping?"),
            ("-a create -m test --volumes /a:/b", "did you mean --volume?"),
            ("-a create -m test -C x", "did you mean -c?"),
            ("-a nothing", "`xdocker --help` shows what there is"),
            ("-a boot -c x --zzz", "`xdocker -a boot --help` explains it"),
            ("-a boot -c x -h", "`xdocker -a boot --help` explains it"),
            ("-a create -c x", "`xdocker -a create --help` explains it"),
            ("-h", "`xdocker --help` shows what there is"),
        ] {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let Err(misuse) = GRAMMAR.parse(args) else { panic!("{line}") };
            assert_eq!(misuse.hint(), hint, "{line}: {misuse}");
        }
    }
}
