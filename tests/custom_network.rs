//! CUSTOM: the namespace is there from create to destroy, for the user to set up; the rest is the user's.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use nix::mount::{MntFlags, umount2};
use xdocker_test_harness::cli::{Home, run};
use xdocker_test_harness::mounts::{Tmpfs, in_private_mounts};

/// The first ten digits of `echo -n test | md5sum`.
const FILE: &str = "/run/netns/nns098F6BCD46";

/// A home with a bare image, in a mount namespace where nobody else's network namespaces are seen: their names
/// follow from those of the containers alone, so that another home may have the same ones.
fn with_home(work: impl FnOnce(Home) + Send) {
    in_private_mounts(|| {
        let _run = Tmpfs::mount(Path::new("/run"), "mode=755");
        let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
        home.add_bare_image("test");
        work(home);
    });
}

/// Which namespace a file is.
fn namespace(path: impl AsRef<Path>) -> (u64, u64) {
    let data = fs::metadata(path).unwrap();
    (data.dev(), data.ino())
}

/// The network namespace of a running container's root process.
fn network_of(home: &Home, container: &str) -> (u64, u64) {
    namespace(format!("/proc/{}/ns/net", home.root_process(container)))
}

/// What `ip` prints.
fn ip(line: &str) -> String {
    let mut ip = Command::new("ip");
    ip.args(line.split(' '));
    run(ip, b"").succeeds()
}

#[test]
fn a_namespace_from_create_to_destroy() {
    with_home(|home| {
        home.xdocker("-a create -m test -c test --net CUSTOM").ok();
        let row = "test                 test                 test       CUSTOM     nns098F6BCD46    0 B        STOPED";
        assert_eq!(home.xdocker("-s containers").succeeds().lines().nth(2), Some(row));
        let made = namespace(FILE);
        assert_ne!(made, namespace("/proc/thread-self/ns/net"));
        assert_eq!(ip("netns list").split_ascii_whitespace().next(), Some("nns098F6BCD46"));
        // The user sets it up by hand before the first boot.
        ip("-n nns098F6BCD46 link add by-hand type veth peer name other");

        home.xdocker("-a boot -c test").ok();
        assert_eq!(network_of(&home, "test"), made);
        let links = format!("/proc/{}/net/dev", home.root_process("test"));
        let links = fs::read_to_string(links).unwrap();
        assert!(["lo:", "by-hand:", "other:"].iter().all(|link| links.contains(link)), "{links}");
        assert_eq!(links.lines().count(), 2 + 3, "nothing but what the user has put there: {links}");
        home.xdocker("-a shutdown -c test").ok();
        assert_eq!(namespace(FILE), made, "and between two boots");
        home.xdocker("-a boot -c test").ok();
        assert_eq!(network_of(&home, "test"), made);
        home.xdocker("-a destroy -c test -h").ok();
        assert!(!Path::new(FILE).exists());
        assert_eq!(ip("netns list"), "");
    });
}

#[test]
fn a_namespace_that_was_lost_is_made_again_at_boot() {
    with_home(|home| {
        home.xdocker("-a create -m test -c test --net CUSTOM").ok();
        // As `ip netns delete` does, or a reboot of the host.
        ip("netns delete nns098F6BCD46");
        assert!(!Path::new(FILE).exists());
        home.xdocker("-a boot -c test").ok();
        assert_eq!(network_of(&home, "test"), namespace(FILE));
        assert_ne!(namespace(FILE), namespace("/proc/thread-self/ns/net"));
        home.xdocker("-a shutdown -c test").ok();
        // Only the mount is gone, and the file left, which is no namespace then.
        umount2(FILE, MntFlags::MNT_DETACH).unwrap();
        home.xdocker("-a boot -c test").ok();
        assert_eq!(network_of(&home, "test"), namespace(FILE));
        home.xdocker("-a destroy -c test -f").ok();
        assert!(!Path::new(FILE).exists());
    });
}

/// ip-netns(8) covers the directory of all namespaces when it makes its first one, unless whoever was first did it.
#[test]
fn a_namespace_of_somebody_elses_that_comes_later_is_in_nobodys_way() {
    with_home(|home| {
        home.xdocker("-a create -m test -c test --net CUSTOM").ok();
        ip("netns add other");
        home.xdocker("-a create -m test -c two --net CUSTOM").ok();
        home.xdocker("-a destroy -c test").ok();
        home.xdocker("-a destroy -c two").ok();
        assert_eq!(ip("netns list"), "other\n");
        ip("netns delete other");
    });
}

#[test]
fn sessions_are_in_the_namespace_too() {
    with_home(|home| {
        home.xdocker("-a install_test --version 1").ok();
        home.xdocker("-a create -m test:1 -c test --net CUSTOM -b").ok();
        let inside = home.xdocker("-a run -c test -- stat -L -c %i /proc/self/ns/net").succeeds();
        assert_eq!(inside.trim_end(), namespace(FILE).1.to_string());
    });
}

#[test]
fn host_containers_have_none() {
    with_home(|home| {
        home.xdocker("-a create -m test -c test -b").ok();
        assert_eq!(network_of(&home, "test"), namespace("/proc/thread-self/ns/net"));
        home.xdocker("-a destroy -c test -h").ok();
        assert!(!Path::new("/run/netns").exists());
    });
}
