//! Images: versions, copies, archives, and what containers and images become of one another.

use std::fs;

use xdocker_test_harness::cli::{Home, run};
use xdocker_test_harness::net::on_own_host;

/// A home with the image `test` and one file in it.
fn home() -> Home {
    let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
    home.add_bare_image("test");
    fs::write(home.layer("test").join("file"), "lower").unwrap();
    home
}

/// Names and versions that `-s images` shows, in its order.
fn images(home: &Home) -> Vec<String> {
    let table = home.xdocker("-s images").succeeds();
    let row = |line: &str| line.split_ascii_whitespace().take(2).collect::<Vec<_>>().join(":");
    table.lines().skip(2).map(row).collect()
}

/// Chapters 3.1.2, 3.1.3, 3.1.10 and 3.1.12 to 3.1.17 of the seed as they stand there. What makes of the images of one
/// chapter those of the next one is indented.
const SEED: &str = r#"
    # xdocker -a install_test
    OK
# xdocker -s images
image_id                       version    modify_datetime     size
--------------------------------------------------------------------
test                           _          2018-11-10T09:21:12 24 MB
# xdocker -a install_test --version "1.0.0"
OK
# xdocker -a install_test --version "1.1.0"
OK
# xdocker -s images
image_id                       version    modify_datetime     size
--------------------------------------------------------------------
test                           _          2018-11-10T09:21:12 24 MB
test                           1.0.0      2018-11-14T07:20:06 24 MB
test                           1.1.0      2018-11-14T07:20:17 24 MB
# xdocker -a create -m test --host test --net BRIDGE --vip 166.88.0.2 --port-mapping 19527:9527 -c test
OK
    # xdocker -s containers
    container_id         image                hostname   net        netns            size       status
    -----------------------------------------------------------------------------------------------------------
    test                 test:1.1.0           test       BRIDGE     nns098F6BCD46    0 B        STOPED
    # xdocker -a destroy -c test
    OK
    # xdocker -a del_image -m "test:1.0.0"
    OK
    # xdocker -a del_image -m "test:1.1.0"
    OK
# xdocker -s images
image_id                       version    modify_datetime     size
--------------------------------------------------------------------
test                           _          2018-11-10T09:21:12 24 MB
# xdocker -a version -m test --version "1.0.1"
OK
# xdocker -s images
image_id                       version    modify_datetime     size
--------------------------------------------------------------------
test                           1.0.1      2018-11-10T09:21:12 24 MB
# xdocker -a version -d -m "test:1.0.1" --version "1.0.2"
OK
# xdocker -s images
image_id                       version    modify_datetime     size
--------------------------------------------------------------------
test                           1.0.2      2018-11-10T09:21:12 24 MB
# xdocker -a version -d -m "test:1.0.2"
OK
# xdocker -s images
image_id                       version    modify_datetime     size
--------------------------------------------------------------------
test                           _          2018-11-10T09:21:12 24 MB
# xdocker -a to_container --from-image test --host test --net BRIDGE --vip 166.88.0.2 --port-mapping 19527:9527 --to-container test
OK
    # xdocker -s images
# xdocker -a to_image --from-container test --to-image test
OK
    # xdocker -s containers
# xdocker -a copy_image --from-image test --to-image "test2:1.0.0"
OK
    # xdocker -s images
    image_id                       version    modify_datetime     size
    --------------------------------------------------------------------
    test                           _          2018-11-10T09:21:12 24 MB
    test2                          1.0.0      2018-11-10T09:21:12 24 MB
# xdocker -a del_image -m "test2:1.0.0"
OK
    # xdocker -a version -m test --version "1.1.0"
    OK
# xdocker -a export -m "test:1.1.0"
OK
# xdocker -a del_image -m "test:1.1.0"
OK
    # xdocker -s images
# xdocker -a import --image-file "test:1.1.0.xdockerimage"
OK
# xdocker -s images
image_id                       version    modify_datetime     size
--------------------------------------------------------------------
test                           1.1.0      2018-11-14T08:53:13 24 MB
"#;

#[test]
fn chapters_3_1_2_to_3_1_17_of_the_seed() {
    on_own_host(|| {
        let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
        let lines: Vec<_> = SEED.trim().lines().map(str::trim).collect();
        for said in lines.chunk_by(|_, next| !next.starts_with("# ")) {
            let words = said[0].strip_prefix("# xdocker ").expect("a command").split(' ');
            let mut command = home.command(words.map(|word| word.trim_matches('"')));
            command.current_dir(home.scratch());
            let done = run(command, b"");
            assert!(
                done.code() == Some(0) && (said[0].contains(" -d ") || done.stderr().is_empty()),
                "{done}"
            );
            let expected: Vec<_> = said[1..].iter().map(|line| in_general(line)).collect();
            assert_eq!(done.stdout().lines().map(in_general).collect::<Vec<_>>(), expected, "{}", said[0]);
        }
    });
}

/// A line without the digits of the time and the size of an image, which are others each time.
fn in_general(line: &str) -> String {
    let (identity, rest) = line.split_at_checked(42).unwrap_or((line, ""));
    match rest.starts_with("20") {
        true => {
            identity.to_owned()
                + &rest.replace(|byte: char| byte.is_ascii_digit(), "0").replace("00 MB", "0 MB")
        }
        false => line.trim_end().to_owned(),
    }
}

#[test]
fn the_highest_version_is_the_one_that_is_meant() {
    let home = home();
    for version in ["1.9.9", "1.10.0", "1.2"] {
        home.xdocker(&format!("-a copy_image --from-image test:_ --to-image test:{version}")).ok();
    }
    assert_eq!(images(&home), ["test:_", "test:1.2", "test:1.9.9", "test:1.10.0"]);
    home.xdocker("-a create -m test -c c").ok();
    let table = home.xdocker("-s containers").succeeds();
    assert!(table.lines().nth(2).unwrap().starts_with("c                    test:1.10.0 "), "{table}");
}

#[test]
fn an_image_is_changed_as_a_container_and_comes_back() {
    let home = home();
    home.xdocker("-a version -m test --version 1.0.0").ok();
    home.xdocker("-a to_container --from-image test --host changed --to-container work").ok();
    assert_eq!(images(&home), [""; 0]);
    assert_eq!(home.status("work").as_deref(), Some("STOPED"));
    home.xdocker("-a boot -c work").ok();
    home.xdocker("-a to_image --from-container work --to-image test").fails(1, "container work is running");
    home.xdocker("-a shutdown -c work").ok();
    home.xdocker("-a to_image --from-container work --to-image test").ok();
    assert_eq!(images(&home), ["test:1.0.0"], "the version that it was made of");
    assert_eq!(home.xdocker("-s containers").succeeds(), "");
    let file = home.path().join("images/test/1.0.0/rlayer/file");
    assert_eq!(fs::read_to_string(file).unwrap(), "lower");
}

#[test]
fn what_is_taken_is_not_overwritten() {
    let home = home();
    home.xdocker("-a create -m test -c c").ok();
    home.xdocker("-a to_image --from-container c --to-image test").fails(1, "image test exists already");
    home.xdocker("-a copy_image --from-image test --to-image test").fails(1, "exists already");
    home.xdocker("-a copy_image --from-image test --to-image other:2").ok();
    home.xdocker("-a to_container --from-image other --to-container c")
        .fails(1, "container c exists already");
    assert_eq!(images(&home), ["other:2", "test:_"]);
}

#[test]
fn what_a_container_stands_on_stays() {
    let home = home();
    home.xdocker("-a create -m test -c standing").ok();
    for change in [
        "-a del_image -m test",
        "-a version -m test --version 2",
        "-a to_container --from-image test --to-container x",
    ] {
        home.xdocker(change).fails(1, "image test is used by container standing");
    }
    home.xdocker("-a create -m test -c another").ok();
    home.xdocker("-a del_image -m test").fails(1, "image test is used by containers another, standing");
    home.xdocker("-a version -m test --version 2 -f").ok();
    home.xdocker("-a boot -c standing").fails(1, "image test:_ does not exist");
    home.xdocker("-a version -m test:2").ok();
    home.xdocker("-a destroy -c standing").ok();
    home.xdocker("-a destroy -c another").ok();
    home.xdocker("-a del_image -m test").ok();
    assert_eq!(images(&home), [""; 0]);
    assert!(!home.path().join("images/test").exists(), "the name goes with its last version");
}

#[test]
fn a_file_that_was_deleted_stays_deleted_in_what_is_stacked_on_top() {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test -c c").ok();
    home.xdocker("-a boot -c c").ok();
    fs::create_dir(home.layer("test").join("replaced")).unwrap();
    fs::write(home.layer("test").join("replaced/old"), "").unwrap();
    let change = "rm /root/tpl.txt; echo new > /root/new; rm -r /replaced; mkdir /replaced";
    home.xdocker_args(["-a", "run", "-c", "c", "--cmd", change]).prints("");
    home.xdocker("-a shutdown -c c").ok();
    home.xdocker("-a to_image --from-container c --version 1 --to-image change").ok();
    home.xdocker("-a create -m test,change -c stacked -b").ok();
    home.xdocker_args(["-a", "run", "-c", "stacked", "--cmd", "ls /root /replaced"])
        .prints("/replaced:\n\n/root:\nnew\n");
    home.xdocker("-a destroy -c stacked -h").ok();
}

#[test]
fn a_size_is_right_after_everything_that_is_done() {
    let home = home();
    let sizes = || home.xdocker("-s images --json").succeeds().matches(r#""size":5}"#).count();
    assert_eq!(sizes(), 1);
    home.xdocker("-a version -m test --version 1").ok();
    home.xdocker("-a copy_image --from-image test --to-image copy").ok();
    assert_eq!(sizes(), 2);
    let mut export = home.command(["-a", "export", "-m", "copy"]);
    export.current_dir(home.scratch());
    run(export, b"").ok();
    home.xdocker("-a del_image -m copy").ok();
    let archive = home.scratch().join("copy.xdockerimage");
    home.xdocker(&format!("-a import --image-file {}", archive.display())).ok();
    assert_eq!(sizes(), 2);
    home.xdocker("-a to_container --from-image copy --to-container c").ok();
    fs::write(home.path().join("containers/c/rwlayer/more"), [0; 1000]).unwrap();
    home.xdocker("-a to_image --from-container c --to-image grown").ok();
    assert!(sizes() == 1 && home.xdocker("-s images --json").succeeds().contains(r#""size":1005}"#));
}

#[test]
fn two_hundred_layers_boot() {
    let home = home();
    let names: Vec<_> = (0..200).map(|number| format!("{number:03}{}", "x".repeat(61))).collect();
    for name in &names {
        let layer = home.path().join("images").join(name).join("100000000000000.200000000000000.3/rlayer");
        fs::create_dir_all(&layer).unwrap();
        fs::write(layer.join(&name[..3]), name).unwrap();
    }
    home.xdocker(&format!("-a create -m test,{} -c tall", names.join(","))).ok();
    home.xdocker("-a boot -c tall").ok();
    let seen = fs::read_dir(home.path().join("containers/tall/merged")).unwrap().count();
    assert_eq!(seen, 200 + ["proc", "sys", "dev", "file", "etc"].len());
    home.xdocker("-a destroy -c tall -h").ok();
}
