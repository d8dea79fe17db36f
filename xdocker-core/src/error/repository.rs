//! What can be wrong with an ssh image repository.

use std::io;

use crate::address::RepositoryAddress;
use crate::name::{ImageId, ImageRef};

/// Why images cannot be sent to a repository or had from it. Nothing of what was under way has a name, here or there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// Nobody has said which one.
    #[error("no ssh image repository has been named")]
    NoAddress,
    /// The ssh program cannot be started.
    #[error("cannot start {}", program.escape_debug())]
    Program {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// There is no host of that name.
    #[error("host {} is unknown: {said}", address.host())]
    NoSuchHost {
        /// Where.
        address: RepositoryAddress,
        /// What ssh said.
        said: String,
    },
    /// The server's key is not the one that ssh knows, or ssh knows none.
    #[error("the key of host {} is not trusted: {said}", address.host())]
    HostKey {
        /// Where.
        address: RepositoryAddress,
        /// What ssh said.
        said: String,
    },
    /// The server does not let us in.
    #[error("{address} refuses our key or password: {said}")]
    Refused {
        /// Where.
        address: RepositoryAddress,
        /// What ssh said.
        said: String,
    },
    /// Nobody answers there.
    #[error("{address} cannot be reached: {said}")]
    Unreachable {
        /// Where.
        address: RepositoryAddress,
        /// What ssh said.
        said: String,
    },
    /// What answers there is no POSIX shell with its utilities.
    #[error("{address} does not answer as a shell does: {said}")]
    NoShell {
        /// Where.
        address: RepositoryAddress,
        /// What it said.
        said: String,
    },
    /// The line broke. What has arrived is kept for the next attempt.
    #[error("the connection to {address} was lost{}", because(said))]
    Lost {
        /// Where.
        address: RepositoryAddress,
        /// What ssh said.
        said: String,
    },
    /// The repository has no such image.
    #[error("image {image} is not in the repository {address}")]
    NoSuchImage {
        /// Which image.
        image: ImageRef,
        /// Where.
        address: RepositoryAddress,
    },
    /// The repository has an image of that name and version.
    #[error("image {image} is in the repository {address} already")]
    ImageExists {
        /// Which image.
        image: ImageId,
        /// Where.
        address: RepositoryAddress,
    },
    /// There is no room for it on the server.
    #[error("the disk of {address} is full")]
    Full {
        /// Where.
        address: RepositoryAddress,
    },
    /// The server may not or cannot do it.
    #[error("{address} cannot do it: {said}")]
    Server {
        /// Where.
        address: RepositoryAddress,
        /// What it said.
        said: String,
    },
    /// What arrived is not what was sent.
    #[error("image {image} is damaged on its way between here and {address}")]
    Damaged {
        /// Which image.
        image: ImageId,
        /// Where.
        address: RepositoryAddress,
    },
}

/// `: why`, or nothing where nothing was said.
fn because(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}
