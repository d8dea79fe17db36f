//! Containers of a host that has very many mounts: they begin in a bare mount namespace, which monitors keep for one
//! another, and are as everywhere else.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use nix::mount::{MsFlags, mount, umount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use xdocker_core::{
    Boot, Container, ContainerSpec, Error, Exec, IfRunning, Network, Resources, RestartPolicy, Sandbox,
    State, Volume,
};
use xdocker_test_harness::home::{Home, IMAGE};
use xdocker_test_harness::leaks::{await_unlocked, has_died, mounts};
use xdocker_test_harness::mounts::{crowd, in_private_mounts};
use xdocker_test_harness::wait::{PATIENCE, until};

/// Where a monitor keeps a bare namespace.
const BARE: i32 = xdockerinit::wire::fd::BARE;

/// Whether this kernel builds a root before it is attached (Linux 6.15); elsewhere every namespace is a copy of the host's,
/// which the other tests are about.
fn kernel_can() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|it| it.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(6), Some(15))
}

fn root_process(container: &Container) -> u32 {
    match container.state().unwrap() {
        State::Running { pid } => pid,
        other => panic!("{other:?}"),
    }
}

fn monitor(container: &Container) -> u32 {
    let status = fs::read_to_string(format!("/proc/{}/status", root_process(container))).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
    line.trim().parse().unwrap()
}

/// The bare namespace that the container's monitor keeps; none if the descriptor is anything else.
fn kept(container: &Container) -> Option<u64> {
    let path = format!("/proc/{}/fd/{BARE}", monitor(container));
    let is_one = fs::read_link(&path).is_ok_and(|it| it.to_string_lossy().starts_with("mnt:["));
    is_one.then(|| fs::metadata(path).unwrap().ino())
}

fn die(container: &Container) {
    let monitor = monitor(container);
    kill(Pid::from_raw(monitor.try_into().unwrap()), Signal::SIGKILL).unwrap();
    assert!(until(PATIENCE, || has_died(monitor)));
    // What another thread forked while it was booted has the lock of its run a moment longer.
    assert!(until(PATIENCE, || container.state().unwrap() == State::Stopped));
}

/// What is mounted in a container, as it sees it, but for the numbers of mounts and devices and the names of directories
/// that are another container's.
fn table(container: &Container) -> Vec<String> {
    let output = container.command("cat").arg("/proc/self/mountinfo").output().unwrap();
    let name = container.name().to_string();
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| line.splitn(4, ' ').nth(3).unwrap().replace(&name, "NAME")).collect()
}

/// A container with one of everything that is mounted.
fn full(home: &Home, name: &str, volumes: &Path, users: bool) -> Container {
    let volume = |at: &str, inside: &str| Volume::new(volumes.join(at), inside).unwrap();
    let spec = ContainerSpec::new([IMAGE.parse().unwrap()])
        .name(name.parse().unwrap())
        .sandbox(Sandbox::new().user_namespace(users))
        .network(Network::Host)
        .tmpfs(["/tmp".parse().unwrap()])
        .volumes([
            volume("outer", "/outer"),
            volume("inner", "/outer/inner"),
            volume("file", "/file").read_only(true),
        ]);
    home.engine().create(&spec).unwrap_or_else(|error| panic!("{}", error.chain()))
}

fn boot(container: &Container) {
    container.boot(&Boot::new()).unwrap_or_else(|error| panic!("{}", error.chain()));
    assert!(container.command("true").status().unwrap().success());
}

/// Directories and a file for [`full`].
fn volumes(at: &Path) {
    for name in ["outer", "outer/inner", "inner"] {
        fs::create_dir(at.join(name)).unwrap();
    }
    fs::write(at.join("file"), "").unwrap();
}

#[test]
fn a_container_has_the_same_mounts_whichever_way_it_comes_to_them() {
    let scratch = tempfile::tempdir().unwrap();
    volumes(scratch.path());
    in_private_mounts(|| {
        // Whatever a host shares its mounts with, nothing of a container's may be among them.
        let shared = MsFlags::MS_REC | MsFlags::MS_SHARED;
        mount(None::<&str>, "/", None::<&str>, shared, None::<&str>).unwrap();
        for users in [false, true] {
            let home = Home::new();
            let container = full(&home, "box", scratch.path(), users);
            // Overlayfs says something else of a new layer than of one that it knows.
            boot(&container);
            container.kill().unwrap();
            boot(&container);
            assert_eq!(kept(&container), None);
            let usual = table(&container);
            assert!(usual.iter().any(|line| line.contains(" /outer/inner ")), "{usual:?}");
            container.kill().unwrap();
            let many = tempfile::tempdir().unwrap();
            crowd(many.path());
            let before = mounts(Path::new("/")).len();
            boot(&container);
            assert_eq!(kept(&container).is_some(), kernel_can());
            assert_eq!(table(&container), usual);
            assert_eq!(mounts(home.path()), [container.root()]);
            assert!(container.root().join("etc/hostname").exists());
            assert_eq!(mounts(Path::new("/")).len(), before + 1);
            // What the host mounts later is not for it.
            let inner = scratch.path().join("outer/inner");
            mount(Some("none"), &inner, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
            assert_eq!(table(&container), usual);
            umount(&inner).unwrap();
            container.kill().unwrap();
            assert_eq!(mounts(Path::new("/")).len(), before);
            for point in mounts(many.path()) {
                umount(&point).unwrap();
            }
        }
    });
}

#[test]
fn monitors_keep_one_namespace_for_one_another() {
    let many = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let home = Home::new();
        let quiet = home.boot("quiet");
        assert_eq!(kept(&quiet), None, "nobody makes one where it is of no use");
        crowd(many.path());
        let null = fs::File::open("/dev/null").unwrap().into();
        let bound = home.create("bound");
        drop(bound.boot_bound(&Boot::new(), [&null; 3]).unwrap());
        let first = home.boot("first");
        let namespace = kept(&first);
        assert_eq!(namespace.is_some(), kernel_can());
        let rest: Vec<_> = (0..20).map(|number| home.boot(&format!("rest{number}"))).collect();
        assert!(rest.iter().all(|container| kept(container) == namespace));
        let root = bound.boot_bound(&Boot::new(), [&null; 3]).unwrap();
        assert_eq!(kept(&bound), namespace, "one that is there is for all");
        drop(root);

        // Whoever made it is nobody special.
        die(&first);
        boot(&first);
        assert_eq!(kept(&first), namespace);

        // With the last one it goes, and there will be another.
        for container in rest.iter().chain([&first]) {
            die(container);
        }
        boot(&first);
        assert_eq!(kept(&first).is_some(), kernel_can());
        assert!(quiet.command("true").status().unwrap().success());
    });
}

#[test]
fn it_is_bare() {
    let many = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let home = Home::new();
        crowd(many.path());
        let container = home.boot("box");
        let crowded = many.path().file_name().unwrap().to_str().unwrap();
        let table = table(&container);
        assert!(
            !table.iter().any(|line| line.contains(crowded)),
            "of the host's mounts it has none: {table:?}"
        );
        let namespace = |of: &str| fs::metadata(format!("/proc/{of}/ns/mnt")).unwrap().ino();
        let [host, outside, inside] =
            ["thread-self", &monitor(&container).to_string(), &root_process(&container).to_string()]
                .map(namespace);
        assert!(outside == host && inside != host);
        assert_eq!(kept(&container).is_some(), kernel_can());
        if !kernel_can() {
            return;
        }
        // What is mounted in it, as who enters it sees it.
        let file = fs::File::open(format!("/proc/{}/fd/{BARE}", monitor(&container))).unwrap();
        let seen = std::thread::scope(|scope| {
            let enter = || {
                unshare(CloneFlags::CLONE_FS).unwrap();
                setns(&file, CloneFlags::CLONE_NEWNS).unwrap();
                let names: Vec<_> = fs::read_dir("/").unwrap().map(|it| it.unwrap().file_name()).collect();
                (names, fs::write("/file", "").map_err(|why| why.kind()))
            };
            scope.spawn(enter).join().unwrap()
        });
        assert_eq!(seen, (vec![], Err(std::io::ErrorKind::ReadOnlyFilesystem)));
    });
}

#[test]
fn each_run_of_one_that_is_started_again_has_its_own() {
    let many = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let home = Home::new();
        crowd(many.path());
        let spec = ContainerSpec::new([IMAGE.parse().unwrap()])
            .name("box".parse().unwrap())
            .restart(RestartPolicy::Always);
        let container = home.engine().create(&spec).unwrap();
        container.boot(&Boot::new().exec(Exec::new("sleep").arg("1000"))).unwrap();
        let namespace = kept(&container);
        let again = |of: u32| {
            kill(Pid::from_raw(of.try_into().unwrap()), Signal::SIGKILL).unwrap();
            let other = |state| matches!(state, State::Running { pid } if pid != of);
            assert!(until(PATIENCE, || other(container.state().unwrap())));
            assert!(until(PATIENCE, || container.command("true").status().is_ok_and(|it| it.success())));
            assert_eq!(kept(&container), namespace);
        };
        again(root_process(&container));
        // What is made of another plan than the first one goes the usual way.
        container.limit(&Resources::new().pids("77".parse().unwrap())).unwrap();
        again(root_process(&container));
        container.kill().unwrap();
    });
}

#[test]
fn a_launch_may_die_before_each_of_its_steps() {
    let scratch = tempfile::tempdir().unwrap();
    volumes(scratch.path());
    let many = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        crowd(many.path());
        let home = Home::new();
        for step in 0..500 {
            let container = full(&home, "box", scratch.path(), true);
            if container.boot(&Boot::new().die_before_step(step)).is_ok() {
                container.destroy(IfRunning::Kill).unwrap();
                assert!(step > 70, "{step} steps are not all of them");
                return;
            }
            await_unlocked(home.path());
            assert!(matches!(container.shutdown(Duration::ZERO), Err(Error::NotRunning(_))));
            home.assert_clean();
            container.destroy(IfRunning::Refuse).unwrap();
        }
        panic!("a boot has more steps than this test has tried");
    });
}
