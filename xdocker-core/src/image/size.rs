//! The size of a layer.
//!
//! What counts is what the files hold: the lengths of the regular files, a file with several names once.
//! Directories, links and device nodes are entries without bytes. Apparent bytes and not allocated ones,
//! because they are a property of the image and not of the disk: the same after a copy with reflinks, an
//! export to another host, on a compressing file system.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use nix::dir::Type;
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::{SFlag, fstatat};
use serde::{Deserialize, Serialize};

use crate::tree::{Place, Visit, entries};

/// How much a tree holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TreeSize {
    /// Bytes in regular files, holes included.
    pub(crate) bytes: u64,
    /// Names below the root of the tree.
    pub(crate) entries: u64,
}

impl TreeSize {
    /// Measures the tree at `root`, which may change meanwhile: what goes is not counted.
    pub(crate) fn measure(root: &Path) -> io::Result<Self> {
        let mut size = Self::default();
        let mut linked = HashSet::new();
        let mut places = Vec::new();
        let mut next = Some(Visit::root(root)?);
        while let Some(visit) = next {
            for (name, kind) in entries(&visit.directory)? {
                size.entries += 1;
                if kind == Some(Type::Directory) {
                    places.push(visit.child(&name));
                } else if kind.is_none() || kind == Some(Type::File) {
                    let stat = match fstatat(&visit.directory, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)
                    {
                        Err(Errno::ENOENT) => continue,
                        stat => stat?,
                    };
                    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
                        SFlag::S_IFDIR => places.push(visit.child(&name)),
                        SFlag::S_IFREG if stat.st_nlink == 1 || linked.insert((stat.st_dev, stat.st_ino)) => {
                            size.bytes += u64::try_from(stat.st_size).unwrap_or(0);
                        }
                        _ => {}
                    }
                }
            }
            next = next_there(&mut places)?;
        }
        Ok(size)
    }
}

/// The last of these places that is still there.
fn next_there(places: &mut Vec<Place>) -> nix::Result<Option<Visit>> {
    while let Some(place) = places.pop() {
        match place.visit() {
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => {}
            visit => return visit.map(Some),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::home::scratch::{Scratch, deep};

    #[test]
    fn files_count_by_length_and_links_once() {
        let scratch = Scratch::new("size");
        let root = scratch.path();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/file"), [0; 1000]).unwrap();
        fs::hard_link(root.join("a/b/file"), root.join("again")).unwrap();
        symlink("/etc", root.join("link")).unwrap();
        File::create(root.join("sparse")).unwrap().set_len(1 << 20).unwrap();
        let size = TreeSize::measure(root).unwrap();
        assert_eq!(size, TreeSize { bytes: 1000 + (1 << 20), entries: 6 });
    }

    #[test]
    fn a_tree_of_any_depth_can_be_measured() {
        let scratch = Scratch::new("size-deep");
        deep(scratch.path(), 5_000);
        assert_eq!(TreeSize::measure(scratch.path()).unwrap(), TreeSize { bytes: 0, entries: 10_000 });
    }
}
