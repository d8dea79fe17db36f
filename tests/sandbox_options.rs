//! The sandbox from the command line: what loosens it, what tightens it, and what the host has for it.

use std::fs;

use xdocker_test_harness::cli::{Finished, Home};

const BINARY: &str = env!("CARGO_BIN_EXE_xdocker");

/// Checks that a command inside failed for this reason.
#[track_caller]
fn refused(finished: &Finished, why: &str) {
    assert!(finished.code() == Some(1) && finished.stderr().contains(why), "{finished}");
}

#[test]
fn options_are_kept_with_the_container() {
    let home = Home::with_test_image(BINARY);
    let profile = home.scratch().join("profile.json");
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 30}]}"#;
    fs::write(&profile, text).unwrap();
    let options = format!(
        "--cap-add net_raw,KILL --cap-add SYS_TIME --cap-drop ALL --seccomp {} --read-only --tmpfs /mnt",
        profile.display()
    );
    home.xdocker(&format!("-a create -m test -c box {options}")).ok();
    // Nothing of what was said is asked for again.
    fs::remove_file(profile).unwrap();
    for _ in 0..2 {
        home.xdocker("-a boot -c box").ok();
        // KILL is 5, NET_RAW 13, SYS_TIME 25.
        home.xdocker("-a run -c box -- grep CapEff /proc/self/status").prints("CapEff:\t0000000002002020\n");
        refused(&home.xdocker("-a run -c box -- mkdir /mnt/x"), "Read-only file system");
        home.xdocker("-a run -c box -- touch /mnt/x").prints("");
        refused(&home.xdocker("-a run -c box -- touch /etc/x"), "Read-only file system");
        home.xdocker("-a kill -c box").ok();
    }
}

#[test]
fn privileged_is_no_sandbox_but_what_is_taken_is_taken() {
    let home = Home::with_test_image(BINARY);
    home.xdocker("-a create -m test -c box --privileged --cap-drop SYS_TIME --no-new-privs on -b").ok();
    let status = home.xdocker("-a run -c box -- cat /proc/self/status").succeeds();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t")).unwrap();
        line.to_owned()
    };
    assert_eq!((field("NoNewPrivs"), field("Seccomp")), ("1".into(), "0".into()));
    let capabilities = u64::from_str_radix(&field("CapEff"), 16).unwrap();
    assert_eq!(
        (capabilities >> 25 & 1, capabilities >> 21 & 1),
        (0, 1),
        "SYS_TIME is gone, SYS_ADMIN is there"
    );
    home.xdocker("-a run -c box -- mount -t tmpfs none /mnt").prints("");
}

#[test]
fn what_cannot_be_meant_makes_nothing() {
    let home = Home::with_test_image(BINARY);
    let table = [
        ("--cap-add FOO", "capability `FOO`"),
        ("--cap-drop CHOWN,", "capability ``"),
        ("--seccomp /does/not/exist", "cannot read /does/not/exist"),
        ("--seccomp /etc/hostname", "seccomp profile"),
        ("--no-new-privs maybe", "`on` or `off` is expected"),
        ("--tmpfs mnt", "it is not an absolute path"),
        ("--tmpfs /proc/x", "/proc, /sys and /dev are not the container's"),
        ("--privileged --privileged", "given twice"),
    ];
    home.unchanged(|| {
        for (options, why) in table {
            home.xdocker(&format!("-a create -m test -c box {options}")).fails(2, why);
        }
    });
}

#[test]
fn the_doctor_tells_what_the_host_has() {
    let home = Home::with_test_image(BINARY);
    let text = home.xdocker("-s doctor").succeeds();
    for feature in ["kernel", "overlay", "seccomp", "cgroups", "nftables", "user namespaces"] {
        assert!(text.lines().any(|line| line.starts_with(feature)), "{feature} in {text}");
    }
    let json = home.xdocker("-s doctor --json").succeeds();
    assert!(json.starts_with('{') && json.contains(r#""can_boot":true"#), "{json}");
}
