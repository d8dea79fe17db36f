//! The cgroup options, `-a limit` and `-s stats`, as a user types them.

use xdocker_test_harness::cli::Home;
use xdocker_test_harness::pty::Window;

const WINDOW: Window = Window { rows: 24, columns: 160 };

fn home() -> Home {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test -c test").ok();
    home
}

/// The titles, and the cells of the container `test`.
fn stats(table: &str) -> [Vec<&str>; 2] {
    let row = table.lines().last().expect("a row");
    [table.lines().next().expect("titles").split_whitespace().collect(), row.split_whitespace().collect()]
}

#[test]
fn limits_are_set_shown_changed_and_kept() {
    let home = home();
    home.xdocker("-s stats").prints("");
    home.xdocker("-s stats -c test").fails(1, "container test is not running");
    home.xdocker("-a boot -c test --cpus 0 --cpu-quota 50% --mem-limit 100M --pids-limit 99").ok();
    let table = home.xdocker("-s stats").succeeds();
    let [titles, cells] = stats(&table);
    assert_eq!(titles[..4], ["container_id", "cpu", "cpu_time", "throttled"]);
    assert_eq!(cells[..2], ["test", "-"]);
    assert!(table.contains(" 100 MB ") && table.contains(" 1/99 "), "{table}");

    home.xdocker("-a limit -c test --mem-limit 64M --pids-limit max").ok();
    let text = home.xdocker("-s stats -c test --json").succeeds();
    let object: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let test = &object[0];
    assert_eq!((&test["name"], &test["memory"]["limit"]), (&"test".into(), &(64 << 20).into()));
    assert!(test["pids"]["limit"].is_null() && test["cpu"]["total_us"].is_u64(), "{text}");
    assert!(test["cpu"]["throttling"]["throttled"].is_u64() && test["network"].is_null(), "{text}");
    home.xdocker("-a kill -c test").ok();

    // Changed while it ran: kept. Given at a boot: for that run.
    home.xdocker("-a boot -c test").ok();
    let table = home.xdocker("-s stats").succeeds();
    assert!(table.contains(" 64 MB ") && table.contains("/max "), "{table}");
}

#[test]
fn on_a_terminal_the_picture_is_drawn_again() {
    let home = home();
    home.xdocker("-a boot -c test").ok();
    let mut terminal = home.terminal(WINDOW, "-s stats");
    let picture = "\x1b[H\x1b[Jcontainer_id ";
    terminal.expect(picture);
    terminal.expect(picture);
    terminal.expect("% ");
    terminal.press("\x03");
    let (status, _) = terminal.ends();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn an_end_for_want_of_memory_is_told() {
    let home = home();
    let line = "-a boot -c test --mem-limit 16M --wait -- sh -c";
    let mut args: Vec<_> = line.split(' ').collect();
    args.push("x=x; while :; do x=$x$x; done");
    let ended = home.xdocker_args(args);
    assert_eq!(ended.code(), Some(137), "{ended}");
    let text = home.xdocker("-s containers --json").succeeds();
    let containers: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(containers[0]["exit"]["oom_kills"], 1, "{text}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let home = home();
    for (options, why) in [
        ("--cpus 1-", "numbers of cores and ranges"),
        ("--cpu-quota 50", "a number of percent is expected"),
        ("--mem-limit 1.5G", "a number of bytes is expected"),
        ("--pids-limit 0", "a number from 1 to 4194304 or `max`"),
        ("--cpu-weight 10001", "a number from 1 to 10000"),
        ("--io-max vda:wbps=1M", "an absolute path, a colon and some of rbps, wbps, riops and wiops"),
    ] {
        home.unchanged(|| home.xdocker(&format!("-a boot -c test {options}")).fails(2, why));
    }
    for (options, why) in [
        ("--cpus 4000", "list of CPU cores `4000`: there is no core 4000 here"),
        ("--cpu-quota 700000%", "all cores together are"),
        ("--mem-limit 1", "a container cannot start with less"),
        ("--io-max /proc:wbps=1M", "/proc is not on one disk"),
        ("--io-max /dev/none:wbps=1M", "cannot look at /dev/none: No such file"),
        (
            "--mem-limit 10M --mem-reservation 20M",
            "memory reservation `20M`: it is more than the limit of 10M",
        ),
    ] {
        home.unchanged(|| home.xdocker(&format!("-a boot -c test {options}")).fails(1, why));
        home.unchanged(|| home.xdocker(&format!("-a create -m test -c new -b {options}")).fails(1, why));
    }
    home.xdocker("-a limit -c test").fails(2, "-a limit needs one of the cgroup options");
}
