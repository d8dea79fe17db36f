//! `-a putfile` and `-a getfile` (the seed's 3.1.24 and 3.1.25): by the rules of `cp -a`, whether the container runs
//! or not.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xdocker_test_harness::cli::{Finished, Home, run};
use xdocker_test_harness::generate;
use xdocker_test_harness::pty::{Terminal, Window};
use xdocker_test_harness::tree::describe;
use xdocker_test_harness::wait::{PATIENCE, until};

const BINARY: &str = env!("CARGO_BIN_EXE_xdocker");

/// A home with a container `test` that does not run.
fn created() -> Home {
    let home = Home::with_test_image(BINARY);
    home.xdocker("-a create -m test -c test").ok();
    home
}

fn booted() -> Home {
    let home = created();
    home.xdocker("-a boot -c test").ok();
    home
}

/// Both sorts, for what is to work with either.
fn both() -> [Home; 2] {
    [created(), booted()]
}

/// The binary beside the home.
fn command(home: &Home, args: &[&str]) -> Command {
    let mut command = home.command(args);
    command.current_dir(home.scratch());
    command
}

fn put(home: &Home, from: &str, to: &str) -> Finished {
    run(command(home, &["-a", "putfile", "-c", "test", "--src-file", from, "--dst-file", to]), b"")
}

fn get(home: &Home, from: &str, to: &str) -> Finished {
    run(command(home, &["-a", "getfile", "-c", "test", "--src-file", from, "--dst-file", to]), b"")
}

/// Runs a shell's line beside the home, with the binary as `$X`.
#[track_caller]
fn shell(home: &Home, line: &str) -> String {
    let mut shell = Command::new("sh");
    shell.args(["-ec", line]).current_dir(home.scratch()).env("X", BINARY).env("xdocker_HOME", home.path());
    run(shell, b"").succeeds()
}

/// Runs a shell's line in the container, which runs.
#[track_caller]
fn inside(home: &Home, line: &str) -> String {
    home.xdocker_args(["-a", "run", "-c", "test", "--cmd", line]).succeeds()
}

fn root(home: &Home) -> PathBuf {
    home.path().join("containers/test/merged")
}

/// Attributes of all below a directory beside the home.
fn attributes(home: &Home, directory: &str) -> String {
    shell(home, &format!("cd {directory} && getfattr -hR -d -m - . 2>/dev/null | sort"))
}

#[test]
fn the_rules_are_those_of_cp() {
    for home in both() {
        shell(&home, "echo new > map.txt; mkdir -p tree/sub; echo in > tree/sub/file; ln -s map.txt link");
        put(&home, "map.txt", "/root/").ok();
        put(&home, "map.txt", "/root").ok();
        put(&home, "map.txt", "/root/other").ok();
        put(&home, "link", "/root/").ok();
        put(&home, "tree", "/root/").ok();
        put(&home, "tree", "/root/new").ok();
        put(&home, "tree/", "/root/new/").ok();
        put(&home, "tree/.", "/root/dot").ok();
        put(&home, "tree/.", "/root").ok();
        put(&home, "map.txt", "relative").ok();
        get(&home, "/root/", "out").ok();
        let out = describe(&home.scratch().join("out"));
        for (path, kind) in [
            ("map.txt", "100644"),
            ("other", "100644"),
            ("link", "120777"),
            ("tree/sub/file", "100644"),
            ("new/sub/file", "100644"),
            ("new/tree/sub/file", "100644"),
            ("dot/sub/file", "100644"),
            ("sub/file", "100644"),
        ] {
            assert!(out.get(Path::new(path)).is_some_and(|line| line.starts_with(kind)), "{path}: {out:#?}");
        }
        get(&home, "/relative", ".").ok();
        get(&home, "/root/sub", "out").ok();
        get(&home, "/root/sub/.", "content").ok();
        assert_eq!(shell(&home, "cat relative out/sub/file content/file"), "new\nin\nin\n");
        put(&home, "map.txt", "/none/").fails(1, "cannot write /none/: No such file");
        put(&home, "map.txt", "/none/file").fails(1, "cannot write /none/file: No such file");
        put(&home, "tree", "/root/map.txt").fails(1, "cannot write /root/map.txt: Not a directory");
        put(&home, "map.txt", "/root/map.txt/").fails(1, "Not a directory");
        put(&home, "none", "/root/").fails(1, "cannot read none: No such file");
        get(&home, "/root/none", ".").fails(1, "cannot read /root/none: No such file");
        shell(&home, "mkdir -p file/map.txt");
        put(&home, "file/.", "/root/").fails(1, "cannot write /root/map.txt: Not a directory");
        get(&home, "/root/map.txt", "file").fails(1, "cannot write file/map.txt: Is a directory");
        assert_eq!(leftovers(&home), "", "nothing temporary stays, whatever became of the copy");
    }
}

/// What is left of copies, inside and outside.
fn leftovers(home: &Home) -> String {
    shell(home, "find . -name '.xdocker-*'")
}

#[test]
fn trees_come_back_as_they_were() {
    for (home, seeds) in both().iter().zip([0..6, 6..12]) {
        for seed in seeds {
            let (tree, back) =
                (home.scratch().join(format!("tree{seed}")), home.scratch().join(format!("back{seed}")));
            generate::tree(&tree, seed);
            shell(
                home,
                &format!(
                    "cd tree{seed} && find . ! -type l -exec setfattr -n user.a -v b {{}} + 2>/dev/null || true"
                ),
            );
            let about = |path| {
                let about = fs::metadata(path).unwrap();
                let times = (about.atime(), about.atime_nsec(), about.mtime(), about.mtime_nsec());
                (about.mode(), about.uid(), about.gid(), times)
            };
            let own = about(&tree);
            put(home, &format!("tree{seed}"), "/var/").ok();
            get(home, &format!("/var/tree{seed}"), &format!("back{seed}")).ok();
            assert_eq!(about(&back), own);
            assert_eq!(describe(&tree), describe(&back), "seed {seed}");
            let names = ["tree", "back"].map(|name| attributes(home, &format!("{name}{seed}")));
            assert_eq!(names[0], names[1]);
            assert!(names[0].contains("user.a"), "{}", names[0]);
            let sizes = shell(home, &format!("du -s tree{seed} back{seed} | cut -f1"));
            let sizes: Vec<u64> = sizes.lines().map(|line| line.parse().unwrap()).collect();
            assert!(sizes[1] < sizes[0] + 200, "holes are filled: {sizes:?} KiB");
            // The same again: all is there, and gives way.
            put(home, &format!("tree{seed}"), "/var/").ok();
            get(home, &format!("/var/tree{seed}/."), &format!("back{seed}")).ok();
            assert_eq!(describe(&tree), describe(&back), "seed {seed}, merged");
        }
    }
}

#[test]
fn trees_go_through_pipes_and_gnu_tar() {
    for home in both() {
        let tree = home.scratch().join("tree");
        generate::tree(&tree, 77);
        shell(&home, "mkdir out own; $X -a putfile -c test --src-file tree --dst-file /var/");
        shell(&home, "$X -a getfile -c test --src-file /var/tree --dst-file - | tar -xp --xattrs -C out");
        assert_eq!(describe(&tree), describe(&home.scratch().join("out/tree")));
        for (number, options) in ["--format=pax --sparse", "--format=pax -z"].iter().enumerate() {
            let name = format!("/opt{number}");
            let tar = format!("tar -c {options} --xattrs --numeric-owner tree");
            let put = format!("$X -a putfile -c test --src-file - --dst-file {name}");
            assert_eq!(shell(&home, &format!("{tar} | {put}; {tar} | {put}")), "OK\nOK\n");
            get(&home, &name, &format!("new{number}")).ok();
            let made = fs::metadata(home.scratch().join(format!("new{number}"))).unwrap();
            assert_eq!((made.mode(), made.uid()), (0o40755, 0), "the directory is a new one of root's");
            get(&home, &format!("{name}/tree"), &format!("own/{number}")).ok();
            assert_eq!(describe(&tree), describe(&home.scratch().join(format!("own/{number}"))));
        }
        let through = "$X -a create -m test -c other; $X -a getfile -c test --src-file /var/tree/. --dst-file - \
            | $X -a putfile -c other --src-file - --dst-file /usr/copy; \
            $X -a getfile -c other --src-file /usr/copy --dst-file .";
        assert_eq!(shell(&home, through), "OK\nOK\nOK\n");
        assert_eq!(describe(&tree), describe(&home.scratch().join("copy")));
        // A name that means a deletion to layers is a name like any other.
        shell(&home, "mkdir marks; touch marks/.wh.file marks/file");
        assert_eq!(
            shell(&home, "tar -c marks | $X -a putfile -c test --src-file - --dst-file /root"),
            "OK\n"
        );
        let listed = shell(&home, "$X -a getfile -c test --src-file /root/marks --dst-file - | tar -t 2>&1");
        assert_eq!(listed, "marks/\nmarks/.wh.file\nmarks/file\n");
        assert_eq!(leftovers(&home), "");
    }
}

#[test]
fn a_broken_archive_leaves_nothing() {
    for home in both() {
        shell(
            &home,
            "mkdir tree; head -c 300000 /dev/urandom > tree/a; tar -czf whole.tar tree; head -c 200000 whole.tar > cut.tar",
        );
        let archive = |name: &str| {
            let args = ["-a", "putfile", "-c", "test", "--src-file", "-", "--dst-file", "/var/new"];
            run(home.command(args), &fs::read(home.scratch().join(name)).unwrap())
        };
        archive("cut.tar").fails(1, "the archive ends early");
        get(&home, "/var/new", ".").fails(1, "No such file");
        archive("whole.tar").ok();
        get(&home, "/var/new/tree/a", "back").ok();
        shell(
            &home,
            "cmp back tree/a; ln -s /etc tree/up; tar -cf up.tar tree; rm tree/up; mkdir tree/up; echo x > tree/up/xdocker-canary; tar -rf up.tar tree/up/xdocker-canary",
        );
        archive("up.tar").fails(1, "through a symbolic link");
        assert!(!Path::new("/etc/xdocker-canary").exists());
        assert_eq!(leftovers(&home), "");
    }
}

#[test]
fn what_is_neither_a_file_nor_a_directory_is_refused_at_once() {
    let home = booted();
    inside(&home, "mkdir /root/tree; mkfifo /root/fifo /root/tree/fifo; echo x > /root/file");
    shell(&home, "echo x > file; mkfifo fifo");
    // Each of them would hold up whoever opens it, for ever.
    for name in ["/root/fifo", "/dev/null", "/dev/zero", "/dev/tty"] {
        get(&home, name, ".").fails(1, "it is neither a file, a directory nor a link");
        put(&home, "file", name).fails(1, "what is there is neither a file, a directory nor a link");
    }
    put(&home, "fifo", "/root/").fails(1, "it is neither a file, a directory nor a link");
    get(&home, "/root/file", "fifo").fails(1, "what is there is neither");
    get(&home, "/dev", "dev").fails(1, "it is a device, and the container may make none");
    get(&home, "/root/tree", ".").ok();
    put(&home, "tree", "/root/back").ok();
    assert_eq!(inside(&home, "ls -F /root/back"), "fifo|\n");
    assert!(!home.scratch().join("dev").exists());
    home.xdocker("-a create -m test -c nodes --cap-add MKNOD").ok();
    home.xdocker("-a boot -c nodes").ok();
    let args = ["-a", "getfile", "-c", "nodes", "--src-file", "/dev/null", "--dst-file"];
    home.xdocker_args(args.iter().copied().chain(["."])).fails(1, "it is neither");
    let out = home.scratch().join("out");
    let args = ["-a", "getfile", "-c", "nodes", "--src-file", "/dev", "--dst-file", out.to_str().unwrap()];
    home.xdocker_args(args).ok();
    assert_eq!(fs::metadata(out.join("null")).unwrap().rdev(), 0x103);
}

#[test]
fn links_inside_lead_inside() {
    for home in both() {
        let canary = home.scratch().join("canary");
        fs::create_dir(&canary).unwrap();
        fs::write(canary.join("file"), "of the host").unwrap();
        let before = describe(&canary);
        shell(
            &home,
            "mkdir links; ln -s /var/lib links/abs; ln -s ../../../../var/lib links/up; echo x > file; mkdir -p var/lib",
        );
        symlink(&canary, home.scratch().join("links/out")).unwrap();
        symlink(canary.join("file"), home.scratch().join("links/file")).unwrap();
        put(&home, "var", "/").ok();
        put(&home, "links/.", "/root").ok();
        put(&home, "file", "/root/abs/one").ok();
        put(&home, "file", "/root/up/").ok();
        put(&home, "file", "/root/out/").fails(1, "No such file");
        put(&home, "file", "/root/file").fails(1, "No such file");
        get(&home, "/root/out/file", "got").fails(1, "No such file");
        get(&home, "/var/lib", ".").ok();
        assert_eq!(shell(&home, "ls lib"), "file\none\n");
        get(&home, "/root/file", "link").ok();
        assert_eq!(fs::read_link(home.scratch().join("link")).unwrap(), canary.join("file"));
        // In a tree that is merged a link gives way, and a link to a directory is none.
        shell(&home, "mkdir -p merge/abs; echo y > merge/abs/x; mkdir replace; echo y > replace/file");
        put(&home, "merge/.", "/root").fails(1, "cannot write /root/abs: Not a directory");
        put(&home, "replace/.", "/root").ok();
        get(&home, "/root/file", "replaced").ok();
        assert_eq!(shell(&home, "cat replaced"), "y\n");
        assert_eq!(describe(&canary), before);
    }
}

#[test]
fn what_is_mounted_while_it_runs_is_seen_as_it_is_then() {
    let home = Home::with_test_image(BINARY);
    home.xdocker("-a create -m test -c test --tmpfs /var").ok();
    shell(
        &home,
        "echo x > file; mkdir -p tree/var tree/root; echo y > tree/root/y; mkdir -p deep/var; echo z > deep/var/z",
    );
    for (path, by) in
        [("/proc/x", "/proc"), ("/dev/shm/", "/dev"), ("/etc/hosts", "/etc/hosts"), ("/sys/", "/sys")]
    {
        put(&home, "file", path)
            .fails(1, &format!("is hidden by the mount of {by} while the container runs"));
        get(&home, path.trim_end_matches('x'), ".").fails(1, "is hidden by");
    }
    for path in ["/var", "/var/", "/var/x", "/var/../var/x"] {
        put(&home, "file", path).fails(1, "is hidden by the tmpfs /var while the container runs");
    }
    put(&home, "deep/.", "/").fails(1, "/var is hidden by the tmpfs /var while the container runs");
    put(&home, "tree/.", "/").ok();
    get(&home, "/root/y", ".").ok();
    home.xdocker("-a boot -c test").ok();
    put(&home, "file", "/etc/hosts").fails(1, "cannot write /etc/hosts: something is mounted there");
    assert!(inside(&home, "cat /etc/hosts").contains("localhost"));
    put(&home, "deep/.", "/").ok();
    put(&home, "file", "/dev/shm/").ok();
    assert_eq!(inside(&home, "cat /var/z /dev/shm/file"), "z\nx\n");
    get(&home, "/etc/hosts", "hosts").ok();
    get(&home, "/proc/version", ".").ok();
    assert_eq!(shell(&home, "cat version"), inside(&home, "cat /proc/version"));
    get(&home, "/var", "out").ok();
    assert_eq!(shell(&home, "cat out/z"), "z\n");
    assert_eq!(leftovers(&home), "");
}

#[test]
fn volumes_are_only_there_while_it_runs() {
    let home = Home::with_test_image(BINARY);
    let (data, conf) = (home.scratch().join("data"), home.scratch().join("conf"));
    shell(
        &home,
        "mkdir data; echo old > conf; echo x > file; mkdir -p tree/srv/data; echo y > tree/srv/data/y",
    );
    let volumes = [format!("{}:/srv/data", data.display()), format!("{}:/etc/conf", conf.display())];
    let create =
        ["-a", "create", "-m", "test", "-c", "test", "--volume", &volumes[0], "--volume", &volumes[1]];
    home.xdocker_args(create).ok();
    for (path, volume) in
        [("/srv/data", 0), ("/srv/data/", 0), ("/srv/data/sub/x", 0), ("srv/./data/x", 0), ("/etc/conf", 1)]
    {
        let why = format!("is hidden by the volume {} while the container runs", volumes[volume]);
        put(&home, "file", path).fails(1, &why);
        get(&home, path, ".").fails(1, &why);
    }
    put(&home, "tree/.", "/").fails(1, "is hidden by the volume");
    put(&home, "file", "/etc/").ok();
    home.xdocker("-a boot -c test").ok();
    put(&home, "tree/.", "/").ok();
    put(&home, "file", "/srv/data").ok();
    assert_eq!(shell(&home, "cat data/y data/file"), "y\nx\n");
    get(&home, "/srv", ".").ok();
    assert_eq!(shell(&home, "cat srv/data/y"), "y\n");
    put(&home, "file", "/etc/conf").fails(1, "something is mounted there");
    assert_eq!(shell(&home, "cat conf"), "old\n");
    assert_eq!(leftovers(&home), "");
    home.xdocker("-a shutdown -c test --time 1").ok();
    // Missing is what nobody needs now.
    shell(&home, "rm -r data");
    put(&home, "file", "/root/").ok();
}

#[test]
fn one_of_many_at_once_stands_as_a_whole() {
    for home in both() {
        shell(
            &home,
            "for n in $(seq 8); do mkdir -p $n/tree/sub; for f in $(seq 50); do echo $n > $n/tree/sub/$f; done; done",
        );
        let args = |n| format!("{n}/tree");
        let copies: Vec<_> = (1..=8)
            .map(|n| {
                let args = ["-a", "putfile", "-c", "test", "--src-file", &args(n), "--dst-file", "/opt"];
                command(&home, &args).stdout(Stdio::null()).spawn().unwrap()
            })
            .collect();
        for mut copy in copies {
            assert!(copy.wait().unwrap().success());
        }
        get(&home, "/opt", "back").ok();
        assert_eq!(shell(&home, "find back -type f | wc -l; find back -size -2c | wc -l").trim(), "50\n0");
        assert_eq!(leftovers(&home), "");
    }
}

#[test]
fn what_takes_long_shows_how_far_it_is_on_a_terminal() {
    let home = booted();
    shell(&home, "head -c 8M /dev/urandom > noise; tar -cf noise.tar noise noise noise noise");
    let mut slow = Command::new("sh");
    let line = "{ head -c 9M noise.tar; sleep 1.2; tail -c +9437185 noise.tar; } \
        | $X -a putfile -c test --src-file - --dst-file /var/new";
    slow.args(["-c", line]).current_dir(home.scratch()).env("X", BINARY).env("xdocker_HOME", home.path());
    let mut terminal = Terminal::spawn(slow, Window { rows: 24, columns: 100 });
    terminal.expect(" MiB ");
    terminal.expect("OK\r\n");
    assert!(terminal.ends().0.success());
    assert_eq!(inside(&home, "ls /var/new"), "noise\n");
}

#[test]
fn a_full_file_system_inside_leaves_nothing_half() {
    let home = booted();
    shell(&home, "mkdir -p tree/sub; head -c 40M /dev/zero | tr '\\0' x > tree/sub/b; cp tree/sub/b tree/a");
    // /dev/shm has 64 MiB.
    put(&home, "tree", "/dev/shm/").fails(1, "No space left on device");
    assert_eq!(inside(&home, "find /dev/shm"), "/dev/shm\n");
    put(&home, "tree/a", "/dev/shm/").ok();
    put(&home, "tree/sub/b", "/dev/shm/").fails(1, "No space left on device");
    put(&home, "tree/sub/b", "/dev/shm/a").fails(1, "No space left on device");
    shell(&home, "tar -cf t.tar -C tree/sub b");
    let args = ["-a", "putfile", "-c", "test", "--src-file", "-", "--dst-file", "/dev/shm/"];
    run(home.command(args), &fs::read(home.scratch().join("t.tar")).unwrap()).fails(1, "No space left");
    assert_eq!(inside(&home, "find /dev/shm; wc -c < /dev/shm/a"), "/dev/shm\n/dev/shm/a\n41943040\n");
}

#[test]
fn what_a_killed_copy_leaves_is_used_by_the_next() {
    let home = booted();
    shell(&home, "mkdir tree; head -c 300M /dev/zero > tree/big; echo x > file");
    let mut killed = 0;
    for _ in 0..20 {
        let mut copy =
            command(&home, &["-a", "putfile", "-c", "test", "--src-file", "tree", "--dst-file", "/opt"])
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
        let begun = || root(&home).join(".xdocker-0/tree").exists();
        until(PATIENCE, || begun() || copy.try_wait().unwrap().is_some());
        copy.kill().unwrap();
        killed += usize::from(!copy.wait().unwrap().success());
        assert!(!root(&home).join("opt").exists() || killed == 0, "a part of it has its name");
        if killed > 0 {
            break;
        }
        inside(&home, "rm -r /opt");
    }
    assert_eq!((killed, leftovers(&home).lines().count() > 0), (1, true), "none was caught in the middle");
    put(&home, "file", "/").ok();
    assert_eq!(leftovers(&home), "");
}

#[test]
fn a_root_process_that_has_changed_its_root_is_none_to_work_in() {
    let home = created();
    let line = [
        "-a",
        "boot",
        "-c",
        "test",
        "--",
        "sh",
        "-c",
        "mkdir /cell && cp -a /bin /lib* /usr /cell && exec chroot /cell sleep 1000",
    ];
    home.xdocker_args(line).ok();
    let pid = home.root_process("test");
    let changed = || fs::read_link(format!("/proc/{pid}/root")).is_ok_and(|root| root.ends_with("cell"));
    assert!(until(PATIENCE, changed));
    shell(&home, "echo x > file");
    put(&home, "file", "/root/").ok();
    assert!(root(&home).join("root/file").exists());
}

#[test]
fn what_comes_from_the_host_is_not_what_the_image_says() {
    // CVE-2019-14271: programs and libraries of the root were used by who copied.
    let home = created();
    shell(
        &home,
        "mkdir -p evil/usr/lib evil/etc evil/usr/bin; echo garbage > evil/usr/lib/libnss_files.so.2; echo 'passwd: evil' > evil/etc/nsswitch.conf",
    );
    let evil = home.scratch().join("evil/usr/bin/xz");
    fs::write(&evil, "#!/bin/sh\ntouch /caught\n").unwrap();
    fs::set_permissions(&evil, fs::Permissions::from_mode(0o755)).unwrap();
    chown(&evil, Some(7), Some(8)).unwrap();
    put(&home, "evil/.", "/").ok();
    home.xdocker("-a boot -c test").ok();
    shell(&home, "echo x > file");
    let trace = "strace -f -o trace -e trace=execve,openat,open,openat2 $X -a";
    shell(&home, &format!("{trace} putfile -c test --src-file file --dst-file /root/"));
    let opened = shell(&home, "grep -c 'execve(' trace; grep -E 'libnss|nsswitch|/bin/xz' trace || true");
    assert_eq!(opened, "1\n");
    assert!(!root(&home).join("caught").exists());
}

/// Runs lines in `shell` beside the home, as a user does who has installed us.
#[track_caller]
fn installed(home: &Home, shell: &str, lines: &str) -> Finished {
    let own = Path::new(BINARY).parent().unwrap().to_owned();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("shbin");
    let others = std::env::var_os("PATH").unwrap_or_default();
    let path = [own, scripts].into_iter().chain(std::env::split_paths(&others));
    let mut shell = Command::new(shell);
    shell.args(["-c", lines]).current_dir(home.scratch()).env("xdocker_HOME", home.path());
    shell.env("PATH", std::env::join_paths(path).unwrap());
    run(shell, b"")
}

#[test]
fn chapters_3_1_22_to_3_1_26_of_the_seed() {
    let home = booted();
    fs::write(home.scratch().join("map.txt"), "${LEAF} 我的树叶\n").unwrap();
    fs::write(home.scratch().join("tpl.txt"), "{ \"leaf\":\"${LEAF}\" }\n").unwrap();
    let root = root(&home).display().to_string();
    for (line, output) in [
        (r#"xdocker -a run -c test --cmd "hostname""#, "test\n"),
        (r#"xdocker -a putfile -c test --src-file "tpl.txt" --dst-file "/root/""#, "OK\n"),
        (
            r#"xdocker -a rplfile -c test --template-file "/root/tpl.txt" --mapping-file "map.txt" --instance-file "/root/ins.txt""#,
            "OK\n",
        ),
        (r#"xdocker -a run -c test --cmd "cat /root/ins.txt""#, "{ \"leaf\":\"我的树叶\" }\n"),
        (r#"xdocker -a putfile -c test --src-file "map.txt" --dst-file "/root/""#, "OK\n"),
        (r#"rm map.txt; xdocker -a getfile -c test --src-file "/root/map.txt" --dst-file "./""#, "OK\n"),
        ("cat map.txt", "${LEAF} 我的树叶\n"),
        ("xdocker -s container_root -c test", &format!("{root}\n")),
    ] {
        installed(&home, "bash", line).prints(output);
    }
}

#[test]
fn chapter_3_2_5_of_the_seed() {
    let home = booted();
    let root = root(&home).display().to_string();
    for (shell, source) in
        [("bash", ". xdocker_container_root.sh test"), ("sh", "set -- test; . xdocker_container_root.sh")]
    {
        let lines =
            format!("{source}\necho $xdocker_CONTAINER_ROOT; ls -d $xdocker_CONTAINER_ROOT/root; env");
        let said = installed(&home, shell, &lines).succeeds();
        assert!(said.starts_with(&format!("{root}\n{root}/root\n")), "{said}");
        assert!(
            said.contains(&format!("\nxdocker_CONTAINER_ROOT={root}\n")),
            "it is for programs too: {said}"
        );
        let none = source.replace("test", "none");
        let lines = format!("xdocker_CONTAINER_ROOT=old; {none}; echo $? ${{xdocker_CONTAINER_ROOT-unset}}");
        installed(&home, shell, &lines).ends(0, "1 unset\n", 
            "*** ERROR : container none does not exist; `xdocker -s containers` lists the containers there are\n",
        );
    }
}
