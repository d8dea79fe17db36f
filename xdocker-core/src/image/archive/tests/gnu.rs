//! GNU tar reads what we write, and we read what it writes.

use std::ffi::CString;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::tree::{Item, What, assert_same, build};
use super::{UnpackOptions, Whiteouts, packed, unpacked};

/// Runs GNU tar in the directory `at`.
fn tar(at: &Path, arguments: &[&str]) {
    let output =
        Command::new("tar").arg("--warning=no-timestamp").current_dir(at).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// One of everything, and what `full` says: with times below a second and attributes.
fn items(full: bool) -> Vec<Item> {
    let item = |name: &[u8], what| Item {
        parent: 0,
        name: name.to_vec(),
        what,
        mode: 0o640,
        owner: (3_000_000_000, 7),
        mtime: (-5_000, if full { 123_456_789 } else { 0 }),
        xattrs: if full { vec![(CString::new("trusted.x=%y").unwrap(), b"\0\n=".to_vec())] } else { vec![] },
    };
    let pieces = |count: u64| (0..count).map(|n| (8 + n % 3 * 4, vec![n as u8 + 1; 4096])).collect();
    vec![
        item(b"a", What::File(b"content".to_vec())),
        item(b"again", What::HardLink(0)),
        item(b"directory", What::Directory),
        item(&[b'n'; 255], What::File(vec![1; 70_000])),
        item(b"odd\xff\n\t name\\", What::File(vec![])),
        item(b"sparse", What::Sparse(pieces(3), 40)),
        item(b"sparse, many parts", What::Sparse(pieces(60), 0)),
        item(b"hole", What::Sparse(vec![], 9000)),
        item(b"link", What::Symlink(vec![b't'; 300])),
        item(b"pipe", What::Fifo),
        item(b"deleted", What::CharacterDevice(0, 0)),
        item(b"device", What::BlockDevice(259, 70_000)),
    ]
}

#[test]
fn gnu_tar_reads_ours() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    fs::create_dir(&from).unwrap();
    fs::create_dir(&to).unwrap();
    build(&from, &items(true));
    fs::write(directory.path().join("archive"), packed(&from, Whiteouts::Overlay).unwrap()).unwrap();
    let options = ["--numeric-owner", "--same-owner", "--xattrs", "--xattrs-include=*"];
    tar(&to, &[&["-xzpf", "../archive"], &options[..]].concat());
    assert_same(&from, &to);
}

#[test]
fn we_read_gnu_tars() {
    for (full, format) in [
        (true, &["--format=posix", "--xattrs", "--xattrs-include=*"][..]),
        (true, &["--format=posix", "--sparse", "--sparse-version=0.0", "--xattrs", "--xattrs-include=*"]),
        (true, &["--format=posix", "--sparse", "--sparse-version=0.1", "--xattrs", "--xattrs-include=*"]),
        (true, &["--format=posix", "--sparse", "--sparse-version=1.0", "--xattrs", "--xattrs-include=*"]),
        (false, &["--format=gnu"]),
        (false, &["--format=gnu", "--sparse"]),
        (false, &["--format=oldgnu", "--sparse", "--label=name"]),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        fs::create_dir(&from).unwrap();
        fs::create_dir(&to).unwrap();
        let mut items = items(full);
        if !format.contains(&"--sparse") {
            items.retain(|item| !matches!(item.what, What::Sparse(..)));
        }
        build(&from, &items);
        if !full {
            // A GNU header has no place for less than a second, and the tree's own directory has some.
            let second = std::time::UNIX_EPOCH + std::time::Duration::from_secs(5);
            fs::File::open(&from).unwrap().set_modified(second).unwrap();
        }
        tar(&from, &[&["--numeric-owner", "-czf", "../archive"], format, &["."]].concat());
        let archive = fs::read(directory.path().join("archive")).unwrap();
        unpacked(&archive, &to, &UnpackOptions::default()).unwrap();
        assert_same(&from, &to);
    }
}
