//! Layer → archive → layer: nothing is lost.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::sys::stat::{Mode, SFlag, mknod};
use proptest::prelude::*;

use super::tree::{assert_same, build, items};
use super::{Tar, UnpackOptions, Whiteouts, packed, unpacked};
use crate::error::ArchiveError;
use crate::error::Error;
use crate::spec::IfUsed;
use crate::sys::xattr::Node;
use crate::tree::copy_tree;
use crate::{ContainerSpec, Engine, Progress};

/// Packs what `from` holds and unpacks it into a new directory `to`.
fn travel(from: &Path, to: &Path, whiteouts: Whiteouts) -> Vec<u8> {
    let archive = packed(from, whiteouts).unwrap();
    fs::create_dir(to).unwrap();
    unpacked(&archive, to, &UnpackOptions::default()).unwrap();
    archive
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn trees_come_back(items in items()) {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        fs::create_dir(&from).unwrap();
        build(&from, &items);
        let archive = travel(&from, &to, Whiteouts::Overlay);
        assert_same(&from, &to);
        // The same layer, whatever its inodes: the same bytes.
        prop_assert!(packed(&to, Whiteouts::Overlay).unwrap() == archive);
    }

    #[test]
    fn copies_of_trees_are_the_same(items in items()) {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        fs::create_dir(&from).unwrap();
        fs::create_dir(&to).unwrap();
        build(&from, &items);
        copy_tree(&from, &to, &crate::progress::Gauge::default()).unwrap();
        assert_same(&from, &to);
    }

    #[test]
    fn images_come_back_from_being_containers(items in items()) {
        let directory = tempfile::tempdir().unwrap();
        let from = directory.path().join("from");
        let engine = Engine::open(directory.path().join("home")).unwrap();
        let layer = engine.home().join("images/tree/1/rlayer");
        for root in [&from, &layer] {
            fs::create_dir_all(root).unwrap();
            build(root, &items);
        }
        let spec = ContainerSpec::new([]).name("tree".parse().unwrap());
        let container = engine.to_container(&"tree".parse().unwrap(), &spec, IfUsed::Refuse).unwrap();
        assert_same(&from, &engine.home().join("containers/tree/rwlayer"));
        container.into_image("tree".parse().unwrap(), None).unwrap();
        assert_same(&from, &layer);
    }
}

#[test]
fn a_file_of_attributes_and_nothing_but_a_hole_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    fs::create_dir(&from).unwrap();
    let file = fs::File::create(from.join("file")).unwrap();
    file.set_len(4096).unwrap();
    // Too long for the inode: it takes a block, as data would.
    Node::Open(file.as_fd()).set(c"user.long", &[b'x'; 1000]).unwrap();
    travel(&from, &to, Whiteouts::Overlay);
    assert_same(&from, &to);
}

#[test]
fn acls_come_back_and_are_inherited_by_nothing() {
    const DEFAULT: &[u8] =
        b"\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff\x04\0\x05\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff";
    const ACCESS: &[u8] =
        b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\xe8\x03\0\0\x04\0\x04\0\xff\xff\xff\xff\
        \x10\0\x04\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff";
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    fs::create_dir_all(from.join("below/more")).unwrap();
    fs::write(from.join("below/file"), "").unwrap();
    fs::write(from.join("listed"), "").unwrap();
    let below = fs::File::open(from.join("below")).unwrap();
    Node::Open(below.as_fd()).set(c"system.posix_acl_default", DEFAULT).unwrap();
    let listed = fs::File::open(from.join("listed")).unwrap();
    Node::Open(listed.as_fd()).set(c"system.posix_acl_access", ACCESS).unwrap();
    travel(&from, &to, Whiteouts::Overlay);
    assert_same(&from, &to);
    // GNU tar writes them as text.
    let text = Tar::default()
        .directory(b"below/")
        .pax(&[(b"SCHILY.acl.default", b"user::rwx,group::r-x,other::---")])
        .directory(b"below/")
        .pax(&[(b"SCHILY.acl.access", b"user::rw-\nuser:1000:r--\ngroup::r--\nmask::r--\nother::---\n")])
        .file(b"listed", b"");
    let other = directory.path().join("other");
    fs::create_dir(&other).unwrap();
    unpacked(&text.end(), &other, &UnpackOptions::default()).unwrap();
    let attributes = |path: &str, name| {
        let directory =
            |root: &Path| Node::Open(fs::File::open(root.join(path)).unwrap().as_fd()).get(name).unwrap();
        assert!(directory(&from).is_some());
        assert_eq!(directory(&from), directory(&other));
    };
    attributes("below", c"system.posix_acl_default");
    attributes("listed", c"system.posix_acl_access");
}

#[test]
fn capabilities_and_set_uid_survive_the_owner() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    fs::create_dir(&from).unwrap();
    let file = fs::File::create(from.join("ping")).unwrap();
    std::os::unix::fs::chown(from.join("ping"), Some(1000), Some(1000)).unwrap();
    nix::sys::stat::fchmod(&file, Mode::from_bits_truncate(0o6755)).unwrap();
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    Node::Open(file.as_fd()).set(c"security.capability", capability).unwrap();
    travel(&from, &to, Whiteouts::Overlay);
    assert_same(&from, &to);
}

#[test]
fn deletions_travel_in_both_forms() {
    let directory = tempfile::tempdir().unwrap();
    let from = directory.path().join("from");
    fs::create_dir_all(from.join("opaque/inside")).unwrap();
    mknod(&from.join("opaque/gone"), SFlag::S_IFCHR, Mode::empty(), 0).unwrap();
    let opaque = fs::File::open(from.join("opaque")).unwrap();
    Node::Open(opaque.as_fd()).set(c"trusted.overlay.opaque", b"y").unwrap();
    // What overlayfs notes about its own inodes stays at home.
    Node::Open(opaque.as_fd()).set(c"trusted.overlay.origin", b"handle").unwrap();
    let oci = travel(&from, &directory.path().join("oci"), Whiteouts::Oci);
    let overlay = travel(&from, &directory.path().join("overlay"), Whiteouts::Overlay);
    Node::Open(opaque.as_fd()).remove(c"trusted.overlay.origin").unwrap();
    assert_same(&from, &directory.path().join("overlay"));
    assert_same(&from, &directory.path().join("oci"));
    let contains = |archive: &[u8], text: &[u8]| {
        let mut tar = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(archive), &mut tar).unwrap();
        tar.windows(text.len()).any(|window| window == text)
    };
    assert!(contains(&oci, b"opaque/.wh.gone") && contains(&oci, b"opaque/.wh..wh..opq"));
    assert!(!contains(&oci, b"trusted.overlay") && !contains(&overlay, b".wh."));
}

#[test]
fn files_that_look_like_marks_are_files() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    fs::create_dir(&from).unwrap();
    fs::write(from.join(".wh.file"), "").unwrap();
    fs::write(from.join(".wh..wh..opq"), "").unwrap();
    travel(&from, &to, Whiteouts::Overlay);
    assert_same(&from, &to);
    let refused = packed(&from, Whiteouts::Oci);
    assert!(matches!(refused, Err(Error::Archive(ArchiveError::Entry { .. }))));
}

#[test]
fn sockets_are_left_out_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let from = directory.path().join("from");
    fs::create_dir(&from).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(from.join("socket")).unwrap();
    assert!(fs::symlink_metadata(from.join("socket")).unwrap().file_type().is_socket());
    let from = fs::File::open(&from).unwrap();
    let summary =
        super::pack(from.as_fd(), std::io::sink(), &super::PackOptions::default(), &|_| Ok(())).unwrap();
    assert_eq!((summary.entries, summary.sockets), (1, 1));
}

#[test]
fn large_sparse_files_cost_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    fs::create_dir(&from).unwrap();
    fs::File::create(from.join("disk")).unwrap().set_len(1 << 40).unwrap();
    let archive = travel(&from, &to, Whiteouts::Overlay);
    assert!(archive.len() < 1000);
    let disk = fs::symlink_metadata(to.join("disk")).unwrap();
    assert_eq!((disk.len(), disk.blocks()), (1 << 40, 0));
}

#[test]
fn progress_grows_up_to_the_whole() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    fs::create_dir(&from).unwrap();
    fs::create_dir(&to).unwrap();
    fs::write(from.join("file"), vec![7; 5 << 20]).unwrap();
    let seen = std::cell::RefCell::new(Vec::new());
    let see = |now: Progress| {
        seen.borrow_mut().push((now.archive, now.content));
        Ok(())
    };
    let mut archive = Vec::new();
    let open = |path| fs::File::open(path).unwrap();
    super::pack(open(&from).as_fd(), &mut archive, &super::PackOptions::default(), &see).unwrap();
    assert!(seen.borrow().is_sorted() && seen.borrow().last().unwrap().1 > 5 << 20);
    seen.borrow_mut().clear();
    super::unpack(&archive[..], open(&to).as_fd(), &UnpackOptions::default(), &see).unwrap();
    assert!(seen.borrow().is_sorted());
    assert_eq!(seen.borrow().last().unwrap().0, archive.len() as u64);
}
