//! Trees on disk: made from a description, and described again.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, UtimensatFlags, fchmodat, makedev, mknod, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, Whence, fchownat, lseek};
use proptest::prelude::*;

use crate::sys::xattr::Node;

/// What is to be in a tree. `parent` picks one of the directories made before it, a hard link one of the files.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) parent: usize,
    pub(super) name: Vec<u8>,
    pub(super) what: What,
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) mtime: (i64, i64),
    pub(super) xattrs: Vec<(CString, Vec<u8>)>,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Directory,
    File(Vec<u8>),
    /// Pieces of data, each after a hole of so many KiB; then a hole at the end.
    Sparse(Vec<(u64, Vec<u8>)>, u64),
    Symlink(Vec<u8>),
    Fifo,
    CharacterDevice(u32, u32),
    BlockDevice(u32, u32),
    HardLink(usize),
}

/// Any tree of some twenty things.
pub(super) fn items() -> impl Strategy<Value = Vec<Item>> {
    let data = || proptest::collection::vec(any::<u8>(), 0..3000);
    let bytes = |length| proptest::collection::vec(1u8..=255, length);
    let name = prop_oneof![8 => bytes(1..12), 1 => bytes(90..130), 1 => bytes(255..256)];
    let what = prop_oneof![
        4 => Just(What::Directory),
        4 => data().prop_map(What::File),
        1 => (proptest::collection::vec((0u64..200, data()), 0..4), 0u64..100)
            .prop_map(|(pieces, end)| What::Sparse(pieces, end)),
        2 => proptest::collection::vec(1u8..=255, 1..300).prop_map(What::Symlink),
        1 => Just(What::Fifo),
        1 => Just(What::CharacterDevice(0, 0)),
        1 => (0u32..500, 1u32..100_000).prop_map(|(major, minor)| What::CharacterDevice(major, minor)),
        1 => (0u32..500, 0u32..100_000).prop_map(|(major, minor)| What::BlockDevice(major, minor)),
        2 => any::<usize>().prop_map(What::HardLink),
    ];
    let xattr = (
        prop_oneof![Just("user."), Just("trusted.")],
        "[a-z=% .]{1,20}",
        proptest::collection::vec(any::<u8>(), 0..200),
    )
        .prop_map(|(space, name, value)| (CString::new(format!("{space}{name}")).unwrap(), value));
    let id = || prop_oneof![Just(0u32), 0..u32::MAX];
    let item = (
        any::<usize>(),
        name,
        what,
        0u32..0o10000,
        (id(), id()),
        (-2_000_000_000i64..4_000_000_000, 0i64..1_000_000_000),
        proptest::collection::vec(xattr, 0..3),
    );
    let item = item.prop_map(|(parent, name, what, mode, owner, mtime, xattrs)| Item {
        parent,
        name: clean(name),
        what,
        mode,
        owner,
        mtime,
        xattrs,
    });
    proptest::collection::vec(item, 0..24)
}

/// A name that a file can have.
fn clean(mut name: Vec<u8>) -> Vec<u8> {
    name.iter_mut().filter(|byte| **byte == b'/').for_each(|byte| *byte = b'_');
    if name == b"." || name == b".." { b"dots".to_vec() } else { name }
}

/// Makes the tree in the empty directory `root`.
pub(super) fn build(root: &Path, items: &[Item]) {
    let mut directories = vec![root.to_path_buf()];
    let mut files: Vec<PathBuf> = Vec::new();
    let mut made = Vec::new();
    for item in items {
        let path = directories[item.parent % directories.len()].join(OsStr::from_bytes(&item.name));
        // Names can come twice, and a path can get too long for the simple calls of a test.
        if path.symlink_metadata().is_ok() || path.as_os_str().len() > 3000 {
            continue;
        }
        let node = |kind, major: u32, minor: u32| {
            mknod(&path, kind, Mode::empty(), makedev(major.into(), minor.into())).unwrap();
        };
        match &item.what {
            What::Directory => {
                fs::create_dir(&path).unwrap();
                directories.push(path.clone());
            }
            What::File(data) => fs::write(&path, data).unwrap(),
            What::Sparse(pieces, end) => {
                let file = File::create(&path).unwrap();
                let mut at = 0;
                for (hole, data) in pieces {
                    at += hole << 10;
                    file.write_all_at(data, at).unwrap();
                    at += data.len() as u64;
                }
                file.set_len(at + (end << 10)).unwrap();
            }
            What::Symlink(target) => std::os::unix::fs::symlink(OsStr::from_bytes(target), &path).unwrap(),
            What::Fifo => node(SFlag::S_IFIFO, 0, 0),
            What::CharacterDevice(major, minor) => node(SFlag::S_IFCHR, *major, *minor),
            What::BlockDevice(major, minor) => node(SFlag::S_IFBLK, *major, *minor),
            What::HardLink(_) if files.is_empty() => continue,
            What::HardLink(target) => {
                fs::hard_link(&files[target % files.len()], &path).unwrap();
                continue;
            }
        }
        if matches!(item.what, What::File(_) | What::Sparse(..) | What::Symlink(_) | What::Fifo) {
            files.push(path.clone());
        }
        made.push((path, item));
    }
    // Last things first, so that a directory's time is set after it has been filled.
    for (path, item) in made.iter().rev() {
        let name = item.name.as_slice();
        let parent = File::open(path.parent().unwrap()).unwrap();
        let (uid, gid) = (Uid::from_raw(item.owner.0), Gid::from_raw(item.owner.1));
        fchownat(AT_FDCWD, path, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW).unwrap();
        let symlink = matches!(item.what, What::Symlink(_));
        if !symlink {
            let mode = Mode::from_bits_truncate(item.mode);
            fchmodat(AT_FDCWD, path, mode, FchmodatFlags::NoFollowSymlink).unwrap();
        }
        for (name_of, value) in &item.xattrs {
            let usual = matches!(item.what, What::File(_) | What::Sparse(..) | What::Directory);
            if usual || name_of.to_bytes().starts_with(b"trusted.") {
                Node::In(parent.as_fd(), name).set(name_of, value).unwrap();
            }
        }
        let mtime = TimeSpec::new(item.mtime.0, item.mtime.1);
        utimensat(AT_FDCWD, path, &TimeSpec::UTIME_OMIT, &mtime, UtimensatFlags::NoFollowSymlink).unwrap();
    }
    let mtime = TimeSpec::new(-7, 7);
    utimensat(AT_FDCWD, root, &TimeSpec::UTIME_OMIT, &mtime, UtimensatFlags::NoFollowSymlink).unwrap();
}

/// All that can be known of the tree in `root`, by name: one text for each.
pub(super) fn describe(root: &Path) -> BTreeMap<OsString, String> {
    let mut all = BTreeMap::new();
    let mut inodes = HashMap::new();
    let mut left = vec![root.to_path_buf()];
    while let Some(path) = left.pop() {
        let stat = path.symlink_metadata().unwrap();
        let relative = path.strip_prefix(root).unwrap().as_os_str().to_owned();
        let kind = stat.file_type();
        let mut text = format!(
            "{:o} {}:{} {}.{:09} ",
            stat.mode(),
            stat.uid(),
            stat.gid(),
            stat.mtime(),
            stat.mtime_nsec(),
        );
        let (parent, name) = match relative.is_empty() {
            true => (path.clone(), OsString::from(".")),
            false => (path.parent().unwrap().to_path_buf(), path.file_name().unwrap().to_owned()),
        };
        let parent = File::open(parent).unwrap();
        let node = Node::In(parent.as_fd(), name.as_bytes());
        for name in node.list().unwrap() {
            let value = node.get(&name).unwrap().unwrap();
            text += &format!("{name:?}={} ", value.escape_ascii());
        }
        if kind.is_dir() {
            let mut below: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
            // The first name of a file is to be the same in every tree.
            below.sort_by(|a, b| b.cmp(a));
            left.extend(below);
        } else if kind.is_file() {
            text += &format!("{} {:?} ", digest(&fs::read(&path).unwrap()), holes(&path));
        } else if kind.is_symlink() {
            text += &format!("{}", fs::read_link(&path).unwrap().into_os_string().into_vec().escape_ascii());
        } else if kind.is_char_device() || kind.is_block_device() {
            text += &format!("{:x}", stat.rdev());
        }
        // Whiteouts may share an inode or not.
        if !kind.is_dir() && stat.nlink() > 1 && !(kind.is_char_device() && stat.rdev() == 0) {
            let first = inodes.entry(stat.ino()).or_insert(relative.clone());
            text += &format!(" = {first:?}");
        }
        all.insert(relative, text);
    }
    all
}

/// A file's content, short enough for a message.
fn digest(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("{} bytes, {:x}", content.len(), hasher.finish())
}

/// Where a file's data begins and ends.
fn holes(path: &Path) -> Vec<i64> {
    let file = File::open(path).unwrap();
    let mut borders = Vec::new();
    let mut at = 0;
    for whence in [Whence::SeekData, Whence::SeekHole].into_iter().cycle() {
        match lseek(&file, at, whence) {
            Ok(border) => at = border,
            Err(_) => break,
        }
        borders.push(at);
    }
    borders
}

/// Asserts that two trees are the same.
pub(super) fn assert_same(expected: &Path, found: &Path) {
    let (expected, found) = (describe(expected), describe(found));
    for (path, text) in &expected {
        assert_eq!(found.get(path), Some(text), "{path:?}");
    }
    let more: Vec<_> = found.keys().filter(|path| !expected.contains_key(*path)).collect();
    assert!(more.is_empty(), "{more:?}");
}
