//! What happens when the file system says no: full after every possible number of files, and read-only.

use std::fs;
use std::ops::ControlFlow::Continue;
use std::path::Path;
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::{ImageStore, LAYER};
use crate::error::{Error, Result};
use crate::home::scratch::{Scratch, names};
use crate::home::{DirectoryLock, Home};
use crate::name::ImageId;
use crate::spec::IfUsed;

/// Runs `test` in a thread with mounts of its own, which go with it.
fn with_own_mounts(test: impl FnOnce() + Send) {
    let test = || {
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        tmpfs("/", None, MsFlags::MS_REC | MsFlags::MS_PRIVATE, "");
        test();
    };
    std::thread::scope(|scope| scope.spawn(test).join().unwrap());
}

fn tmpfs(at: impl AsRef<Path>, kind: Option<&str>, flags: MsFlags, options: &str) {
    mount(kind, at.as_ref(), kind, flags, Some(options)).unwrap();
}

fn id(version: &str) -> ImageId {
    ImageId { name: "test".parse().unwrap(), version: version.parse().unwrap() }
}

/// Adds an image, copies it, makes a container of the copy, and an image of that.
fn everything(home: &Path) -> Result<()> {
    let home = Home::open(home)?;
    let store = ImageStore::new(home.clone());
    if store.list()?.is_empty() {
        let stage = home.stage("test")?;
        let layer = stage.path().join(LAYER);
        let fill = || fs::create_dir(&layer).and_then(|()| fs::write(layer.join("file"), "content"));
        fill().map_err(Error::file("write", &layer))?;
        store.add(stage, &id("1"))?;
    }
    store.copy(&id("1").into(), &id("2"), &|_| Continue(()))?;
    let parts = home.stage("container")?;
    for part in ["rwlayer", "workdir", "merged"] {
        let part = parts.path().join(part);
        fs::create_dir(&part).map_err(Error::file("create", &part))?;
    }
    let name = "box".parse()?;
    store.release(&id("2").into(), &[], IfUsed::Refuse)?.into_container(&name, parts)?;
    let lock = DirectoryLock::exclusive(&home.container(&name), &name, Duration::ZERO)?;
    store.adopt(&name, &lock, &id("3"))
}

/// Checks that whatever is in the home is whole, and returns how many images there are.
fn check(path: &Path) -> usize {
    let home = Home::open(path).unwrap();
    let images = ImageStore::new(home.clone()).list().unwrap();
    for image in &images {
        assert_eq!((image.size, image.entries), (7, 1));
        assert_eq!(fs::read_to_string(home.image(&image.id).join(LAYER).join("file")).unwrap(), "content");
    }
    for container in names(&home.containers()) {
        let file = home.containers().join(container).join("rwlayer/file");
        assert_eq!(fs::read_to_string(file).unwrap(), "content");
    }
    assert!(names(&path.join(".work")).is_empty());
    images.len() + names(&home.containers()).len()
}

#[test]
fn a_full_file_system_costs_nothing_that_was_there() {
    let scratch = Scratch::new("image-full");
    with_own_mounts(|| {
        for files in 1..100 {
            tmpfs(scratch.path(), Some("tmpfs"), MsFlags::empty(), &format!("nr_inodes={files}"));
            let home = scratch.path().join("home");
            let result = everything(&home);
            if let Err(error) = &result {
                let chain = error.chain();
                assert!(chain.ends_with("No space left on device (os error 28)"), "{files}: {chain}");
                assert_eq!(chain.matches("cannot").count(), 1, "{chain}");
            }
            tmpfs(scratch.path(), Some("tmpfs"), MsFlags::MS_REMOUNT, "nr_inodes=1000");
            let there = check(&home);
            assert!(there <= 2);
            if result.is_ok() {
                assert_eq!(there, 2);
                return;
            }
        }
        panic!("it is never enough");
    });
}

#[test]
fn deleting_needs_no_space() {
    let scratch = Scratch::new("image-delete");
    with_own_mounts(|| {
        tmpfs(scratch.path(), Some("tmpfs"), MsFlags::empty(), "");
        let path = scratch.path().join("home");
        everything(&path).unwrap();
        let used = nix::sys::statvfs::statvfs(scratch.path()).unwrap();
        let files = used.files() - used.files_free();
        tmpfs(scratch.path(), Some("tmpfs"), MsFlags::MS_REMOUNT, &format!("nr_inodes={files}"));
        let store = ImageStore::new(Home::open(&path).unwrap());
        assert!(store.copy(&id("1").into(), &id("9"), &|_| Continue(())).is_err());
        store.delete(&id("1").into(), IfUsed::Refuse).unwrap();
        store.delete(&id("3").into(), IfUsed::Refuse).unwrap();
        assert_eq!(check(&path), 0);
    });
}

#[test]
fn a_read_only_home_can_be_looked_at() {
    let scratch = Scratch::new("image-read-only");
    with_own_mounts(|| {
        tmpfs(scratch.path(), Some("tmpfs"), MsFlags::empty(), "");
        let home = scratch.path().join("home");
        everything(&home).unwrap();
        // An image that still is to be measured, and rubbish that cannot go.
        fs::remove_file(home.join("images/test/1/image.json")).unwrap();
        fs::create_dir(home.join(".work/rubbish")).unwrap();
        tmpfs(scratch.path(), Some("tmpfs"), MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, "");
        let store = ImageStore::new(Home::open(&home).unwrap());
        assert_eq!(store.list().unwrap().len(), 2);
        for error in [
            store.copy(&id("1").into(), &id("9"), &|_| Continue(())).unwrap_err(),
            store.delete(&id("1").into(), IfUsed::Refuse).unwrap_err(),
            store.set_version(&id("1").into(), &"9".parse().unwrap(), IfUsed::Refuse).unwrap_err(),
        ] {
            let chain = error.chain();
            assert!(
                chain.starts_with("cannot ") && chain.ends_with(": Read-only file system (os error 30)"),
                "{chain}"
            );
        }
        let error = Home::open(&scratch.path().join("new")).unwrap_err().chain();
        assert!(error.starts_with("cannot create ") && error.ends_with("(os error 30)"), "{error}");
    });
}

/// Runs itself as the process that is killed.
#[test]
fn a_copy_that_is_killed_is_whole_or_not_there() {
    const ROLE: &str = "XDOCKER_TEST_KILLED_COPY";
    if let Ok(home) = std::env::var(ROLE) {
        let store = ImageStore::new(Home::open(Path::new(&home)).unwrap());
        store.copy(&id("1").into(), &id("2"), &|_| Continue(())).unwrap();
        std::process::exit(0);
    }
    let (_scratch, home) = Scratch::with_home("image-killed");
    let store = ImageStore::new(home.clone());
    let stage = home.stage("test").unwrap();
    for directory in 0..20 {
        let directory = stage.path().join(LAYER).join(directory.to_string());
        fs::create_dir_all(&directory).unwrap();
        (0..20).for_each(|file| fs::write(directory.join(file.to_string()), "content").unwrap());
    }
    let original = store.add(stage, &id("1")).unwrap();

    let copy = || {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "image::faults::a_copy_that_is_killed_is_whole_or_not_there"]);
        command.env(ROLE, home.path()).stdout(std::process::Stdio::null());
        command.spawn().unwrap()
    };
    let take_back = || ImageStore::new(home.clone()).delete(&id("2").into(), IfUsed::Refuse).unwrap();
    let (mut whole_time, mut outcomes) = (Duration::ZERO, [0, 0]);
    for round in 0..1000 {
        if round >= 100 && outcomes.iter().all(|count| *count > 0) {
            break;
        }
        if round % 100 == 0 {
            // Again when it does not hold any more: the machine has other things to do at times.
            let begin = std::time::Instant::now();
            assert!(copy().wait().unwrap().success());
            whole_time = begin.elapsed();
            take_back();
        }
        // From the first moment to one a little after the last.
        let mut killed = copy();
        std::thread::sleep(whole_time * (round % 100) / 80);
        killed.kill().unwrap();
        killed.wait().unwrap();

        let store = ImageStore::new(Home::open(home.path()).unwrap());
        assert!(names(&home.path().join(".work")).is_empty());
        let images = store.list().unwrap();
        assert_eq!(images[0], original);
        if let Some(copied) = images.get(1) {
            let measured = super::size::TreeSize::measure(&store.layer(&copied.id)).unwrap();
            assert_eq!((measured.bytes, measured.entries), (original.size, original.entries));
            take_back();
        }
        outcomes[images.len() - 1] += 1;
    }
    assert!(outcomes.iter().all(|count| *count > 0), "{outcomes:?} is no test");
}
