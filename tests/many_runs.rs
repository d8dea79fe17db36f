//! Commands in great numbers, and with great output, through the binary.
//!
//! `XDOCKER_RUNS` says how many are run one after the other.

use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use xdocker_test_harness::cli::Home;
use xdocker_test_harness::leaks::{monitor, processes};
use xdocker_test_harness::wait::{PATIENCE, until};

/// A home where `test` runs.
fn home() -> Home {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test -b").ok();
    home
}

/// `-a run -c test -- …` with all three streams piped.
fn spawn(home: &Home, program: &[&str]) -> Child {
    let mut command = home.command(["-a", "run", "-c", "test", "--"]);
    command.args(program).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// How many to run one after the other: ten thousand where there is time.
fn runs() -> usize {
    env::var("XDOCKER_RUNS").map_or(700, |text| text.parse().expect("a number of runs"))
}

/// What there is of a container: descriptors, KiB of memory, mappings and children of its monitor, its processes, its files.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Footprint {
    descriptors: usize,
    resident: u64,
    mappings: usize,
    children: String,
    inside: usize,
    files: usize,
}

impl Footprint {
    /// Once the last connection has been closed.
    fn at_rest(home: &Home) -> Self {
        let mut last = Self::of(home);
        assert!(until(PATIENCE, || {
            thread::sleep(Duration::from_millis(50));
            let now = Self::of(home);
            now == std::mem::replace(&mut last, now.clone())
        }));
        last
    }

    fn of(home: &Home) -> Self {
        let all = processes(home.path());
        let monitor = monitor(home.path());
        let read = |name: &str| fs::read_to_string(format!("/proc/{monitor}/{name}")).unwrap();
        let rollup = read("smaps_rollup");
        let resident = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
        Self {
            descriptors: fs::read_dir(format!("/proc/{monitor}/fd")).unwrap().count(),
            resident: resident.trim().trim_end_matches(" kB").parse().unwrap(),
            mappings: read("maps").lines().count(),
            children: read(&format!("task/{monitor}/children")),
            inside: all.len() - 1,
            files: fs::read_dir(home.path().join("containers/test")).unwrap().count(),
        }
    }
}

#[test]
fn one_after_the_other_leave_nothing() {
    let home = home();
    let run = |index: usize| {
        let code = (index % 256).to_string();
        let ended = home.xdocker_args(["-a", "run", "-c", "test", "--", "sh", "-c", "exit $0", &code]);
        assert_eq!(ended.code(), Some((index % 256) as i32), "{ended}");
    };
    // The first ones touch pages that stay.
    (0..20).for_each(run);
    let before = Footprint::at_rest(&home);
    assert_eq!((before.inside, before.children.split_ascii_whitespace().count()), (1, 1), "{before:?}");
    (0..runs()).for_each(run);
    assert_eq!(Footprint::at_rest(&home), before);
}

#[test]
fn two_hundred_at_a_time_do_not_mix() {
    const COUNT: usize = 200;
    let home = home();
    home.xdocker("-a run -c test -- true").prints("");
    let before = Footprint::at_rest(&home);
    let line = "read word; echo \"out $word\"; echo \"err $word\" >&2; exit $((word % 100))";
    let mut clients: Vec<_> = (0..COUNT).map(|_| spawn(&home, &["sh", "-c", line])).collect();
    assert!(until(PATIENCE, || Footprint::of(&home).inside == COUNT + 1));
    for (index, client) in clients.iter_mut().enumerate() {
        client.stdin.take().unwrap().write_all(format!("{index}\n").as_bytes()).unwrap();
    }
    for (index, client) in clients.into_iter().enumerate() {
        let output = client.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(index as i32 % 100));
        assert_eq!(output.stdout, format!("out {index}\n").as_bytes());
        assert_eq!(output.stderr, format!("err {index}\n").as_bytes());
    }
    let after = Footprint::at_rest(&home);
    // A page or two of the table of sessions stay.
    assert!(after.resident <= before.resident + 48, "{before:?} {after:?}");
    assert_eq!(Footprint { resident: before.resident, ..after }, before);
}

/// Bytes that a process has read and written by system calls (proc_pid_io(5)).
fn copied(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let of = |what| io.lines().find_map(|line| line.strip_prefix(what)?.trim().parse::<u64>().ok()).unwrap();
    of("rchar:") + of("wchar:")
}

#[test]
fn a_gigabyte_goes_through_and_nobody_copies_it() {
    const SIZE: u64 = 1 << 30;
    let home = home();
    let monitor = monitor(home.path());
    let line = format!("head -c {SIZE} /dev/zero; read line");
    let mut client = spawn(&home, &["sh", "-c", &line]);
    let mut output = client.stdout.take().unwrap();
    let mut buffer = vec![0; 1 << 16];
    let mut got = 0;
    while got < SIZE {
        let count = output.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "the end after {got} bytes");
        got += count as u64;
    }
    assert_eq!(got, SIZE);
    // Starting took them some; of what went through they have seen nothing.
    let (theirs, monitors) = (copied(client.id()), copied(monitor));
    assert!(theirs < 1 << 20 && monitors < 1 << 20, "{theirs} {monitors}");
    drop(client.stdin.take());
    assert_eq!(client.wait().unwrap().code(), Some(1));
}

#[test]
fn a_reader_that_goes_away_ends_who_writes_to_it() {
    let home = home();
    let mut client = spawn(&home, &["yes"]);
    let mut output = client.stdout.take().unwrap();
    output.read_exact(&mut [0; 1 << 16]).unwrap();
    drop(output);
    assert_eq!(client.wait().unwrap().code(), Some(128 + 13));
    // One that does not read hangs the command alone.
    let mut client = spawn(&home, &["yes"]);
    home.xdocker("-a run -c test -- echo there").prints("there\n");
    home.xdocker("-a kill -c test").ok();
    assert_eq!(client.wait().unwrap().code(), Some(128 + 9));
}

#[test]
fn output_is_what_was_printed_to_the_byte() {
    let home = home();
    let line = r"printf 'a\0b\377\n'; head -c 65536 /dev/zero | tr '\0' x; echo; printf '\r\n\n\303'; \
                 printf '\0\376' >&2";
    let output = spawn(&home, &["sh", "-c", line]).wait_with_output().unwrap();
    let mut expected = b"a\0b\xff\n".to_vec();
    expected.extend([b'x'; 65536]);
    expected.extend(b"\n\r\n\n\xc3");
    assert!(output.stdout == expected, "{} bytes in place of {}", output.stdout.len(), expected.len());
    assert_eq!(output.stderr, b"\0\xfe");
    // And in, and out again.
    let mut client = spawn(&home, &["cat"]);
    client.stdin.take().unwrap().write_all(&expected[..40_000]).unwrap();
    assert!(client.wait_with_output().unwrap().stdout == expected[..40_000]);
}
