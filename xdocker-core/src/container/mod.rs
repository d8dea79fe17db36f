//! The life cycle of a container: the only place that puts the stages in order.
//!
//! ```text
//!            create            boot                 the root process ends
//!   (none) ─────────> stopped ───────> running ────────────────────────────> stopped
//!                        │ destroy        monitor: undo, exit.json
//!                        └────────> (none)
//! ```
//! Every operation that changes a container holds the lock on its directory while it does. Reading takes
//! no lock: `run.json` and the lock on it tell the truth at any moment.

mod boot;
mod convert;
mod definition;
mod end;
mod ephemeral;
mod events;
mod files;
mod info;
mod inside;
mod logs;
mod network;
mod original;
mod ports;
mod processes;
mod repair;
mod resources;
mod restart;
mod root;
mod template;
mod users;
mod volumes;
mod watch;

use std::path::PathBuf;

use crate::cgroup::CgroupName;
use crate::error::{Error, Result};
use crate::home::{DirectoryLock, Home};
use crate::image::ImageStore;
use crate::name::ContainerName;
use crate::session::Command;
use crate::spec::{Exec, NetnsName};
use crate::state::{Found, Records};
use crate::sys::resolve::open_in_root;

pub use boot::Boot;
pub(crate) use definition::{Definition, build};
pub use ephemeral::Ephemeral;
pub(crate) use ephemeral::own;
pub use events::{Event, EventKind, Events};
pub use info::ContainerInfo;
pub(crate) use network::{change_bridge, keep_rules, names, settle};
pub(crate) use original::take_over_all;
pub use processes::Process;
pub(crate) use restart::{boot_all, check as check_restart};
pub use root::Root;
pub(crate) use users::choose_ids;
pub use watch::Watch;

/// How long an operation waits for another one on the same container.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// How long the kernel and the monitor may take to clear up after the root process has ended.
const CLEARING: std::time::Duration = std::time::Duration::from_secs(10);

/// How long that usually takes at the most.
const AT_ONCE: std::time::Duration = std::time::Duration::from_millis(500);

/// A container that exists. Cheap to clone; holds nothing open.
#[derive(Clone, Debug)]
pub struct Container {
    home: Home,
    name: ContainerName,
}

impl Container {
    pub(crate) fn new(home: Home, name: ContainerName) -> Self {
        Self { home, name }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &ContainerName {
        &self.name
    }

    /// Where its root appears on the host while it runs.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.directory().join("merged")
    }

    fn directory(&self) -> PathBuf {
        self.home.container(&self.name)
    }

    fn records(&self) -> Records {
        Records::of(self.directory())
    }

    fn images(&self) -> ImageStore {
        ImageStore::new(self.home.clone())
    }

    fn definition(&self) -> Result<Definition> {
        Definition::read(&self.directory())?.ok_or_else(|| Error::NoSuchContainer(self.name.clone()))
    }

    /// The lock of the container, for an operation that changes it.
    fn lock(&self) -> Result<DirectoryLock> {
        self.lock_within(PATIENCE)
    }

    /// The same, trying for up to `limit`.
    fn lock_within(&self, limit: std::time::Duration) -> Result<DirectoryLock> {
        let what = format!("container {}", self.name);
        match DirectoryLock::exclusive(&self.directory(), &what, limit) {
            Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Err(Error::NoSuchContainer(self.name.clone()))
            }
            other => other,
        }
    }

    /// The same, for one that only a stopped container allows. What a monitor that was killed has left is cleared up.
    fn lock_stopped(&self) -> Result<DirectoryLock> {
        let lock = self.lock()?;
        match self.look_past_the_end()? {
            // A root that is there without a record of ours is that of a container which the original program runs.
            Found::Stopped if self.has_root()? => return Err(Error::Running(self.name.clone())),
            Found::Stopped => (),
            Found::Abandoned(_) => self.repair(&lock)?,
            Found::Starting | Found::Running(_) | Found::Pausing(_) => {
                return Err(Error::Running(self.name.clone()));
            }
        }
        Ok(lock)
    }

    /// A program to run inside, while the container runs.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        Command::new(self.name.clone(), self.directory(), Exec::new(program))
    }

    /// A command line for the image's shell.
    ///
    /// # Errors
    /// [`Error::NotRunning`]; [`Error::Launch`] when the image has no shell.
    pub fn shell(&self, line: &str) -> Result<Command> {
        let mut command = self.command(self.find_shell()?);
        command.args(["-c", line]);
        Ok(command)
    }

    /// A login shell of the image: what one gets to see who attaches.
    ///
    /// # Errors
    /// Those of [`Self::shell`].
    pub fn login_shell(&self) -> Result<Command> {
        let mut command = self.command(self.find_shell()?);
        command.arg("-l").current_dir("/root");
        Ok(command)
    }

    /// The image's shell: bash where it has one, else sh.
    fn find_shell(&self) -> Result<&'static str> {
        const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];
        self.running()?;
        let root = self.root();
        let directory = std::fs::File::open(&root).map_err(Error::file("open", &root))?;
        let flags = nix::fcntl::OFlag::O_PATH;
        let found = SHELLS.into_iter().find(|shell| open_in_root(&directory, shell.as_ref(), flags).is_ok());
        found.ok_or_else(|| Error::Launch {
            step: "find a shell in the container".into(),
            source: std::io::Error::new(
                std::io::ErrorKind::NotFound,
                "neither /bin/bash nor /bin/sh is there",
            ),
        })
    }

    /// Name of its cgroups.
    fn cgroup(&self) -> CgroupName {
        CgroupName::of(self.home.path(), &self.name)
    }

    /// Network namespace of the container's own, if its network model has one.
    fn netns(&self, definition: &Definition) -> Option<NetnsName> {
        definition.network.has_namespace().then(|| NetnsName::of(&self.name))
    }
}
