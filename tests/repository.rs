//! Images on an ssh server (the seed's 3.1.18 and 3.1.19), with a real sshd on loopback.

use std::fs;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, socket};
use xdocker_test_harness::cli::{Finished, Home, run};
use xdocker_test_harness::mounts::{Tmpfs, in_private_mounts};
use xdocker_test_harness::sshd::{Line, Sshd, Userland};
use xdocker_test_harness::tree::describe;
use xdocker_test_harness::wait::{PATIENCE, until};

const BINARY: &str = env!("CARGO_BIN_EXE_xdocker");

/// A home, a server, and a line between them.
struct World {
    home: Home,
    line: Line,
    server: Sshd,
}

impl World {
    fn new(userland: Userland) -> Self {
        let home = Home::new(BINARY);
        let server = Sshd::start(home.scratch(), userland);
        Self { line: Line::to(server.port()), server, home }
    }

    fn address(&self) -> String {
        format!("root@127.0.0.1:{}", self.line.port())
    }

    /// The binary with these arguments, on any home.
    fn command(&self, home: &Home, args: &[&str]) -> Command {
        let mut command = home.command(args);
        command.env("xdocker_SSH", self.server.ssh()).env("TZ", "UTC").current_dir(home.scratch());
        command
    }

    fn on(&self, home: &Home, line: &str) -> Finished {
        let args: Vec<_> = line.split_ascii_whitespace().collect();
        run(self.command(home, &args), b"")
    }

    fn xdocker(&self, line: &str) -> Finished {
        self.on(&self.home, line)
    }

    /// Says where the repository is.
    fn meet(&self, home: &Home) {
        let _ = self.on(home, &format!("-s ssearch --srepo {}", self.address())).succeeds();
    }

    /// Names in the account's home directory, those that begin with a point left out.
    fn stored(&self) -> Vec<String> {
        let names = fs::read_dir(self.server.home()).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap()).filter(|name| !name.starts_with('.'));
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    /// What is under way on the server, or was left by somebody.
    fn uploads(&self) -> usize {
        let own = fs::read_dir(self.server.home().join(".xdocker")).into_iter().flatten().flatten();
        own.filter(|entry| entry.file_name().to_string_lossy().starts_with("upload.")).count()
    }

    /// The tree of an image, taken from the repository by somebody who has nothing.
    #[track_caller]
    fn fetched(&self, image: &str) -> Vec<(std::path::PathBuf, String)> {
        let other = Home::new(BINARY);
        self.meet(&other);
        self.on(&other, &format!("-a spull -m {image}")).ok();
        tree(&layer(&other, image))
    }
}

fn layer(home: &Home, image: &str) -> std::path::PathBuf {
    let (name, version) = image.split_once(':').unwrap_or((image, "_"));
    home.path().join("images").join(name).join(version).join("rlayer")
}

/// What there is below `path`, times of directories included.
fn tree(path: &Path) -> Vec<(std::path::PathBuf, String)> {
    describe(path).into_iter().collect()
}

/// Bytes that no compression makes fewer.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let source = fs::File::open("/dev/urandom").expect("random bytes");
    source.take(length as u64).read_to_end(&mut bytes).expect("random bytes");
    bytes
}

/// Makes an image of `files` files with 40 KiB of noise each, and what tar finds hard.
fn add_image(home: &Home, image: &str, files: usize) {
    let layer = layer(home, image);
    for number in 0..files {
        let directory = layer.join(format!("dir{}", number % 7));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("file{number}")), noise(40 << 10)).unwrap();
    }
    let line = "echo one > one && ln one dir0/second && ln -s ../one dir0/link && mknod gone c 0 0 && mkfifo fifo && \
                truncate -s 1M sparse && echo data | dd of=sparse bs=1 seek=500000 conv=notrunc status=none && \
                touch -d '1960-01-01 00:00:00.123456789 UTC' dir0 && chmod 4755 one";
    let status = Command::new("sh").args(["-ec", line]).current_dir(&layer).status();
    assert!(status.expect("a shell").success());
}

#[test]
fn an_image_goes_to_the_server_and_comes_back() {
    let world = World::new(Userland::Host);
    let home = &world.home;
    home.xdocker("-a install_test --version 1.0.0 --from busybox").ok();
    let before = tree(&layer(home, "test:1.0.0"));

    world.xdocker("-s ssearch").fails(1, "no ssh image repository has been named");
    world.xdocker(&format!("-s ssearch --srepo {}", world.address())).ok();
    assert_eq!(fs::read_to_string(home.path().join("srepo")).unwrap(), format!("{}\n", world.address()));
    world.xdocker("-s ssearch --match test").ok();
    world.xdocker("-a spush -m test:1.0.0").ok();
    assert_eq!(world.stored(), ["test:1.0.0.xdockerimage"]);
    assert_eq!(world.uploads(), 0);

    let table = world.xdocker("-s ssearch --match test").succeeds();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines[0], format!("{:45} {:19} {:10}", "image_id", "modify_datetime", "size"));
    assert_eq!(lines[1], "-".repeat(70));
    assert!(
        lines[2].starts_with(&format!("{:45} 20", "test:1.0.0")) && lines[2].ends_with('B'),
        "{}",
        lines[2]
    );
    assert_eq!(lines.len(), 3);
    world.xdocker("-s ssearch --match nothing").ok();
    let json = world.xdocker("-s ssearch --json").succeeds();
    assert!(json.starts_with(r#"[{"name":"test","version":"1.0.0","modified":"20"#), "{json}");

    // What is there is what an export gives, which gzip and tar read.
    world.xdocker("-a export -m test:1.0.0").ok();
    let archive = fs::read(home.scratch().join("test:1.0.0.xdockerimage")).unwrap();
    assert!(fs::read(world.server.home().join("test:1.0.0.xdockerimage")).unwrap() == archive);

    world.xdocker("-a del_image -m test:1.0.0").ok();
    world.xdocker("-a spull -m test:1.0.0").ok();
    assert!(world.xdocker("-s images").succeeds().contains("test                           1.0.0      20"));
    assert_eq!(tree(&layer(home, "test:1.0.0")), before);
    world.xdocker("-a create -m test:1.0.0 -c check -b --rm -- true").prints("");

    world.xdocker("-a spull -m test:1.0.0").fails(1, "image test:1.0.0 exists already");
    world.xdocker("-a spull -m test:1.0.0 -f").ok();
    world.xdocker("-a spush -m test").fails(1, "image test:1.0.0 is in the repository");
    world.xdocker("-a spush -m test -f").ok();
    assert_eq!(world.fetched("test:1.0.0"), before);
}

#[test]
fn what_the_original_program_stored_is_pulled_and_the_highest_version_is_meant() {
    let world = World::new(Userland::Host);
    add_image(&world.home, "made", 5);
    let made = layer(&world.home, "made");
    let before = tree(&made);
    for (name, options) in [("made:1.9", "-c"), ("made:1.10", "-cz"), ("made", "-cz")] {
        let mut tar = Command::new("tar");
        let file = world.server.home().join(format!("{name}.xdockerimage"));
        tar.args(["--force-local", "--format=pax", "--sparse", "--numeric-owner"]);
        assert!(
            tar.args([options, "-f"]).arg(file).arg("-C").arg(&made).arg(".").status().unwrap().success()
        );
    }
    let other = Home::new(BINARY);
    world.meet(&other);
    world.on(&other, "-a spull -m made").ok();
    assert!(world.on(&other, "-s images").succeeds().contains("made                           1.10 "));
    assert_eq!(tree(&layer(&other, "made:1.10")), before);
    world.on(&other, "-a spull -m made:1.9").ok();
    world.on(&other, "-a spull -m made:_").ok();
    assert_eq!(tree(&layer(&other, "made")), before);
    world.on(&other, "-a spull -m made:2").fails(1, "image made:2 is not in the repository");

    // One that was changed behind our back is what it is now, whatever was written down about it.
    world.on(&other, "-a spush -m made:1.9 -f").ok();
    fs::copy(
        world.server.home().join("made:1.10.xdockerimage"),
        world.server.home().join("made:1.9.xdockerimage"),
    )
    .unwrap();
    world.on(&other, "-a del_image -m made:1.9").ok();
    world.on(&other, "-a spull -m made:1.9").ok();
    assert_eq!(tree(&layer(&other, "made:1.9")), before);
}

#[test]
fn what_is_there_is_not_sent_again() {
    let world = World::new(Userland::Host);
    let home = &world.home;
    add_image(home, "app:1", 600);
    world.meet(home);
    world.xdocker("-a spush -m app:1").ok();
    let size = fs::metadata(world.server.home().join("app:1.xdockerimage")).unwrap().len();
    let (sent, _) = world.line.passed();
    assert!(sent > size, "{sent} of {size}");

    let few = |what: &str, percent: u64| {
        let (to, from) = world.line.passed();
        assert!((to + from) * 100 < size * percent, "{what}: {to} and {from} of {size} bytes");
    };
    world.xdocker("-a copy_image --from-image app:1 --to-image app:2").ok();
    fs::write(layer(home, "app:2").join("dir3/small"), "changed").unwrap();
    world.xdocker("-a spush -m app:2").ok();
    few("another version", 5);
    world.xdocker("-a copy_image --from-image app:2 --to-image other:7").ok();
    world.xdocker("-a spush -m other:7").ok();
    few("another name", 1);
    let second = tree(&layer(home, "app:2"));
    assert_eq!(world.fetched("app:2"), second);
    assert_eq!(world.fetched("other:7"), second);
    let bytes = |name: &str| fs::read(world.server.home().join(name)).unwrap();
    assert!(bytes("app:2.xdockerimage") == bytes("other:7.xdockerimage"));
    world.xdocker("-a export -m app:2").ok();
    assert!(bytes("app:2.xdockerimage") == fs::read(home.scratch().join("app:2.xdockerimage")).unwrap());

    let _ = world.line.passed();
    world.xdocker("-a del_image -m app:2").ok();
    world.xdocker("-a del_image -m other:7").ok();
    world.xdocker("-a spull -m app:2").ok();
    few("another version here", 5);
    assert_eq!(tree(&layer(home, "app:2")), second);
    world.xdocker("-a spull -m other").ok();
    few("another name here", 1);
    assert_eq!(tree(&layer(home, "other:7")), second);

    // A list that does not tell the truth is noticed, and does no harm.
    let index = world.server.home().join(".xdocker/app:1.xdockerimage.index");
    let lines = fs::read_to_string(&index).unwrap();
    let mut lines: Vec<_> = lines.lines().collect();
    lines.swap(4, 5);
    fs::write(&index, lines.join("\n") + "\n").unwrap();
    for image in ["app:2", "other:7"] {
        fs::remove_file(world.server.home().join(format!("{image}.xdockerimage"))).unwrap();
    }
    world.xdocker("-a spush -m app:2").ok();
    assert_eq!(world.fetched("app:2"), second);
}

#[test]
fn what_is_remembered_of_an_image_is_a_hint() {
    let world = World::new(Userland::Host);
    let home = &world.home;
    add_image(home, "app:1", 200);
    world.meet(home);
    world.xdocker("-a spush -m app:1").ok();
    world.xdocker("-a copy_image --from-image app:1 --to-image app:2").ok();
    fs::write(layer(home, "app:2").join("dir3/small"), "changed").unwrap();
    world.xdocker("-a spush -m app:2").ok();
    let size = fs::metadata(world.server.home().join("app:2.xdockerimage")).unwrap().len();
    let second = tree(&layer(home, "app:2"));
    let memory = |image: &str| layer(home, image).with_file_name("chunks.json");
    let (first_chunks, second_chunks) =
        (fs::read_to_string(memory("app:1")).unwrap(), fs::read_to_string(memory("app:2")).unwrap());
    assert_ne!(first_chunks, second_chunks);

    let pulled = |what: &str, percent: u64| {
        world.xdocker("-a del_image -m app:2").ok();
        let _ = world.line.passed();
        world.xdocker("-a spull -m app:2").ok();
        let (to, from) = world.line.passed();
        assert!((to + from) * 100 < size * percent, "{what}: {to} and {from} of {size} bytes");
        assert_eq!(tree(&layer(home, "app:2")), second, "{what}");
        assert_eq!(fs::read_to_string(memory("app:2")).unwrap(), second_chunks, "{what}");
        world.server.is_left_alone();
    };
    pulled("the truth", 15);
    fs::remove_file(memory("app:1")).unwrap();
    pulled("nothing", 15);
    assert_eq!(
        fs::read_to_string(memory("app:1")).unwrap(),
        first_chunks,
        "it was found out, and is remembered"
    );

    // Another image's.
    fs::write(memory("app:1"), &second_chunks).unwrap();
    pulled("a lie", 25);
    assert_eq!(fs::read_to_string(memory("app:1")).unwrap(), first_chunks, "the truth was found out");
    let mut lines: Vec<_> = first_chunks.lines().collect();
    let (begin, end) = (2, lines.len() - 3);
    lines[begin..end].rotate_left(1);
    fs::write(memory("app:1"), lines.join("\n")).unwrap();
    pulled("the wrong order", 25);
    fs::write(memory("app:1"), "{\"format\": 1, \"chunks\": [\"12\"]}").unwrap();
    pulled("nonsense", 15);

    // As nobody may do, but can: the content is another one, and all that is said of it is the same.
    let file = layer(home, "app:1").join("dir2/file100");
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    fs::write(&file, noise(40 << 10)).unwrap();
    fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    pulled("a changed file", 40);
    assert_ne!(fs::read_to_string(memory("app:1")).unwrap(), first_chunks);
    fs::remove_dir_all(layer(home, "app:1").join("dir0")).unwrap();
    pulled("files that are gone", 60);
    assert_eq!(fs::read_dir(home.path().join(".work")).unwrap().count(), 0);
}

#[test]
fn a_line_may_break_at_any_byte() {
    let world = World::new(Userland::Host);
    let home = &world.home;
    add_image(home, "app:1", 200);
    let before = tree(&layer(home, "app:1"));
    world.meet(home);
    let size = 200 * (40 << 10);
    // A line that lets a part of the image through each time.
    let mut seed = std::process::id() as u64;
    let mut random = |most: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % most
    };
    let attempts = |what: &str, random: &mut dyn FnMut(u64) -> u64, has_arrived: &dyn Fn() -> bool| {
        let mut passed = 0;
        let mut arrived = false;
        for attempt in 1..=30 {
            // The first ones break wherever it may be, in the words before an image too.
            let most = if attempt <= 10 { 40_000 } else { size / 3 };
            world.line.break_after(random(most));
            let done = world.xdocker(what);
            let (to, from) = world.line.passed();
            passed += to + from;
            if done.code() == Some(0) {
                done.ok();
                eprintln!("{what}: {attempt} attempts, {passed} bytes of {size}");
                arrived = true;
                break;
            }
            let said = done.stderr();
            let lost = ["was lost", "cannot be reached"].iter().any(|why| said.contains(why));
            assert!(lost && done.stdout().is_empty(), "{attempt}: {done}");
            world.server.is_left_alone();
            arrived = has_arrived();
            if arrived {
                break;
            }
        }
        world.line.break_after(u64::MAX);
        if !arrived {
            world.xdocker(what).ok();
        }
    };
    // All of it may be there when the word that it is gets lost.
    attempts("-a spush -m app:1", &mut random, &|| !world.stored().is_empty());
    assert_eq!(world.uploads(), 0);
    assert_eq!(world.fetched("app:1"), before);

    world.xdocker("-a del_image -m app:1").ok();
    attempts("-a spull -m app:1", &mut random, &|| {
        world.xdocker("-s images").prints("");
        false
    });
    assert_eq!(tree(&layer(home, "app:1")), before);

    // What is still with ssh when the line breaks is lost, up to 2 MiB; the rest is not fetched again.
    world.xdocker("-a del_image -m app:1").ok();
    world.line.break_after(size - (1 << 20));
    world.xdocker("-a spull -m app:1").fails(1, "was lost");
    world.line.break_after(u64::MAX);
    let _ = world.line.passed();
    world.xdocker("-a spull -m app:1").ok();
    let (_, from) = world.line.passed();
    assert!(from < size * 3 / 4, "{from} bytes of {size}");
    assert_eq!(tree(&layer(home, "app:1")), before);
    assert_eq!(fs::read_dir(home.path().join(".work")).unwrap().count(), 0);
}

#[test]
fn who_is_killed_while_he_pulls_goes_on_from_there() {
    let world = World::new(Userland::Host);
    let home = &world.home;
    add_image(home, "app:1", 200);
    let before = tree(&layer(home, "app:1"));
    world.meet(home);
    world.xdocker("-a spush -m app:1").ok();
    world.xdocker("-a del_image -m app:1").ok();

    let most = 5 << 20;
    world.line.be_silent(true);
    world.line.break_after(most);
    let mut pull = world.command(home, &["-a", "spull", "-m", "app:1"]);
    pull.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut pull = pull.spawn().unwrap();
    let work = home.path().join(".work");
    // Of 5 MiB that come before the line falls silent, all but the last chunks are files of 40 KiB.
    let arrived = || {
        let stages = fs::read_dir(&work).unwrap().flatten();
        stages.map(|stage| tree(&stage.path()).len()).sum::<usize>() > 100
    };
    assert!(until(PATIENCE, arrived), "nothing arrives");
    assert!(pull.try_wait().unwrap().is_none());
    pull.kill().unwrap();
    pull.wait().unwrap();
    world.line.be_silent(false);
    world.line.break_after(u64::MAX);
    world.server.is_left_alone();

    world.xdocker("-s images").prints("");
    let _ = world.line.passed();
    world.xdocker("-a spull -m app:1").ok();
    let (_, from) = world.line.passed();
    let size = fs::metadata(world.server.home().join("app:1.xdockerimage")).unwrap().len();
    assert!(from + most < size + (2 << 20), "{from} of {size} bytes after {most} had come");
    assert_eq!(tree(&layer(home, "app:1")), before);
    assert_eq!(fs::read_dir(&work).unwrap().count(), 0);
}

#[test]
fn of_two_who_push_one_name_one_wins() {
    let world = World::new(Userland::Host);
    let homes = [Home::new(BINARY), Home::new(BINARY)];
    for home in &homes {
        add_image(home, "app:1", 60);
        world.meet(home);
    }
    let trees = homes.each_ref().map(|home| tree(&layer(home, "app:1")));
    for round in 0..3 {
        let children = homes.each_ref().map(|home| {
            let mut push = world.command(home, &["-a", "spush", "-m", "app:1"]);
            push.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        });
        let ends = children.map(|child| child.wait_with_output().unwrap());
        let won: Vec<_> = ends.iter().map(|end| end.status.success()).collect();
        assert!(won[0] != won[1], "{round}: {ends:?}");
        let lost = &ends[usize::from(won[0])];
        let said = String::from_utf8_lossy(&lost.stderr);
        assert!(said.contains("image app:1 is in the repository") && said.contains("already"), "{said}");
        world.server.is_left_alone();
        assert_eq!(world.uploads(), 0);
        assert_eq!(world.fetched("app:1"), trees[usize::from(won[1])]);
        fs::remove_file(world.server.home().join("app:1.xdockerimage")).unwrap();
    }
    // The same image from the same home, and everybody by force.
    let push = |force: &str| {
        let mut args = vec!["-a", "spush", "-m", "app:1"];
        args.extend((!force.is_empty()).then_some(force));
        let mut push = world.command(&homes[0], &args);
        push.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let ends = [push("-f"), push("-f")].map(|child| child.wait_with_output().unwrap());
    assert!(ends.iter().any(|end| end.status.success()), "{ends:?}");
    assert_eq!(world.fetched("app:1"), trees[0]);
    world.server.is_left_alone();
    assert_eq!(world.uploads(), 0);
}

#[test]
fn names_are_names_and_nothing_else() {
    let world = World::new(Userland::Host);
    let home = &world.home;
    world.meet(home);
    let canary = world.server.home().join("canary");
    fs::write(&canary, "precious").unwrap();
    let names = [
        "a;rm -rf ~",
        "$(rm canary)`rm canary`",
        "it's \"so\" \\n\\0101",
        "-rf",
        ".hidden  *?[x]{a}#!",
        "100%s&|<>~",
        "\u{c1}\u{2708}",
    ];
    for name in names {
        fs::create_dir_all(home.layer(name)).unwrap();
        fs::write(home.layer(name).join("file"), name).unwrap();
        run(world.command(home, &["-a", "spush", "-m", name]), b"").ok();
        assert!(world.server.home().join(format!("{name}.xdockerimage")).is_file(), "{name}");
        let found = run(world.command(home, &["-s", "ssearch", "--json", "--match", name]), b"").succeeds();
        let found: serde_json::Value = serde_json::from_str(&found).unwrap();
        assert!(found.as_array().unwrap().iter().any(|image| image["name"] == *name), "{found}");
        run(world.command(home, &["-a", "del_image", "-m", name]), b"").ok();
        run(world.command(home, &["-a", "spull", "-m", name]), b"").ok();
        assert_eq!(fs::read_to_string(home.layer(name).join("file")).unwrap(), name);
    }
    assert_eq!(fs::read_to_string(&canary).unwrap(), "precious");
    // A stranger's file whose name ends like ours and holds anything is passed over.
    for name in ["a\nb.xdockerimage", "x\n.\n.xdockerimage", "t:latest.xdockerimage"] {
        fs::write(world.server.home().join(name), "").unwrap();
    }
    let all = world.xdocker("-s ssearch --json").succeeds();
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    assert_eq!(all.as_array().unwrap().len(), names.len());
}

#[test]
fn a_server_needs_little() {
    let world = World::new(Userland::Host);
    let home = &world.home;
    add_image(home, "app:1", 100);
    let before = tree(&layer(home, "app:1"));
    world.meet(home);
    for userland in [Userland::Posix, Userland::Busybox] {
        world.server.set_userland(userland);
        world.line.break_after(3 << 20);
        world.xdocker("-a spush -m app:1").fails(1, "was lost");
        // What has come is written down before the next one asks how much that is.
        world.server.is_left_alone();
        world.line.break_after(u64::MAX);
        let _ = world.line.passed();
        world.xdocker("-a spush -m app:1").ok();
        let (sent, _) = world.line.passed();
        assert!(sent < 3 << 20, "{userland:?}: {sent} bytes, so it did not go on");
        world.xdocker("-a copy_image --from-image app:1 --to-image app:2").ok();
        fs::write(layer(home, "app:2").join("dir3/small"), "changed").unwrap();
        world.xdocker("-a spush -m app:2").ok();
        let (sent, _) = world.line.passed();
        assert!(sent < 1 << 20, "{userland:?}: {sent} bytes");
        let table = world.xdocker("-s ssearch --match app").succeeds();
        assert_eq!(table.lines().count(), 4, "{table}");
        assert_eq!(world.fetched("app:1"), before, "{userland:?}");
        assert_eq!(world.fetched("app:2"), tree(&layer(home, "app:2")), "{userland:?}");
        world.xdocker("-a del_image -m app:2").ok();
        for name in [".xdocker", "app:1.xdockerimage", "app:2.xdockerimage"] {
            let path = world.server.home().join(name);
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        }
    }
}

#[test]
fn each_failure_has_its_words() {
    let world = World::new(Userland::Host);
    let home = &world.home;
    add_image(home, "app:1", 3);
    let file = |name: &str| world.server.file(name).display().to_string();
    let with = |ssh: &str, line: &str| {
        let mut command = home.command(line.split_ascii_whitespace());
        // Whoever resolves names for this machine, or does not, is not waited for long.
        command.env("xdocker_SSH", ssh).env("RES_OPTIONS", "timeout:1 attempts:1");
        run(command, b"")
    };
    let search = |address: &str| format!("-s ssearch --srepo {address}");
    let good = world.server.ssh();
    let fails = |ssh: &str, address: &str, why: &str| with(ssh, &search(address)).fails(1, why);
    world.xdocker("-a spush -m app:1").fails(1, "no ssh image repository has been named");
    fails(&good, "root@nowhere.invalid", "host nowhere.invalid is unknown");
    // A port that nobody else gets, and at which nobody listens.
    let closed = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(closed.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
    let address = getsockname::<SockaddrIn>(closed.as_raw_fd()).unwrap();
    fails(&good, &format!("root@{address}"), "Connection refused");
    let client = fs::read_to_string(world.server.file("client")).unwrap();
    fs::write(world.server.file("refused"), client.replace(&file("user"), &file("stranger"))).unwrap();
    fails(&format!("ssh -F {}", file("refused")), &world.address(), "refuses our key");
    let unknown = format!("{good} -o UserKnownHostsFile=/dev/null");
    fails(&unknown, &world.address(), "the key of host 127.0.0.1 is not trusted");
    fails("/no/such/ssh", &world.address(), "cannot start /no/such/ssh: No such file");
    fails("sh -c 'exit 1'", &world.address(), "does not answer as a shell does");
    world.xdocker("-s ssearch --srepo -oProxyCommand=touch").fails(2, "address of a repository");
    assert!(!home.path().join("srepo").exists(), "what does not work is not remembered");

    world.meet(home);
    world.xdocker("-a spull -m nothing").fails(1, "image nothing is not in the repository");
    world.xdocker("-a spush -m nothing").fails(1, "image nothing does not exist");
    let words = ["--ssh", &format!("{good} -v"), "-s", "ssearch"];
    run(home.command(words), b"").ok();

    // An account that talks before it listens, one that does not let us write, one that has no shell.
    let shell = "exec sh -c \"$SSH_ORIGINAL_COMMAND\"";
    world.server.set_login(&format!("echo hello; echo 'you have mail'; {shell}"));
    world.xdocker("-a spush -m app:1").ok();
    world.server.set_login("echo 'This account is not available.'; exit 1");
    world.xdocker("-s ssearch").fails(1, "does not answer as a shell does");
    world.server.set_login("yes");
    world.xdocker("-s ssearch").fails(1, "does not answer as a shell does");
    let image = world.server.home().join("app:1.xdockerimage");
    let mut bytes = fs::read(&image).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(&image, bytes).unwrap();
    world.server.set_login(shell);
    world.xdocker("-a del_image -m app:1").ok();
    home.unchanged(|| world.xdocker("-a spull -m app:1").fails(1, "the archive ends early"));
}

#[test]
fn a_full_disk_there_leaves_nothing() {
    in_private_mounts(|| {
        let home = Home::new(BINARY);
        let directory = home.scratch().join("sshd/home");
        fs::create_dir_all(&directory).unwrap();
        let small = Tmpfs::mount(&directory, "size=2m,mode=755");
        let server = Sshd::start(home.scratch(), Userland::Host);
        let world = World { line: Line::to(server.port()), server, home };
        add_image(&world.home, "app:1", 100);
        world.meet(&world.home);
        world.xdocker("-a spush -m app:1").fails(1, "is full");
        world.server.is_left_alone();
        assert_eq!((world.stored().len(), world.uploads()), (0, 0));
        world.server.set_login("ulimit -f 100; exec sh -c \"$SSH_ORIGINAL_COMMAND\"");
        assert_ne!(world.xdocker("-a spush -m app:1").code(), Some(0));
        world.server.is_left_alone();
        assert_eq!(world.stored().len(), 0);
        // What is mounted is in the way of removing the home.
        let World { server, home, .. } = world;
        drop(server);
        drop(small);
        drop(home);
    });
}
