//! `-a rplfile`: templates inside become instances inside, whatever the container tries.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use xdocker_test_harness::cli::{Finished, Home};

/// A running container `test`, and a mapping beside the home.
fn booted(mapping: &str) -> Home {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test -c test").ok();
    home.xdocker("-a boot -c test").ok();
    fs::write(home.scratch().join("map.txt"), mapping).unwrap();
    home
}

fn root(home: &Home) -> String {
    home.xdocker("-s container_root -c test").succeeds().trim_end().to_owned()
}

fn rplfile(home: &Home, template: &str, more: &[&str]) -> Finished {
    let mapping = home.scratch().join("map.txt");
    let mut args = vec!["-a", "rplfile", "-c", "test", "--template-file", template];
    args.extend(["--mapping-file", mapping.to_str().unwrap()]);
    args.extend(more);
    home.xdocker_args(args)
}

#[test]
fn chapter_3_1_23_of_the_seed() {
    let home = booted("${LEAF} 我的树叶\n");
    let directory = Path::new(&root(&home)).join("root");
    let template = directory.join("tpl.txt");
    fs::write(&template, "{ \"leaf\":\"${LEAF}\" }\n").unwrap();
    chown(&template, Some(12), Some(34)).unwrap();
    fs::set_permissions(&template, fs::Permissions::from_mode(0o4751)).unwrap();
    let set = Command::new("setfattr").args(["-n", "user.kept", "-v", "yes"]).arg(&template).status();
    assert!(set.unwrap().success());
    rplfile(&home, "/root/tpl.txt", &["--instance-file", "/root/ins.txt"]).ok();
    let mut kept = Command::new("getfattr");
    let kept = kept.args(["-n", "user.kept", "--only-values"]).arg(directory.join("ins.txt"));
    assert_eq!(kept.output().unwrap().stdout, b"yes");
    let shown = home.xdocker_args(["-a", "run", "-c", "test", "--cmd", "cat /root/ins.txt"]);
    shown.prints("{ \"leaf\":\"我的树叶\" }\n");
    let made = fs::metadata(directory.join("ins.txt")).unwrap();
    assert_eq!((made.uid(), made.gid(), made.mode() & 0o7777), (12, 34, 0o4751));
    rplfile(&home, "/root/tpl.txt", &[]).ok();
    assert_eq!(fs::read(&template).unwrap(), "{ \"leaf\":\"我的树叶\" }\n".as_bytes());
    // A key that stands nowhere is said with -d alone.
    let told = rplfile(&home, "/root/tpl.txt", &["-d"]);
    assert!(told.code() == Some(0) && told.stderr().contains("`${LEAF}` does not occur"), "{told}");
    let names: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with(".xdocker-")), "{names:?}");
}

#[test]
fn links_inside_lead_inside() {
    let home = booted("a b\n");
    let inside = root(&home);
    let inside = Path::new(&inside);
    let canary = home.scratch().join("canary");
    fs::write(&canary, "a").unwrap();
    // The same path inside: what the link names there is another file.
    let twin = inside.join(canary.strip_prefix("/").unwrap());
    fs::create_dir_all(twin.parent().unwrap()).unwrap();
    fs::write(&twin, "a").unwrap();
    symlink(&canary, inside.join("root/link")).unwrap();
    rplfile(&home, "/root/link", &[]).ok();
    assert_eq!((&*fs::read(&canary).unwrap(), &*fs::read(&twin).unwrap()), (&b"a"[..], &b"b"[..]));
    home.xdocker_args(["-a", "run", "-c", "test", "--cmd", "echo a > /dev/shm/file"]).prints("");
    rplfile(&home, "/dev/shm/file", &[]).ok();
    home.xdocker("-a run -c test -- cat /dev/shm/file").prints("b\n");
    symlink("loop", inside.join("root/loop")).unwrap();
    fs::write(inside.join("root/tpl"), "a").unwrap();
    rplfile(&home, "/root/tpl", &["--instance-file", "/root/loop"]).fails(1, "cannot write /root/loop");
    rplfile(&home, "/root/tpl", &["--instance-file", "/root/"]).fails(1, "directory");
    rplfile(&home, "/root/tpl", &["--instance-file", "/new/"]).fails(1, "directory");
}

#[test]
fn what_is_no_file_or_no_mapping_is_refused_at_once() {
    let home = booted("key\n");
    rplfile(&home, "/root/none", &[]).fails(1, "map.txt:1`: the key has no value");
    fs::write(home.scratch().join("map.txt"), "a b\n").unwrap();
    home.xdocker("-a run -c test -- mkfifo /root/fifo").prints("");
    for template in ["/root/fifo", "/dev/zero", "/root"] {
        rplfile(&home, template, &[]).fails(1, "it is no regular file");
    }
    rplfile(&home, "/root/none", &[]).fails(1, "cannot read /root/none");
}

#[test]
fn a_stopped_container_has_templates_too() {
    let home = booted("key \u{e9}\n");
    let inside = root(&home);
    let template = Path::new(&inside).join("root/tpl");
    fs::write(&template, b"\xff key\n").unwrap();
    chown(&template, Some(12), Some(34)).unwrap();
    home.xdocker("-a shutdown -c test --time 1").ok();
    rplfile(&home, "/root/tpl", &["--instance-file", "/root/ins"]).ok();
    rplfile(&home, "/root/none", &[]).fails(1, "cannot read /root/none");
    rplfile(&home, "/root/tpl", &["--instance-file", "/proc/ins"]).fails(1, "hidden by the mount of /proc");
    home.xdocker("-a boot -c test").ok();
    let instance = Path::new(&inside).join("root/ins");
    assert_eq!(fs::read(&instance).unwrap(), b"\xff \xc3\xa9\n");
    assert_eq!(fs::metadata(&instance).unwrap().uid(), 12);
}

/// How many instances are made while a directory is swapped; more by `XDOCKER_RACES`.
fn races() -> usize {
    std::env::var("XDOCKER_RACES").map_or(200, |number| number.parse().expect("a number"))
}

#[test]
fn a_directory_that_becomes_a_link_leads_nowhere_outside() {
    let home = booted("a b\n");
    let canary = home.scratch().join("canary");
    fs::create_dir(&canary).unwrap();
    fs::write(canary.join("file"), "a of the host").unwrap();
    let inside = root(&home);
    fs::create_dir(Path::new(&inside).join("swap")).unwrap();
    fs::write(Path::new(&inside).join("swap/file"), "a").unwrap();
    let line = format!(
        "echo; while :; do mv -T /swap /kept; ln -s {} /swap; rm /swap; mv -T /kept /swap; done",
        canary.display()
    );
    let mut swapper = home.command(["-a", "run", "-c", "test", "--cmd", &line]);
    let mut swapper = swapper.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // It has begun when its empty line is here.
    std::io::Read::read_exact(swapper.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    let (mut made, mut refused) = (0, 0);
    // On until both have been seen, or the test shows nothing; but not for ever.
    for number in 0..races() * 20 {
        if number >= races() && made > 0 && refused > 0 {
            break;
        }
        let done = rplfile(&home, "/swap/file", &["--instance-file", "/swap/instance"]);
        match done.code() {
            Some(0) => made += 1,
            _ if done.stderr().contains("No such file") => refused += 1,
            _ => panic!("{done}"),
        }
    }
    home.xdocker("-a kill -c test").ok();
    swapper.wait().unwrap();
    assert!(made > 0 && refused > 0, "{made} made, {refused} refused: nothing was in the way of anything");
    assert_eq!(fs::read(canary.join("file")).unwrap(), b"a of the host");
    assert_eq!(fs::read_dir(&canary).unwrap().count(), 1);
}
