//! A home that the original program made: a file for each property, and no record of ours.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use xdocker_test_harness::cli::Home;
use xdocker_test_harness::mounts::in_private_mounts;
use xdocker_test_harness::net::on_own_host;

/// An image as the original left it: a layer and nothing else.
fn add_image(home: &Home, name: &str, version: &str) {
    let layer = home.path().join("images").join(name).join(version).join("rlayer");
    for directory in ["proc", "sys", "dev", "etc"] {
        fs::create_dir_all(layer.join(directory)).unwrap();
    }
    fs::write(layer.join("etc/who"), format!("{name} {version}")).unwrap();
}

/// A container as the original left it.
fn add_container(home: &Home, name: &str, properties: &[(&str, &str)]) {
    let directory = home.path().join("containers").join(name);
    for part in ["rwlayer/etc", "workdir", "merged"] {
        fs::create_dir_all(directory.join(part)).unwrap();
    }
    fs::write(directory.join("rwlayer/etc/own"), name).unwrap();
    for (property, text) in properties {
        fs::write(directory.join(property), text).unwrap();
    }
}

/// A home that no engine of ours has opened, open to everybody as the original leaves it.
fn original() -> Home {
    let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
    for part in ["images", "containers"] {
        let path = home.path().join(part);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }
    home
}

#[test]
fn it_opens_is_shown_and_boots() {
    on_own_host(|| {
        let home = original();
        add_image(&home, "calvin=base", "1.0.0");
        add_image(&home, "calvin=base", "1.10.0");
        add_image(&home, "top", "_");
        let cdrom = home.scratch().join("cdrom");
        fs::create_dir(&cdrom).unwrap();
        fs::write(cdrom.join("disc"), "1").unwrap();
        let plain = [
            ("image", "calvin=base,top:_\n"),
            ("hostname", "plain\n"),
            ("net", "HOST\n"),
            ("netns", "\n"),
            ("volume", &format!("{0}:/mnt/cdrom\n{0}:/mnt/again\n", cdrom.display())),
        ];
        add_container(&home, "plain", &plain);
        let bridged = [
            ("image", "top\n"),
            ("hostname", "web\n"),
            ("net", "BRIDGE\n"),
            ("netns", "nns2567A5EC97\n"),
            ("vip", "166.88.0.9\n"),
            ("port_mapping", "19527:9527,8600:8600\n"),
            ("pid", "999999\n"),
            ("size", "25165824\n"),
        ];
        add_container(&home, "web", &bridged);
        add_container(
            &home,
            "G6",
            &[("image", "\n"), ("hostname", "G6\n"), ("net", "CUSTOM\n"), ("version", "1.1.0\n")],
        );

        let images = home.xdocker("-s images").succeeds();
        let named: Vec<_> = images
            .lines()
            .skip(2)
            .map(|row| row.split_ascii_whitespace().take(2).collect::<Vec<_>>())
            .collect();
        assert_eq!(named, [["calvin=base", "1.0.0"], ["calvin=base", "1.10.0"], ["top", "_"]]);
        let table = home.xdocker("-s containers").succeeds();
        let rows: Vec<_> = table.lines().skip(2).collect();
        let expected = [
            "G6                                        G6         CUSTOM     nns1B2D5BAC04    2 B        STOPED",
            "plain                calvin=base:1.10.0,top plain      HOST                        5 B        STOPED",
            "web                  top                  web        BRIDGE     nns2567A5EC97    3 B        STOPED",
        ];
        assert_eq!(rows, expected);
        for part in ["images", "containers"] {
            let mode = fs::metadata(home.path().join(part)).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o700, "{part} is for root alone");
        }

        for name in ["plain", "web"] {
            home.xdocker(&format!("-a boot -c {name}")).ok();
            let root = home.xdocker(&format!("-s container_root -c {name}")).succeeds();
            let read = |file: &str| fs::read_to_string(Path::new(root.trim_end()).join(file)).unwrap();
            assert_eq!((read("etc/who"), read("etc/own")), ("top _".to_owned(), name.to_owned()));
        }
        let root_process = home.root_process("plain");
        for path in ["cdrom", "again"] {
            assert_eq!(
                fs::read_to_string(format!("/proc/{root_process}/root/mnt/{path}/disc")).unwrap(),
                "1"
            );
        }
        let shown = home.xdocker("-s containers --json").succeeds();
        let mapped = r#""vip":"166.88.0.9","port_mapping":"19527:9527,8600:8600""#;
        assert!(shown.contains(mapped), "{shown}");
        // An address of theirs is nobody else's.
        home.xdocker("-a create -m top -c other --net BRIDGE --vip 166.88.0.9").fails(1, "166.88.0.9");
        home.xdocker("-a del_image -m top").fails(1, "containers plain, web");
        home.xdocker("-a to_image --from-container G6 --to-image G6").ok();
        assert!(home.xdocker("-s images").succeeds().contains("G6                             1.1.0"));
        assert!(!home.path().join("images/G6/1.1.0/hostname").exists(), "nothing but an image is left");
        for name in ["plain", "web"] {
            home.xdocker(&format!("-a shutdown -c {name}")).ok();
        }
    });
}

#[test]
fn one_that_comes_later_is_taken_over_when_it_is_met() {
    let home = original();
    add_image(&home, "base", "_");
    home.xdocker("-s containers").prints("");
    add_container(&home, "late", &[("image", "base\n"), ("hostname", "late\n"), ("net", "HOST\n")]);
    assert_eq!(home.status("late").as_deref(), Some("STOPED"));
    let host = home.scratch().join("host");
    fs::create_dir(&host).unwrap();
    fs::write(host.join("file"), "of the host").unwrap();
    let volumes = format!("{0}:/etc/volume\n{0}/file:/mnt/file\n", host.display());
    add_container(&home, "later", &[("image", "base\n"), ("net", "HOST\n"), ("volume", &volumes)]);
    home.xdocker("-a boot -c later").ok();
    let shown = home.xdocker("-s inspect -c later --json").succeeds();
    assert!(shown.contains(r#""container":"/mnt/file""#), "{shown}");
    home.xdocker("-a destroy -c later -h").ok();
}

#[test]
fn what_cannot_be_ours_is_told_and_left_as_it_is() {
    let home = original();
    add_image(&home, "base", "_");
    add_container(&home, "bad", &[("image", "base\n"), ("net", "TOKEN_RING\n")]);
    home.xdocker("-s images").succeeds();
    home.xdocker("-a boot -c bad").fails(1, "network model `TOKEN_RING`");
    assert!(!home.path().join("containers/bad/container.json").exists());
    fs::write(home.path().join("containers/bad/net"), "HOST\n").unwrap();
    fs::write(home.path().join("containers/bad/image"), "gone:2.0\n").unwrap();
    home.xdocker("-a boot -c bad").fails(1, "image gone:2.0 does not exist");
}

#[test]
fn one_that_the_original_runs_is_not_booted_a_second_time() {
    in_private_mounts(|| {
        let home = original();
        add_image(&home, "base", "_");
        add_container(&home, "busy", &[("image", "base\n"), ("net", "HOST\n"), ("pid", "1\n")]);
        let merged = home.path().join("containers/busy/merged");
        let mounted = xdocker_test_harness::mounts::Tmpfs::mount(&merged, "size=64k");
        home.xdocker("-a boot -c busy").fails(1, "container busy is running");
        drop(mounted);
        home.xdocker("-a boot -c busy").ok();
    });
}
