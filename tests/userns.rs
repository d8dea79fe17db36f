//! `--userns auto`: root inside is nobody outside, and all that works for others works for it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::Path;
use std::process::Command;
use std::{process, thread};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::Value;
use xdocker_test_harness::cli::{Finished, Home, run};
use xdocker_test_harness::mounts::in_private_mounts;
use xdocker_test_harness::net::{HOST, Machine, on_own_host};
use xdocker_test_harness::pty::Window;
use xdocker_test_harness::wait::{PATIENCE, until};
use xdocker_test_harness::{leaks, role, tree};

const BINARY: &str = env!("CARGO_BIN_EXE_xdocker");

/// Creates and boots a container on the test image with users of its own.
#[track_caller]
fn boot(home: &Home, name: &str, options: &str) {
    home.xdocker(&format!("-a create -m test -c {name} --userns auto -b {options}")).ok();
}

fn inside(home: &Home, line: &str) -> Finished {
    home.xdocker_args(["-a", "run", "-c", "test", "--cmd", line])
}

fn inspect(home: &Home, name: &str) -> Value {
    serde_json::from_str(&home.xdocker(&format!("-s inspect -c {name} --json")).succeeds()).unwrap()
}

/// What the container's root is outside.
fn first(home: &Home, name: &str) -> u32 {
    inspect(home, name)["ids"]["first"].as_u64().unwrap().try_into().unwrap()
}

/// A line of /proc/PID/status.
fn status(pid: u32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t")).unwrap().to_owned()
}

#[test]
fn root_inside_is_nobody_outside() {
    let home = Home::with_test_image(BINARY);
    boot(&home, "test", "");
    boot(&home, "other", "-- sleep 1000");
    let (one, two) = (first(&home, "test"), first(&home, "other"));
    assert!(one >= 0x7000_0000 && one % 65536 == 0 && one != two, "{one} {two}");
    for (name, first) in [("test", one), ("other", two)] {
        let pid = home.root_process(name);
        let line = [first.to_string().as_str(); 4].join("\t");
        assert_eq!((status(pid, "Uid"), status(pid, "Gid")), (line.clone(), line));
        assert_ne!(
            fs::read_link(format!("/proc/{pid}/ns/user")).unwrap(),
            fs::read_link("/proc/self/ns/user").unwrap()
        );
        let map = fs::read_to_string(format!("/proc/{pid}/uid_map")).unwrap();
        assert_eq!(map.split_whitespace().collect::<Vec<_>>(), ["0", &*first.to_string(), "65536"]);
    }
    // A session is in it too, whoever it is; and who it is inside is what is shown.
    inside(&home, "id -u; id -g; id -G; cat /proc/self/uid_map | wc -l").prints("0\n0\n0\n1\n");
    home.xdocker("-a run -c test --user 33:4 -- id").prints("uid=33 gid=4 groups=4\n");
    for (user, shown) in [("70000", "70000:0"), ("5:70000", "5:70000")] {
        let why = format!("user `{shown}`: it is not among those that the container has for itself");
        home.xdocker(&format!("-a run -c test --user {user} -- id")).fails(1, &why);
    }
    let mut sleeper = home.command("-a run -c test --user 33 -- sleep 1000".split(' ')).spawn().unwrap();
    let seen = || home.xdocker("-s top -c test --json").succeeds().contains(r#""uid":33,"#);
    assert!(until(PATIENCE, seen));
    let theirs =
        || leaks::processes(home.path()).into_iter().filter(|it| it.name == "sleep").map(|it| it.pid);
    assert!(theirs().any(|pid| status(pid, "Uid").starts_with(&format!("{}\t", one + 33))));
    // One that has got out would be nobody to the other.
    let kill = |user: u32, pid: u32| {
        let mut kill = Command::new("setpriv");
        kill.args(["--reuid", &user.to_string(), "--regid", &user.to_string(), "--clear-groups"]);
        kill.args(["kill", "-0", &pid.to_string()]).output().unwrap().status.success()
    };
    let (test, other) = (home.root_process("test"), home.root_process("other"));
    assert!(kill(two, other) && !kill(one, other) && !kill(two, test) && !kill(one, process::id()));
    home.xdocker("-a kill -c test").ok();
    sleeper.wait().unwrap();
    // What has the host's users has no range.
    home.xdocker("-a create -m test -c usual --userns host").ok();
    assert!(inspect(&home, "usual")["ids"].is_null());
    home.xdocker("-a create -m test -c odd --userns some").fails(2, "`host` or `auto` is expected");
}

#[test]
fn files_are_on_the_disk_as_inside() {
    let home = Home::with_test_image(BINARY);
    boot(&home, "test", "--no-new-privs off");
    inside(
        &home,
        "mkdir /new; echo x > /new/file; chown 33:4 /new/file; cp /bin/id /new/id; chmod 4755 /new/id",
    )
    .prints("");
    inside(&home, "echo changed >> /etc/passwd; rm /etc/group").prints("");
    let layer = home.path().join("containers/test/rwlayer");
    let owner = |name: &str| {
        let data = fs::symlink_metadata(layer.join(name)).unwrap();
        (data.uid(), data.gid(), data.permissions().mode() & 0o7777)
    };
    assert_eq!(
        (owner("new"), owner("new/file"), owner("new/id")),
        ((0, 0, 0o755), (33, 4, 0o644), (0, 0, 0o4755))
    );
    assert_eq!((owner("etc/passwd").0, owner("etc/group").2 & 0o111), (0, 0));
    assert_eq!(fs::symlink_metadata(layer.join("etc/group")).unwrap().rdev(), 0, "deleted as ever");
    // A set-uid file makes root of the container's users, and of nobody else.
    home.xdocker("-a run -c test --user 1000 -- /new/id -u").prints("0\n");
    let pid = home.root_process("test");
    assert_eq!(status(pid, "Uid"), [first(&home, "test").to_string().as_str(); 4].join("\t"));
    // Numbers that it has not it cannot give.
    let refused = inside(&home, "chown 65536 /new/file");
    assert!(refused.stderr().contains("Invalid argument"), "{refused}");

    home.xdocker("-a shutdown -c test").ok();
    home.xdocker("-a to_image --from-container test --to-image made").ok();
    home.xdocker("-a create -m test,made -c host -b --no-new-privs off").ok();
    home.xdocker("-a run -c host -- stat -c %u:%g:%a /new/file /new/id").prints("33:4:644\n0:0:4755\n");
    home.xdocker("-a create -m test,made -c shifted --userns auto -b").ok();
    home.xdocker("-a run -c shifted -- stat -c %u:%g:%a /new/file /new/id").prints("33:4:644\n0:0:4755\n");
}

#[test]
fn no_two_have_one_range() {
    let home = Home::new(BINARY);
    home.add_bare_image("test");
    thread::scope(|scope| {
        for half in 0..2 {
            let home = &home;
            scope.spawn(move || {
                for number in 0..10 {
                    home.xdocker(&format!("-a create -m test -c box{half}{number} --userns auto")).ok();
                }
            });
        }
    });
    // One that was an image has one too.
    home.xdocker("-a to_container --from-image test --to-container box20 --userns auto -f").ok();
    let mut all: Vec<_> = (0..21).map(|n| first(&home, &format!("box{}{}", n / 10, n % 10))).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 21);
}

#[test]
fn all_the_rest_works_too() {
    let home = Home::with_test_image(BINARY);
    boot(&home, "test", "--mem-limit 100M --pids-limit 50");
    let stats = home.xdocker("-s stats -c test").succeeds();
    assert!(stats.contains(" 100 MB ") && stats.contains("/50 "), "{stats}");
    home.xdocker("-a limit -c test --mem-limit 64M").ok();
    // Streams are opened by their names, pipes that are ours included.
    let echo = home.command(["-a", "run", "-c", "test", "--cmd", "echo x > /dev/stdout; cat /dev/stdin"]);
    run(echo, b"input").ends(0, "x\ninput", "");
    inside(&home, "exit 7").ends(7, "", "");
    for (file, path) in
        [("/root/tpl.txt", "/root/ins.txt"), ("/root/tpl.txt", "/dev/shm/ins.txt"), ("/tmp/new", "/tmp/new")]
    {
        inside(&home, "echo key > /root/tpl.txt; chown 33 /root/tpl.txt; echo key > /tmp/new; chown 33 /tmp/new; chmod 700 /tmp").prints("");
        let mapping = home.scratch().join("map.txt");
        fs::write(&mapping, "key value\n").unwrap();
        let line = format!(
            "-a rplfile -c test --template-file {file} --mapping-file {} --instance-file {path}",
            mapping.display()
        );
        home.xdocker(&line).ok();
        inside(&home, &format!("cat {path}; stat -c %u {path}")).prints("value\n33\n");
    }
    // A terminal is its user's, and of the group that terminals have.
    let mut terminal = home.terminal(Window { rows: 24, columns: 80 }, "-a attach -c test");
    terminal.expect("connect to container ok");
    terminal.press("stat -c '%u %g %a is' $(tty); exit 3\r");
    terminal.expect("0 5 620 is");
    let (status, _) = terminal.ends();
    assert_eq!(status.code(), Some(3));
    let mut terminal = home.terminal(
        Window { rows: 24, columns: 80 },
        "-a run -c test -t --user 33 -- stat -c %u_%g /dev/pts/0",
    );
    terminal.expect("33_5");
    assert!(terminal.ends().0.success());
    for end in ["shutdown", "kill"] {
        home.xdocker(&format!("-a {end} -c test")).ok();
        home.xdocker("-a boot -c test").ok();
    }
    home.xdocker("-a create -m test -c gone --userns auto -b --rm -- cat /proc/self/uid_map").succeeds();
    home.xdocker("-a create -m test -c all --userns auto --privileged -b").ok();
    home.xdocker("-a run -c all -- id -u").prints("0\n");
    // All capabilities are there, and hold for nothing of the host's.
    home.xdocker("-a run -c all -- unshare -m mount -t tmpfs none /mnt").prints("");
    for line in [
        "mount -t tmpfs none /mnt",
        "umount /proc",
        "unshare -m umount /dev",
        "unshare -m umount /sys/fs/cgroup",
        "echo x > /proc/sys/kernel/core_pattern",
        "echo h > /proc/sysrq-trigger",
        "head -c 1 /proc/kcore",
        "mknod /tmp/disk b 254 0",
        "hostname changed",
        "ip link add type dummy",
        "date -s @0",
    ] {
        let tried = home.xdocker_args(["-a", "run", "-c", "all", "--cmd", line]);
        assert!(tried.code() != Some(0), "{tried}");
    }
}

#[test]
fn each_run_of_one_that_is_started_again_has_them() {
    let home = Home::with_test_image(BINARY);
    // Long enough for a session on a slow machine.
    boot(&home, "test", "--restart always -- sleep 2");
    assert!(until(PATIENCE, || inspect(&home, "test")["restarts"].as_u64() >= Some(2)));
    let seen = || inside(&home, "id -u; cat /proc/self/uid_map").stdout();
    assert!(until(PATIENCE, || seen().starts_with("0\n         0 ")));
    home.xdocker("-a kill -c test").ok();
}

#[test]
fn files_go_in_and_out_with_the_owners_that_they_have_inside() {
    let home = Home::with_test_image(BINARY);
    let host = home.scratch().join("host");
    fs::create_dir_all(host.join("tree/deep")).unwrap();
    for (name, owner) in [("root", 0), ("www", 33), ("deep/last", 65_535)] {
        fs::write(host.join("tree").join(name), name).unwrap();
        chown(host.join("tree").join(name), Some(owner), Some(owner)).unwrap();
    }
    symlink("www", host.join("tree/link")).unwrap();
    lchown(host.join("tree/link"), Some(33), Some(33)).unwrap();
    fs::set_permissions(host.join("tree/www"), fs::Permissions::from_mode(0o6755)).unwrap();
    fs::write(host.join("stranger"), "x").unwrap();
    chown(host.join("stranger"), Some(65_536), None).unwrap();
    let described = tree::describe(&host.join("tree"));
    boot(&home, "test", "--tmpfs /mnt");
    let copy = |action: &str, from: &str, to: &str| {
        home.xdocker(&format!("-a {action} -c test --src-file {from} --dst-file {to}"))
    };
    let (tree, back) = (host.join("tree"), host.join("back"));
    for (number, to) in ["/root/tree", "/mnt/tree", "/var/tree", "/srv/tree"].into_iter().enumerate() {
        if number == 3 {
            home.xdocker("-a shutdown -c test").ok();
        }
        copy("putfile", tree.to_str().unwrap(), to).ok();
        if number < 3 {
            inside(&home, &format!("cd {to}; stat -c %u:%g:%a . root www link deep/last"))
                .prints("0:0:755\n0:0:644\n33:33:6755\n33:33:777\n65535:65535:644\n");
            copy("putfile", host.join("stranger").to_str().unwrap(), "/root/")
                .fails(1, "the container has no user or group 65536");
        }
        let back = back.join(number.to_string());
        fs::create_dir_all(&back).unwrap();
        copy("getfile", to, back.to_str().unwrap()).ok();
        assert_eq!(tree::describe(&back.join("tree")), described, "{to}");
    }
    home.xdocker("-a boot -c test").ok();
    let tar = home
        .command(["-a", "getfile", "-c", "test", "--src-file", "/srv/tree", "--dst-file", "-"])
        .output()
        .unwrap()
        .stdout;
    let put = home.command(["-a", "putfile", "-c", "test", "--src-file", "-", "--dst-file", "/opt/again"]);
    run(put, &tar).ok();
    inside(&home, "cd /opt/again/tree; stat -c %u:%g:%a www link deep/last")
        .prints("33:33:6755\n33:33:777\n65535:65535:644\n");
}

/// Gives a file an attribute, by its bytes in hexadecimal digits.
fn attribute(path: &Path, name: &str, value: &str) {
    let set = Command::new("setfattr").args(["-n", name, "-v", &format!("0x{value}")]).arg(path).status();
    assert!(set.unwrap().success(), "{name}");
}

/// What setfattr(1) would have to be told, a line an attribute.
fn attributes(path: &Path) -> String {
    let read = Command::new("getfattr").args(["--absolute-names", "-dm-", "-e", "hex"]).arg(path).output();
    let text = String::from_utf8(read.unwrap().stdout).unwrap();
    text.lines().skip(1).map(|line| format!("{line}\n")).collect()
}

#[test]
fn who_is_named_in_an_attribute_is_who_owns_files_inside() {
    let home = Home::with_test_image(BINARY);
    let tree = home.scratch().join("tree");
    fs::create_dir_all(&tree).unwrap();
    // Its owner, the users 33 and 65535, its group, the group 7, all of them, and the others.
    let list =
        "02000000 01000600ffffffff 0200040021000000 02000400ffff0000 04000000ffffffff 0800040007000000 \
                10000400ffffffff 20000000ffffffff"
            .replace(' ', "");
    let data = tree.join("data");
    fs::write(&data, "secret").unwrap();
    attribute(&data, "system.posix_acl_access", &list);
    // CAP_DAC_OVERRIDE of root's namespace, permitted and effective.
    fs::copy("/bin/cat", tree.join("reader")).unwrap();
    attribute(&tree.join("reader"), "security.capability", "0100000202000000000000000000000000000000");
    let described = ["data", "reader"].map(|name| attributes(&tree.join(name)));
    boot(&home, "test", "--tmpfs /mnt --no-new-privs off");
    let (tree, back) = (tree.display(), home.scratch().join("back"));
    for to in ["/opt", "/mnt"] {
        home.xdocker(&format!("-a putfile -c test --src-file {tree} --dst-file {to}/tree")).ok();
        let as_user = |user: u32, line: &str| {
            let line = format!("-a run -c test --user {user} -- {line}");
            home.xdocker(&line)
        };
        as_user(33, &format!("cat {to}/tree/data")).prints("secret");
        as_user(65_535, &format!("cat {to}/tree/data")).prints("secret");
        assert_eq!(as_user(34, &format!("cat {to}/tree/data")).code(), Some(1));
        if to != "/mnt" {
            as_user(34, &format!("{to}/tree/reader {to}/tree/data")).prints("secret");
        }
        for (way, tar) in [("tree", false), ("tar", true)] {
            let back = back.join(to.trim_start_matches('/')).join(way);
            fs::create_dir_all(&back).unwrap();
            let file = if tar { "-".to_owned() } else { back.display().to_string() };
            let get =
                ["-a", "getfile", "-c", "test", "--src-file", &format!("{to}/tree"), "--dst-file", &file];
            let got = home.command(get).output().unwrap();
            assert!(got.status.success(), "{got:?}");
            if tar {
                let mut unpack = Command::new("tar");
                unpack.args(["--xattrs", "--xattrs-include=*", "-xf", "-"]).current_dir(&back);
                run(unpack, &got.stdout).succeeds();
                let put =
                    ["-a", "putfile", "-c", "test", "--src-file", "-", "--dst-file", &format!("{to}/again")];
                run(home.command(put), &got.stdout).ok();
                as_user(33, &format!("cat {to}/again/tree/data")).prints("secret");
            }
            assert_eq!(["data", "reader"].map(|name| attributes(&back.join("tree").join(name))), described);
        }
    }
}

#[test]
fn volumes_are_shifted_as_layers_are() {
    let home = Home::with_test_image(BINARY);
    let host = home.scratch().join("host");
    fs::create_dir(&host).unwrap();
    for (name, owner) in [("root", 0), ("www", 33), ("stranger", 70_000), ("shifted", 0x7000_0000)] {
        fs::write(host.join(name), "x").unwrap();
        chown(host.join(name), Some(owner), Some(owner)).unwrap();
    }
    fs::create_dir(host.join("closed")).unwrap();
    fs::set_permissions(host.join("closed"), fs::Permissions::from_mode(0o700)).unwrap();
    chown(host.join("closed"), Some(70_000), Some(70_000)).unwrap();
    let before = tree::describe(&host);
    boot(
        &home,
        "test",
        &format!("--volume {0}:/v --volume {0}/root:/etc/one --volume {0}:/ro:ro", host.display()),
    );
    inside(&home, "cd /v; stat -c %u:%g root www stranger shifted; stat -c %u /etc/one")
        .prints("0:0\n33:33\n65534:65534\n65534:65534\n0\n");
    for line in [
        "echo y > /v/stranger",
        "chmod 777 /v/stranger",
        "chown 0 /v/stranger",
        "ls /v/closed",
        "touch /ro/x",
        "echo y > /ro/root",
    ] {
        let refused = inside(&home, line);
        assert!(refused.code() != Some(0), "{refused}");
    }
    assert_eq!(tree::describe(&host), before);
    inside(&home, "echo y > /v/root; touch /v/new; chown 33 /v/new").prints("");
    let new = fs::metadata(host.join("new")).unwrap();
    assert_eq!((new.uid(), new.gid(), &*fs::read(host.join("root")).unwrap()), (33, 0, &b"y\n"[..]));
}

#[test]
fn a_file_system_that_cannot_is_told() {
    in_private_mounts(|| {
        let home = Home::with_test_image(BINARY);
        let at = home.scratch().join("ramfs");
        fs::create_dir(&at).unwrap();
        mount(Some("ramfs"), &at, Some("ramfs"), MsFlags::empty(), None::<&str>).unwrap();
        let shown = at.display();
        let why = format!(
            "to map the owners of the volume {shown} is not possible here: its file system, or one that is mounted below, does not let owners be mapped"
        );
        home.xdocker(&format!("-a create -m test --userns auto -b --volume {shown}:/v")).fails(1, &why);
        assert_eq!(home.xdocker("-s containers").succeeds(), "");
        home.xdocker(&format!("-a create -m test -b --volume {shown}:/v")).ok();
        home.xdocker("-a destroy -c test -f").ok();
        umount2(&at, MntFlags::MNT_DETACH).unwrap();
    });
}

#[test]
fn on_the_bridge_its_root_serves_any_port() {
    on_own_host(|| {
        let home = Home::with_test_image(BINARY);
        boot(&home, "test", "--net BRIDGE --vip 166.88.0.2 --port-mapping 8080:80");
        // The book of all names is the host's file, and shows the container's root as its owner.
        let book =
            "stat -c %u:%g /etc/hosts; grep -c test /etc/hosts; touch /etc/hosts 2>/dev/null || echo refused";
        inside(&home, book).prints("0:0\n1\nrefused\n");
        let mut args = vec!["-a", "run", "-c", "test", "--env"];
        let (key, value) = role::environment(["80"]);
        let variable = format!("{key}={value}");
        args.extend([&*variable, "--", role::INSIDE]);
        args.extend(role::options("serves"));
        let mut server = home.command(args).stdout(process::Stdio::null()).spawn().unwrap();
        assert!(until(PATIENCE, || Machine::named("remote").tcp(HOST, 8080).is_some()));
        assert!(Machine::host().tcp(Ipv4Addr::new(166, 88, 0, 2), 80).is_some());
        home.xdocker("-a shutdown -c test").ok();
        server.wait().unwrap();
    });
}

/// Says to everybody who connects from where.
#[test]
#[ignore = "a role of other tests"]
fn serves() {
    let [port] = role::arguments();
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port.parse().unwrap())).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let peer = stream.peer_addr().unwrap().ip();
        let _ = std::io::Write::write_all(&mut stream, peer.to_string().as_bytes());
    }
}

#[test]
fn the_doctor_knows() {
    let home = Home::new(BINARY);
    let rows = home.xdocker("-s doctor").succeeds();
    for row in ["user namespaces", "idmapped layers"] {
        assert!(rows.lines().any(|line| line.starts_with(row) && line.contains(" yes")), "{rows}");
    }
}

#[test]
fn where_there_are_no_user_namespaces_nothing_is_made() {
    let home = Home::with_test_image(BINARY);
    home.xdocker("-a create -m test -c before --userns auto").ok();
    let all = || tree::describe(&home.path().join("containers"));
    let before = all();
    // The limit is one of each user namespace, for those within it: that of the host stays as it is.
    let without = |line: &str| {
        let words = home.command(line.split(' '));
        let limited = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", limited]);
        command.arg(words.get_program()).args(words.get_args());
        command.envs(words.get_envs().filter_map(|(key, value)| Some((key, value?))));
        run(command, b"")
    };
    for line in ["-a create -m test -c after --userns auto", "-a boot -c before"] {
        let why = "is not possible here: /proc/sys/user/max_user_namespaces says none";
        without(line).fails(1, why);
        assert_eq!(all(), before, "{line}");
    }
    let doctor = without("-s doctor");
    let row = doctor.stdout().lines().find(|line| line.starts_with("user namespaces")).map(str::to_owned);
    assert!(row.is_some_and(|row| row.contains(" no ")), "{doctor}");
}
