//! How an action ends: its exit code, and what is said when it fails.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage; `run`, `attach` and `--wait` end with the code of the command, or
//! 128 and the number of the signal that ended it; as with shells and timeout(1), 127 where the program is not
//! found, 126 where it cannot be executed, 124 where its time was up. A failure is one line on standard error, with what may be
//! done about it; with `--json` it is one JSON object.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use serde::Serialize;
use xdocker_core::{Error, ErrorKind, RepositoryError};

use crate::grammar::Misuse;
use crate::text::{printable, quoted, without_number};

/// Exit code of `run` when the command's time was up, as of timeout(1).
pub(crate) const TIMED_OUT: u8 = 124;
/// Exit code of `-a wait` for a run of whose end nobody knows more than that it was killed with its container.
pub(crate) const LOST: u8 = 128 + 9;
/// Exit code for a program that cannot be executed, as of a shell.
const NOT_EXECUTABLE: u8 = 126;
/// Exit code for a program that is not there, as of a shell.
const NOT_FOUND: u8 = 127;

/// What an action returns.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line is wrong.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The engine says no.
    #[error(transparent)]
    Engine(#[from] Error),
    /// Some of several containers could not be booted.
    #[error("not all containers could be booted: {}", .0.join("; "))]
    NotAll(Vec<String>),
    /// Our own streams and files fail.
    #[error("cannot {action}")]
    Stream {
        /// What was tried, as an infinitive.
        action: Cow<'static, str>,
        /// Why it failed.
        source: io::Error,
    },
}

impl Failure {
    /// Maker of a [`Failure::Stream`], for `map_err`.
    pub(crate) fn stream<E: Into<io::Error>>(action: impl Into<Cow<'static, str>>) -> impl FnOnce(E) -> Self {
        move |source| Self::Stream { action: action.into(), source: source.into() }
    }

    /// What sort of failure this is, for scripts.
    fn kind(&self) -> &'static str {
        match self {
            Self::Misuse(_) => "usage",
            Self::Stream { .. } | Self::NotAll(_) => "system",
            Self::Engine(error) => match error.kind() {
                ErrorKind::NotFound => "not_found",
                ErrorKind::AlreadyExists => "already_exists",
                ErrorKind::Conflict => "conflict",
                ErrorKind::InvalidArgument => "invalid_argument",
                ErrorKind::PermissionDenied => "permission_denied",
                ErrorKind::Timeout => "timeout",
                ErrorKind::Unsupported => "unsupported",
                _ => "system",
            },
        }
    }

    /// What the user may do about it.
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Misuse(misuse) => misuse.hint().to_owned(),
            Self::Stream { .. } | Self::NotAll(_) => return None,
            Self::Engine(Error::NoSuchImage(_)) => {
                "`xdocker -s images` lists the images there are".to_owned()
            }
            Self::Engine(Error::NoSuchContainer(_)) => {
                "`xdocker -s containers` lists the containers there are".to_owned()
            }
            Self::Engine(Error::ContainerExists(name)) => {
                format!("choose another name, or remove it: xdocker -a destroy -c {}", quoted(name.as_str()))
            }
            Self::Engine(Error::NotRunning(name)) => {
                format!("`xdocker -a boot -c {}` starts it", quoted(name.as_str()))
            }
            Self::Engine(Error::Running(name)) => {
                format!("`xdocker -a shutdown -c {}` stops it", quoted(name.as_str()))
            }
            Self::Engine(Error::Repository(why)) => return repository_hint(why),
            Self::Engine(Error::Busy(_)) => "try again when the other one is done".to_owned(),
            Self::Engine(error) if error.kind() == ErrorKind::PermissionDenied => {
                "xdocker needs root".to_owned()
            }
            Self::Engine(_) => return None,
        };
        Some(hint)
    }

    /// The message with its causes, the last one being the root.
    pub(crate) fn chain(&self) -> Vec<String> {
        let mut chain = vec![self.to_string()];
        let mut cause = self.source();
        while let Some(why) = cause {
            chain.push(why.to_string());
            cause = why.source();
        }
        chain
    }

    /// The text for standard error, with its new line.
    fn text(&self, json: bool) -> String {
        let chain = self.chain();
        let hint = self.hint();
        if json {
            #[derive(Serialize)]
            struct Object<'a> {
                kind: &'static str,
                message: &'a str,
                chain: &'a [String],
                hint: Option<String>,
            }
            let object = Object { kind: self.kind(), message: &chain[0], chain: &chain, hint };
            return serde_json::to_string(&object).expect("text is always JSON") + "\n";
        }
        let chain: Vec<&str> = chain.iter().map(|why| without_number(why)).collect();
        let text = hint.into_iter().fold(chain.join(": "), |text, hint| text + "; " + &hint);
        format!("*** ERROR : {}\n", printable(&text))
    }

    /// Says it on standard error, and returns the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        let code = match self {
            Self::Misuse(_) => ExitCode::from(2),
            Self::Engine(Error::Execute { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                ExitCode::from(NOT_FOUND)
            }
            Self::Engine(Error::Execute { .. }) => ExitCode::from(NOT_EXECUTABLE),
            _ => ExitCode::FAILURE,
        };
        // `xdocker -s images | head -1` is not an error that anybody wants to read.
        if !matches!(self, Self::Stream { source, .. } if source.kind() == io::ErrorKind::BrokenPipe) {
            // Nobody is left to be told when standard error fails.
            let _ = io::stderr().write_all(self.text(json).as_bytes());
        }
        code
    }
}

/// What the user may do about a repository.
fn repository_hint(why: &RepositoryError) -> Option<String> {
    let hint = match why {
        RepositoryError::NoAddress => "say where it is once: xdocker -s ssearch --srepo user@host".to_owned(),
        RepositoryError::NoSuchHost { .. } | RepositoryError::Unreachable { .. } => {
            "try what ssh says to it by hand".to_owned()
        }
        RepositoryError::HostKey { address, .. } => {
            format!("log in once by hand and look at the key: ssh {}", address.host())
        }
        RepositoryError::Refused { address, .. } => {
            format!("give it your key: ssh-copy-id {}@{}", address.user().unwrap_or("user"), address.host())
        }
        RepositoryError::Lost { .. } => "the same command goes on where it stopped".to_owned(),
        RepositoryError::NoSuchImage { .. } => "`xdocker -s ssearch` lists the images there are".to_owned(),
        RepositoryError::ImageExists { .. } => "-f replaces it".to_owned(),
        _ => return None,
    };
    Some(hint)
}

/// Prints `text` on standard output.
///
/// # Errors
/// It cannot be written: a full disk, a reader that has gone.
pub(crate) fn print(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(Failure::stream("write to standard output"))?;
    Ok(ExitCode::SUCCESS)
}

/// `OK`
///
/// # Errors
/// As [`print()`].
pub(crate) fn ok() -> Outcome {
    print("OK\n")
}

/// The exit code that stands for how a command ended.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    ExitCode::from(code(status))
}

/// The same as a number.
pub(crate) fn code(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    u8::try_from(code & 0xff).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing() -> Failure {
        Error::NoSuchContainer("test".parse().unwrap()).into()
    }

    #[test]
    fn a_failure_is_one_line() {
        let text = "*** ERROR : container test does not exist; `xdocker -s containers` lists the containers there are\n";
        assert_eq!(missing().text(false), text);
        let failure =
            Failure::Stream { action: "write".into(), source: io::Error::other("disk\nfull \x1b[31m") };
        assert_eq!(failure.text(false), "*** ERROR : cannot write: disk\\nfull \\u{1b}[31m\n");
    }

    #[test]
    fn scripts_get_one_object() {
        let text = missing().text(true);
        assert_eq!(text.lines().count(), 1);
        let object: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(object["kind"], "not_found");
        assert_eq!(object["message"], "container test does not exist");
        assert_eq!(object["chain"][0], object["message"]);
        assert!(object["hint"].is_string());
    }

    #[test]
    fn an_end_by_signal_has_a_code_too() {
        let code = |raw| format!("{:?}", exit_code(ExitStatus::from_raw(raw)));
        let is = |code: u8| format!("{:?}", ExitCode::from(code));
        assert_eq!(code(0), is(0));
        assert_eq!(code(7 << 8), is(7));
        assert_eq!(code(9), is(137));
        assert_eq!(code(0x80 | 11), is(139));
    }
}
