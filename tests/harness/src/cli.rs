//! The `xdocker` binary in a home of its own.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::home::{Template, require_root, scratch};
use crate::leaks;
use crate::mounts::Tmpfs;
use crate::pty::{Terminal, Window};
use crate::wait::PATIENCE;

/// What a line about a failure begins with.
const ERROR: &str = "*** ERROR : ";

/// A temporary home, and the binary that works on it.
///
/// When it is dropped its containers end, and if anything of them is left behind the test fails.
#[derive(Debug)]
pub struct Home {
    binary: PathBuf,
    path: PathBuf,
    // In this order: what is mounted is in the way of removing, and shared files are there to the last.
    tmpfs: Option<Tmpfs>,
    scratch: TempDir,
    _template: Option<Template>,
}

impl Home {
    /// A home that does not exist yet, for the binary at `binary`: `env!("CARGO_BIN_EXE_xdocker")`. Another one may be
    /// tested in its place by `$XDOCKER_TEST_BINARY`.
    ///
    /// # Panics
    /// We are not root.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        require_root();
        let scratch = scratch();
        let path = scratch.path().join("home");
        let binary = env::var_os("XDOCKER_TEST_BINARY").map_or_else(|| binary.into(), PathBuf::from);
        Self { binary, path, tmpfs: None, scratch, _template: None }
    }

    /// A home that does not exist yet on a file system of its own, with options such as `size=1m`. To be used
    /// [`in_private_mounts`](crate::mounts::in_private_mounts).
    ///
    /// # Panics
    /// We are not root.
    #[must_use]
    pub fn on_tmpfs(binary: impl Into<PathBuf>, options: &str) -> Self {
        let mut home = Self::new(binary);
        let at = home.scratch.path().join("tmpfs");
        fs::create_dir(&at).expect("a mount point");
        home.path = at.join("home");
        home.tmpfs = Some(Tmpfs::mount(&at, options));
        home
    }

    /// Makes the file system of the home read-only.
    ///
    /// # Panics
    /// It is not one of its own.
    pub fn make_read_only(&self) {
        self.tmpfs.as_ref().expect("a file system of its own").make_read_only();
    }

    /// A home with the image `test`, which took no time to make.
    ///
    /// # Panics
    /// We are not root, or the file system is full.
    #[must_use]
    pub fn with_test_image(binary: impl Into<PathBuf>) -> Self {
        let mut home = Self::new(binary);
        home.xdocker("-s images").prints("");
        home._template = Some(Template::link_into(&home.path));
        home
    }

    /// The home.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A directory beside the home, for what else a test needs. It goes with the home.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Puts an image into the home that has the mount points of a root and else nothing: enough to boot.
    pub fn add_bare_image(&self, name: &str) {
        for directory in ["proc", "sys", "dev"] {
            fs::create_dir_all(self.layer(name).join(directory)).expect("an image");
        }
    }

    /// Where the files of an image without a version lie.
    #[must_use]
    pub fn layer(&self, image: &str) -> PathBuf {
        self.path.join("images").join(image).join("_/rlayer")
    }

    /// The binary with these arguments, to be changed further and then given to [`run`].
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(args).env("xdocker_HOME", &self.path).env_remove("XDOCKER_HOME");
        command
    }

    /// Runs the binary with the words of `line` as arguments.
    ///
    /// # Panics
    /// It does not end.
    pub fn xdocker(&self, line: &str) -> Finished {
        self.xdocker_args(line.split_ascii_whitespace())
    }

    /// Runs the binary with arguments that hold blanks, or worse.
    ///
    /// # Panics
    /// It does not end.
    pub fn xdocker_args<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Finished {
        run(self.command(args), b"")
    }

    /// Starts the binary on a terminal of its own, with the words of `line` as arguments.
    #[must_use]
    pub fn terminal(&self, window: Window, line: &str) -> Terminal {
        let mut command = self.command(line.split_ascii_whitespace());
        command.env("TERM", "xterm");
        Terminal::spawn(command, window)
    }

    /// The last column of `-s containers` for a container; none if it is not listed.
    pub fn status(&self, name: &str) -> Option<String> {
        let table = self.xdocker("-s containers").succeeds();
        let row = table.lines().skip(2).find(|row| row.split_ascii_whitespace().next() == Some(name))?;
        row.split_ascii_whitespace().last().map(str::to_owned)
    }

    /// The root process of a running container.
    ///
    /// # Panics
    /// It does not run.
    pub fn root_process(&self, name: &str) -> u32 {
        let status = self.status(name).unwrap_or_default();
        let pid = status.strip_prefix("RUNNING(").and_then(|rest| rest.strip_suffix(")"));
        pid.and_then(|pid| pid.parse().ok()).unwrap_or_else(|| panic!("{name} is `{status}`"))
    }

    /// What is kept in the home: a line a file, with its kind, size and path. Neither the log counts nor what
    /// overlayfs has for itself.
    fn contents(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut directories = vec![self.path.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(&directory).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                // What is made once for all containers is nothing of the one that failed.
                let once = ["xdocker.log", "shared/base"].iter().any(|name| path == self.path.join(name));
                if once || path.ends_with("workdir/work") {
                    continue;
                }
                let data = fs::symlink_metadata(&path).expect("a file of the home");
                let size = if data.is_dir() { 0 } else { data.len() };
                if path == self.path.join("shared") {
                    directories.push(path);
                    continue;
                }
                found.insert(format!("{:06o} {size} {}", data.permissions().mode(), path.display()));
                if data.is_dir() {
                    directories.push(path);
                }
            }
        }
        found
    }

    /// Does `work`, which is to fail, and checks that the home is then as it was.
    ///
    /// # Panics
    /// It is not.
    pub fn unchanged(&self, work: impl FnOnce()) {
        let before = (self.contents(), leaks::mounts(&self.path));
        work();
        let (contents, mounts) = (self.contents(), leaks::mounts(&self.path));
        let new: Vec<_> = contents.difference(&before.0).collect();
        let gone: Vec<_> = before.0.difference(&contents).collect();
        assert!(new.is_empty() && gone.is_empty(), "left behind: {new:#?}, gone: {gone:#?}");
        assert_eq!(mounts, before.1);
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        for container in fs::read_dir(self.path.join("containers")).into_iter().flatten().flatten() {
            let mut destroy = self.command(["-a", "destroy", "-f", "-c"]);
            // What it cannot remove is found below.
            let _ = destroy.arg(container.file_name()).output();
        }
        if !thread::panicking() {
            leaks::assert_none(&self.path);
        }
    }
}

/// Runs `command` to its end with `input` as its standard input.
///
/// # Panics
/// It cannot be started, or does not end and close its streams within [`PATIENCE`].
pub fn run(command: Command, input: &[u8]) -> Finished {
    run_within(PATIENCE, command, input)
}

/// [`run`] for what may take longer, or must not take as long.
///
/// # Panics
/// It cannot be started, or does not end and close its streams within `limit`.
pub fn run_within(limit: Duration, mut command: Command, input: &[u8]) -> Finished {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let what = format!("{command:?}");
    let mut child = command.spawn().unwrap_or_else(|why| panic!("{what}: {why}"));
    let pid = Pid::from_raw(child.id().cast_signed());
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // Fails when the program does not read it all, which is its right.
    thread::spawn(move || stdin.write_all(&input));
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    match ended.recv_timeout(limit) {
        Ok(output) => Finished { what, output: output.expect("its output") },
        Err(_) => {
            let _ = kill(pid, Signal::SIGKILL);
            panic!("{what}: no end within {limit:?}, or somebody still holds its streams");
        }
    }
}

/// How a command ended.
#[derive(Debug)]
#[must_use]
pub struct Finished {
    what: String,
    output: Output,
}

impl Finished {
    /// What it printed.
    #[must_use]
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// What it said on standard error.
    #[must_use]
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Its exit code; none if a signal ended it.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    /// It did what it was to do, said nothing on standard error and printed what is returned.
    ///
    /// # Panics
    /// It did not.
    #[track_caller]
    pub fn succeeds(self) -> String {
        assert!(self.output.status.success() && self.output.stderr.is_empty(), "{self}");
        self.stdout()
    }

    /// It printed exactly `text`.
    ///
    /// # Panics
    /// It did not.
    #[track_caller]
    pub fn prints(self, text: &str) {
        let what = self.what.clone();
        assert_eq!(self.succeeds(), text, "{what}");
    }

    /// `OK`
    ///
    /// # Panics
    /// It failed.
    #[track_caller]
    pub fn ok(self) {
        self.prints("OK\n");
    }

    /// It ended with this exit code and printed exactly this on its two streams.
    ///
    /// # Panics
    /// It did not.
    #[track_caller]
    pub fn ends(self, code: i32, stdout: &str, stderr: &str) {
        assert_eq!((self.code(), &*self.stdout(), &*self.stderr()), (Some(code), stdout, stderr), "{self}");
    }

    /// It failed with this exit code, printed nothing, and said why in one line that holds `why`.
    ///
    /// # Panics
    /// It did not.
    #[track_caller]
    pub fn fails(self, code: i32, why: &str) {
        let said = self.stderr();
        let one_line = said.starts_with(ERROR) && said.ends_with('\n') && said.lines().count() == 1;
        let printable = !said.trim_end_matches('\n').contains(char::is_control);
        assert!(
            self.code() == Some(code)
                && self.stdout().is_empty()
                && one_line
                && printable
                && said.contains(why),
            "exit code {code} and a line with `{why}` were expected of {self}"
        );
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (code, signal) = (self.code(), self.output.status.signal());
        write!(f, "{}\ncode {code:?}, signal {signal:?}\n", self.what)?;
        write!(f, "stdout: {:?}\nstderr: {:?}", self.stdout(), self.stderr())
    }
}
