//! Images that leave as archives and come back: what is refused, with GNU tar, on full disks, on terminals.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;
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
    xdocker(&home, "-a export -m test").fails(1, "test.xdockerimage exists already");
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
    for (name, compress) in [("gzip", "-czf"), ("plain", "-cf")] {
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
    assert!(describe(&home.layer("back"))[Path::new("dir/gone")].ends_with("device 0"));
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
}

#[test]
fn a_full_disk_leaves_neither_image_nor_rubbish() {
    in_private_mounts(|| {
        let home = Home::on_tmpfs(BINARY, "mode=755,size=4m");
        let tree = home.scratch().join("tree");
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join("noise"), noise(6 << 20)).unwrap();
        shell(&home, "tar -czf big.xdockerimage -C tree .");
        xdocker(&home, "-s images").prints("");
        home.unchanged(|| {
            xdocker(&home, "-a import --image-file big.xdockerimage").fails(1, "No space left on device");
        });
        fs::remove_file(tree.join("noise")).unwrap();
        shell(&home, "tar -czf big.xdockerimage -C tree .");
        xdocker(&home, "-a import --image-file big.xdockerimage").ok();
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
