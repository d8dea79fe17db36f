//! Trees of files, by descriptors: walked, copied and removed, whatever somebody hostile has made of them.
//!
//! Nothing here knows whose tree it is: a layer of an image, a stage, a directory inside a container.

mod content;
mod copy;
mod dress;
mod entries;
mod open;
mod remove;
mod walk;

use nix::fcntl::OFlag;

pub(crate) use copy::{Rules, Source, copy, copy_tree};
pub(crate) use dress::{copy_attributes, finish};
pub(crate) use entries::entries;
pub(crate) use open::{is_made_up, open_regular, reopen};
pub(crate) use remove::empty;
pub(crate) use walk::{Place, Visit};

/// How a directory is opened that must be one itself, and not a link to one.
pub(crate) const DIRECTORY: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);
