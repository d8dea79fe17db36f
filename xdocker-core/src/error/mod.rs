//! What can go wrong, typed. A message says what failed, `source()` says why; nothing here hints at
//! options of a program, which is the CLI's business.

mod archive;
mod network;
mod repository;

use std::io;
use std::path::PathBuf;

pub use archive::ArchiveError;
pub use network::NetworkError;
pub use repository::RepositoryError;

use crate::name::{ContainerName, ImageId, ImageRef, NameError, RunId};

/// Result of an operation of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure an [`Error`] is, for programs that choose what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An image, container, file or program that is not there.
    NotFound,
    /// A name that is taken.
    AlreadyExists,
    /// The thing is there, but not in a state for that.
    Conflict,
    /// A value that can never be right.
    InvalidArgument,
    /// The kernel or the file system refuses for lack of rights.
    PermissionDenied,
    /// It took longer than was allowed.
    Timeout,
    /// Whoever waited for it has stopped it.
    Interrupted,
    /// This kernel or host cannot do it.
    Unsupported,
    /// A system call failed for a reason of the machine's: disk full, out of memory, ….
    System,
}

/// An error of the engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that is no name or version.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A value that can never be right.
    #[error("{what} `{}`: {why}", value.escape_debug())]
    Invalid {
        /// Which setting.
        what: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// An image that is not in the store.
    #[error("image {0} does not exist")]
    NoSuchImage(ImageRef),
    /// An image whose name and version are taken.
    #[error("image {0} exists already")]
    ImageExists(ImageId),
    /// An image that containers stand on, and that was not to be taken from under them.
    #[error("image {image} is used by {}", listed(containers))]
    ImageInUse {
        /// Which image.
        image: ImageId,
        /// The containers.
        containers: Vec<ContainerName>,
    },
    /// A container that does not exist.
    #[error("container {0} does not exist")]
    NoSuchContainer(ContainerName),
    /// A detached run that is not known, or not any more.
    #[error("run {run} of container {container} is not known")]
    NoSuchRun {
        /// The container.
        container: ContainerName,
        /// The id.
        run: RunId,
    },
    /// A container whose name is taken.
    #[error("container {0} exists already")]
    ContainerExists(ContainerName),
    /// The container is not running, and must be.
    #[error("container {0} is not running")]
    NotRunning(ContainerName),
    /// The container is running, and must not be.
    #[error("container {0} is running")]
    Running(ContainerName),
    /// Another process is changing this just now.
    #[error("{0} is being changed by another process")]
    Busy(String),
    /// A file below the home, or one that the user named.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as an infinitive: `create`, `read`, ….
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A path inside a stopped container where something is mounted while it runs: what lies there is not what is to
    /// be seen then.
    #[error("{} is hidden by {by} while the container runs", path.display())]
    Covered {
        /// The path inside.
        path: PathBuf,
        /// What is mounted.
        by: String,
    },
    /// A system call that is not about a file.
    #[error("cannot {action}")]
    System {
        /// What was tried, as an infinitive.
        action: String,
        /// Why it failed.
        source: io::Error,
    },
    /// An archive that was refused, or could not be read or written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A container that cannot be connected as it was asked for.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// An ssh image repository that cannot be used as it was asked for.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// A record of ours that cannot be understood.
    #[error("record {} is damaged", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A record or home that a later release wrote.
    #[error("{} has format {found}, this release knows up to {known}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format it says it has.
        found: u32,
        /// The newest that we know.
        known: u32,
    },
    /// A step of a launch plan failed; everything before it has been undone.
    #[error("cannot {step}")]
    Launch {
        /// The step, in words.
        step: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A program that cannot be executed in the container; everything before it has been undone.
    #[error("cannot execute {}", program.escape_debug())]
    Execute {
        /// As it was named.
        program: String,
        /// Why: not found, no right to, not a program.
        source: io::Error,
    },
    /// It took longer than was allowed.
    #[error("{what} did not happen within {} s", limit.as_secs_f32())]
    Timeout {
        /// What was waited for.
        what: String,
        /// How long.
        limit: std::time::Duration,
    },
    /// Who was told of its progress has stopped it. Nothing of it has a name.
    #[error("it was stopped")]
    Interrupted,
    /// This kernel or host cannot do it.
    #[error("{what} is not possible here: {why}")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// What is missing.
        why: String,
    },
    /// Tear-down went on past failures; these are all of them.
    #[error("{what} left something behind: {}", list(failures))]
    TearDown {
        /// Which operation.
        what: String,
        /// What failed, in order.
        failures: Vec<Error>,
    },
}

/// All messages of `failures` with their causes, in one line.
fn list(failures: &[Error]) -> String {
    failures.iter().map(Error::chain).collect::<Vec<_>>().join("; ")
}

/// `container a`, or `containers a, b`.
fn listed(containers: &[ContainerName]) -> String {
    let names: Vec<_> = containers.iter().map(ContainerName::as_str).collect();
    format!("container{} {}", if names.len() == 1 { "" } else { "s" }, names.join(", "))
}

impl Error {
    /// What sort of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Name(_) | Self::Invalid { .. } => ErrorKind::InvalidArgument,
            Self::NoSuchImage(_) | Self::NoSuchContainer(_) | Self::NoSuchRun { .. } => ErrorKind::NotFound,
            Self::ImageExists(_) | Self::ContainerExists(_) => ErrorKind::AlreadyExists,
            Self::ImageInUse { .. }
            | Self::NotRunning(_)
            | Self::Running(_)
            | Self::Covered { .. }
            | Self::Busy(_) => ErrorKind::Conflict,
            Self::File { source, .. }
            | Self::System { source, .. }
            | Self::Launch { source, .. }
            | Self::Execute { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => ErrorKind::NotFound,
                io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
                io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
                io::ErrorKind::TimedOut => ErrorKind::Timeout,
                io::ErrorKind::Unsupported => ErrorKind::Unsupported,
                _ => ErrorKind::System,
            },
            Self::Archive(ArchiveError::Read(_) | ArchiveError::Write(_)) => ErrorKind::System,
            Self::Archive(_) => ErrorKind::InvalidArgument,
            Self::Network(NetworkError::NoSuchInterface(_)) => ErrorKind::NotFound,
            Self::Network(_) => ErrorKind::Conflict,
            Self::Repository(why) => match why {
                RepositoryError::NoSuchImage { .. } | RepositoryError::NoSuchHost { .. } => {
                    ErrorKind::NotFound
                }
                RepositoryError::ImageExists { .. } => ErrorKind::AlreadyExists,
                RepositoryError::NoAddress => ErrorKind::InvalidArgument,
                RepositoryError::HostKey { .. } | RepositoryError::Refused { .. } => {
                    ErrorKind::PermissionDenied
                }
                RepositoryError::NoShell { .. } => ErrorKind::Unsupported,
                RepositoryError::Program { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                    ErrorKind::NotFound
                }
                _ => ErrorKind::System,
            },
            Self::Timeout { .. } => ErrorKind::Timeout,
            Self::Interrupted => ErrorKind::Interrupted,
            Self::Format { .. } | Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Record { .. } => ErrorKind::System,
            Self::TearDown { failures, .. } => failures.first().map_or(ErrorKind::System, Self::kind),
        }
    }

    /// The message with all its causes, `: ` between them, in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(why) = cause {
            text = format!("{text}: {why}");
            cause = why.source();
        }
        text
    }

    /// Maker of a [`Error::File`] from an `io::Error`, for `map_err`.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { action, path: path.into(), source }
    }

    /// Maker of a [`Error::System`] from an errno or `io::Error`, for `map_err`.
    pub(crate) fn system<E: Into<io::Error>>(action: impl Into<String>) -> impl FnOnce(E) -> Self {
        move |source| Self::System { action: action.into(), source: source.into() }
    }

    /// A value that can never be right.
    pub(crate) fn invalid(what: &'static str, value: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Invalid { what, value: value.into(), why: why.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_ends_with_the_reason() {
        let why = || io::Error::other("the disk is full");
        let written = || Error::file("write", "/srv/x")(why());
        assert_eq!(written().to_string(), "cannot write /srv/x");
        assert_eq!(written().chain(), "cannot write /srv/x: the disk is full");
        let system = Error::system("make a socket")(nix::errno::Errno::EMFILE);
        assert!(system.chain().starts_with("cannot make a socket: "), "{}", system.chain());
    }

    #[test]
    fn the_reason_of_the_system_tells_the_kind() {
        for (reason, kind) in [
            (io::ErrorKind::NotFound, ErrorKind::NotFound),
            (io::ErrorKind::PermissionDenied, ErrorKind::PermissionDenied),
            (io::ErrorKind::TimedOut, ErrorKind::Timeout),
            (io::ErrorKind::StorageFull, ErrorKind::System),
        ] {
            assert_eq!(Error::file("read", "/x")(reason.into()).kind(), kind, "{reason}");
        }
        let failures = vec![Error::system("unmount it")(io::Error::from(io::ErrorKind::PermissionDenied))];
        let torn = Error::TearDown { what: "ending it".into(), failures };
        assert_eq!(torn.kind(), ErrorKind::PermissionDenied, "that of the first");
    }
}
