//! The host process is not ours: with 32 threads that allocate, lock and log all the time it boots and
//! destroys containers, none hangs, and the process is afterwards as it was.
//!
//! One test alone, since it looks at the whole process.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::{env, fs, process, thread};

use nix::sys::wait::{WaitPidFlag, waitpid};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use xdocker_core::{Boot, IfRunning};
use xdocker_test_harness::home::Home;
use xdocker_test_harness::wait::{PATIENCE, until};

const THREADS: usize = 32;
const CONTAINERS: usize = 200;

/// A log that makes every caller allocate and take a lock.
struct Log;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static LOGGED: AtomicU64 = AtomicU64::new(0);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        LOGGED.fetch_add(1, Ordering::Relaxed);
        let mut lines = LINES.lock().unwrap();
        if lines.len() == 1000 {
            lines.clear();
        }
        lines.push(line.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

/// What of this process must not change.
#[derive(Debug, PartialEq, Eq)]
struct Process {
    descriptors: Vec<PathBuf>,
    threads: usize,
    /// Signal masks and dispositions of the caller's thread, umask, and whatever else proc_pid_status(5) has
    /// of that sort.
    status: BTreeMap<String, String>,
    directory: PathBuf,
    root: PathBuf,
    namespaces: Vec<PathBuf>,
}

impl Process {
    fn now() -> Self {
        let links = |directory: &str| {
            let entries = fs::read_dir(directory).unwrap();
            let mut links: Vec<_> =
                // The descriptor that lists is gone when it is looked at.
                entries.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok()).collect();
            links.sort();
            links
        };
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        let fields =
            ["SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd", "Umask", "NoNewPrivs", "Seccomp", "CapEff"];
        let fields =
            status.lines().filter_map(|line| line.split_once(':')).filter(|(key, _)| fields.contains(key));
        Self {
            descriptors: links("/proc/self/fd"),
            threads: fs::read_dir("/proc/self/task").unwrap().count(),
            status: fields.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect(),
            directory: env::current_dir().unwrap(),
            root: fs::read_link("/proc/self/root").unwrap(),
            namespaces: links("/proc/thread-self/ns"),
        }
    }
}

#[test]
fn a_busy_host_boots_and_destroys_and_stays_as_it_was() {
    let home = Home::new();
    tracing::subscriber::set_global_default(Log).unwrap();
    // The helper stays open for as long as the process lives.
    home.boot("first").destroy(IfRunning::Kill).unwrap();
    let before = Process::now();
    let environment: Vec<_> = env::vars_os().collect();

    let stop = AtomicBool::new(false);
    let done = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (stop, done) = (&stop, &done);
            scope.spawn(move || {
                let mut round = 0usize;
                while !stop.load(Ordering::Relaxed) {
                    round += 1;
                    let text = vec![b'x'; round * 997 % 100_000];
                    tracing::info!(thread, round, "{} bytes", text.len());
                    done.lock().unwrap().insert(thread, text);
                }
            });
        }
        let (alive, watched) = mpsc::channel();
        scope.spawn(move || {
            loop {
                match watched.recv_timeout(PATIENCE) {
                    Ok(()) => (),
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        eprintln!("hung for {} s", PATIENCE.as_secs());
                        // A panic would wait for the thread that hangs.
                        process::abort()
                    }
                }
            }
        });
        for number in 0..CONTAINERS {
            let container = home.create(&format!("c{number}"));
            container.boot(&Boot::new()).unwrap();
            if number % 10 == 0 {
                assert_eq!(
                    container.command("hostname").output().unwrap().stdout,
                    format!("c{number}\n").as_bytes()
                );
            }
            container.destroy(IfRunning::Kill).unwrap();
            alive.send(()).unwrap();
        }
        drop(alive);
        stop.store(true, Ordering::Relaxed);
    });

    // A thread that was joined takes another moment to leave /proc.
    until(PATIENCE, || Process::now() == before);
    assert_eq!(Process::now(), before);
    assert!(env::vars_os().eq(environment), "the environment has changed");
    let any = waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL));
    assert_eq!(any, Err(nix::Error::ECHILD));
    assert!(LOGGED.load(Ordering::Relaxed) > (THREADS + CONTAINERS) as u64);
    home.assert_clean();
}
