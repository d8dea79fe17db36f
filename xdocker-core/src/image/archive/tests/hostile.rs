//! Archives that mean no good: nothing outside the layer changes, and the error says why.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::super::Limits;
use super::super::block::BLOCK;
use super::super::header::kind;
use super::tree::{build, describe, items};
use super::{Tar, UnpackOptions, Whiteouts, packed, unpack, unpacked};
use crate::error::Error;

/// Unpacks `archive` beside a tree that must not change, and gives what came of it to `look`.
fn attack<T>(
    archive: &[u8],
    options: &UnpackOptions,
    look: impl FnOnce(Result<super::Summary, Error>, &Path) -> T,
) -> T {
    let directory = tempfile::tempdir().unwrap();
    let (canary, layer) = (directory.path().join("canary"), directory.path().join("layer"));
    fs::create_dir_all(canary.join("etc")).unwrap();
    fs::create_dir(&layer).unwrap();
    fs::write(canary.join("etc/passwd"), "root").unwrap();
    fs::write(directory.path().join("beside"), "beside").unwrap();
    let outside = || {
        let names = || fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let beside = fs::read(directory.path().join("beside")).unwrap();
        (names().collect::<BTreeSet<_>>(), beside, describe(&canary))
    };
    let before = outside();
    let result = unpacked(archive, &layer, options);
    assert_eq!(outside(), before);
    look(result, &layer)
}

/// Asserts that an archive is refused, with an error that holds `why`.
#[track_caller]
fn refused_with(archive: &[u8], options: &UnpackOptions, why: &str) {
    let text =
        attack(archive, options, |result, _| result.map(|_| String::new()).map_err(|error| error.chain()));
    match text {
        Ok(_) => panic!("taken, but was to be refused: {why}"),
        Err(text) => assert!(text.contains(why), "{text:?} does not hold {why:?}"),
    }
}

#[track_caller]
fn refused(archive: &[u8], why: &str) {
    refused_with(archive, &UnpackOptions::default(), why);
}

/// Asserts that an archive is taken, that GNU tar finds the same in it, and gives the layer to `look`.
#[track_caller]
fn taken(archive: &[u8], look: impl FnOnce(&Path)) {
    attack(archive, &UnpackOptions::default(), |result, layer| {
        result.unwrap();
        let names: BTreeSet<_> =
            describe(layer).into_keys().map(|name| name.into_string().unwrap()).collect();
        assert_eq!(names, listed(archive));
        look(layer);
    });
}

#[test]
fn what_somebody_else_puts_in_the_way_is_replaced_and_not_counted() {
    /// The archive, and what is done as soon as it is read.
    struct Then<'a, F>(&'a [u8], Option<F>);

    impl<F: FnOnce()> Read for Then<'_, F> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if let Some(then) = self.1.take() {
                then();
            }
            self.0.read(buffer)
        }
    }

    let directory = tempfile::tempdir().unwrap();
    let archive = Tar::default().file(b"key", b"mine").end();
    let theirs = directory.path().join("key");
    let archive = Then(&archive, Some(|| fs::write(&theirs, [0; 1000]).unwrap()));
    let into = fs::File::open(directory.path()).unwrap();
    let summary = unpack(archive, into.as_fd(), &UnpackOptions::default(), &|_| Ok(())).unwrap();
    assert_eq!((summary.bytes, fs::read(&theirs).unwrap()), (4, b"mine".to_vec()));
}

/// The names in an archive as GNU tar reads it: whoever looks at one before it is imported sees what will be there.
fn listed(archive: &[u8]) -> BTreeSet<String> {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, archive).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let output =
        Command::new("tar").args(["--list", "--quoting-style=literal"]).stdin(file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut names = BTreeSet::from([String::new()]);
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let mut path = String::new();
        // A deletion is a thing of that name, and what is on the way is there too.
        for part in line.split('/').filter(|part| !["", "."].contains(part)) {
            let gap = if path.is_empty() { "" } else { "/" };
            path += &format!("{gap}{}", part.strip_prefix(".wh.").unwrap_or(part));
            names.insert(path.clone());
        }
    }
    names
}

fn read(layer: &Path, name: &str) -> String {
    fs::read_to_string(layer.join(name)).unwrap()
}

#[test]
fn names_stay_inside() {
    for name in
        [&b"../beside"[..], b"a/../../beside", b"..", b"/../beside", b"a/..", b"./../canary/etc/passwd"]
    {
        refused(&Tar::default().file(name, b"evil").end(), "`..`");
        refused(&Tar::default().directory(name).end(), "`..`");
    }
    taken(&Tar::default().file(b"/etc/passwd", b"mine").end(), |layer| {
        assert_eq!(read(layer, "etc/passwd"), "mine");
    });
    refused(&Tar::default().pax(&[(b"path", b"../beside")]).file(b"harmless", b"evil").end(), "`..`");
    refused(&Tar::default().pax(&[(b"path", b"a\0b")]).file(b"harmless", b"evil").end(), "zero byte");
    let sparse: [(&[u8], &[u8]); 3] =
        [(b"GNU.sparse.name", b"../beside"), (b"GNU.sparse.size", b"4"), (b"GNU.sparse.map", b"0,4")];
    refused(&Tar::default().pax(&sparse).file(b"harmless", b"evil").end(), "`..`");
    refused(
        &Tar::default().entry(kind::GNU_LONG_NAME, b"L", b"../beside\0", |_| {}).file(b"x", b"evil").end(),
        "`..`",
    );
}

#[test]
fn long_names_are_bounded() {
    let name = [&[b'n'; 200][..]; 25].join(&b'/');
    let archive = Tar::default().pax(&[(b"path", &name)]).file(b"x", b"deep").end();
    refused(&archive, "limit of 4095 bytes of a name");
    let mut options = UnpackOptions::default();
    options.limits.path_length = 6000;
    attack(&archive, &options, |result, _| assert_eq!(result.unwrap().bytes, 4));
    refused(&Tar::default().pax(&[(b"path", &[b'n'; 256])]).file(b"x", b"").end(), "longer than 255");
    refused(
        &Tar::default().pax(&[(b"linkpath", &name)]).link(kind::SYMLINK, b"x", b"").end(),
        "bytes of a name",
    );
}

#[test]
fn links_are_not_followed() {
    for target in [&b"../canary"[..], b"/etc", b".", b"inside"] {
        let link = Tar::default().directory(b"inside").link(kind::SYMLINK, b"link", target);
        refused(&link.clone().file(b"link/file", b"evil").end(), "through a symbolic link");
        refused(&link.clone().directory(b"link/etc").end(), "through a symbolic link");
        refused(&link.clone().link(kind::HARD_LINK, b"x", b"link/passwd").end(), "through a symbolic link");
        // A later entry takes the link's own place.
        taken(&link.clone().file(b"link", b"mine").end(), |layer| assert_eq!(read(layer, "link"), "mine"));
        taken(&link.directory(b"link").file(b"link/passwd", b"mine").end(), |layer| {
            assert_eq!(read(layer, "link/passwd"), "mine");
            assert!(layer.join("link").symlink_metadata().unwrap().is_dir());
        });
    }
    refused(&Tar::default().file(b"file", b"").file(b"file/below", b"").end(), "no directory");
    // A directory that we are in becomes a link under us.
    let swapped =
        Tar::default().directory(b"d").link(kind::SYMLINK, b"d", b"../canary/etc").file(b"d/passwd", b"evil");
    refused(&swapped.end(), "through a symbolic link");
    let full = Tar::default()
        .file(b"d/file", b"")
        .link(kind::SYMLINK, b"d", b"../canary/etc")
        .file(b"d/passwd", b"");
    refused(&full.end(), "not empty");
    // Its mode and owner are the link's own, not those of what it leads to.
    let chmod = Tar::default().entry(kind::SYMLINK, b"l", b"", |header| {
        (header.link, header.mode, header.uid) = (b"../canary/etc/passwd".to_vec(), 0o777, 12)
    });
    taken(&chmod.end(), |_| {});
}

#[test]
fn hard_links_stay_inside() {
    for target in [&b"../canary/etc/passwd"[..], b"../../etc/passwd", b".."] {
        refused(&Tar::default().link(kind::HARD_LINK, b"x", target).end(), "outside the layer");
    }
    refused(&Tar::default().link(kind::HARD_LINK, b"x", b"/etc/passwd").end(), "not in the layer");
    refused(&Tar::default().link(kind::HARD_LINK, b"x", b"x").end(), "not in the layer");
    refused(&Tar::default().link(kind::HARD_LINK, b"x", b".").end(), "not in the layer");
    refused(&Tar::default().directory(b"d").link(kind::HARD_LINK, b"x", b"d").end(), "to a directory");
    // A link to a link is one more name of the link; writing to it writes a new file.
    let linked = Tar::default()
        .link(kind::SYMLINK, b"s", b"../canary/etc/passwd")
        .link(kind::HARD_LINK, b"h", b"s")
        .file(b"h", b"mine");
    taken(&linked.end(), |layer| assert_eq!(read(layer, "h"), "mine"));
    let itself = Tar::default().file(b"x", b"kept").link(kind::HARD_LINK, b"x", b"./x");
    taken(&itself.end(), |layer| assert_eq!(read(layer, "x"), "kept"));
}

#[test]
fn the_later_of_two_entries_stays() {
    let twice = Tar::default().file(b"x", b"first").link(kind::HARD_LINK, b"y", b"x").file(b"x", b"second!");
    attack(&twice.end(), &UnpackOptions::default(), |result, layer| {
        assert_eq!(result.unwrap().bytes, 12);
        assert_eq!((read(layer, "x"), read(layer, "y")), ("second!".into(), "first".into()));
    });
    let thrice =
        Tar::default().directory(b"x").link(kind::SYMLINK, b"x", b"t").file(b"x", b"a").file(b"x", b"bc");
    attack(&thrice.end(), &UnpackOptions::default(), |result, layer| {
        assert_eq!((result.unwrap().bytes, read(layer, "x")), (2, "bc".into()));
    });
    taken(&Tar::default().file(b"d/f", b"kept").directory(b"d").end(), |layer| {
        assert_eq!(read(layer, "d/f"), "kept")
    });
    refused(&Tar::default().file(b"d/f", b"").file(b"d", b"").end(), "not empty");
}

#[test]
fn the_layer_itself_is_a_directory() {
    refused(&Tar::default().file(b"./", b"x").end(), "what is no file has data");
    refused(&Tar::default().file(b".", b"x").end(), "only be a directory");
    refused(&Tar::default().link(kind::SYMLINK, b"/", b"canary").end(), "only be a directory");
}

#[test]
fn devices_are_a_choice_but_whiteouts_are_none() {
    let device = |major, minor| {
        Tar::default().entry(kind::CHARACTER_DEVICE, b"x", b"", |header| header.device = (major, minor)).end()
    };
    let mut options = UnpackOptions::default();
    taken(&device(1, 3), |_| {});
    options.devices = false;
    refused_with(&device(1, 3), &options, "devices are not allowed");
    refused_with(
        &Tar::default().entry(kind::BLOCK_DEVICE, b"x", b"", |_| {}).end(),
        &options,
        "devices are not allowed",
    );
    attack(&device(0, 0), &options, |result, _| assert_eq!(result.unwrap().entries, 1));
}

#[test]
fn whiteouts_delete_only_names_beside_them() {
    for name in [&b".wh..."[..], b".wh..", b".wh.", b"d/.wh..."] {
        refused(&Tar::default().file(name, b"").end(), "not its own");
    }
    // OCI: a deletion and something new of that name, in either order, is something new that hides what is below.
    for archive in [
        Tar::default().file(b".wh.d", b"").directory(b"d"),
        Tar::default().directory(b"d").file(b".wh.d", b""),
    ] {
        taken(&archive.end(), |layer| {
            assert!(describe(layer)["d".as_ref() as &std::ffi::OsStr].contains("opaque"))
        });
    }
    let kept = Tar::default().file(b"f", b"kept").file(b".wh.f", b"");
    taken(&kept.end(), |layer| assert_eq!(read(layer, "f"), "kept"));
}

#[test]
fn sizes_mean_one_thing_only() {
    // CVE-2025-62518: a reader that trusts the header's size finds the inner archive's entries.
    let inner = Tar::default().file(b"hidden", b"evil").end();
    let size = inner.len().to_string();
    let outer = Tar::default()
        .pax(&[(b"size", size.as_bytes())])
        .entry(kind::FILE, b"outer", &inner, |header| header.size = 0)
        .file(b"last", b"");
    taken(&outer.end(), |layer| {
        assert_eq!(fs::read(layer.join("outer")).unwrap(), inner);
        assert!(!layer.join("hidden").exists() && layer.join("last").exists());
    });
    for what in [kind::DIRECTORY, kind::SYMLINK, kind::HARD_LINK, kind::FIFO, kind::CHARACTER_DEVICE] {
        let link = |header: &mut super::Header| header.link = b"t".to_vec();
        refused(&Tar::default().entry(what, b"x", &inner, link).end(), "has data");
        let by_pax = Tar::default().pax(&[(b"size", b"512")]).entry(what, b"x", b"", link);
        refused(&by_pax.file(b"hidden", b"evil").end(), "has data");
    }
    let global = Tar::default().entry(kind::PAX_GLOBAL, b"g", b"12 size=512\n", |_| {}).file(b"x", b"");
    refused(&global.end(), "only be one entry's");
    refused(
        &Tar::default().pax(&[(b"size", b"1")]).pax(&[(b"size", b"2")]).file(b"x", b"a").end(),
        "two extended",
    );
    let mixed = Tar::default().pax(&[(b"size", b"512")]).entry(kind::GNU_LONG_NAME, b"L", b"name", |_| {});
    refused(&mixed.file(b"x", b"").end(), "two extended");
    refused(&Tar::default().pax(&[(b"path", b"x")]).end(), "about no entry");
    let huge = |size| Tar::default().entry(kind::FILE, b"x", b"", |header| header.size = size).end();
    refused(&huge(1 << 62), "ends early");
    refused(&Tar::default().pax(&[(b"size", b"18446744073709551615")]).file(b"x", b"").end(), "out of range");
    refused(&Tar::default().pax(&[(b"size", b"-1")]).file(b"x", b"").end(), "cannot be read");
}

#[test]
fn maps_of_sparse_files_do_not_lie() {
    let sparse = |map: &[u8], size: &[u8]| {
        let parts = (map.split(|byte| *byte == b',').count() / 2).to_string();
        let parts = (&b"GNU.sparse.numblocks"[..], parts.as_bytes());
        let records = [parts, (b"GNU.sparse.size", size), (b"GNU.sparse.map", map)];
        Tar::default().pax(&records).file(b"x", b"data").end()
    };
    taken(&sparse(b"2,4", b"9"), |layer| assert_eq!(read(layer, "x"), "\0\0data\0\0\0"));
    refused(&sparse(b"6,4", b"9"), "leaves the file");
    refused(&sparse(b"18446744073709551615,4", b"9"), "leaves the file");
    refused(&sparse(b"0,2,1,2", b"9"), "out of order");
    refused(&sparse(b"0,3", b"9"), "not that of its data");
    refused(&sparse(b"0,5", b"9"), "not that of its data");
    let version =
        [(&b"GNU.sparse.major"[..], &b"1"[..]), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.realsize", b"9")];
    let map = [b"99999999\n", "1\n".repeat(BLOCK).as_bytes()].concat()[..BLOCK].to_vec();
    refused(&Tar::default().pax(&version).file(b"x", &map).end(), "longer than its data");
    let lines = "1\n".repeat(3 << 20);
    let endless = [b"99999999\n", lines.as_bytes()].concat();
    refused(&Tar::default().pax(&version).file(b"x", &endless).end(), "limit of 2097152 bytes of attributes");
}

#[test]
fn limits_hold() {
    let mut options = UnpackOptions::default();
    let many = (0..1001).fold(Tar::default(), |tar, n| tar.file(format!("{n}").as_bytes(), b"")).end();
    options.limits.entries = 1000;
    refused_with(&many, &options, "limit of 1000 entries");
    options.limits = Limits { bytes: 1 << 20, ..Limits::default() };
    refused_with(&Tar::default().file(b"x", &[1; 2 << 20]).end(), &options, "limit of 1048576 bytes");
    let long = vec![b'x'; 3 << 20];
    refused(
        &Tar::default().pax(&[(b"SCHILY.xattr.user.x", &long)]).file(b"x", b"").end(),
        "bytes of attributes",
    );
    // 10 GB of zeros in 10 MB: members that each are 16 MiB of zeros.
    let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut member, &vec![0; 16 << 20]).unwrap();
    let member = member.finish().unwrap();
    let header = Tar::default().entry(kind::FILE, b"zeros", b"", |header| header.size = 10 << 30).0;
    let mut start = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut start, &header).unwrap();
    let bomb = [start.finish().unwrap(), member.repeat(640)].concat();
    refused(&bomb, "limit of 200 bytes for each compressed byte");
}

#[test]
fn owners_and_attributes_are_sane() {
    let owner = |key: &[u8], value: &[u8]| Tar::default().pax(&[(key, value)]).file(b"x", b"").end();
    refused(&owner(b"uid", b"4294967295"), "owner's number");
    refused(&owner(b"gid", b"4294967296"), "owner's number");
    refused(&owner(b"uid", b"root"), "cannot be read");
    refused(&Tar::default().entry(kind::FILE, b"x", b"", |header| header.uid = -1).end(), "owner's number");
    refused(&owner(b"SCHILY.xattr.", b"x"), "no proper name");
    // Attributes by which overlayfs would look for another host's inodes are not taken.
    taken(&owner(b"SCHILY.xattr.trusted.overlay.metacopy", b""), |layer| {
        assert!(!describe(layer)["x".as_ref() as &std::ffi::OsStr].contains("metacopy"));
    });
}

#[test]
fn unknown_types_are_refused() {
    for what in [b'D', b'M', b'N', b'Z', b'8', 0xff] {
        refused(&Tar::default().entry(what, b"x", b"", |_| {}).end(), "of a type that we do not know");
    }
}

#[test]
fn archives_end_where_they_end() {
    let whole = Tar::default().directory(b"d").pax(&[(b"mtime", b"1.5")]).file(b"d/f", &[7; 1000]).end();
    for length in (0..whole.len()).step_by(BLOCK) {
        refused(&whole[..length], "ends early");
    }
    for length in [100, 600, whole.len() - 1] {
        refused(&whole[..length], if length < BLOCK { "no archive" } else { "ends early" });
    }
    refused(&[&whole[..], b"more"].concat(), "data after its end");
    refused(&[&whole[..], &whole[..]].concat(), "data after its end");
    let mut gap = Tar::default().file(b"a", b"").0;
    gap.resize(gap.len() + BLOCK, 0);
    refused(&Tar(gap).file(b"b", b"").end(), "data after its end");
    taken(&[&whole[..], &[0; 9000]].concat(), |_| {});
    let mut damaged = whole;
    damaged[BLOCK + 3] ^= 1;
    refused(&damaged, "damaged at byte 512 of its tar: the header's checksum is wrong");
}

/// Reads a tar, and between two of its reads swaps directory `d` of the layer for a link to the outside.
struct Swapping<'a> {
    tar: &'a [u8],
    layer: &'a Path,
    /// How much of the tar is left when it happens.
    at: usize,
}

impl std::io::Read for Swapping<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.tar.len() <= self.at && !self.layer.join("aside").exists() {
            fs::rename(self.layer.join("d"), self.layer.join("aside"))?;
            std::os::unix::fs::symlink("../canary/etc", self.layer.join("d"))?;
        }
        self.tar.read(out)
    }
}

#[test]
fn a_link_swapped_in_the_middle_is_not_followed() {
    // Between the two files in `d` stands more than can be on its way between the threads.
    let filler = vec![7; 16 << 20];
    let tar =
        Tar::default().file(b"d/first", b"").file(b"e/filler", &filler).file(b"d/passwd", b"evil").end();
    let directory = tempfile::tempdir().unwrap();
    let (canary, layer) = (directory.path().join("canary/etc"), directory.path().join("layer"));
    fs::create_dir_all(&canary).unwrap();
    fs::write(canary.join("passwd"), "root").unwrap();
    fs::create_dir(&layer).unwrap();
    let before = describe(&canary);
    let input = Swapping { tar: &tar, layer: &layer, at: 8 << 20 };
    let into = fs::File::open(&layer).unwrap();
    let result = super::unpack(input, into.as_fd(), &UnpackOptions::default(), &|_| Ok(()));
    assert!(
        result.unwrap_err().chain().contains("`d/passwd` is refused: its name leads through a symbolic link")
    );
    assert!(layer.join("aside/first").exists());
    assert_eq!(describe(&canary), before);
}

/// A file system in memory that holds little; gone when dropped.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let flags = nix::mount::MsFlags::empty();
        nix::mount::mount(Some("none"), directory.path(), Some("tmpfs"), flags, Some("size=1m")).unwrap();
        Self(directory)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        nix::mount::umount2(self.0.path(), nix::mount::MntFlags::MNT_DETACH).unwrap();
    }
}

#[test]
fn a_full_disk_is_a_clear_error() {
    let small = Small::mount();
    let archive = Tar::default().file(b"usr/big", &[1; 2 << 20]).end();
    let result = unpacked(&archive, small.0.path(), &UnpackOptions::default());
    let text = result.unwrap_err().chain();
    assert!(text.starts_with("cannot unpack usr/big: No space left on device"), "{text}");
}

#[test]
fn a_layer_with_entries_is_not_unpacked_into() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("x"), "kept").unwrap();
    let result =
        unpacked(&Tar::default().file(b"x", b"evil").end(), directory.path(), &UnpackOptions::default());
    assert!(result.unwrap_err().chain().contains("not empty"));
    assert_eq!(fs::read_to_string(directory.path().join("x")).unwrap(), "kept");
}

proptest! {
    #[test]
    fn damaged_archives_do_no_harm(
        items in items(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..12),
        mend: bool,
    ) {
        let directory = tempfile::tempdir().unwrap();
        build(directory.path(), &items);
        let archive = packed(directory.path(), Whiteouts::Overlay).unwrap();
        let mut tar = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&archive[..]), &mut tar).unwrap();
        for (at, value) in &changes {
            let at = at.index(tar.len());
            tar[at] = *value;
        }
        if mend {
            // With checksums set right the change gets past the first gate.
            for block in tar.as_chunks_mut::<BLOCK>().0.iter_mut().filter(|block| &block[257..262] == b"ustar") {
                block[148..156].fill(b' ');
                let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
                block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
        }
        let options = UnpackOptions { devices: false, ..UnpackOptions::default() };
        // Taken or refused: no panic, and nothing outside changes.
        attack(&tar, &options, |_, _| ());
        let mut gzip = archive;
        for (at, value) in &changes {
            let at = at.index(gzip.len());
            gzip[at] = *value;
        }
        attack(&gzip, &options, |_, _| ());
    }

    #[test]
    fn noise_does_no_harm(
        // Of gzip, of zstd, and of nothing that we know: the first bytes decide what is tried.
        magic in prop::sample::select(vec![&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], b"\x28\xb5\x2f\xfd", b""]),
        noise in prop::collection::vec(any::<u8>(), 0..5000),
    ) {
        attack(&[magic, &noise].concat(), &UnpackOptions { devices: false, ..UnpackOptions::default() }, |_, _| ());
    }
}
