//! `--volume`: directories, files and sockets of the host inside, and nothing else of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, process, thread};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use xdocker_test_harness::cli::{Finished, Home, run};
use xdocker_test_harness::mounts::{Tmpfs, in_private_mounts};
use xdocker_test_harness::wait::PATIENCE;
use xdocker_test_harness::{leaks, program, role, tree};

const BINARY: &str = env!("CARGO_BIN_EXE_xdocker");

/// A directory beside the home with a file in it.
fn shared(home: &Home, name: &str) -> PathBuf {
    let path = home.scratch().join(name);
    fs::create_dir(&path).unwrap();
    fs::write(path.join("file"), name).unwrap();
    path
}

/// Creates and boots the container `test` with these volumes and options.
#[track_caller]
fn boot(home: &Home, volumes: &[String], options: &str) {
    let mut args = vec!["-a", "create", "-m", "test", "-b"];
    args.extend(options.split_ascii_whitespace());
    args.extend(volumes.iter().flat_map(|volume| ["--volume", volume]));
    home.xdocker_args(args).ok();
}

fn inside(home: &Home, line: &str) -> Finished {
    home.xdocker_args(["-a", "run", "-c", "test", "--cmd", line])
}

#[track_caller]
fn refused(home: &Home, line: &str, why: &str) {
    let finished = inside(home, line);
    assert!(finished.code() != Some(0) && finished.stderr().contains(why), "{finished}");
}

#[test]
fn chapter_3_1_11_3_of_the_seed() {
    let home = Home::with_test_image(BINARY);
    let (one, two) = (shared(&home, "one"), shared(&home, "two"));
    let (one, two) = (one.display(), two.display());
    home.xdocker(&format!("-a create -m test --volume {one}:/mnt/one -b")).ok();
    inside(&home, "cat /mnt/one/file; echo changed > /mnt/one/file").prints("one");
    assert_eq!(fs::read_to_string(format!("{one}/file")).unwrap(), "changed\n");
    home.xdocker(&format!("-a volume -c test --volume {two}")).fails(1, "container test is running");
    home.xdocker("-a shutdown -c test").ok();
    home.xdocker(&format!("-a volume --volume {one}:/tmp --volume {two}:/mnt/cdrom:ro -c test")).ok();
    let shown = home.xdocker("-s inspect -c test --json").succeeds();
    let volumes = format!(
        r#""volumes":[{{"host":"{one}","container":"/tmp","read_only":false}},{{"host":"{two}","container":"/mnt/cdrom","read_only":true}}]"#
    );
    assert!(shown.contains(&volumes), "{shown}");
    home.xdocker("-a boot -c test").ok();
    inside(&home, "cat /tmp/file /mnt/cdrom/file; ls /mnt").prints("changed\ntwocdrom\n");
    home.xdocker("-a shutdown -c test").ok();
    home.xdocker("-a volume -c test").ok();
    home.xdocker("-a boot -c test").ok();
    inside(&home, "ls /mnt /tmp").prints("/mnt:\n\n/tmp:\n");
    home.xdocker("-a destroy -h -c test").ok();
    assert_eq!(fs::read_to_string(format!("{two}/file")).unwrap(), "two");
}

#[test]
fn an_image_has_nothing_of_the_volumes() {
    let home = Home::with_test_image(BINARY);
    let host = shared(&home, "host");
    let host = host.display();
    let to_container = format!(
        "-a to_container --from-image test --volume {host}:/a/b/c --volume {host}/file:/etc/d --to-container test"
    );
    home.xdocker("-a copy_image --from-image test --to-image kept").ok();
    home.xdocker(&to_container).ok();
    home.xdocker("-a boot -c test").ok();
    inside(&home, "ls /a/b/c; cat /etc/d; touch /a/b/c/new /own").prints("file\nhost");
    home.xdocker("-a shutdown -c test").ok();
    home.xdocker("-a to_image --from-container test --to-image new").ok();
    let layer = home.layer("new");
    assert!(layer.join("own").exists());
    assert!(!layer.join("a").exists() && !layer.join("etc/d").exists());
    assert!(Path::new(&format!("{host}/new")).exists());
}

#[test]
fn read_only_is_read_only_all_the_way_down() {
    in_private_mounts(|| {
        let home = Home::with_test_image(BINARY);
        let host = shared(&home, "host");
        fs::create_dir(host.join("below")).unwrap();
        let _below = Tmpfs::mount(&host.join("below"), "mode=755");
        fs::write(host.join("below/file"), "below").unwrap();
        let before = tree::describe(&host);
        let volume = |rest: &str| format!("{}:{rest}", host.display());
        boot(
            &home,
            &[volume("/ro:ro"), format!("{}/file:/one:ro", host.display())],
            "--privileged --seccomp unconfined",
        );
        inside(&home, "cat /ro/below/file").prints("below");
        for line in ["touch /ro/x", "touch /ro/below/x", "echo x > /one", "rm /ro/file", "chmod 777 /ro"] {
            refused(&home, line, "Read-only file system");
        }
        home.xdocker("-a destroy -c test -f").ok();
        // Who may not mount cannot change that.
        boot(&home, &[volume("/ro:ro")], "");
        for line in
            ["mount -o remount,rw /ro", "mount -o remount,rw,bind /ro", "umount /ro", "umount -l /ro/below"]
        {
            assert!(inside(&home, line).code() != Some(0), "{line}");
        }
        refused(&home, "touch /ro/x", "Read-only file system");
        // What is mounted there later is the host's alone.
        fs::create_dir(home.scratch().join("later")).unwrap();
        let mounts = leaks::mounts(home.scratch()).len();
        let _later = Tmpfs::mount(&host.join("below"), "mode=755");
        assert_eq!(leaks::mounts(home.scratch()).len(), mounts + 1);
        inside(&home, "cat /ro/below/file").prints("below");
        drop(_later);
        assert_eq!(tree::describe(&host), before);
    });
}

#[test]
fn files_and_sockets_too() {
    let home = Home::with_test_image(BINARY);
    let host = shared(&home, "host");
    let listener = UnixListener::bind(host.join("socket")).unwrap();
    symlink("file", host.join("link")).unwrap();
    let at = |name: &str, rest: &str| format!("{}/{name}:{rest}", host.display());
    boot(
        &home,
        &[at("link", "/etc/app.conf"), at("socket", "/run/app/socket"), at("file", "/etc/hosts")],
        "",
    );
    inside(&home, "cat /etc/app.conf /etc/hosts; echo new > /etc/app.conf").prints("hosthost");
    assert_eq!(fs::read_to_string(host.join("file")).unwrap(), "new\n");
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    });
    let (key, value) = role::environment(["/run/app/socket"]);
    let mut args = vec!["-a", "run", "-c", "test", "--env"];
    let variable = format!("{key}={value}");
    args.extend([&*variable, "--", role::INSIDE]);
    args.extend(role::options("speaker"));
    home.xdocker_args(args).succeeds();
    assert_eq!(served.join().unwrap(), "hello");
}

/// Says hello on a socket.
#[test]
#[ignore = "a role of other tests"]
fn speaker() {
    let [path] = role::arguments();
    UnixStream::connect(path).unwrap().write_all(b"hello").unwrap();
    process::exit(0);
}

#[test]
fn what_is_mounted_below_another_is_seen() {
    let home = Home::with_test_image(BINARY);
    let (one, two) = (shared(&home, "one"), shared(&home, "two"));
    let at = |host: &Path, rest: &str| format!("{}:{rest}", host.display());
    let volumes =
        [at(&two, "/data/deep/two"), at(&one, "/data"), at(&two, "/tmp/two"), at(&one, "/srv/mem/one")];
    fs::create_dir(one.join("cache")).unwrap();
    boot(&home, &volumes, "--read-only --tmpfs /srv --tmpfs /data/cache");
    inside(&home, "cat /data/file /data/deep/two/file /tmp/two/file /srv/mem/one/file")
        .prints("onetwotwoone");
    inside(&home, "touch /data/cache/x /data/y /srv/mem/z; ls /data/cache /data /srv")
        .prints("/data:\ncache\ndeep\nfile\ny\n\n/data/cache:\nx\n\n/srv:\nmem\n");
    refused(&home, "touch /etc/x", "Read-only file system");
    // A place in a volume is one on the host, as with every other engine.
    assert!(one.join("deep/two").is_dir() && !one.join("cache/x").exists());
    home.xdocker("-a destroy -c test -f").ok();
    // Where it cannot be made, nothing is booted.
    let mut args = vec!["-a", "create", "-m", "test", "-b", "--volume"];
    let (read_only, below) = (at(&two, "/data:ro"), at(&one, "/data/missing"));
    args.extend([&*read_only, "--volume", &*below]);
    home.xdocker_args(args).fails(1, "at /data/missing: Read-only file system");
    assert_eq!(home.xdocker("-s containers").succeeds(), "");
}

#[test]
fn no_link_in_another_volume_is_followed() {
    // Whoever shares that one would have this one cover what the container executes.
    let home = Home::with_test_image(BINARY);
    let (one, two) = (shared(&home, "one"), shared(&home, "two"));
    for target in ["/usr", "../usr", "."] {
        symlink(target, one.join("link")).unwrap();
        let (above, below) = (format!("{}:/data", one.display()), format!("{}:/data/link", two.display()));
        let line = ["-a", "create", "-m", "test", "-b", "--volume", &above, "--volume", &below];
        home.xdocker_args(line).fails(1, "at /data/link: Too many levels of symbolic links");
        assert_eq!(home.xdocker("-s containers").succeeds(), "");
        fs::remove_file(one.join("link")).unwrap();
    }
}

#[test]
fn two_containers_share_one() {
    let home = Home::with_test_image(BINARY);
    let host = shared(&home, "host");
    let volume = format!("{}:/shared", host.display());
    boot(&home, std::slice::from_ref(&volume), "");
    boot(&home, &[volume], "-c other");
    inside(&home, "echo from test > /shared/note").prints("");
    home.xdocker("-a run -c other -- cat /shared/note").prints("from test\n");
    home.xdocker("-a destroy -c test -f").ok();
    home.xdocker("-a run -c other -- cat /shared/note").prints("from test\n");
}

#[test]
fn set_uid_files_and_devices_of_the_host_are_neither() {
    let home = Home::with_test_image(BINARY);
    let host = shared(&home, "host");
    program::write(&host.join("id"), 0o4755, &fs::read("/usr/bin/id").unwrap());
    assert!(Command::new("mknod").arg(host.join("zero")).args(["c", "1", "5"]).status().unwrap().success());
    boot(&home, &[format!("{}:/host", host.display())], "--no-new-privs off");
    home.xdocker("-a run -c test --user 1000 -- /host/id -u").prints("1000\n");
    refused(&home, "head -c 1 /host/zero", "Permission denied");
}

#[test]
fn what_is_not_there_boots_nothing() {
    let home = Home::with_test_image(BINARY);
    let host = home.scratch().join("host");
    home.xdocker(&format!("-a create -m test --volume {}", host.display())).ok();
    home.unchanged(|| {
        home.xdocker("-a boot -c test")
            .fails(1, &format!("cannot find the volume {}: No such", host.display()));
    });
    symlink("nowhere", &host).unwrap();
    home.xdocker("-a boot -c test").fails(1, "cannot find the volume");
    assert_eq!(fs::read_dir(home.scratch()).unwrap().count(), 2, "nothing was made in its place");
    home.xdocker("-a destroy -c test").ok();
    let table = [
        ("/a:b", "not an absolute path"),
        ("/a:/proc/x", "/proc, /sys and /dev are not the container's"),
        ("/a:/", "it is the root"),
        ("/a:/b/../..", "it holds `..`"),
        ("/a:/b:rw", "HOST[:CONTAINER[:ro]] is expected"),
        (":/b", "empty"),
    ];
    for (volume, why) in table {
        home.xdocker(&format!("-a create -m test --volume {volume}")).fails(2, why);
    }
    home.xdocker("-a create -m test --volume /a:/b --volume /c:/b")
        .fails(1, "something else is to be mounted there");
    home.xdocker("-a create -m test --tmpfs /b --volume /c:/b")
        .fails(1, "something else is to be mounted there");
    assert_eq!(home.xdocker("-s containers").succeeds(), "");
    // Relative to where we are.
    fs::create_dir(home.scratch().join("here")).unwrap();
    let mut create = home.command(["-a", "create", "-m", "test", "--volume", "here:/there"]);
    create.current_dir(home.scratch());
    run(create, b"").ok();
    let shown = home.xdocker("-s inspect -c test --json").succeeds();
    assert!(shown.contains(&format!(r#""host":"{}""#, home.scratch().join("here").display())), "{shown}");
}

/// All that is beside the home.
fn canary(home: &Home) -> BTreeMap<PathBuf, String> {
    let mut found = tree::describe(home.scratch());
    found.retain(|path, _| !path.starts_with("home"));
    found
}

#[test]
fn links_of_the_image_lead_inside() {
    let home = Home::with_test_image(BINARY);
    let host = shared(&home, "host");
    let outside = shared(&home, "outside");
    let before = canary(&home);
    let layer = home.layer("evil");
    fs::create_dir_all(&layer).unwrap();
    let up = "../".repeat(20);
    let create = |place: &str| {
        home.xdocker(&format!("-a create -m test,evil -c test -b --volume {}:{place}", host.display()))
    };
    let inner =
        [("absolute", "/srv".to_owned()), ("relative", "srv/.".to_owned()), ("above", format!("{up}srv"))];
    for (name, target) in inner {
        symlink(target, layer.join(name)).unwrap();
        for place in ["", "/new/er"] {
            create(&format!("/{name}{place}")).ok();
            inside(&home, &format!("cat /srv{place}/file")).prints("host");
            home.xdocker("-a destroy -c test -f").ok();
        }
    }
    // Each is a link of that name to that path, and why nothing is mounted there.
    let refused = [
        ("to-proc", "/proc", "Operation not permitted"),
        ("task", "/proc/1/task", "Operation not permitted"),
        ("masked", "/proc/acpi", "Device or resource busy"),
        ("sysctl", "/proc/sys/kernel", "Operation not permitted"),
        ("to-sys", "/sys/kernel", "Operation not permitted"),
        // Of version 1 it is our tmpfs that is covered, of version 2 the kernel's own.
        ("cgroup", "/sys/fs/cgroup", ""),
        ("to-dev", "/dev", "Device or resource busy"),
        ("pts", "/dev/pts", "Operation not permitted"),
        ("shm", "/dev/shm", "Device or resource busy"),
        ("to-root", &*up, "Device or resource busy"),
        ("magic", "/proc/self/root", "Too many levels"),
        ("cwd", "/proc/self/cwd/new", "Too many levels"),
        ("fd", "/proc/self/fd/4/new", "Too many levels"),
        // The host's path is another one inside, where it is not.
        ("host", outside.to_str().unwrap(), "No such file"),
        ("loop", "loop", "Too many levels"),
        ("file", "/etc/passwd", "Not a directory"),
    ];
    for (name, target, why) in refused {
        symlink(target, layer.join(name)).unwrap();
        if name != "masked" || Path::new("/proc/acpi").exists() {
            create(&format!("/{name}"))
                .fails(1, &format!("mount the volume {} at /{name}: {why}", host.display()));
        }
        assert_eq!(home.xdocker("-s containers").succeeds(), "", "{name}");
    }
    assert_eq!(canary(&home), before);
}

/// How long containers are booted while somebody swaps what their volumes go to, in seconds; more by
/// `XDOCKER_RACE_SECONDS`.
fn race_seconds() -> u64 {
    env::var("XDOCKER_RACE_SECONDS").map_or(4, |number| number.parse().expect("a number"))
}

#[test]
fn a_place_that_is_swapped_meanwhile_leads_nowhere_outside() {
    let home = Home::with_test_image(BINARY);
    let (host, common) = (shared(&home, "host"), shared(&home, "common"));
    shared(&home, "outside");
    fs::create_dir_all(common.join("place/deep")).unwrap();
    // Of what is swapped only the names can stay.
    let state = || {
        let mut found = canary(&home);
        let is_swapped = |path: &Path| path == Path::new("common") || path.starts_with("common/place");
        found.iter_mut().filter(|(path, _)| is_swapped(path)).for_each(|(_, about)| about.clear());
        (found, leaks::mounts(home.scratch()))
    };
    let before = state();
    // A way to the shared directory that does not look like one.
    let layer = home.layer("evil");
    fs::create_dir_all(&layer).unwrap();
    symlink("/common", layer.join("alias")).unwrap();

    let attack = format!("{}:/common", common.display());
    boot(&home, std::slice::from_ref(&attack), "-c attacker");
    let (key, value) = role::environment([home.scratch().join("outside").to_str().unwrap()]);
    let mut swapper = home.command(["-a", "run", "-c", "attacker", "--env"]);
    swapper.arg(format!("{key}={value}")).args(["--", role::INSIDE]).args(role::options("swapper"));
    let mut swapper = swapper.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();

    let (mut made, mut refused) = (0, 0);
    let end = Instant::now() + Duration::from_secs(race_seconds());
    for number in 0.. {
        if Instant::now() > end && made > 0 && refused > 0 {
            break;
        }
        assert!(Instant::now() < end + PATIENCE, "{made} made, {refused} refused");
        let place = if number % 2 == 0 { "/common/place/deep" } else { "/alias/place/deep" };
        let volume = format!("{}:{place}", host.display());
        let create = [
            "-a",
            "create",
            "-m",
            "test,evil",
            "-c",
            "victim",
            "-b",
            "--volume",
            &attack,
            "--volume",
            &volume,
        ];
        let done = home.xdocker_args(create);
        match done.code() {
            Some(0) => {
                made += 1;
                home.xdocker("-a destroy -c victim -f").ok();
            }
            _ if done.stderr().contains("mount the volume") => refused += 1,
            _ => panic!("{done}"),
        }
    }
    drop(swapper.stdin.take());
    assert!(swapper.wait().unwrap().success());
    home.xdocker("-a destroy -c attacker -f").ok();
    assert_eq!(state(), before, "{made} made, {refused} refused");
}

/// Swaps a directory for links, and everything back, until its input ends.
#[test]
#[ignore = "a role of other tests"]
fn swapper() {
    let [outside] = role::arguments();
    let ended = Arc::new(AtomicBool::new(false));
    let seen = ended.clone();
    thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        seen.store(true, Ordering::Relaxed);
    });
    let up = "../".repeat(20) + outside.trim_start_matches('/');
    let targets = [&*outside, &*up, "/proc", "/proc/self/root", "/proc/1/fd/3", "/sys", "/dev", "/", "/usr"];
    for (number, target) in targets.iter().enumerate() {
        let _ = fs::remove_file(format!("/common/link-{number}"));
        symlink(target, format!("/common/link-{number}")).unwrap();
    }
    let exchange = |one: &str, other: &str| {
        renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE).unwrap();
    };
    let mut number = 0;
    while !ended.load(Ordering::Relaxed) {
        number = (number + 1) % targets.len();
        let link = format!("/common/link-{number}");
        for place in ["/common/place", "/common/place/deep"] {
            exchange(&link, place);
            exchange(&link, place);
        }
    }
    for number in 0..targets.len() {
        fs::remove_file(format!("/common/link-{number}")).unwrap();
    }
    process::exit(0);
}
