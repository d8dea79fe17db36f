//! All that makes one file differ from another beside its content.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::stat::{FileStat, Mode, fchmod, fstat, futimens};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchown};

use super::Rules;
use crate::sys::xattr::Node;

/// Gives an open file or directory the owner, mode, attributes and times of another.
pub(crate) fn finish(from: &OwnedFd, to: &OwnedFd, stat: &FileStat, rules: Rules) -> io::Result<()> {
    // A change of owner takes set-uid bits and capabilities away, an ACL comes with bits of the mode, and
    // each of them changes the times: the order matters.
    // What is right already is left alone: each change is a transaction of the file system.
    let made = fstat(to)?;
    let (uid, gid) = rules.owners.of(stat.st_uid, stat.st_gid)?;
    let owned = (made.st_uid, made.st_gid) == (uid, gid);
    if !owned {
        fchown(to, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    if !owned || made.st_mode != stat.st_mode {
        fchmod(to, Mode::from_bits_truncate(stat.st_mode))?;
    }
    copy_attributes(Node::Open(from.as_fd()), Node::Open(to.as_fd()), rules)?;
    let (accessed, modified) = times(stat);
    Ok(futimens(to, &accessed, &modified)?)
}

/// Gives a file the extended attributes of another.
pub(crate) fn copy_attributes(from: Node<'_>, to: Node<'_>, rules: Rules) -> io::Result<()> {
    for name in from.list()? {
        // Those of overlayfs are about its layers, and of nobody's else.
        if rules.shared && name.to_bytes().starts_with(b"trusted.overlay.") {
            continue;
        }
        let Some(value) = from.get(&name)? else { continue };
        let value = rules.owners.attribute(name.to_bytes(), value)?;
        match to.set(&name, &value) {
            Err(why) if rules.shared && why.raw_os_error() == Some(libc::EOPNOTSUPP) => {}
            set => set?,
        }
    }
    Ok(())
}

pub(super) fn times(stat: &FileStat) -> (TimeSpec, TimeSpec) {
    (TimeSpec::new(stat.st_atime, stat.st_atime_nsec), TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec))
}
