//! Control groups: what a container may use of the host, and what it does use.
//!
//! [`host`] finds the hierarchies there are, [`limits`] turns what a user wants into files to write (pure), and
//! [`Group`] has a plan make the cgroups of a container, changes and counts them while it runs, and removes what a
//! monitor that was killed has left.
//!
//! Each hierarchy costs a boot some 50 µs. So of version 1, where each controller has one of its own, a container gets
//! those with the number of processes, memory and CPU time, which is what is limited and counted for every one, and
//! others when a limit asks for them.

mod devices;
mod freezer;
mod host;
mod limits;
mod name;
mod stats;
mod view;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use caps::Capability;

use crate::error::{Error, Result};
use crate::launch::{Action, Directory, Plan, c_path};
use crate::spec::{CpuSet, Resources, Sandbox};
use host::Hierarchy;
use limits::{Facts, Write};

pub(crate) use freezer::thaw;
pub(crate) use host::{Controller, Host, Version, Weigher};
pub use name::CgroupName;
pub(crate) use stats::network;
pub use stats::{CpuStats, IoStats, MemoryStats, NetworkStats, PidsStats, Stats, Throttling};
pub(crate) use view::View;

/// What every container is counted by, even without a limit.
const ALWAYS: [Controller; 3] = [Controller::Pids, Controller::Memory, Controller::CpuAccounting];

/// How long processes that have been killed may take to leave a cgroup.
const CLEARING: Duration = Duration::from_secs(10);

/// Which devices a container may open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Devices {
    /// Whatever there is a node of.
    All,
    /// The usual ones, whatever nodes it makes.
    Usual,
}

impl Devices {
    /// Only who may make nodes could open others than those that we made.
    pub(crate) fn allowed_by(sandbox: &Sandbox) -> Self {
        match sandbox.masks && sandbox.capabilities.contains(Capability::CAP_MKNOD) {
            true => Self::Usual,
            false => Self::All,
        }
    }
}

/// The cgroups of a container, one in each hierarchy; not all of them need exist.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    host: &'static Host,
    paths: Vec<PathBuf>,
}

impl Group {
    /// Those of a container that is to boot on this host.
    pub(crate) fn new(name: &CgroupName) -> Self {
        let host = Host::this();
        Self { host, paths: host.hierarchies.iter().map(|h| h.base.join(name.as_str())).collect() }
    }

    /// Those that the record of a run names.
    pub(crate) fn recorded(paths: Vec<PathBuf>) -> Self {
        Self { host: Host::this(), paths }
    }

    /// Where they are, or may be before the run is over.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Plans them with these limits, that the root process is born in them, and that they go with it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit that this host cannot give, [`Error::Unsupported`] without the controller
    /// for it.
    pub(crate) fn plan(&self, plan: &mut Plan, wanted: &Resources, devices: Devices) -> Result<View> {
        let facts = self.facts(wanted)?;
        facts.check(wanted)?;
        let usual = Resources { pids: Some(wanted.pids.unwrap_or_default()), ..wanted.clone() };
        let mut writes = facts.writes(&usual);
        if wanted.pids.is_none() && self.host.with(Controller::Pids).is_none() {
            tracing::debug!("the number of processes is not limited: no controller `pids` here");
            writes.retain(|write| write.controller != Controller::Pids);
        }
        let guarded = devices == Devices::Usual;
        if guarded && self.host.version == Version::One {
            writes.extend(devices::writes());
        }
        self.require(&writes)?;
        let view = plan_group(plan, self.host, &self.paths, &writes);
        if guarded && self.host.version == Version::Two {
            let program = devices::program();
            plan.host.purpose(devices::PURPOSE).push(Action::GuardDevices { program });
        }
        Ok(view)
    }

    /// Checks that this host can give these limits.
    ///
    /// # Errors
    /// Those of [`Self::plan`].
    pub(crate) fn check(&self, wanted: &Resources) -> Result<()> {
        let facts = self.facts(wanted)?;
        facts.check(wanted)?;
        self.require(&facts.writes(wanted))
    }

    /// Checks that there is a controller for each write, and in version 2 switches those on that we use.
    fn require(&self, writes: &[Write]) -> Result<()> {
        for write in writes {
            if self.host.with(write.controller).is_none() {
                let why = format!("there is no cgroup controller `{}` here", write.controller.name());
                return Err(Error::Unsupported { what: format!("to {}", write.purpose), why });
            }
        }
        let (Version::Two, [hierarchy]) = (self.host.version, &self.host.hierarchies[..]) else {
            return Ok(());
        };
        let switched = hierarchy.base.join("cgroup.subtree_control");
        let on = fs::read_to_string(&switched).map_err(Error::file("read", &switched))?;
        let asked = |controller| writes.iter().any(|write| write.controller == controller);
        for controller in hierarchy.controllers.iter().copied() {
            let used = ALWAYS.contains(&controller) || controller == Controller::Cpu || asked(controller);
            if !used || on.split_whitespace().any(|name| name == controller.name()) {
                continue;
            }
            match fs::write(&switched, format!("+{}", controller.name())) {
                // Above us there may be processes beside cgroups, which version 2 does not allow.
                Err(why) if !asked(controller) => {
                    tracing::debug!("no cgroup controller `{}` for us: {why}", controller.name());
                }
                other => other.map_err(Error::file("write", &switched))?,
            }
        }
        Ok(())
    }

    /// What of this host the wanted limits depend on.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a disk that there is not, or that is none.
    fn facts(&self, wanted: &Resources) -> Result<Facts> {
        let text = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
        let above = |controller, file: &str| self.host.with(controller).map(|h| h.base.join(file));
        let cores = (wanted.cpus.is_some() || wanted.cpu_quota.is_some())
            .then(|| text("/sys/devices/system/cpu/online".into()).trim().parse().ok());
        Ok(Facts {
            version: self.host.version,
            cores: cores.flatten().unwrap_or_else(CpuSet::every),
            memory_nodes: match (&wanted.cpus, above(Controller::Cpuset, "cpuset.mems")) {
                (Some(_), Some(path)) => text(path),
                _ => String::new(),
            },
            weigher: wanted.io_weight.and_then(|_| Weigher::of(self.host.version)),
            disks: wanted.io_max.iter().map(host::disk).collect::<Result<_>>()?,
        })
    }

    /// Removes what somebody else has left of an earlier run under the same names, before a new one begins.
    ///
    /// # Errors
    /// [`Error::File`] when there are processes in it.
    pub(crate) fn clear(&self) -> Result<()> {
        let mut left = self.paths.iter().filter(|path| path.exists());
        left.try_for_each(|path| remove(path, Instant::now()).map_err(Error::file("remove", path)))
    }

    /// Removes what a monitor that was killed has left. Its processes have been killed.
    pub(crate) fn remove(&self) -> Vec<Error> {
        let deadline = Instant::now() + CLEARING;
        let removed =
            self.paths.iter().map(|path| remove(path, deadline).map_err(Error::file("remove", path)));
        removed.filter_map(Result::err).collect()
    }

    /// Whichever of the cgroups has that file.
    fn holding(&self, file: &str) -> Option<PathBuf> {
        self.paths.iter().find(|path| path.join(file).exists()).cloned()
    }

    /// Content of a file, in whichever of the cgroups has it.
    fn read(&self, file: &str) -> Option<String> {
        self.paths.iter().find_map(|path| fs::read_to_string(path.join(file)).ok())
    }

    /// Changes the limits of a container that runs.
    ///
    /// # Errors
    /// Those of [`Self::plan`]; [`Error::Launch`] when the kernel refuses, as less memory than is in use.
    pub(crate) fn change(&self, changes: &Resources) -> Result<()> {
        let facts = self.facts(changes)?;
        facts.check(changes)?;
        let mut writes = facts.writes(changes);
        self.require(&writes)?;
        // Memory with swap is never less than memory alone: what grows is written the other way round.
        let now = self.read("memory.memsw.limit_in_bytes").and_then(|text| text.trim().parse().ok());
        if let (Some(limit), Some(now)) = (changes.memory, now)
            && limit.bytes() > now
        {
            writes.sort_by_key(|write| write.file != "memory.memsw.limit_in_bytes");
        }
        for write in &writes {
            let path = self.path_with(write.controller)?;
            if !path.exists() {
                fs::create_dir(path).map_err(Error::file("create", path))?;
            }
            match fs::write(path.join(write.file), &write.value) {
                Err(why) if write.optional && why.kind() == io::ErrorKind::NotFound => (),
                other => other.map_err(|source| Error::Launch { step: write.purpose.clone(), source })?,
            }
        }
        // Where a limit has made a cgroup, the processes of the container are not in it yet.
        for controller in writes.iter().map(|write| write.controller) {
            self.gather(self.path_with(controller)?)?;
        }
        Ok(())
    }

    /// The cgroup with a controller, which exists if it is used.
    fn path_with(&self, controller: Controller) -> Result<&Path> {
        let base = self.host.with(controller).map(|hierarchy| &*hierarchy.base);
        let path = self.paths.iter().find(|path| path.parent() == base);
        path.map(|path| &**path).ok_or_else(|| Error::Unsupported {
            what: format!("a cgroup with the controller `{}`", controller.name()),
            why: "the container was booted from within other cgroups".into(),
        })
    }

    /// Moves all processes of the container to the cgroup at `path`.
    fn gather(&self, path: &Path) -> Result<()> {
        /// A process may fork before it is moved: one look more for each generation that does.
        const ROUNDS: usize = 100;
        let members = |of: &Path| fs::read_to_string(of.join("cgroup.procs")).unwrap_or_default();
        let Some(known) = self.paths.iter().find(|known| !members(known).is_empty()) else { return Ok(()) };
        let failed = |source| Error::Launch { step: "move the container to a new cgroup".into(), source };
        for _ in 0..ROUNDS {
            let (all, there) = (members(known), members(path));
            let missing: Vec<_> =
                all.lines().filter(|pid| !there.lines().any(|other| other == *pid)).collect();
            if missing.is_empty() {
                return Ok(());
            }
            for pid in missing {
                match fs::write(path.join("cgroup.procs"), pid) {
                    // It has ended.
                    Err(why) if why.raw_os_error() == Some(libc::ESRCH) => (),
                    other => other.map_err(failed)?,
                }
            }
        }
        Err(failed(io::Error::other("it makes processes faster than they can be moved")))
    }
}

/// The steps for cgroups at `paths`, one in each hierarchy of `host` in the same order, and what is seen of them.
fn plan_group(plan: &mut Plan, host: &Host, paths: &[PathBuf], writes: &[Write]) -> View {
    let mut view = View::default();
    for (hierarchy, path) in host.hierarchies.iter().zip(paths) {
        let holds = |controller: &Controller| hierarchy.controllers.contains(controller);
        let used = match host.version {
            Version::Two => true,
            Version::One => ALWAYS.iter().any(holds) || writes.iter().any(|write| holds(&write.controller)),
        };
        if used {
            plan_hierarchy(plan, hierarchy, path, writes);
            view.add(&hierarchy.name, path);
        }
        if host.version == Version::One {
            // A limit may bring it into being while the container runs: sessions look for it then.
            plan.inside.purpose(format!("enter the cgroup {}", path.display()));
            plan.inside.push(Action::EnterCgroup { tasks: c_path(&path.join("tasks")), optional: !used });
        } else {
            plan.host.purpose(format!("open the cgroup {}", path.display()));
            plan.host.push(Action::BearInCgroup { path: c_path(path) });
        }
        if holds(&Controller::Memory) {
            let (file, word) = oom_counter(host.version);
            plan.undo.purpose("read how often memory was short");
            plan.undo.push(Action::NoteOomKills { file: c_path(&path.join(file)), word });
        }
        let kill = match host.version {
            Version::One => c"".to_owned(),
            Version::Two => c_path(&path.join("cgroup.kill")),
        };
        plan.undo.purpose(format!("remove the cgroup {}", path.display()));
        plan.undo.push(Action::RemoveCgroup { path: c_path(path), kill });
    }
    // From within, what it is in now is the root: it sees nothing of the host's cgroups.
    plan.inside.purpose("make a cgroup namespace");
    plan.inside.push(Action::Unshare { types: libc::CLONE_NEWCGROUP });
    view
}

/// Plans one cgroup and its limits.
fn plan_hierarchy(plan: &mut Plan, hierarchy: &Hierarchy, path: &Path, writes: &[Write]) {
    plan.host.purpose(format!("make the cgroup {}", path.display()));
    plan.host.push(Action::MakeDirectory { at: Directory::Current, path: c_path(path), mode: 0o755 });
    for write in writes.iter().filter(|write| hierarchy.controllers.contains(&write.controller)) {
        plan.host.purpose(write.purpose.clone()).push(Action::WriteFile {
            path: c_path(&path.join(write.file)),
            value: c_path(write.value.as_ref()),
            optional: write.optional,
        });
    }
}

/// The file that counts kills for want of memory, and the word before the number.
fn oom_counter(version: Version) -> (&'static str, &'static std::ffi::CStr) {
    match version {
        Version::One => ("memory.oom_control", c"oom_kill"),
        Version::Two => ("memory.events", c"oom_kill"),
    }
}

/// Removes a cgroup and those that were made below it. None there is fine.
fn remove(path: &Path, deadline: Instant) -> io::Result<()> {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path(), deadline)?;
        }
    }
    loop {
        match fs::remove_dir(path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(why) if why.raw_os_error() == Some(libc::EBUSY) && Instant::now() < deadline => {
                // Of version 2 only; where it is missing, killing the root process has done it.
                let _ = fs::write(path.join("cgroup.kill"), "1");
                thread::sleep(Duration::from_millis(2));
            }
            other => return other,
        }
    }
}
