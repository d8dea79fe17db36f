//! Reading a directory by descriptor.

use std::ffi::CString;
use std::os::fd::OwnedFd;

use nix::dir::{Dir, Type};

/// Names in `directory` with what they are where the file system says so, `.` and `..` apart.
///
/// All of them at once: what an open stream shows of entries that come and go meanwhile is unspecified.
pub(crate) fn entries(directory: &OwnedFd) -> nix::Result<Vec<(CString, Option<Type>)>> {
    let mut stream = Dir::openat(directory, c".", super::DIRECTORY, nix::sys::stat::Mode::empty())?;
    let mut entries = Vec::new();
    for entry in stream.iter() {
        let entry = entry?;
        if ![c".", c".."].contains(&entry.file_name()) {
            entries.push((entry.file_name().to_owned(), entry.file_type()));
        }
    }
    Ok(entries)
}
