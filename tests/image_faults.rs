//! Commands on images that are killed at any moment: afterwards an image is there as a whole or not at all,
//! under one name, and nothing else is left.
//!
//! `XDOCKER_FAULT_CYCLES` says how often each of them is killed.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use xdocker_test_harness::cli::{Home, run};
use xdocker_test_harness::tree::describe;

type Tree = BTreeMap<PathBuf, String>;

fn cycles() -> u32 {
    env::var("XDOCKER_FAULT_CYCLES").map_or(15, |text| text.parse().expect("a number of cycles"))
}

/// A time below `limit`, another one at each call.
fn moment(limit: Duration) -> Duration {
    let nanoseconds = u64::try_from(limit.as_nanos()).expect("a short time").max(1);
    Duration::from_nanos(RandomState::new().hash_one(()) % nanoseconds)
}

/// A home with the image `test:1`, of a few hundred files, that can be booted.
fn home() -> (Home, Tree) {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    let layer = home.layer("test");
    for number in 0..300 {
        let directory = layer.join(format!("many/{}", number % 20));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(number.to_string()), vec![number as u8; 5_000]).unwrap();
    }
    home.xdocker("-a version -m test --version 1").ok();
    let tree = describe(&home.path().join("images/test/1/rlayer"));
    (home, tree)
}

fn start(home: &Home, line: &str) -> Child {
    let mut command = home.command(line.split_ascii_whitespace());
    command.current_dir(home.scratch()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the binary")
}

/// Kills `line` at a moment of the time that it takes, again and again. `check` looks at what is then there, and
/// makes it ready for the next time.
fn kill_again_and_again(home: &Home, line: &str, mut check: impl FnMut()) {
    let begin = Instant::now();
    assert!(start(home, line).wait().unwrap().success(), "{line}");
    let takes = begin.elapsed();
    check();
    for _ in 0..cycles() {
        let mut child = start(home, line);
        thread::sleep(moment(takes));
        child.kill().unwrap();
        child.wait().unwrap();
        check();
    }
}

/// Name and version of each image, as a list shows them, which also clears up.
fn images(home: &Home) -> Vec<String> {
    let table = home.xdocker("-s images").succeeds();
    assert_eq!(fs::read_dir(home.path().join(".work")).unwrap().count(), 0, "something is left of the work");
    let row = |line: &str| line.split_ascii_whitespace().take(2).collect::<Vec<_>>().join(":");
    table.lines().skip(2).map(row).collect()
}

/// Checks an image file by file, and boots it.
fn is_whole(home: &Home, name: &str, tree: &Tree) {
    let layer = home.path().join("images").join(name).join("1/rlayer");
    let found = describe(&layer);
    let differs = |path: &&PathBuf| found.get(*path) != tree.get(*path);
    let differences: Vec<_> = tree.keys().chain(found.keys()).filter(differs).collect();
    assert!(differences.is_empty(), "{name} is not whole: {differences:?}");
    home.xdocker(&format!("-a create -m {name}:1 -c check -b --rm -- true")).prints("");
}

#[test]
fn an_import_may_be_killed_at_any_moment() {
    let (home, tree) = home();
    let mut export = home.command(["-a", "export", "-m", "test:1"]);
    export.current_dir(home.scratch());
    run(export, b"").ok();
    fs::rename(home.scratch().join("test:1.xdockerimage"), home.scratch().join("new:1.xdockerimage"))
        .unwrap();
    kill_again_and_again(&home, "-a import --image-file new:1.xdockerimage", || {
        if images(&home).contains(&"new:1".to_owned()) {
            is_whole(&home, "new", &tree);
            home.xdocker("-a del_image -m new:1").ok();
        }
        assert_eq!(images(&home), ["test:1"]);
    });
}

#[test]
fn a_copy_may_be_killed_at_any_moment() {
    let (home, tree) = home();
    kill_again_and_again(&home, "-a copy_image --from-image test:1 --to-image new:1", || {
        if images(&home).contains(&"new:1".to_owned()) {
            is_whole(&home, "new", &tree);
            home.xdocker("-a del_image -m new:1").ok();
        }
        assert_eq!(images(&home), ["test:1"]);
    });
    is_whole(&home, "test", &tree);
}

#[test]
fn an_export_may_be_killed_at_any_moment() {
    let (home, tree) = home();
    let archive = home.scratch().join("test:1.xdockerimage");
    let mut first: Option<Vec<u8>> = None;
    kill_again_and_again(&home, "-a export -m test:1", || {
        if let Ok(bytes) = fs::read(&archive) {
            let first = first.get_or_insert_with(|| bytes.clone());
            assert!(*first == bytes, "the archive is not whole");
            fs::remove_file(&archive).unwrap();
        }
        assert_eq!(images(&home), ["test:1"]);
    });
    is_whole(&home, "test", &tree);
}

#[test]
fn a_conversion_may_be_killed_at_any_moment() {
    let (home, tree) = home();
    let containers = || home.xdocker("-s containers").succeeds().lines().skip(2).count();
    // Back to where it began, whichever of the two it is.
    let back = || match (images(&home).as_slice(), containers()) {
        ([image], 0) if image == "test:1" => {}
        ([], 1) => home.xdocker("-a to_image --from-container c --to-image test").ok(),
        (images, containers) => panic!("{images:?} and {containers} containers"),
    };
    kill_again_and_again(&home, "-a to_container --from-image test:1 --to-container c", || {
        back();
        is_whole(&home, "test", &tree);
    });
    home.xdocker("-a to_container --from-image test:1 --to-container c").ok();
    kill_again_and_again(&home, "-a to_image --from-container c --to-image test", || {
        if containers() == 0 {
            assert_eq!(images(&home), ["test:1"]);
            is_whole(&home, "test", &tree);
            home.xdocker("-a to_container --from-image test:1 --to-container c").ok();
        }
        assert_eq!(images(&home), [""; 0]);
        assert_eq!(containers(), 1);
    });
}

/// What a command brings to the disk and names, in order: `disk` is all of the file system, the rest are files.
fn steps(home: &Home, line: &str) -> Vec<String> {
    let trace = home.scratch().join("trace");
    let ours = home.command(line.split_ascii_whitespace());
    let mut command = Command::new("strace");
    command.args(["-qq", "-f", "-y", "-e", "trace=syncfs,fsync,rename,renameat2", "-o"]).arg(&trace);
    command.arg(ours.get_program()).args(ours.get_args());
    command.env("xdocker_HOME", home.path()).env_remove("XDOCKER_HOME");
    run(command, b"").ok();
    let trace = fs::read_to_string(trace).unwrap();
    let home = format!("{}/", home.path().display());
    let step = |line: &str| {
        let (call, rest) = line.split_once(' ')?.1.trim_start().split_once('(')?;
        // The last path: what a descriptor is, or the new name.
        let path = rest[rest.rfind(&home)? + home.len()..].split(['>', '"']).next()?;
        let kept = path.starts_with("images") || path.starts_with("containers");
        match call {
            "syncfs" => Some("disk".to_owned()),
            "fsync" if kept => Some(format!("sync {path}")),
            "fsync" => Some(format!("sync {}", path.rsplit('/').next()?)),
            _ if path.split('/').count() == 2 + usize::from(path.starts_with("images")) && kept => {
                Some(format!("name {path}"))
            }
            _ => None,
        }
    };
    trace.lines().filter_map(step).collect()
}

#[test]
fn what_has_a_name_is_on_the_disk_and_so_is_the_name() {
    let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
    home.add_bare_image("test");
    let mut export = home.command(["-a", "export", "-m", "test"]);
    export.current_dir(home.scratch());
    run(export, b"").ok();
    let archive = home.scratch().join("test.xdockerimage");
    let new = home.scratch().join("new.xdockerimage");
    fs::rename(archive, &new).unwrap();
    let import = format!("-a import --image-file {}", new.display());
    assert_eq!(steps(&home, &import), ["disk", "sync image.json", "name images/new/_", "sync images/new"]);
    assert_eq!(
        steps(&home, "-a copy_image --from-image test --to-image copy:1"),
        ["disk", "sync image.json", "name images/copy/1", "sync images/copy"]
    );
    assert_eq!(steps(&home, "-a version -m copy --version 2"), ["name images/copy/2", "sync images/copy"]);
    assert_eq!(
        steps(&home, "-a to_container --from-image copy --to-container c"),
        ["sync container.json", "name containers/c", "sync containers"]
    );
    // What it has written is on the disk since its root was unmounted.
    assert_eq!(
        steps(&home, "-a to_image --from-container c --to-image copy"),
        ["name images/copy/2", "sync images/copy"]
    );
}
