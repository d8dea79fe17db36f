//! What a container's root may see and do, asked from inside and from the host.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use xdocker_core::{Boot, Capabilities, Container, ContainerSpec, Exec, IfRunning, Sandbox, Seccomp, State};
use xdocker_test_harness::documented;
use xdocker_test_harness::home::{Home, IMAGE};
use xdocker_test_harness::leaks::{mounts, processes};

/// What a shell command in the container prints, whatever its status.
#[track_caller]
fn sh(container: &Container, line: &str) -> String {
    let output = container.shell(line).unwrap().output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Checks that a shell command in the container fails.
#[track_caller]
fn refused(container: &Container, line: &str) {
    let output = container.shell(line).unwrap().output().unwrap();
    assert!(!output.status.success(), "`{line}` was allowed: {output:?}");
}

/// The values of a /proc/PID/status.
fn field<'a>(status: &'a str, name: &str) -> Vec<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).split_whitespace().collect()
}

/// Checks identity and rights of a process inside.
#[track_caller]
fn assert_restricted(status: &str) {
    /// As numbered in capabilities(7).
    const CAPABILITIES: [(&str, u32); 11] = [
        ("CHOWN", 0),
        ("DAC_OVERRIDE", 1),
        ("FOWNER", 3),
        ("FSETID", 4),
        ("KILL", 5),
        ("SETGID", 6),
        ("SETUID", 7),
        ("SETPCAP", 8),
        ("NET_BIND_SERVICE", 10),
        ("SYS_CHROOT", 18),
        ("SETFCAP", 31),
    ];
    let names = CAPABILITIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(documented::words("Capabilities"), names);
    let granted = CAPABILITIES.iter().fold(0u64, |set, (_, number)| set | 1 << number);
    let set = |name| u64::from_str_radix(field(status, name)[0], 16).unwrap();
    assert_eq!(["CapPrm", "CapEff", "CapBnd"].map(set), [granted; 3]);
    assert_eq!(["CapInh", "CapAmb"].map(set), [0; 2], "CVE-2022-24769");
    assert_eq!(field(status, "NoNewPrivs"), ["1"]);
    assert_eq!((field(status, "Uid"), field(status, "Gid")), (vec!["0"; 4], vec!["0"; 4]));
    assert_eq!(field(status, "Groups"), [""; 0]);
    assert_eq!(set("SigIgn"), 0);
}

#[test]
fn rights_are_the_documented_ones_for_every_way_in() {
    let home = Home::new();
    let container = home.boot("box");
    let run = container.command("cat").arg("/proc/self/status").output().unwrap();
    let run = String::from_utf8(run.stdout).unwrap();
    assert_restricted(&run);
    assert_eq!(field(&run, "SigBlk"), ["0000000000000000"]);
    assert_restricted(&sh(&container, "cat /proc/1/status"));
    // No dump is so small; of none at all a program of the host's that takes them would still be started.
    assert_eq!(
        sh(&container, "grep core /proc/self/limits | tr -s ' '; umask"),
        "Max core file size 1 1 bytes \n0022\n"
    );
    container.kill().unwrap();

    container.boot(&Boot::new().exec(Exec::new("sleep").arg("1000"))).unwrap();
    let root = sh(&container, "cat /proc/1/status");
    assert_restricted(&root);
    assert_eq!((field(&root, "Name"), field(&root, "SigBlk")), (vec!["sleep"], vec!["0000000000000000"]));
    // A program that would give rights gives none.
    let line = "cp /bin/id /tmp/id; chmod 4755 /tmp/id; setpriv --reuid 1000 --clear-groups /tmp/id -u";
    assert_eq!(sh(&container, line), "1000\n");
}

#[test]
fn paths_that_tell_of_the_host_are_masked() {
    let home = Home::new();
    let container = home.boot("box");
    let documented = documented::words("Paths");
    let masked = |path: &str| {
        assert!(documented.contains(path), "{path}");
        Path::new(path).exists()
    };
    let names = ["interrupts", "kcore", "keys", "latency_stats", "sched_debug", "timer_list", "timer_stats"];
    for path in names.map(|name| format!("/proc/{name}")).iter().filter(|path| masked(path)) {
        assert_eq!(
            sh(&container, &format!("stat -c %F:%t:%T {path}; cat {path}")),
            "character special file:1:3\n"
        );
    }
    let directories =
        ["/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"];
    for path in directories.into_iter().filter(|path| masked(path)) {
        assert_eq!(sh(&container, &format!("ls -A {path}")), "", "{path}");
        refused(&container, &format!("touch {path}/x"));
    }
    assert!(documented.contains("/sys/devices/system/cpu/cpu*/thermal_throttle"));
    assert_eq!(sh(&container, "ls -A /sys/devices/system/cpu/cpu*/thermal_throttle 2>&1 | grep count"), "");
    for path in ["bus", "fs", "irq", "sys", "sysrq-trigger"].map(|name| format!("/proc/{name}")) {
        if masked(&path) {
            let line = format!("grep -c ' {path} proc ro,' /proc/mounts");
            assert_eq!(sh(&container, &line), "1\n", "{path}");
        }
    }
}

#[test]
fn the_kernel_cannot_be_changed() {
    let home = Home::new();
    let container = home.boot("box");
    let before = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let attempts = [
        "mount -t tmpfs none /mnt",
        "mount -t proc none /mnt",
        "mount --bind /etc /mnt",
        "mount -o remount,rw /proc/sys",
        "mount -o remount,rw,bind /sys",
        "mount -o remount,suid /",
        "umount /proc/sys",
        "umount /proc/kcore",
        "umount -l /proc",
        "mknod /tmp/disk b 254 0",
        "mknod /tmp/memory c 1 1",
        "mknod /dev/memory c 1 1",
        "unshare -m true",
        "unshare -U true",
        "unshare -Urm mount -t tmpfs none /mnt",
        // CVE-2022-0492: a hierarchy of one's own, with a program for the host to run.
        "unshare -UrC mount -t cgroup -o rdma none /mnt",
        "mount -t cgroup -o memory none /mnt && echo /tmp/x > /mnt/release_agent",
        "find /sys/fs/cgroup -name release_agent -o -name notify_on_release | \
            { while read file; do echo 1 > $file && exit 0; done; exit 1; }",
        "mount -o remount,rw,bind /proc/kcore",
        "nsenter -t 1 -m true",
        // Help, if the key works at all.
        "echo h > /proc/sysrq-trigger",
        "echo '|/tmp/x %p' > /proc/sys/kernel/core_pattern",
        "echo x > /proc/sys/kernel/hostname",
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
        "echo 3 > /proc/sys/vm/drop_caches",
        "echo /tmp/x > /sys/kernel/uevent_helper",
        "echo 1 > /proc/irq/default_smp_affinity",
        "echo -1000 > /proc/self/oom_score_adj",
        "hostname changed",
        "date -s @0",
        "nice -n -5 true 2>&1 | grep -v cannot",
    ];
    attempts.iter().for_each(|line| refused(&container, line));
    assert_eq!(fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap(), before);
    assert_eq!(sh(&container, "hostname"), "box\n");
}

#[test]
fn the_devices_are_the_usual_ones() {
    let home = Home::new();
    let container = home.boot("box");
    let names = "fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n";
    assert_eq!(sh(&container, "ls -A /dev"), names);
    let line = "stat -c '%n %t:%T %a' /dev/full /dev/null /dev/random /dev/tty /dev/urandom /dev/zero";
    let nodes = "/dev/full 1:7 666\n/dev/null 1:3 666\n/dev/random 1:8 666\n/dev/tty 5:0 666\n/dev/urandom 1:9 666\n/dev/zero 1:5 666\n";
    assert_eq!(sh(&container, line), nodes);
    assert_eq!(
        sh(&container, "ls -A /dev/pts /dev/shm /dev/mqueue"),
        "/dev/mqueue:\n\n/dev/pts:\nptmx\n\n/dev/shm:\n"
    );
    // A node on the container's own files is none.
    container.kill().unwrap();
    let layer = home.path().join("containers/box/rwlayer");
    let node = layer.join("tmp/node");
    fs::create_dir_all(layer.join("tmp")).unwrap();
    assert!(Command::new("mknod").arg(&node).args(["c", "1", "5"]).status().unwrap().success());
    assert!(fs::metadata(&node).unwrap().file_type().is_char_device());
    container.boot(&Boot::new()).unwrap();
    refused(&container, "head -c 1 /tmp/node");
}

#[test]
fn mounts_inside_are_as_hard_as_they_can_be() {
    let home = Home::new();
    let container = home.boot("box");
    let table = sh(&container, "cat /proc/mounts");
    let options = |path: &str| -> Vec<String> {
        let mut lines = table.lines().filter(|line| line.split(' ').nth(1) == Some(path));
        let line = lines.next().unwrap_or_else(|| panic!("nothing at {path} in {table}"));
        line.split(' ').nth(3).unwrap().split(',').map(str::to_owned).collect()
    };
    let wanted = [
        ("/", "nodev"),
        ("/proc", "nosuid,nodev,noexec"),
        ("/proc/sys", "ro,nosuid,nodev,noexec"),
        ("/proc/sysrq-trigger", "ro,nosuid,nodev,noexec"),
        ("/sys", "ro,nosuid,nodev,noexec"),
        ("/dev", "nosuid"),
        ("/dev/pts", "nosuid,noexec"),
        ("/dev/shm", "nosuid,nodev,noexec"),
        ("/dev/mqueue", "nosuid,nodev,noexec"),
    ];
    // Not every kernel has all of them.
    for (path, wanted) in wanted.into_iter().filter(|(path, _)| Path::new(path).exists()) {
        let options = options(path);
        for option in wanted.split(',') {
            assert!(options.iter().any(|has| has == option), "{path} is not {option}: {options:?}");
        }
    }
    // Nothing of the host's table came along.
    assert!(!table.contains(home.path().to_str().unwrap()), "{table}");
    assert_eq!(table.lines().filter(|line| line.starts_with("/dev/")).count(), 0, "{table}");
}

#[test]
fn neither_processes_nor_names_of_the_host_are_seen() {
    let home = Home::new();
    let container = home.boot("box");
    let ids: Vec<u32> = sh(&container, "ls /proc").lines().filter_map(|name| name.parse().ok()).collect();
    assert!(ids.len() <= 4 && ids.contains(&1), "{ids:?}");
    refused(&container, &format!("kill -0 {}", std::process::id()));
    let State::Running { pid } = container.state().unwrap() else { panic!("not running") };
    let types = ["mnt", "pid", "uts", "ipc", "cgroup"];
    let of = |pid: u32| {
        let link = |name| fs::read_link(format!("/proc/{pid}/ns/{name}")).unwrap();
        types.map(|name| link(name).to_string_lossy().into_owned())
    };
    let session = sh(&container, &format!("cd /proc/self/ns; readlink {}", types.join(" ")));
    assert_eq!(session.lines().collect::<Vec<_>>(), of(pid), "a session joins everything");
    assert!(of(pid).iter().zip(of(std::process::id())).all(|(inside, ours)| *inside != ours));
    // Nor does PID 1, which is ours, let itself be looked into.
    refused(&container, "readlink /proc/1/exe");
    assert_eq!(sh(&container, "ls /proc/1/fd/"), "");
}

#[test]
fn the_host_sees_one_mount_a_container_and_its_root_while_it_runs() {
    let home = Home::new();
    let containers = ["a", "b", "c"].map(|name| home.create(name));
    assert_eq!(mounts(home.path()).len(), 0);
    for (count, container) in containers.iter().enumerate() {
        let mark = container.root().join("etc/hostname-of-mine");
        assert!(!container.root().join("etc").exists());
        container.boot(&Boot::new()).unwrap();
        assert_eq!(mounts(home.path()).len(), count + 1);
        sh(container, "hostname > /etc/hostname-of-mine");
        assert_eq!(fs::read_to_string(mark).unwrap().trim(), container.name().as_str());
        // The kernel's file systems are the container's alone.
        for name in ["proc", "sys", "dev"] {
            assert_eq!(fs::read_dir(container.root().join(name)).unwrap().count(), 0, "{name}");
        }
    }
    for container in &containers {
        container.kill().unwrap();
        assert_eq!(fs::read_dir(container.root()).unwrap().count(), 0);
    }
    home.assert_clean();
}

#[test]
fn users_of_the_host_cannot_reach_a_layer() {
    let home = Home::new();
    let container = home.boot("box");
    sh(&container, "cp /bin/id /tmp/id; chmod 6755 /tmp/id");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(home.path()), 0o755);
    for part in ["images", "containers", ".work", "containers/box"] {
        assert_eq!(mode(&home.path().join(part)), 0o700, "{part}");
    }
    let set_uid = container.root().join("tmp/id");
    assert!(set_uid.exists());
    let layers = [home.path().join("images/test/_/rlayer/etc"), home.path().join("containers/box/rwlayer")];
    for path in [&set_uid, &layers[0], &layers[1], &home.path().join("containers/box/session.sock")] {
        let mut user = Command::new("setpriv");
        user.args(["--reuid", "1000", "--regid", "1000", "--clear-groups", "ls", "-d"]).arg(path);
        let output = user.output().unwrap();
        assert!(!output.status.success(), "CVE-2021-41091: {output:?}");
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(why.contains("Permission denied"), "{why}");
    }
}

#[test]
fn no_socket_of_ours_is_abstract() {
    let home = Home::new();
    let container = home.boot("box");
    let _session = container.command("sleep").arg("1000").spawn().unwrap();
    let inodes: Vec<String> = processes(home.path())
        .iter()
        .flat_map(|process| fs::read_dir(format!("/proc/{}/fd", process.pid)).into_iter().flatten().flatten())
        .filter_map(|fd| {
            let target = fs::read_link(fd.path()).ok()?;
            Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    let table = fs::read_to_string("/proc/net/unix").unwrap();
    let ours: Vec<_> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.get(6).is_some_and(|inode| inodes.iter().any(|ours| ours == inode)))
        .collect();
    assert!(ours.iter().any(|fields| fields.len() > 7), "no listening socket of ours in {table}");
    assert!(ours.iter().all(|fields| !fields.get(7).is_some_and(|path| path.starts_with('@'))), "{ours:?}");
}

#[test]
fn a_read_only_root_has_room_for_what_passes() {
    let home = Home::new();
    let spec = ContainerSpec::new([IMAGE.parse().unwrap()])
        .name("box".parse().unwrap())
        .sandbox(Sandbox::new().read_only(true))
        .tmpfs(["/mnt".parse().unwrap()]);
    let container = home.engine().create(&spec).unwrap();
    container.boot(&Boot::new()).unwrap();
    for path in ["/x", "/etc/x", "/root/x", "/usr/bin/x"] {
        refused(&container, &format!("touch {path}"));
    }
    for path in ["/tmp", "/run", "/mnt"] {
        assert_eq!(sh(&container, &format!("touch {path}/x && ls {path}")), "x\n");
    }
    refused(&container, "mount -o remount,rw /");
    container.kill().unwrap();
    container.boot(&Boot::new()).unwrap();
    assert_eq!(sh(&container, "ls /tmp /run /mnt"), "/mnt:\n\n/run:\n\n/tmp:\n");
    // It is the container that cannot write, not the host.
    fs::write(container.root().join("root/x"), "of the host").unwrap();
    assert_eq!(sh(&container, "cat /root/x"), "of the host");
}

#[test]
fn a_memory_directory_behind_a_link_is_inside() {
    let home = Home::new();
    let outside = home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let layer = home.image("evil");
    std::os::unix::fs::symlink(&outside, layer.join("cache")).unwrap();
    let images = [IMAGE, "evil"].map(|name| name.parse().unwrap());
    let spec = ContainerSpec::new(images).name("box".parse().unwrap()).tmpfs(["/cache".parse().unwrap()]);
    let container = home.engine().create(&spec).unwrap();
    let error = container.boot(&Boot::new()).unwrap_err().chain();
    assert!(error.contains("mount a tmpfs at /cache"), "{error}");
    assert_eq!(mounts(home.path()).len(), 0);
}

#[test]
fn each_part_is_loosened_by_its_name() {
    let home = Home::new();
    let status = |sandbox: Sandbox| {
        let spec = ContainerSpec::new([IMAGE.parse().unwrap()]).name("box".parse().unwrap()).sandbox(sandbox);
        let container = home.engine().create(&spec).unwrap();
        container.boot(&Boot::new().exec(Exec::new("sleep").arg("1000"))).unwrap();
        let [root, session] = ["1", "self"].map(|pid| sh(&container, &format!("cat /proc/{pid}/status")));
        container.destroy(IfRunning::Kill).unwrap();
        let fields = |status: &str| {
            ["CapEff", "CapBnd", "NoNewPrivs", "Seccomp"].map(|name| field(status, name)[0].to_owned())
        };
        assert_eq!(fields(&root), fields(&session), "a session has what the root process has");
        fields(&root)
    };
    let usual = ["00000000800405fb", "00000000800405fb", "1", "2"];
    assert_eq!(status(Sandbox::new()), usual);
    let raw = Sandbox::new().change_capabilities("NET_RAW".parse().unwrap(), "CHOWN".parse().unwrap());
    assert_eq!(status(raw), ["00000000800425fa", "00000000800425fa", "1", "2"]);
    let none = Sandbox::new().capabilities(Capabilities::NONE);
    assert_eq!(status(none), ["0000000000000000", "0000000000000000", "1", "2"]);
    assert_eq!(status(Sandbox::new().new_privileges(true)), [usual[0], usual[1], "0", "2"]);
    assert_eq!(status(Sandbox::new().seccomp(Seccomp::Unconfined)), [usual[0], usual[1], "1", "0"]);
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let bound = field(&own, "CapBnd")[0];
    assert_eq!(status(Sandbox::privileged()), [bound, bound, "0", "0"]);
}
