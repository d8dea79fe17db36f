//! Images that leave as archives and come back: what is refused, with GNU tar, on full disks, on terminals.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use xdocker_test_harness::cli::{Finished, Home, run};
use xdocker_test_harness::mounts::in_private_mounts;
use xdocker_test_harness::pty::{Terminal, Window};
use xdocker_test_harness::tree::describe;
use xdocker_test_harness::wait::{PATIENCE, until};

const BINARY: &str = env!("CARGO_BIN_EXE_xdocker");

/// The binary in the directory beside the home, where archives are.
fn command(home: &Home, line: &str) -> Command {
    let mut command = home.command(line.split_ascii_whitespace());
    command.current_dir(home.scratch());
    command
}

fn xdocker(home: &Home, line: &str) -> Finished {
    run(command(home, line), b"")
}

/// Runs a shell's line in the directory beside the home.
#[track_caller]
fn shell(home: &Home, line: &str) {
    let status = Command::new("sh").args(["-ec", line]).current_dir(home.scratch()).status();
    assert!(status.expect("a shell").success(), "{line}");
}

/// Bytes that no compression makes fewer.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let source = fs::File::open("/dev/urandom").expect("random bytes");
    source.take(length as u64).read_to_end(&mut bytes).expect("random bytes");
    bytes
}

/// A tree of what tar finds hard.
const TREE: &str = r#"
    mkdir -p tree/dir/empty tree/$(printf 'n%.0s' $(seq 200))/$(printf 'm%.0s' $(seq 200))
    echo one > tree/file && ln tree/file tree/dir/second && ln -s ../file tree/dir/link
    echo odd > "tree/$(printf 'odd\377\001 name')" && echo much > tree/$(printf 'n%.0s' $(seq 200))/deep
    mknod tree/gone c 0 0 && mkfifo tree/fifo && chmod 4755 tree/file && chmod 1777 tree/dir
    truncate -s 1M tree/sparse && echo data | dd of=tree/sparse bs=1 seek=500000 conv=notrunc status=none
    chown 3000000:2500000 tree/dir/second && touch -d '1960-01-01 00:00:00.123456789 UTC' tree/dir/empty
    setfattr -n user.word -v value tree/dir
"#;

#[test]
fn nothing_is_overwritten_and_nothing_else_taken() {
    let home = Home::new(BINARY);
    fs::create_dir_all(home.layer("test")).unwrap();
    fs::write(home.layer("test").join("file"), "content").unwrap();
    xdocker(&home, "-a export -m test").ok();
    xdocker(&home, "-a export -m test").fails(1, "cannot write test.xdockerimage: it exists already");
    let first = fs::read(home.scratch().join("test.xdockerimage")).unwrap();
    xdocker(&home, "-a export -m test -f").ok();
    let again = fs::read(home.scratch().join("test.xdockerimage")).unwrap();
    assert_eq!(again, first, "the same image, the same bytes");
    fs::write(home.scratch().join("cut.xdockerimage"), &first[..first.len() / 2]).unwrap();
    fs::write(home.scratch().join("other.tar.gz"), &first).unwrap();
    home.unchanged(|| {
        let import = |file: &str| xdocker(&home, &format!("-a import --image-file {file}"));
        import("test.xdockerimage").fails(1, "image test exists already");
        import("cut.xdockerimage").fails(1, "archive");
        import("other.tar.gz").fails(1, "does not end in .xdockerimage");
        import("gone.xdockerimage").fails(1, "No such file");
    });
}

#[test]
fn what_gnu_tar_packed_is_an_image_and_what_we_packed_gnu_tar_unpacks() {
    let home = Home::new(BINARY);
    shell(&home, TREE);
    let tree = describe(&home.scratch().join("tree"));
    // Told by what is in them: all have the same ending.
    for (name, compress) in [("gzip", "-czf"), ("zstd", "--zstd -cf"), ("plain", "-cf")] {
        let tar = format!(
            "tar --force-local --format=pax --xattrs --sparse --numeric-owner {compress} {name}:1.0.xdockerimage -C tree ."
        );
        shell(&home, &tar);
        xdocker(&home, &format!("-a import --image-file {name}:1.0.xdockerimage")).ok();
        let layer = home.path().join(format!("images/{name}/1.0/rlayer"));
        assert_eq!(describe(&layer), tree, "{name}");
    }
    xdocker(&home, "-a export -m gzip:1.0 -f").ok();
    shell(
        &home,
        "mkdir back && tar --force-local --xattrs -xpf gzip:1.0.xdockerimage -C back && getfattr -n user.word back/dir >/dev/null",
    );
    assert_eq!(describe(&home.scratch().join("back")), tree);
}

#[test]
fn deletions_travel_in_the_words_of_oci_when_asked() {
    let home = Home::new(BINARY);
    fs::create_dir_all(home.layer("del").join("dir")).unwrap();
    let node = home.layer("del").join("dir/gone");
    shell(&home, &format!("mknod {} c 0 0", node.display()));
    xdocker(&home, "-a export -m del --whiteouts oci").ok();
    shell(
        &home,
        "tar -tzf del.xdockerimage > list && grep -qx ./dir/.wh.gone list || grep -qx dir/.wh.gone list",
    );
    fs::rename(home.scratch().join("del.xdockerimage"), home.scratch().join("back.xdockerimage")).unwrap();
    xdocker(&home, "-a import --image-file back.xdockerimage").ok();
    assert_eq!(describe(&home.layer("back")).keys().count(), 2);
    assert!(describe(&home.layer("back"))[Path::new("dir/gone")].contains(" device 0"));
}

#[test]
fn an_archive_gets_no_more_than_it_is_allowed() {
    let home = Home::new(BINARY);
    shell(&home, "mkdir tree && head -c 100000 /dev/zero > tree/zeros && tar -czf a.xdockerimage -C tree .");
    let import = |limit: &str| xdocker(&home, &format!("-a import --image-file a.xdockerimage {limit}"));
    xdocker(&home, "-s images").prints("");
    home.unchanged(|| {
        import("--max-bytes 64K").fails(1, "bytes");
        import("--max-entries 1").fails(1, "entries");
    });
    import("--max-bytes 1M --max-entries 2 --max-ratio 1").ok();
    import("--max-bytes 1X").fails(2, "a number of bytes is expected");
    shell(&home, "mknod tree/null c 1 3 && mknod tree/gone c 0 0 && tar -czf b.xdockerimage -C tree .");
    home.unchanged(|| {
        xdocker(&home, "-a import --image-file b.xdockerimage --no-devices")
            .fails(1, "devices are not allowed");
    });
    xdocker(&home, "-a import --image-file b.xdockerimage").ok();
    shell(&home, "rm tree/null && tar -czf c.xdockerimage -C tree .");
    xdocker(&home, "-a import --image-file c.xdockerimage --no-devices").ok();
}

#[test]
fn an_archive_cut_anywhere_changes_nothing() {
    let home = Home::new(BINARY);
    shell(&home, TREE);
    fs::write(home.scratch().join("tree/noise"), noise(10_000)).unwrap();
    xdocker(&home, "-s images").prints("");
    // A tar as it is has its cuts tried by its reader's own tests.
    for compress in ["-czf", "--zstd -cf"] {
        shell(&home, &format!("tar --xattrs --sparse --numeric-owner {compress} whole -C tree ."));
        let whole = fs::read(home.scratch().join("whole")).unwrap();
        home.unchanged(|| {
            for length in (0..whole.len()).step_by(512) {
                fs::write(home.scratch().join("cut.xdockerimage"), &whole[..length]).unwrap();
                xdocker(&home, "-a import --image-file cut.xdockerimage").fails(1, "archive");
            }
        });
    }
}

/// Fills the disk up to `left` blocks.
fn fill(disk: &Path, left: u64) {
    // Cut and not removed: a program that is just being started may hold it a moment longer.
    let mut filler = fs::File::create(disk.join("filler")).unwrap();
    let about = nix::sys::statvfs::statvfs(disk).unwrap();
    let blocks = (about.blocks_free() - left) * about.fragment_size();
    filler.write_all(&vec![0; usize::try_from(blocks).unwrap()]).unwrap();
}

#[test]
fn a_disk_that_is_full_at_any_moment_costs_nothing() {
    in_private_mounts(|| {
        let home = Home::on_tmpfs(BINARY, "mode=755,size=4m");
        let disk = home.path().parent().unwrap();
        for number in 0..6 {
            let directory = home.layer("test").join(number.to_string());
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("noise"), noise(9_000)).unwrap();
        }
        xdocker(&home, "-a export -m test").ok();
        let (made, archive) = (disk.join("test.xdockerimage"), home.scratch().join("new.xdockerimage"));
        fs::rename(home.scratch().join("test.xdockerimage"), &archive).unwrap();
        let import = format!("-a import --image-file {}", archive.display());
        for line in ["-a export -m test", &import, "-a copy_image --from-image test --to-image new"] {
            // Whether it was done, and then undone, with so many blocks left.
            let fits = |blocks: &u64| {
                fill(disk, *blocks);
                let mut command = command(&home, line);
                command.current_dir(disk);
                let ended = run(command, b"");
                if ended.code() != Some(0) {
                    ended.fails(1, "No space left on device");
                    assert_eq!(fs::read_dir(disk).unwrap().count(), 2, "the home and the filler");
                    return false;
                }
                if fs::remove_file(&made).is_err() {
                    xdocker(&home, "-a del_image -m new").ok();
                }
                true
            };
            let mut needed = None;
            home.unchanged(|| needed = (0..100).find(fits));
            assert!(needed.is_some_and(|blocks| blocks > 10), "{line}: {needed:?} blocks");
        }
    });
}

#[test]
fn memory_does_not_grow_with_an_image() {
    in_private_mounts(|| {
        let home = Home::on_tmpfs(BINARY, "mode=755,size=400m");
        let disk = home.path().parent().unwrap();
        fs::create_dir_all(home.layer("big")).unwrap();
        let mut piece = noise(1 << 20);
        piece.resize(4 << 20, 0);
        fs::write(home.layer("big").join("file"), piece.repeat(24)).unwrap();
        for number in 0..10_000 {
            fs::write(home.layer("big").join(format!("small-{number:05}")), "").unwrap();
        }
        for line in ["-a export -m big", "-a import --image-file copy.xdockerimage"] {
            let mut child = command(&home, line).current_dir(disk).stdout(Stdio::null()).spawn().unwrap();
            let status = format!("/proc/{}/status", child.id());
            let mut peak = 0;
            while child.try_wait().unwrap().is_none() {
                let status = fs::read_to_string(&status).unwrap_or_default();
                let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
                let kib = line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse::<u64>().unwrap());
                peak = peak.max(kib);
                thread::sleep(Duration::from_millis(1));
            }
            assert!(child.wait().unwrap().success());
            assert!((1 << 10..64 << 10).contains(&peak), "{line}: {peak} KiB");
            let _ = fs::rename(disk.join("big.xdockerimage"), disk.join("copy.xdockerimage"));
        }
    });
}

#[test]
fn what_takes_long_shows_how_far_it_is_on_a_terminal_alone() {
    let home = Home::new(BINARY);
    fs::create_dir_all(home.layer("long")).unwrap();
    fs::write(home.layer("long").join("noise"), noise(96 << 20)).unwrap();
    let window = Window { rows: 24, columns: 100 };
    let mut terminal = Terminal::spawn(command(&home, "-a export -m long"), window);
    // However fast the machine is, it takes more than the second after which it is to be seen.
    let names = || fs::read_dir(home.scratch()).unwrap().map(|entry| entry.unwrap().file_name());
    let begun = until(PATIENCE, || names().any(|name| name.to_string_lossy().starts_with(".xdockerimage-")));
    assert!(begun);
    terminal.signal(Signal::SIGSTOP);
    thread::sleep(Duration::from_millis(1100));
    terminal.signal(Signal::SIGCONT);
    terminal.expect("MiB/96.00 MiB");
    terminal.expect("OK\r\n");
    assert!(terminal.ends().0.success());
    xdocker(&home, "-a export -m long -f").ok();
}
