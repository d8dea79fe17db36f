//! Images on an ssh server: `NAME:VERSION.xdockerimage` in the home directory of an account, a gzipped tar each, as the
//! original program has them. The server needs sshd and a POSIX shell.
//!
//! | room | what it knows |
//! |---|---|
//! | `session`, `server.sh` | our side and the server's of a conversation in lines, over the user's own ssh |
//! | `listing`, `index`, `cksum` | what the server says, as pure functions on bytes |
//! | `sources`, `remembered` | which layers here have what is wanted, and what is known of them without reading them |
//! | `push`, `pull` | what is there already is not sent |
//!
//! # What is there already
//!
//! An archive of ours is a sequence of gzip members whose cuts follow from the content (`image::archive::chunk`). The
//! server keeps a list of them beside each archive that was pushed, `.xdocker/NAME:VERSION.xdockerimage.index`: for
//! each member the SHA-256 of what is in it, its length, and a remainder of which cksum(1)'s sum of a whole can be put
//! together. A list counts for the very inode that it was written for, as long as that is not younger.
//!
//! - **Push**: our image is packed; members that lists of the server know are neither compressed nor sent. The server
//!   puts the archive together by dd(1) out of what came and of archives that it has.
//! - **Pull**: the digests of an image's chunks are remembered beside it; where they are not, its files are read to find
//!   them out. Images that have a chunk that is wanted are packed again without being compressed, and it comes from there. If
//!   one turns out to be another chunk than was thought, the pull begins anew and relies on files alone, and then on the
//!   server alone.
//!
//! # Whole or not at all
//!
//! What arrives on the server lies in `.xdocker/upload.KEY.N` until its sums are right, and gets its name by ln(1),
//! which replaces nothing, or by a rename. An upload whose line breaks stays there; the next one of the same image from
//! the same home (the key) is told how much there is and what its digest is, packs the image again, and goes on where the
//! digests agree. A pull whose line breaks, or that is killed, leaves what it has unpacked in the home, for the next one to take
//! members from.

mod cksum;
mod index;
mod listing;
mod pull;
mod push;
mod remembered;
mod session;
mod sources;
mod sum;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::ops::ControlFlow;

pub use listing::RemoteImage;
pub use pull::PullOptions;
pub use push::PushOptions;

use crate::address::RepositoryAddress;
use crate::error::{Error, RepositoryError, Result};
use crate::home::{Durability, Home};
use crate::image::ImageStore;
use crate::progress::{Gauge, Progress, watched};
use session::Session;

/// ssh as it is started without a word of the user's: a line that is dead is noticed within a minute, and the server
/// gets neither our agent nor our display.
const SSH: [&str; 7] = ["ssh", "-a", "-x", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4"];

/// The images on an ssh server.
///
/// Every operation is one run of ssh, which asks for passwords on the terminal if there is one. It tells of its progress
/// every 50 ms, also while it waits for the server, and can be stopped then: ssh is ended, and nothing has a name, here or
/// there, that did not have it before.
#[derive(Clone, Debug)]
pub struct Repository {
    images: ImageStore,
    address: RepositoryAddress,
    program: Vec<OsString>,
}

/// What a push or pull has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transfer {
    /// Bytes of the archive in the repository.
    pub archive: u64,
    /// Bytes that were sent to the server, and those that came from it, within ssh.
    pub sent: u64,
    /// See [`Transfer::sent`].
    pub received: u64,
}

impl Repository {
    /// The repository at `address`, for the images of `home`.
    pub(crate) fn new(home: Home, address: RepositoryAddress) -> Self {
        let program = SSH.map(OsString::from).to_vec();
        Self { images: ImageStore::new(home), address, program }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &RepositoryAddress {
        &self.address
    }

    /// Takes another program in place of ssh, with arguments that come before ours. It has to understand `-T`,
    /// `-p PORT`, `user@host` and a command as ssh does.
    #[must_use]
    pub fn ssh(mut self, program: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.program = program.into_iter().map(Into::into).collect();
        self
    }

    /// The images there whose name, with its version, holds `matching`; by name and then version. `progress` is called
    /// every 50 ms, and breaks the search off.
    ///
    /// # Errors
    /// [`RepositoryError`]; [`Error::Interrupted`].
    pub fn search(
        &self,
        matching: &str,
        progress: &dyn Fn(Progress) -> ControlFlow<()>,
    ) -> Result<Vec<RemoteImage>> {
        watched(progress, |gauge| {
            let mut session = self.connect(gauge)?;
            let mut images = session.list()?;
            session.close();
            images.retain(|image| image.id.to_string().contains(matching));
            Ok(images)
        })
    }

    fn connect(&self, gauge: &Gauge) -> Result<Session> {
        Session::open(&self.address, &self.program, gauge)
    }
}

/// The address that is remembered in `home`.
///
/// # Errors
/// [`RepositoryError::NoAddress`]; [`Error::Invalid`] when what is remembered is none.
pub(crate) fn remembered(home: &Home) -> Result<RepositoryAddress> {
    let path = home.repository_line();
    match fs::read_to_string(&path) {
        Ok(text) if text.trim().is_empty() => Err(RepositoryError::NoAddress.into()),
        Ok(text) => Ok(text.trim().parse()?),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Err(RepositoryError::NoAddress.into()),
        Err(why) => Err(Error::file("read", path)(why)),
    }
}

/// Remembers `address` in `home`, as one line.
pub(crate) fn remember(home: &Home, address: &RepositoryAddress) -> Result<()> {
    if remembered(home).is_ok_and(|known| known == *address) {
        return Ok(());
    }
    crate::home::write_line(&home.repository_line(), &address.to_string(), Durability::Synced)
}
