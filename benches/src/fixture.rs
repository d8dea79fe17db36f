//! What the operations work on: a home with an image, and the same root for the others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use xdocker_core::{Boot, Container, ContainerSpec, Engine, IfRunning, TestImage, Version};

use crate::rival::{Bundle, Rival, Who};
use crate::{Result, sys};

/// Programs without libc, built from `native/`.
const STAMP: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/stamp"));
const FLOOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/floor"));

/// A program of the image that runs until it is killed, or for an hour.
pub(crate) const IDLE: [&str; 2] = ["/bin/sleep", "3600"];

/// Everything that is measured works in here; it is gone when this is dropped.
pub(crate) struct Fixture {
    rivals: Vec<Rival>,
    pub(crate) engine: Engine,
    /// The command `xdocker`, built beside us.
    command: PathBuf,
    /// An overlay on the image, mounted.
    root: PathBuf,
    directory: TempDir,
}

impl Fixture {
    pub(crate) fn new(parent: &Path) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("xdocker-bench-").tempdir_in(parent)?;
        let command = std::env::current_exe()?.with_file_name("xdocker");
        if !command.exists() {
            return Err(format!("{} is not there: build it first", command.display()).into());
        }
        let engine = Engine::open(directory.path().join("home"))?;
        engine.images().install_test(Version::none(), &TestImage::busybox())?;
        let write = |path: &Path, program: &[u8]| -> Result<()> {
            fs::write(path, program)?;
            Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
        };
        write(&engine.home().join("images/test/_/rlayer/bin/stamp"), STAMP)?;
        write(&directory.path().join("floor"), FLOOR)?;
        for part in ["upper", "work", "root", "floor-upper", "floor-work", "floor-root"] {
            fs::create_dir(directory.path().join(part))?;
        }
        let root = directory.path().join("root");
        let mut rivals = Vec::new();
        for who in [Who::Crun, Who::CrunBare, Who::Runc] {
            rivals.extend(Rival::find(who)?);
        }
        let this = Self { rivals, engine, command, root, directory };
        sys::mount_overlay(&this.layer(), &this.path("upper"), &this.path("work"), &this.root)?;
        Ok(this)
    }

    /// A path in our directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The image's layer.
    pub(crate) fn layer(&self) -> PathBuf {
        self.engine.home().join("images/test/_/rlayer")
    }

    /// The other runtimes that are installed.
    pub(crate) fn rivals(&self) -> &[Rival] {
        &self.rivals
    }

    /// A bundle of our root with that program.
    pub(crate) fn bundle(&self, name: &str, program: &[&str]) -> Result<Bundle> {
        Bundle::new(self.path(name), &self.root, program)
    }

    /// The command `xdocker` on our home, with nothing to read and nothing to write to.
    pub(crate) fn xdocker(&self, arguments: &str) -> Command {
        let mut command = Command::new(&self.command);
        command.env("xdocker_HOME", self.engine.home());
        command.args(arguments.split(' ')).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// The floor for a container that runs that program, and has no network of its own.
    pub(crate) fn floor(&self, program: &str) -> Command {
        self.floor_on("-", program)
    }

    /// The floor for a container on that bridge, with a mapped port.
    pub(crate) fn floor_on(&self, bridge: &str, program: &str) -> Command {
        let mut command = Command::new(self.path("floor"));
        command.arg(self.layer());
        command.args(["floor-upper", "floor-work", "floor-root"].map(|name| self.path(name)));
        command.args([bridge, "-", "-", "-", "-", "-", program]).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// The same with what a container of ours has besides: its directories and a record, its cgroups, a filter of system
    /// calls.
    pub(crate) fn floor_of_all(&self, bridge: &str, program: &str) -> Command {
        let mut command = Command::new(self.path("floor"));
        command.arg(self.layer());
        command.args(["rwlayer", "workdir", "merged"].map(|name| self.path("floor-made").join(name)));
        command.arg(bridge).args(["floor-making", "floor-made"].map(|name| self.path(name)));
        // Those that a container without limits of its own has.
        let cgroup = Path::new("/sys/fs/cgroup");
        for controller in ["pids", "memory", "cpuacct"] {
            if cgroup.join("cgroup.controllers").exists() {
                command.arg(if controller == "pids" { "/sys/fs/cgroup/xdocker-floor" } else { "-" });
            } else {
                command.arg(cgroup.join(controller).join("xdocker-floor"));
            }
        }
        command.arg(program).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// What a new container of that name is to be.
    pub(crate) fn spec(name: &str) -> Result<ContainerSpec> {
        Ok(ContainerSpec::new(["test".parse()?]).name(name.parse()?))
    }

    /// A running container with our PID 1.
    pub(crate) fn boot(&self, name: &str) -> Result<Container> {
        let container = self.engine.create(&Self::spec(name)?)?;
        container.boot(&Boot::new())?;
        Ok(container)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        for info in self.engine.containers().into_iter().flatten() {
            if let Err(why) =
                self.engine.container(&info.name).and_then(|container| container.destroy(IfRunning::Kill))
            {
                eprintln!("container {} is left: {why}", info.name);
            }
        }
        self.rivals.clear();
        // Never mounted if we failed before: then there is nothing to undo.
        let _ = sys::unmount(&self.root);
    }
}
