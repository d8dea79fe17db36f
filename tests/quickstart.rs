//! Chapters 1.4 and 3.1.2–3.1.9 of the seed, as a user types them, and what has to come out, to the letter.

use std::fs;
use std::process::Command;

use xdocker_test_harness::cli::{Home, run};
use xdocker_test_harness::pty::Window;

const IMAGES: &str = "image_id                       version    modify_datetime     size      \n\
                      --------------------------------------------------------------------\n";
const CONTAINERS: &str = "container_id         image                hostname   net        netns            size       status\n\
                          -----------------------------------------------------------------------------------------------------------\n";
const WINDOW: Window = Window { rows: 24, columns: 80 };

fn home() -> Home {
    Home::new(env!("CARGO_BIN_EXE_xdocker"))
}

fn with_test_image() -> Home {
    Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"))
}

/// `-s images` without its titles: what stands in each row before the size, and the size.
fn images(home: &Home) -> Vec<(String, String)> {
    let table = home.xdocker("-s images").succeeds();
    let rows = table.strip_prefix(IMAGES).unwrap_or_else(|| panic!("not the titles of the seed: {table}"));
    rows.lines().map(|row| (row[..62].to_owned(), row[62..].to_owned())).collect()
}

/// A row of `-s images` before its size, of an image that was made between two times.
fn assert_image_row(row: &str, version: &str, made: [&str; 2]) {
    let (identity, time) = row.split_at(42);
    assert_eq!(identity, format!("{:<30} {version:<10} ", "test"));
    let time = time.strip_suffix(' ').expect("a blank before the size");
    assert!(made[0] <= time && time <= made[1], "{time} is not between {made:?}");
}

/// The time on the clock on the wall, as the table prints it.
fn local_time() -> String {
    let mut date = Command::new("date");
    date.arg("+%Y-%m-%dT%H:%M:%S");
    run(date, b"").succeeds().trim_end().to_owned()
}

/// The last line of `-s containers`: the container `test` with this status, as in the seed.
fn container(status: &str) -> String {
    format!(
        "{CONTAINERS}test                 test                 test       HOST                        0 B        {status}\n"
    )
}

#[test]
fn chapter_1_4() {
    let home = home();
    let began = local_time();
    home.xdocker("-a install_test").ok();
    let rows = images(&home);
    assert_eq!(rows.len(), 1);
    assert_image_row(&rows[0].0, "_", [&began, &local_time()]);
    let (number, unit) = rows[0].1.split_once(' ').expect("a number and its unit");
    assert_eq!(unit, "MB", "{rows:?}");
    assert!((1..100).contains(&number.parse::<u32>().expect("a number")), "it is to be small: {rows:?}");

    home.xdocker("-a create -m test -c test").ok();
    let mut terminal = home.terminal(WINDOW, "-a boot -c test -t");
    let shown = terminal.expect("[root@test /root] ");
    assert_eq!(
        without_modes(&shown),
        "connect to container ok\r\n--- Welcome to xdocker contrainer ---\r\n\r\n[root@test /root] "
    );
    assert!(!terminal.is_restored(), "keys are for the inside now");
    terminal.press("exit\r");
    let (status, rest) = terminal.ends();
    assert_eq!((status.code(), &*without_modes(&rest)), (Some(0), "exit\r\nlogout\r\n"));
    assert!(terminal.is_restored());

    home.xdocker("-a shutdown -c test").ok();
    home.xdocker("-a destroy -c test").ok();
    home.xdocker("-s containers").prints("");
    assert!(!home.path().join("containers/test").exists());
}

/// `text` without the wish of a shell to be told where a paste begins and ends, which its line editor has or not.
fn without_modes(text: &str) -> String {
    text.replace("\x1b[?2004h", "").replace("\x1b[?2004l\r", "").replace("\x1b[?2004l", "")
}

#[test]
fn versions_of_an_image_are_listed_in_order() {
    let home = home();
    home.xdocker("-s images").prints("");
    let began = local_time();
    for line in ["-a install_test --version 1.10.0", "-a install_test", "-a install_test --verion 1.9.0"] {
        home.xdocker(line).ok();
    }
    let ended = local_time();
    let rows = images(&home);
    assert_eq!(rows.len(), 3);
    for (row, version) in rows.iter().zip(["_", "1.9.0", "1.10.0"]) {
        assert_image_row(&row.0, version, [&began, &ended]);
        assert_eq!(row.1, rows[0].1, "the same files have the same size");
    }
    // Without a version, the highest.
    home.xdocker("-a create -m test").ok();
    home.xdocker("-a create -m test:1.9.0 -c old").ok();
    assert_eq!(
        home.xdocker("-s containers").succeeds(),
        format!(
            "{CONTAINERS}\
             old                  test:1.9.0           old        HOST                        0 B        STOPED\n\
             test                 test:1.10.0          test       HOST                        0 B        STOPED\n"
        )
    );
}

#[test]
fn chapters_3_1_3_to_3_1_9() {
    let home = home();
    home.xdocker("-s containers").prints("");
    home.add_bare_image("test");
    home.xdocker("-a create -m test --host test --net HOST -c test").ok();
    home.xdocker("-s containers").prints(&container("STOPED"));
    let root = home.path().join("containers/test/merged");
    home.xdocker("-s container_root -c test").prints(&format!("{}\n", root.display()));
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);

    home.xdocker("-a boot -c test").ok();
    let pid = home.root_process("test");
    home.xdocker("-s containers").prints(&container(&format!("RUNNING({pid})")));
    assert!(root.join("proc").is_dir(), "the host sees the root of a running container");
    home.xdocker("-a shutdown -c test").ok();
    home.xdocker("-s containers").prints(&container("STOPED"));

    home.xdocker("-a boot -c test").ok();
    assert_ne!(home.root_process("test"), pid);
    home.xdocker("-a kill -c test").ok();
    home.xdocker("-s containers").prints(&container("STOPED"));
    home.xdocker("-a destroy -c test").ok();

    // Made and booted by one command, shut down and destroyed by another.
    home.xdocker("-a create -m test -c test -b").ok();
    home.root_process("test");
    home.xdocker("-a destroy -c test -h").ok();
    home.xdocker("-a create -m test -c test -b").ok();
    home.xdocker("-a destroy -c test -f").ok();
    home.xdocker("-s containers").prints("");
}

#[test]
fn what_was_written_stays_until_destroy() {
    let home = with_test_image();
    home.xdocker("-a create -m test -b").ok();
    home.xdocker_args(["-a", "run", "-c", "test", "--cmd", "head -c 3000 /dev/zero >/root/note"]).prints("");
    home.xdocker("-a shutdown -c test").ok();
    assert_eq!(home.xdocker("-s containers").succeeds(), container("STOPED").replace("0 B ", "2 KB"));
    home.xdocker("-a boot -c test").ok();
    home.xdocker("-a run -c test -- wc -c /root/note").prints("3000 /root/note\n");
    home.xdocker("-a destroy -c test -h").ok();
    assert!(!home.layer("test").join("root/note").exists(), "the image is not written to");
    home.xdocker("-a create -m test -c test -b").ok();
    let gone = home.xdocker("-a run -c test -- cat /root/note");
    assert_eq!(gone.code(), Some(1));
}

#[test]
fn the_root_process_is_a_program_of_ones_own() {
    let home = with_test_image();
    // Chapter 3.3.5.
    home.xdocker_args(["-a", "create", "-m", "test", "-c", "one", "-b", "-e", "sh -c 'read x; exit 5'"]).ok();
    home.xdocker("-a destroy -c one -h").ok();
    home.xdocker("-a create -m test -c two").ok();
    let line = ["-a", "boot", "-c", "two", "--wait", "--", "sh", "-c", "cat; echo err >&2; exit 5"];
    run(home.command(line), b"from outside\n").ends(5, "from outside\n", "err\n");
    assert_eq!(home.status("two").as_deref(), Some("STOPED"));
    let line =
        ["-a", "create", "-m", "test", "-c", "three", "-b", "--rm", "--", "sh", "-c", "kill -9 $$; exit 5"];
    // A root process cannot kill itself: PID 1 gets no signal from inside that it does not wait for.
    home.xdocker_args(line).ends(5, "", "");
    assert_eq!(home.status("three"), None);
}

#[test]
fn the_home_is_where_the_environment_says() {
    let home = home();
    let other = home.scratch().join("other");
    let mut command = home.command(["-s", "images"]);
    command.env_remove("xdocker_HOME").env("XDOCKER_HOME", &other);
    run(command, b"").prints("");
    assert!(other.join("images").is_dir() && !home.path().exists());
    let mut command = home.command(["-s", "images"]);
    command.env("XDOCKER_HOME", home.scratch().join("never"));
    run(command, b"").prints("");
    assert!(home.path().join("images").is_dir() && !home.scratch().join("never").exists());
}

#[test]
fn usage_is_what_one_gets_who_asks_for_nothing() {
    let home = home();
    let usage = home.xdocker("").succeeds();
    assert!(usage.starts_with("USAGE : xdocker -v\n"), "{usage}");
    for action in
        ["-s images", "-s containers", "-a create", "-a boot", "-a attach", "-a run", "-a install_test"]
    {
        assert!(usage.contains(&format!("               {action}")), "{usage}");
    }
    home.xdocker("--help").prints(&usage);
    assert!(home.xdocker("-a boot --help").succeeds().starts_with("USAGE : xdocker -a boot "));
    home.xdocker("-v").prints(concat!("xdocker v", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(!home.path().exists(), "none of this needs a home");
}
