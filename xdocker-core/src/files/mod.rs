//! Files from one root to another: where they go, by the rules of cp(1), and that they are there whole or not at all.
//!
//! | room | what it knows |
//! |---|---|
//! | `root` | paths as a process sees them whose root this is, or as we do |
//! | `place` | what a path names that may not be there yet; where a copy of this goes to |
//! | `temporary` | a directory beside the target, where a copy comes to be |
//! | `settle` | from there to its name by renames, merged into directories that are there |
//! | `whole` | one file, read or written at once |
//!
//! Either root may be that of a container whose processes change everything while we are at it. Directories are held
//! open, names are resolved by the kernel below them, links only where a user named one; whatever is swapped meanwhile,
//! we end in the same root or with an error.

mod place;
mod root;
mod settle;
mod temporary;
mod whole;

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::sys::stat::{Mode, fchmod, mkdirat};

pub(crate) use place::{Found, Target};
pub(crate) use root::RootDirectory;
pub(crate) use settle::settle;
pub(crate) use temporary::Temporary;
pub(crate) use whole::{read, write};

use crate::error::{Error, Result};
use crate::progress::Gauge;
use crate::tree::{self, Rules};
use crate::users::Owners;

/// The name of what has none of its own, in a temporary directory.
pub(crate) const NAMELESS: &CStr = c"tree";

/// Copies what is at `from` in the one root to `to` in the other, and says how many bytes its files hold.
///
/// `ready` is asked before anything gets its name; until then `gauge` stops it.
pub(crate) fn copy(
    (source, from): (&RootDirectory, &Path),
    (root, to): (&RootDirectory, &Path),
    (devices, owners): (bool, Owners),
    gauge: &Gauge,
    ready: &dyn Fn() -> Result<()>,
) -> Result<u64> {
    let rules = Rules { owners, ..Rules::files(devices) };
    let found = Found::at(source, from)?;
    let target = Target::of(root, to, found.name.as_deref(), found.kind)?;
    let temporary = Temporary::beside(&target)?;
    let failed = || Error::file("write", &target.path);
    let (payload, into) = match &found.source.name {
        Some(name) => (name.clone(), temporary.open().map_err(failed())?),
        None => (NAMELESS.to_owned(), temporary.make(NAMELESS).map_err(failed())?),
    };
    let bytes = tree::copy(found.source, into, rules, gauge)?;
    gauge.finish()?;
    ready()?;
    let settled = Rules { owners: Owners::Same, ..rules };
    settle(temporary.directory(), &payload, &target, settled)?;
    temporary.remove().map_err(failed())?;
    Ok(bytes)
}

/// A name for the kernel.
fn c_name(name: &OsStr) -> io::Result<CString> {
    Ok(CString::new(name.as_bytes())?)
}

/// Makes a directory, and opens it.
fn make_directory(parent: impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    mkdirat(&parent, name, Mode::S_IRWXU)?;
    let directory = nix::fcntl::openat(parent, name, tree::DIRECTORY, Mode::empty())?;
    // Whatever our umask, and what the directory around it hands down.
    fchmod(&directory, Mode::from_bits_truncate(0o755))?;
    Ok(directory)
}
