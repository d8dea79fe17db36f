//! Real load under each limit, and what is told of it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu};
use nix::unistd::Pid;
use xdocker_core::{
    Boot, Capabilities, Container, ContainerSpec, ErrorKind, Exec, HostReport, IfRunning, PidsLimit,
    Resources, Sandbox, State, Stats, Throttling, WindowSize,
};
use xdocker_test_harness::home::{Home, IMAGE};
use xdocker_test_harness::leaks::{cgroups, monitor};
use xdocker_test_harness::role;
use xdocker_test_harness::wait::{PATIENCE, until};

/// Boots a new container with these limits.
#[track_caller]
fn boot(home: &Home, name: &str, limits: Resources) -> Container {
    let container = home.create(name);
    let boot = Boot::new().resources(limits);
    container.boot(&boot).unwrap_or_else(|error| panic!("{}", error.chain()));
    container
}

fn memory(limit: &str) -> Resources {
    Resources::new().memory(limit.parse().unwrap())
}

/// The highest core that we may run on.
fn last_core() -> usize {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
    (0..CpuSet::count()).rfind(|core| allowed.is_set(*core).unwrap()).expect("a core")
}

/// Keeps two cores busy for as long as it is told, and fails when it was seen on another core than it may be on.
#[test]
#[ignore = "a role of other tests"]
fn spins() {
    let [seconds, core] = role::arguments();
    let end = Instant::now() + Duration::from_secs(seconds.parse().unwrap());
    let core: Option<usize> = core.parse().ok();
    let spin = || {
        while Instant::now() < end {
            let here = sched_getcpu().unwrap();
            assert!(core.is_none_or(|core| core == here), "on core {here}");
        }
    };
    thread::scope(|scope| {
        scope.spawn(spin);
        scope.spawn(spin);
    });
}

/// Writes to so many megabytes of memory.
#[test]
#[ignore = "a role of other tests"]
fn fills_memory() {
    let [megabytes] = role::arguments();
    let bytes = megabytes.parse::<usize>().unwrap() << 20;
    assert!(vec![1u8; bytes].iter().step_by(4096).all(|byte| *byte == 1));
}

/// What has been counted of a container's CPU time, as soon as another period has begun.
fn at_a_period(container: &Container) -> (Duration, Throttling) {
    let look = || {
        let cpu = container.stats().unwrap().cpu.unwrap();
        (cpu.total, cpu.throttling.unwrap())
    };
    let (first, mut now) = (look().1.periods, None);
    assert!(until(PATIENCE, || now.insert(look()).1.periods > first), "it has ceased to run");
    now.expect("looked at")
}

#[test]
fn two_threads_under_a_quota_of_half_a_core_get_half_a_core() {
    const PERIOD: Duration = Duration::from_millis(100);
    let home = Home::new();
    // Heavier than all others: the quota alone is between it and the cores.
    let limits = Resources::new().cpu_quota("50%".parse().unwrap()).cpu_weight("10000".parse().unwrap());
    let container = boot(&home, "box", limits);
    let patience = PATIENCE.as_secs().to_string();
    let mut spinner = role::in_container(&container, "spins", [&patience, "any"]).spawn().unwrap();
    // The host may have something to do that is heavier still: a time is waited for in which the quota was what counted.
    let begun = Instant::now();
    loop {
        let start = Instant::now();
        let before = at_a_period(&container);
        thread::sleep(40 * PERIOD);
        let after = at_a_period(&container);
        let elapsed = start.elapsed();

        let (used, periods) = (after.0 - before.0, after.1.periods - before.1.periods);
        let (throttled, waited) = (after.1.throttled - before.1.throttled, after.1.time - before.1.time);
        let share = used.as_secs_f64() / (PERIOD.as_secs_f64() * periods as f64);
        println!("{:.1}%, throttled in {throttled} of {periods} periods", 100.0 * share);
        assert!(share <= 0.55 && used.as_secs_f64() <= 0.55 * elapsed.as_secs_f64(), "{share}, {elapsed:?}");
        if throttled * 100 >= periods * 95 {
            assert!(share >= 0.45 && !waited.is_zero(), "{share}, {waited:?}");
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "others are heavier: {throttled} of {periods} periods");
    }
    spinner.kill().unwrap();
    spinner.wait().unwrap();
}

#[test]
fn a_container_is_never_seen_on_another_core_than_its_own() {
    let home = Home::new();
    let core = last_core().to_string();
    let container = boot(&home, "box", Resources::new().cpus(core.parse().unwrap()));
    assert!(role::in_container(&container, "spins", ["1", &core]).status().unwrap().success());
    let allowed = |pid: &str| {
        let status = container.command("cat").arg(format!("/proc/{pid}/status")).output().unwrap().stdout;
        let status = String::from_utf8(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        line.unwrap().trim().to_owned()
    };
    assert_eq!([allowed("1"), allowed("self")], [&*core, &core]);
}

#[test]
fn what_uses_more_memory_than_it_may_dies_and_that_is_told() {
    let home = Home::new();
    let container = boot(&home, "box", memory("100M"));
    let fill = |megabytes| role::in_container(&container, "fills_memory", [megabytes]).status().unwrap();
    assert!(fill("50").success());
    assert_eq!(container.stats().unwrap().memory.unwrap().oom_kills, 0);
    assert_eq!(fill("200").signal(), Some(9));
    let used = container.stats().unwrap().memory.unwrap();
    assert_eq!((used.oom_kills, used.limit), (1, Some(100 << 20)));
    assert!((50 << 20..=100 << 20).contains(&used.peak.unwrap()), "{used:?}");
    assert!(matches!(container.state().unwrap(), State::Running { .. }), "it was a session that died");
    container.shutdown(PATIENCE).unwrap();
    assert_eq!(container.info().unwrap().exit.unwrap().oom_kills(), 1);

    let (key, value) = role::environment(["200"]);
    let filler = Exec::new(role::INSIDE).args(role::options("fills_memory")).env(key, value);
    let null = fs::File::open("/dev/null").unwrap().into();
    let booted = Boot::new().exec(filler).resources(memory("100M"));
    let status = container.boot_bound(&booted, [&null; 3]).unwrap().wait().unwrap();
    let exit = container.info().unwrap().exit.unwrap();
    assert_eq!((status.signal(), exit.oom_kills()), (Some(9), 1));

    // A run without trouble says nothing of an earlier one's.
    container.boot(&Boot::new()).unwrap();
    container.kill().unwrap();
    assert_eq!(container.info().unwrap().exit.unwrap().oom_kills(), 0);
}

/// Writes so many megabytes to the disk, and waits for each.
#[test]
#[ignore = "a role of other tests"]
fn fills_disk() {
    let [megabytes] = role::arguments();
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .custom_flags(nix::libc::O_DSYNC)
        .open("/big")
        .unwrap();
    for _ in 0..megabytes.parse().unwrap() {
        file.write_all(&vec![1; 1 << 20]).unwrap();
    }
}

#[test]
fn a_disk_is_written_to_as_fast_as_it_may_be() {
    let home = Home::new();
    let disk =
        |limit: &str| Resources::new().io_max(format!("{}:{limit}", home.path().display()).parse().unwrap());
    let container = boot(&home, "box", disk("wbps=1M"));
    let fill = || {
        let start = Instant::now();
        assert!(role::in_container(&container, "fills_disk", ["4"]).status().unwrap().success());
        start.elapsed()
    };
    let limited = fill();
    // The first slice of time may be given out at once.
    assert!(limited > Duration::from_millis(2500), "4 MiB in {limited:?}");
    assert!(container.stats().unwrap().io.unwrap().written >= 4 << 20);
    container.limit(&disk("wbps=max")).unwrap_or_else(|error| panic!("{}", error.chain()));
    // Faster than it was allowed to be, as soon as the disk itself has nothing better to do.
    let mut free = limited;
    assert!(
        until(PATIENCE, || {
            free = fill();
            free < Duration::from_millis(2500)
        }),
        "{free:?} without a limit, {limited:?} with one"
    );
    // A container that had no such limit gets one while it runs.
    let other = boot(&home, "other", Resources::new());
    other.limit(&disk("wbps=1M")).unwrap_or_else(|error| panic!("{}", error.chain()));
    let start = Instant::now();
    assert!(role::in_container(&other, "fills_disk", ["3"]).status().unwrap().success());
    assert!(start.elapsed() > Duration::from_millis(1500), "3 MiB in {:?}", start.elapsed());
}

#[test]
fn a_fork_bomb_ends_with_its_container() {
    let home = Home::new();
    let container = boot(&home, "box", Resources::new().pids("60".parse().unwrap()));
    let mut bomb = container.shell("b() { b | b & b; }; b 2>/dev/null").unwrap();
    let bomb = bomb.spawn().unwrap();
    let pids = || container.stats().unwrap().pids.unwrap();
    assert!(until(PATIENCE, || pids().current == 60), "{:?}", pids());
    assert_eq!(pids().limit, Some(60));
    // The host has all that it had.
    assert!(Command::new("true").status().unwrap().success());
    container.kill().unwrap();
    drop(bomb);
    home.assert_clean();
}

#[test]
fn who_has_taken_all_processes_keeps_nobody_from_ending_it() {
    let home = Home::new();
    let container = boot(&home, "box", Resources::new().pids("6".parse().unwrap()));
    let mut taken = 0;
    // One of them is our own PID 1, and one goes on the way in.
    while container.command("sleep").arg("1000").spawn_detached().is_ok() {
        taken += 1;
        assert!(taken < 6);
    }
    assert!(taken > 2);
    let refused = container.command("true").status().unwrap_err();
    assert!(refused.chain().contains("Resource temporarily unavailable"), "{}", refused.chain());
    assert_eq!(container.processes().unwrap().len(), taken + 1);
    container.shutdown(PATIENCE).unwrap();
    container.destroy(IfRunning::Refuse).unwrap();
}

#[test]
fn everything_but_the_monitor_is_born_within_the_limits() {
    let home = Home::new();
    let container = boot(&home, "box", Resources::new());
    let mut session = container.command("sleep").arg("1000").spawn().unwrap();
    let State::Running { pid } = container.state().unwrap() else { panic!("not running") };
    let groups = cgroups(home.path());
    assert!(!groups.is_empty());
    for group in &groups {
        let members = fs::read_to_string(group.join("cgroup.procs")).unwrap();
        let members: BTreeSet<u32> = members.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(members, BTreeSet::from([pid, session.id()]), "{}", group.display());
    }
    let default = PidsLimit::default().number().map(u64::from);
    assert_eq!(container.stats().unwrap().pids.unwrap().limit, default);
    // From inside there is no other cgroup to be seen than its own.
    let inside = container.command("cat").arg("/proc/self/cgroup").output().unwrap().stdout;
    assert!(!String::from_utf8(inside).unwrap().contains("xdocker"));
    let line = "cd /sys/fs/cgroup && cat pids.max pids/pids.max 2>/dev/null; \
                find . -name cgroup.procs -o -name tasks -o -name '*.max' | while read file; do \
                    echo 1 2>/dev/null > $file && echo $file; done; mkdir new pids/new 2>/dev/null || echo refused";
    let seen = container.shell(line).unwrap().output().unwrap().stdout;
    assert_eq!(String::from_utf8(seen).unwrap(), format!("{}\nrefused\n", default.unwrap()));
    session.kill().unwrap();
    session.wait().unwrap();
    let _the_only_one = monitor(home.path());
    container.kill().unwrap();
    home.assert_clean();
}

#[test]
fn limits_change_while_it_runs_and_are_kept() {
    let home = Home::new();
    let core = last_core().to_string();
    let container = boot(&home, "box", Resources::new());
    let mut earlier = role::in_container(&container, "spins", ["1", "any"]).spawn().unwrap();
    let limits = memory("64M").cpus(core.parse().unwrap()).cpu_quota("30%".parse().unwrap());
    container.limit(&limits.pids("77".parse().unwrap())).unwrap_or_else(|error| panic!("{}", error.chain()));
    for pid in [earlier.id(), container.command("true").spawn().unwrap().id()] {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        assert!(status.is_empty() || status.contains(&format!("Cpus_allowed_list:\t{core}\n")), "{status}");
    }
    assert!(earlier.wait().unwrap().success());
    let limits = |stats: &Stats| (stats.memory.unwrap().limit, stats.pids.unwrap().limit);
    assert_eq!(limits(&container.stats().unwrap()), (Some(64 << 20), Some(77)));
    // Up and down again: memory with swap is in the way of each of them once.
    container.limit(&memory("128M")).unwrap();
    container.limit(&memory("96M")).unwrap();
    container.kill().unwrap();
    home.assert_clean();

    container.boot(&Boot::new()).unwrap();
    assert_eq!(limits(&container.stats().unwrap()), (Some(96 << 20), Some(77)));
    assert!(container.stats().unwrap().cpu.unwrap().throttling.is_some());
    container.kill().unwrap();
    // What a boot says counts for that run.
    container.boot(&Boot::new().resources(memory("32M"))).unwrap();
    assert_eq!(limits(&container.stats().unwrap()), (Some(32 << 20), Some(77)));
    container.kill().unwrap();
    container.boot(&Boot::new()).unwrap();
    assert_eq!(limits(&container.stats().unwrap()).0, Some(96 << 20));
    assert_eq!(container.stats().unwrap().network, None, "it has the host's");
}

#[test]
fn what_the_host_cannot_give_is_refused_before_anything_starts() {
    let home = Home::new();
    let container = home.create("box");
    let none = Resources::new;
    let bad = [
        none().cpus("8191".parse().unwrap()),
        none().cpu_quota("800000%".parse().unwrap()),
        memory("1"),
        memory("10M").memory_reservation("11M".parse().unwrap()),
        none().io_max("/proc:wbps=1M".parse().unwrap()),
    ];
    for limits in bad {
        let error = container.boot(&Boot::new().resources(limits.clone())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{}", error.chain());
        assert_eq!(container.limit(&limits).unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(container.state().unwrap(), State::Stopped);
        assert!(container.info().unwrap().exit.is_none());
    }
    home.assert_clean();
    container.boot(&Boot::new().resources(memory("2M"))).unwrap_or_else(|error| panic!("{}", error.chain()));
}

#[test]
fn a_weight_for_disks_is_refused_where_nobody_looks_at_it() {
    let home = Home::new();
    let container = home.create("box");
    let weights = || Resources::new().io_weight("300".parse().unwrap());
    let somebody_looks =
        HostReport::probe().features.iter().any(|it| it.name == "disk weights" && it.present);
    let booted = container.boot(&Boot::new().resources(weights()));
    if somebody_looks {
        booted.unwrap_or_else(|error| panic!("{}", error.chain()));
        // BFQ has weights up to 1000.
        let kept = |weight: &str| {
            let files = ["io.bfq.weight", "blkio.bfq.weight", "io.weight"];
            let all = cgroups(home.path()).into_iter().flat_map(|group| files.map(|file| group.join(file)));
            all.filter_map(|path| fs::read_to_string(path).ok()).any(|text| text.trim().ends_with(weight))
        };
        assert!(kept("118") || kept("300"));
        container.limit(&Resources::new().io_weight("50".parse().unwrap())).unwrap();
        assert!(kept("50"));
        return;
    }
    let other = home.boot("other");
    for refused in [booted, other.limit(&weights())] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let why = "set the weight for disks to 300 is not possible here: no disk has the scheduler bfq";
        assert!(error.chain().contains(why), "{}", error.chain());
    }
    assert_eq!(container.state().unwrap(), State::Stopped);
    assert!(container.info().unwrap().exit.is_none());
}

#[test]
fn who_may_make_nodes_can_open_the_usual_ones_only() {
    let home = Home::new();
    let capabilities = Capabilities::default() | "MKNOD".parse().unwrap();
    let spec =
        ContainerSpec::new([IMAGE.parse().unwrap()]).sandbox(Sandbox::new().capabilities(capabilities));
    let container = home.engine().create(&spec).unwrap();
    container.boot(&Boot::new()).unwrap_or_else(|error| panic!("{}", error.chain()));
    let sh = |line: &str| {
        let output = container.shell(line).unwrap().output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    // Of nothing that a machine has: were it not for the limit, another reason would be given.
    assert!(sh("mknod /dev/disk b 7 99 && cat /dev/disk").contains("Operation not permitted"));
    assert!(sh("mknod /dev/port c 240 1 && cat /dev/port").contains("Operation not permitted"));
    assert_eq!(sh("mknod /dev/nothing c 1 3 && cat /dev/nothing && echo x > /dev/nothing"), "");
    assert_eq!(sh("head -qc 3 /dev/zero /dev/urandom | wc -c"), "6\n");
    let mut shell = container.command("cat");
    let mut session = shell.arg("/dev/tty").terminal(WindowSize { rows: 24, columns: 80 }).spawn().unwrap();
    assert_eq!(session.wait_timeout(Duration::from_millis(100)).unwrap(), None, "it reads from its terminal");
}
