//! Who does the same: the kernel alone, and OCI runtimes.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::Result;

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    Xdocker,
    /// The kernel alone: nothing done but what must be.
    Floor,
    Crun,
    /// crun without cgroups.
    CrunBare,
    Runc,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Xdocker => "xdocker",
            Self::Floor => "floor",
            Self::Crun => "crun",
            Self::CrunBare => "crun -cg",
            Self::Runc => "runc",
        })
    }
}

/// An OCI runtime that is installed.
pub(crate) struct Rival {
    pub(crate) who: Who,
    program: PathBuf,
    /// Where it keeps its state: in memory, as by default.
    state: TempDir,
}

impl Rival {
    /// The runtime, if it is in `PATH`.
    pub(crate) fn find(who: Who) -> Result<Option<Self>> {
        let name = if who == Who::Runc { "runc" } else { "crun" };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|path| path.join(name)).find(|path| path.exists());
        let Some(program) = found else { return Ok(None) };
        let state = tempfile::Builder::new().prefix("xdocker-bench-").tempdir_in("/run")?;
        Ok(Some(Self { who, program, state }))
    }

    /// A command of it, with nothing to read and nothing to write to.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(self.state.path());
        if self.who == Who::CrunBare {
            command.arg("--cgroup-manager=disabled");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// The first line of what it says of itself.
    pub(crate) fn version(&self) -> Result<String> {
        let output = Command::new(&self.program).arg("--version").output()?;
        Ok(String::from_utf8(output.stdout)?.lines().next().unwrap_or_default().to_owned())
    }

    /// The command that boots a container and waits for its end.
    pub(crate) fn run(&self, bundle: &Bundle, name: &str) -> Command {
        let mut command = self.command();
        command.args(["run", "--bundle"]).arg(&bundle.0).arg(self.id(name));
        command
    }

    /// Starts a container that runs on.
    pub(crate) fn start(&self, bundle: &Bundle, name: &str) -> Result<()> {
        let mut command = self.command();
        command.args(["run", "--detach", "--bundle"]).arg(&bundle.0).arg(self.id(name));
        succeed(&mut command)
    }

    /// Kills and deletes a container.
    pub(crate) fn delete(&self, name: &str) -> Result<()> {
        succeed(self.command().args(["delete", "--force", &self.id(name)]))
    }

    /// An id that no other runtime uses, since that of a container is the name of its cgroups too.
    pub(crate) fn id(&self, name: &str) -> String {
        format!("xdocker-bench-{}-{name}", self.who).replace(' ', "")
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        for entry in fs::read_dir(self.state.path()).into_iter().flatten().flatten() {
            if let Some(id) = entry.file_name().to_str().filter(|id| !id.starts_with('.')) {
                let _ = self.command().args(["delete", "--force", id]).stderr(Stdio::null()).status();
            }
        }
    }
}

/// A root and what to run in it, as OCI runtimes want it.
pub(crate) struct Bundle(PathBuf);

impl Bundle {
    /// A bundle in the new directory `path`, on a root that is there already.
    pub(crate) fn new(path: PathBuf, root: &Path, program: &[&str]) -> Result<Self> {
        const TEMPLATE: &str = include_str!("bundle.json");
        fs::create_dir(&path)?;
        let config = TEMPLATE
            .replace("@ROOT@", &root.display().to_string())
            .replace("\"@PROGRAM@\"", &format!("{program:?}"));
        fs::write(path.join("config.json"), config)?;
        Ok(Self(path))
    }
}

/// Runs a command that has to succeed.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}
