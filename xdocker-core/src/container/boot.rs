//! Booting: a stopped container gets a monitor and a root process.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::fcntl::OFlag;
use nix::sys::resource::{Resource, getrlimit};
use serde::{Deserialize, Serialize};

use super::{CLEARING, Container, Definition, Root, keep_rules};
use crate::accounts::Identity;
use crate::bare::Beginning;
use crate::cgroup::{Devices, Group};
use crate::error::{Error, Result};
use crate::etc::{FILES, Files, base_layer};
use crate::home::DirectoryLock;
use crate::host::Kernel;
use crate::launch::{Action, Directory, Inheritance, Monitor, Plan, c_path};
use crate::network::Attachment;
use crate::rootfs::{self, Layers, MOUNT_POINTS, Mounts};
use crate::security;
use crate::session::{SOCKET, null, plan_process, refuse_directory};
use crate::spec::{Exec, LogSize, Resources, StopSignal};
use crate::state::{RunRecord, remove};
use crate::sys::resolve::open_in_root;
use crate::sys::{seqpacket, spawn};
use crate::{users, volumes};

/// Namespaces that every root process is born in. The network is joined, not made: it may be the host's, or outlive us.
/// That of cgroups is made within them, and that of mounts may be.
const NAMESPACES: i32 = libc::CLONE_NEWPID | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC;

/// How to boot a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exec: Option<Exec>,
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    resources: Resources,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log: Option<LogSize>,
    #[serde(skip)]
    fault: Option<usize>,
    fault_of_undo: Option<usize>,
}

impl Boot {
    /// With our own PID 1, which reaps orphans and waits to be told to end.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this program as PID 1: the container ends when it does.
    #[must_use]
    pub fn exec(mut self, exec: Exec) -> Self {
        self.exec = Some(exec);
        self
    }

    /// Limits the container for this run, beside and before the limits that it has anyway.
    #[must_use]
    pub fn resources(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }

    /// Changes the limits.
    pub(super) fn limited_by(mut self, changes: &Resources) -> Self {
        self.resources = self.resources.changed_by(changes);
        self
    }

    /// Keeps so much of what is printed in this run, in place of what the container has anyway.
    #[must_use]
    pub fn log(mut self, size: LogSize) -> Self {
        self.log = Some(size);
        self
    }

    /// Kills whoever executes the launch plan by SIGKILL before its n-th step: for fault tests.
    #[doc(hidden)]
    #[must_use]
    pub fn die_before_step(mut self, step: usize) -> Self {
        self.fault = Some(step);
        self
    }

    /// The same of the steps that undo the launch.
    #[doc(hidden)]
    #[must_use]
    pub fn die_before_step_of_undo(mut self, step: usize) -> Self {
        self.fault_of_undo = Some(step);
        self
    }
}

/// How the container is tied to whoever boots it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tie {
    /// Not at all.
    Detached,
    /// It ends when the caller does, who hears of its end.
    Bound,
}

/// What becomes of what the root process prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Printed {
    /// The caller hears it himself.
    Heard,
    /// It is kept in the log.
    Kept,
}

impl Container {
    /// Boots the container: it runs on its own from then on, whatever becomes of the caller. What its program prints is
    /// kept in the log, [`Self::logs`].
    ///
    /// # Errors
    /// [`Error::Running`]; [`Error::Launch`] with the step that failed, after everything before it has
    /// been undone; [`Error::NoSuchImage`] when a layer is missing, [`Error::File`] when a volume is; [`Error::Invalid`] or
    /// [`Error::Unsupported`] for a limit that this host cannot give.
    pub fn boot(&self, boot: &Boot) -> Result<()> {
        let null = null().map_err(Error::file("open", "/dev/null"))?;
        self.launch(boot, Tie::Detached, Printed::Kept, [&null, &null, &null]).map(drop)
    }

    /// Boots the container with these as its root process's standard input, output and error. It is bound
    /// to the caller: it ends when the returned value is dropped, or the caller's process ends.
    ///
    /// # Errors
    /// Those of [`Self::boot`]; [`Error::Invalid`] when one of the three is a directory.
    pub fn boot_bound(&self, boot: &Boot, stdio: [&OwnedFd; 3]) -> Result<Root> {
        (0..).zip(stdio).try_for_each(|(number, stream)| refuse_directory(number, stream))?;
        let monitor = self.launch(boot, Tie::Bound, Printed::Heard, stdio)?;
        Ok(Root::new(self.clone(), monitor))
    }

    /// Boots the container bound to the caller, as by [`Self::boot_bound`], but with what its program prints in the log,
    /// as by [`Self::boot`].
    ///
    /// # Errors
    /// Those of [`Self::boot`].
    pub fn boot_bound_logged(&self, boot: &Boot) -> Result<Root> {
        let null = null().map_err(Error::file("open", "/dev/null"))?;
        let monitor = self.launch(boot, Tie::Bound, Printed::Kept, [&null, &null, &null])?;
        Ok(Root::new(self.clone(), monitor))
    }

    /// The plan by which a container that runs is to be started again, when that is to be another one than before.
    pub(super) fn plan_again(&self, definition: &Definition, boot: &Boot, run: &RunRecord) -> Result<Plan> {
        let (group, attachment) = (Group::new(&self.cgroup()), self.attachment(definition)?);
        let layers = self.layers(definition)?;
        // The monitor may not have a bare namespace.
        let mut plan =
            self.plan(definition, boot, &layers, attachment.as_ref(), &group, &Beginning::default())?;
        plan.restart = definition.restart;
        plan.record = run.beginning()?;
        Ok(plan)
    }

    fn launch(&self, boot: &Boot, tie: Tie, printed: Printed, stdio: [&OwnedFd; 3]) -> Result<Monitor> {
        let lock = self.lock_stopped()?;
        let definition = self.definition()?;
        if definition.ids.is_some() {
            users::require()?;
        }
        let layers = self.layers(&definition)?;
        let group = Group::new(&self.cgroup());
        let attachment = self.attachment(&definition)?;
        if attachment.is_none() {
            // One on the bridge finds out itself.
            keep_rules(&self.home);
        }
        let beginning = Beginning::find(&self.home, tie == Tie::Detached)?;
        let mut plan = self.plan(&definition, boot, &layers, attachment.as_ref(), &group, &beginning)?;
        // A reboot of the host clears all of it.
        self.make_network(&definition)?;
        attachment.as_ref().map_or(Ok(()), Attachment::prepare)?;
        plan.bound = tie == Tie::Bound;
        plan.report_end = tie == Tie::Bound;
        plan.log_root &= printed == Printed::Kept;
        if tie == Tie::Detached && !definition.restart.is_no() {
            plan.restart = definition.restart;
            self.remember(boot)?;
        }
        // Our own PID 1 knows one signal, and sends to all inside the one that is meant.
        let stop_signal = if boot.exec.is_some() { definition.stop_signal } else { StopSignal::default() };
        let mut attempt = || self.attempt(&mut plan, &group, &lock, &beginning, stdio, stop_signal);
        match attempt() {
            Err(failure) => match self.explain(attachment.as_ref(), failure)? {
                Some(failure) => Err(failure),
                None => attempt(),
            },
            started => started,
        }
    }

    /// Whether something is mounted where the root appears on the host.
    pub(super) fn has_root(&self) -> Result<bool> {
        let device =
            |path: PathBuf| fs::metadata(&path).map(|it| it.dev()).map_err(Error::file("read", path));
        Ok(device(self.root())? != device(self.directory())?)
    }

    fn attempt(
        &self,
        plan: &mut Plan,
        group: &Group,
        lock: &DirectoryLock,
        beginning: &Beginning,
        stdio: [&OwnedFd; 3],
        stop_signal: StopSignal,
    ) -> Result<Monitor> {
        // After a volatile mount overlay refuses another until its mark is gone (overlayfs.rst).
        self.forget_volatile()?;
        group.clear()?;
        // From here on something may be left behind: the record says so first.
        let records = self.records();
        let (run, record) = records.open_run(group.paths(), stop_signal, !plan.restart.is_no())?;
        plan.record = record;
        let started = self.start_monitor(plan, lock, beginning, &run, stdio);
        if started.is_err() {
            drop(run);
            // The monitor has undone everything and removed its record, unless it never came to life or was
            // killed; then it is dying still: the kernel closes its socket to us before it drops the lock.
            records.wait_unwatched(CLEARING)?;
            self.repair(lock)?;
        }
        started
    }

    fn start_monitor(
        &self,
        plan: &Plan,
        lock: &DirectoryLock,
        beginning: &Beginning,
        run: &File,
        stdio: [&OwnedFd; 3],
    ) -> Result<Monitor> {
        remove(&self.directory().join(SOCKET))?;
        let sessions = seqpacket::listener(lock.directory(), SOCKET)
            .map_err(Error::file("listen on", self.directory().join(SOCKET)))?;
        let fallback = self.home.path().join("xdockerinit");
        let stdio = stdio.map(|fd| fd.as_fd());
        tracing::debug!("container {}: start the monitor", self.name);
        let monitor = Monitor::start(
            plan,
            &Inheritance {
                stdio,
                run,
                directory: lock.directory(),
                sessions: &sessions,
                bare: beginning.found(),
                keepers: beginning.keepers(),
                fallback: &fallback,
            },
        )?;
        tracing::debug!("container {}: root process {}", self.name, monitor.pid);
        Ok(monitor)
    }

    /// Where the layers lie, and that they can carry a container.
    fn layers(&self, definition: &Definition) -> Result<Layers> {
        let home = self.home.path();
        let relative = |path: PathBuf| path.strip_prefix(home).map(PathBuf::from).unwrap_or(path);
        let mut layers = self.own_layers(definition)?;
        if !check_mount_points(definition, &layers)? {
            layers.lower.insert(0, relative(base_layer(&self.home)?));
        }
        if let Some(places) = volumes::layer(&self.home, &self.directory(), &definition.volumes)? {
            layers.lower.insert(0, relative(places));
        }
        Ok(layers)
    }

    /// Where the layers lie that hold its files, without places to mount over.
    pub(super) fn own_layers(&self, definition: &Definition) -> Result<Layers> {
        let home = self.home.path();
        let relative = |path: PathBuf| path.strip_prefix(home).map(PathBuf::from).unwrap_or(path);
        let images = self.images();
        let mut lower = Vec::with_capacity(definition.images.len());
        for id in &definition.images {
            let layer = images.layer(id);
            if !layer.is_dir() {
                return Err(Error::NoSuchImage(id.clone().into()));
            }
            lower.push(relative(layer));
        }
        if lower.is_empty() {
            // Overlay wants a layer below; this directory is empty, and is only seen as such.
            lower.push(relative(self.root()));
        }
        Ok(Layers {
            home: home.to_owned(),
            lower,
            container: relative(self.directory()),
            volatile: definition.ephemeral,
            ids: definition.ids,
        })
    }

    /// The whole launch as data.
    fn plan(
        &self,
        definition: &Definition,
        boot: &Boot,
        layers: &Layers,
        attachment: Option<&Attachment>,
        group: &Group,
        beginning: &Beginning,
    ) -> Result<Plan> {
        let mut plan = Plan::default();
        plan.namespaces = NAMESPACES;
        if let Some(attachment) = attachment {
            attachment.plan(&mut plan);
        }
        beginning.plan(&mut plan);
        let limits = definition.resources.changed_by(&boot.resources);
        let cgroups = group.plan(&mut plan, &limits, Devices::allowed_by(&definition.sandbox))?;
        limit_files(&mut plan)?;
        security::confine(&mut plan, &definition.sandbox);
        security::restrict(&mut plan, &definition.sandbox, definition.ids)?;
        rootfs::plan_overlay(&mut plan, layers, Kernel::running())?;
        if let Some(netns) = self.netns(definition) {
            let namespace = plan.slot();
            let path = c_path(&netns.path());
            plan.host.purpose(format!("open the network namespace {netns}")).push(Action::Open {
                at: Directory::Current,
                path,
                to: namespace,
                flags: libc::O_RDONLY,
                resolve: 0,
            });
            plan.inside
                .purpose(format!("join the network namespace {netns}"))
                .push(Action::JoinNamespace { namespace, types: libc::CLONE_NEWNET });
            if definition.ids.is_some() {
                open_ports(&mut plan);
            }
        }
        let files =
            Files::of(&self.home, &definition.hostname, &definition.network).besides(&definition.volumes);
        let mounts = Mounts { tmpfs: &definition.tmpfs, volumes: &definition.volumes };
        rootfs::plan_mounts(
            &mut plan,
            beginning.is_bare(),
            layers,
            &files,
            &cgroups,
            &definition.sandbox,
            mounts,
        );
        let name = c_path(definition.hostname.as_str().as_ref());
        plan.inside.purpose("set the host name").push(Action::SetHostname { name });
        match &boot.exec {
            Some(exec) => plan_process(&mut plan, exec, &Identity::root())?,
            None => {
                let farewell = definition.stop_signal.number();
                plan.inside.purpose("set user and groups").push(Action::BECOME_ROOT);
                security::restrict_init(&mut plan, &definition.sandbox);
                plan.inside.purpose("become PID 1").push(Action::BecomeInit { farewell });
            }
        }
        plan.log_limit = boot.log.unwrap_or(definition.log).of_file();
        // Our own PID 1 prints nothing.
        plan.log_root = boot.exec.is_some();
        if let Some(step) = boot.fault {
            plan.inject_death(step);
        }
        if let Some(step) = boot.fault_of_undo {
            plan.inject_death_of_undo(step);
        }
        Ok(plan)
    }
}

/// Gives programs inside as many descriptors as our own process may have: their monitor has more.
fn limit_files(plan: &mut Plan) -> Result<()> {
    let limits = getrlimit(Resource::RLIMIT_NOFILE);
    let (soft, hard) = limits.map_err(Error::system("read the limit of open files"))?;
    if soft < spawn::room(hard) {
        let limit = Action::LimitResource { resource: libc::RLIMIT_NOFILE, soft, hard };
        plan.sandbox.purpose("limit open files").push(limit);
    }
    Ok(())
}

/// The network is the host's own users', who alone could bind its ports below 1024: so nobody needs a right to it.
fn open_ports(plan: &mut Plan) {
    let path = c_path("/proc/sys/net/ipv4/ip_unprivileged_port_start".as_ref());
    let open = Action::WriteFile { path, value: c"0".to_owned(), optional: false };
    plan.inside.purpose("open the ports below 1024 to all users").push(open);
}

/// Checks that some layer has each directory on which the kernel's file systems are mounted, and says whether the files
/// are there, too, on which those of [`etc`](crate::etc) are.
fn check_mount_points(definition: &Definition, layers: &Layers) -> Result<bool> {
    let own = layers.container.join("rwlayer");
    let (mut missing, mut files) = (MOUNT_POINTS.to_vec(), FILES.to_vec());
    for layer in std::iter::once(&own).chain(layers.lower.iter().rev()) {
        let path = layers.home.join(layer);
        let root = File::open(&path).map_err(Error::file("open", &path))?;
        let lacks = |name: &str, flag| open_in_root(&root, name.as_ref(), OFlag::O_PATH | flag).is_err();
        missing.retain(|name| lacks(name, OFlag::O_DIRECTORY));
        files.retain(|name| lacks(name, OFlag::O_NOFOLLOW));
        if missing.is_empty() && files.is_empty() {
            return Ok(true);
        }
    }
    if missing.is_empty() {
        return Ok(false);
    }
    let images: Vec<_> = definition.images.iter().map(ToString::to_string).collect();
    let why = format!("there is no directory /{} in it", missing.join(", /"));
    Err(Error::invalid("root made of", images.join(","), why))
}
