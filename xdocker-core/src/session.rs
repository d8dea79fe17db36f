//! Processes in a running container: the client's side of a session, in the manner of `std::process`.

mod exchange;
mod orders;
mod stdio;

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Output};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use xdockerinit::wire::{Report, report, request, section, work};

use crate::accounts::Identity;
use crate::error::{Error, Result};
use crate::launch::{Action, Plan, failure, memfd};
use crate::name::{ContainerName, RunId};
use crate::runs::DetachedRun;
use crate::spec::{Exec, User, WindowSize};
use crate::sys::seqpacket::Connection;
use crate::sys::terminal;

pub use exchange::Exchange;
pub(crate) use orders::{hang_up, start_again_by, stay_down};
pub use stdio::Stdio;
pub(crate) use stdio::{null, refuse_directory};
use stdio::{open, share};

/// Name of the socket in a container's directory.
pub(crate) const SOCKET: &str = "session.sock";

/// Everything that a session joins, but for the network, which a container may share with the host.
const NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWNET;

/// A program to run in a running container.
///
/// ```no_run
/// # use xdocker_core::{Engine, Stdio};
/// let container = Engine::from_env()?.container(&"test".parse()?)?;
/// let output = container.command("hostname").output()?;
/// assert_eq!(output.stdout, b"test\n");
/// # Ok::<(), xdocker_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Command {
    container: ContainerName,
    directory: PathBuf,
    exec: Exec,
    user: Option<User>,
    timeout: Option<Duration>,
    terminal: Option<WindowSize>,
    stdio: [Option<Stdio>; 3],
}

impl Command {
    pub(crate) fn new(container: ContainerName, directory: PathBuf, exec: Exec) -> Self {
        let stdio = [None, None, None];
        Self { container, directory, exec, user: None, timeout: None, terminal: None, stdio }
    }

    /// Changes the specification of the process in place.
    fn change(&mut self, change: impl FnOnce(Exec) -> Exec) -> &mut Self {
        let exec = std::mem::replace(&mut self.exec, Exec::new(""));
        self.exec = change(exec);
        self
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.change(|exec| exec.arg(argument))
    }

    /// Adds arguments.
    pub fn args(&mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Self {
        self.change(|exec| exec.args(arguments))
    }

    /// Sets a variable of the environment, which otherwise has `PATH` and `HOME` only.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.change(|exec| exec.env(key, value))
    }

    /// Sets the working directory, an absolute path as seen inside. `/` otherwise.
    pub fn current_dir(&mut self, directory: impl Into<PathBuf>) -> &mut Self {
        self.change(|exec| exec.current_dir(directory))
    }

    /// The user to be, and its groups, as the container itself knows them. Root otherwise.
    pub fn user(&mut self, user: User) -> &mut Self {
        self.user = Some(user);
        self
    }

    /// How long it may take. Then its process group gets SIGTERM and, two seconds later, SIGKILL; whoever waits
    /// for it gets [`Error::Timeout`]. Without this it may take for ever.
    pub fn timeout(&mut self, limit: Duration) -> &mut Self {
        self.timeout = Some(limit);
        self
    }

    /// Standard input; otherwise ours with [`Self::spawn`] and [`Self::status`], `/dev/null` with
    /// [`Self::output`].
    pub fn stdin(&mut self, stdio: Stdio) -> &mut Self {
        self.stdio[0] = Some(stdio);
        self
    }

    /// Standard output; otherwise ours, and a pipe with [`Self::output`].
    pub fn stdout(&mut self, stdio: Stdio) -> &mut Self {
        self.stdio[1] = Some(stdio);
        self
    }

    /// Standard error; otherwise ours, and a pipe with [`Self::output`].
    pub fn stderr(&mut self, stdio: Stdio) -> &mut Self {
        self.stdio[2] = Some(stdio);
        self
    }

    /// Gives the process a terminal of its own in the container's `/dev/pts` in place of the three.
    pub fn terminal(&mut self, size: WindowSize) -> &mut Self {
        self.terminal = Some(size);
        self
    }

    /// Starts the process.
    ///
    /// # Errors
    /// [`Error::NotRunning`]; [`Error::Execute`] when the program cannot be executed inside, with the
    /// kernel's reason; [`Error::Invalid`] for a user that the container does not know, and for a stream that is a
    /// directory; [`Error::Launch`].
    pub fn spawn(&mut self) -> Result<Child> {
        self.spawn_with(|| Stdio::Inherit)
    }

    /// Starts the process and waits for its end.
    ///
    /// # Errors
    /// Those of [`Self::spawn`] and [`Child::wait`].
    pub fn status(&mut self) -> Result<ExitStatus> {
        self.spawn()?.wait()
    }

    /// Starts the process, collects what it prints and waits for its end.
    ///
    /// # Errors
    /// Those of [`Self::spawn`], [`Child::wait_with_output`].
    pub fn output(&mut self) -> Result<Output> {
        self.stdio[0].get_or_insert(Stdio::Null);
        self.spawn_with(|| Stdio::Piped)?.wait_with_output()
    }

    /// Starts the process such that it needs nobody: it goes on when our process ends, reads nothing, and what it prints is
    /// kept in the container's log ([`Container::logs`](crate::Container::logs)). It ends with its container.
    ///
    /// # Errors
    /// Those of [`Self::spawn`]; [`Error::Invalid`] when it was given a terminal or a stream.
    pub fn spawn_detached(&mut self) -> Result<DetachedRun> {
        let given = self.stdio.iter().any(|stdio| !matches!(stdio, None | Some(Stdio::Null)));
        if given || self.terminal.is_some() {
            let program = self.exec.program().to_string_lossy().into_owned();
            return Err(Error::invalid(
                "detached run",
                program,
                "it has neither terminal nor streams of ours",
            ));
        }
        let plan = self.plan()?;
        let file = memfd(&plan)?;
        let connection = self.connect()?;
        let asked = connection.ask(request::DETACHED, self.limit(), &[file.as_fd()]);
        asked.map_err(|why| self.lost(why))?;
        match connection.report().map_err(|why| self.lost(why))? {
            None => Err(Error::NotRunning(self.container.clone())),
            Some((told, _)) => match RunId::new(told.run).filter(|_| told.kind == report::STARTED) {
                None => Err(self.failed(&plan, &told)),
                Some(id) => Ok(DetachedRun::new(self.container.clone(), self.directory.clone(), id)),
            },
        }
    }

    /// Nanoseconds that it may take. Zero is for ever; who may take no time at all gets the least there is.
    fn limit(&self) -> u64 {
        self.timeout.map_or(0, |limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX).max(1))
    }

    fn spawn_with(&mut self, default: impl Fn() -> Stdio) -> Result<Child> {
        let plan = self.plan()?;
        let file = memfd(&plan)?;
        let connection = self.connect()?;
        let limit = self.limit();
        let mut ours = [None, None, None];
        if self.terminal.is_some() {
            connection.ask(request::SESSION, limit, &[file.as_fd()]).map_err(|why| self.lost(why))?;
        } else {
            let mut theirs = Vec::with_capacity(3);
            for (number, (stdio, ours)) in self.stdio.iter_mut().zip(&mut ours).enumerate() {
                let (there, here) = match stdio.take().unwrap_or_else(&default) {
                    Stdio::Output => (share(theirs.get(1))?, None),
                    stdio => open(stdio, number)?,
                };
                theirs.push(there);
                *ours = here;
            }
            let [input, output, errors] = [0, 1, 2].map(|n: usize| theirs[n].as_fd());
            let fds = [file.as_fd(), input, output, errors];
            connection.ask(request::SESSION, limit, &fds).map_err(|why| self.lost(why))?;
        }
        let (started, master) = match connection.report().map_err(|why| self.lost(why))? {
            None => return Err(Error::NotRunning(self.container.clone())),
            Some((told, _)) if told.kind != report::STARTED => return Err(self.failed(&plan, &told)),
            Some(started) => started,
        };
        let [stdin, stdout, stderr] = ours;
        Ok(Child {
            pid: started.pid as u32,
            connection,
            status: None,
            timeout: self.timeout,
            stdin,
            stdout,
            stderr,
            terminal: master.map(|fd| Terminal(File::from(fd))),
        })
    }

    /// Connects to the container's monitor.
    fn connect(&self) -> Result<Connection> {
        let directory = File::open(&self.directory).map_err(Error::file("open", &self.directory))?;
        Connection::to(&directory, SOCKET).map_err(|why| self.lost(why))
    }

    /// What it means that the monitor cannot be spoken with.
    fn lost(&self, why: io::Error) -> Error {
        use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound};
        match why.kind() {
            NotFound | ConnectionRefused | ConnectionReset | BrokenPipe => {
                Error::NotRunning(self.container.clone())
            }
            _ => Error::system(format!("speak with the monitor of container {}", self.container))(why),
        }
    }

    /// What it means that a step failed.
    fn failed(&self, plan: &Plan, told: &Report) -> Error {
        match (told.section, told.step, told.errno) {
            // The root process has just ended: there is nothing to join any more, or nobody is born there, which the
            // kernel calls a lack of memory (pid_namespaces(7)).
            (which, step, libc::ESRCH) if plan.joins(which, step) => {
                Error::NotRunning(self.container.clone())
            }
            (section::HELPER, work::CLONE, libc::ENOMEM) => Error::NotRunning(self.container.clone()),
            // By the end of the container, most of the time, or by somebody inside.
            (section::HELPER, work::VANISHED, _) => Error::Launch {
                step: format!("start a process in container {}", self.container),
                source: io::Error::other("it was killed before it had begun"),
            },
            _ => failure(plan, told),
        }
    }

    /// What the helper has to do.
    fn plan(&self) -> Result<Plan> {
        let mut plan = Plan::default();
        plan.terminal = self.terminal;
        plan.host.purpose("join the container").push(Action::JoinContainer { types: NAMESPACES });
        let identity = match &self.user {
            None => Identity::root(),
            Some(user) => {
                let root = self.directory.join("merged");
                let root = File::open(&root).map_err(Error::file("open", &root))?;
                Identity::find(&root, user)?
            }
        };
        plan_process(&mut plan, &self.exec, &identity)?;
        Ok(plan)
    }
}

/// Plans how a program begins: its directory, its user, its execution. The sandbox comes from the container.
pub(crate) fn plan_process(plan: &mut Plan, exec: &Exec, identity: &Identity) -> Result<()> {
    let (argv, envp, path) = (exec.argv()?, exec.envp(&identity.home)?, exec.directory()?);
    plan.inside.purpose("set the file creation mask").push(Action::Umask { mask: 0o022 });
    let shown = path.to_string_lossy().into_owned();
    plan.inside.purpose(format!("enter the directory {shown}")).push(Action::ChangeDirectory { path });
    if plan.terminal.is_some() {
        plan.inside.purpose("give the terminal to its user").push(Action::OwnTerminal { uid: identity.uid });
    }
    let Identity { uid, gid, groups, .. } = identity.clone();
    plan.inside.purpose("set user and groups").push(Action::SetIdentity { uid, gid, groups });
    let shown = exec.program().display().to_string();
    plan.inside.purpose(format!("execute {shown}")).push(Action::Execute { argv, envp });
    Ok(())
}

/// A process in a container.
///
/// It lives no longer than this value: when it is dropped before the process has ended, the process gets
/// SIGHUP and, two seconds later, SIGKILL.
#[must_use = "the process ends when this is dropped"]
#[derive(Debug)]
pub struct Child {
    pid: u32,
    connection: Connection,
    status: Option<ExitStatus>,
    timeout: Option<Duration>,
    /// Our end of its standard input, if that is a pipe.
    pub stdin: Option<File>,
    /// Our end of its standard output, if that is a pipe.
    pub stdout: Option<File>,
    /// Our end of its standard error, if that is a pipe.
    pub stderr: Option<File>,
    /// Its terminal, if it has one.
    pub terminal: Option<Terminal>,
}

impl Child {
    /// The process in the host's PID namespace.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.pid
    }

    /// Sends a signal to its process group: it and what it has started there. One that has ended is no error.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn signal(&self, signal: i32) -> Result<()> {
        if self.status.is_some() {
            return Ok(());
        }
        match self.connection.ask(request::SIGNAL, signal as u64, &[]) {
            // The session is over: so is the process.
            Err(why) if matches!(why.raw_os_error(), Some(libc::EPIPE | libc::ECONNRESET)) => Ok(()),
            other => other.map_err(Error::system("signal a process in a container")),
        }
    }

    /// Sends it SIGKILL.
    ///
    /// # Errors
    /// Those of [`Self::signal`].
    pub fn kill(&self) -> Result<()> {
        self.signal(libc::SIGKILL)
    }

    /// Closes our end of its standard input and waits for its end.
    ///
    /// # Errors
    /// [`Error::System`] when the container's monitor was killed; [`Error::Timeout`], once, when it was ended
    /// because its time was up.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.stdin = None;
        let (status, _) = self.wait_for(None)?;
        status.ok_or_else(gone)
    }

    /// Like [`Self::wait`], but for at most `limit`; `None` when it runs on.
    ///
    /// # Errors
    /// Those of [`Self::wait`].
    pub fn wait_timeout(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        match self.wait_for(Instant::now().checked_add(limit))? {
            (Some(status), _) => Ok(Some(status)),
            (None, true) => Err(gone()),
            (None, false) => Ok(None),
        }
    }

    /// Its exit status if it has ended.
    ///
    /// # Errors
    /// Those of [`Self::wait`].
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.wait_timeout(Duration::ZERO)
    }

    /// Whether it ends within `limit`. [`Self::try_wait`] has its status then.
    ///
    /// # Errors
    /// Those of [`Self::wait`].
    pub fn ends_within(&self, limit: Duration) -> Result<bool> {
        let over = readable(&self.connection, Instant::now().checked_add(limit));
        Ok(self.status.is_some() || over.map_err(Error::system("wait for a process in a container"))?)
    }

    /// Status if it is known by `deadline`, and whether the connection is over.
    fn wait_for(&mut self, deadline: Option<Instant>) -> Result<(Option<ExitStatus>, bool)> {
        if self.status.is_some() {
            return Ok((self.status, true));
        }
        let failed = Error::system("wait for a process in a container");
        let ended = || -> io::Result<_> {
            if !readable(&self.connection, deadline)? {
                return Ok((None, false));
            }
            let told = self.connection.report()?;
            Ok((told.map(|(told, _)| (told.kind, ExitStatus::from_raw(told.status))), true))
        };
        let (told, over) = ended().map_err(failed)?;
        self.status = told.map(|(_, status)| status);
        match (told, self.timeout) {
            (Some((report::TIMED_OUT, _)), Some(limit)) => {
                Err(Error::Timeout { what: "the end of a process in a container".into(), limit })
            }
            _ => Ok((self.status, over)),
        }
    }
}

impl AsFd for Child {
    /// A descriptor that becomes readable when the process has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }
}

fn gone() -> Error {
    Error::system("wait for a process in a container")(io::Error::other("the container's monitor was killed"))
}

/// Whether something can be read from `connection` by `deadline`.
fn readable(connection: &Connection, deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let timeout = match deadline {
            None => PollTimeout::NONE,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
                PollTimeout::try_from(left.min(i32::MAX as u128) as i32).unwrap_or(PollTimeout::MAX)
            }
        };
        match poll(&mut [PollFd::new(connection.as_fd(), PollFlags::POLLIN)], timeout) {
            Err(nix::Error::EINTR) => continue,
            Err(why) => return Err(why.into()),
            Ok(ready) => return Ok(ready > 0),
        }
    }
}

impl WindowSize {
    /// The size of the window in which a terminal of ours is shown.
    ///
    /// # Errors
    /// [`Error::System`] when it is no terminal.
    pub fn of(terminal: &impl AsFd) -> Result<Self> {
        let (rows, columns) =
            terminal::size(terminal).map_err(Error::system("read the size of a terminal"))?;
        Ok(Self { rows, columns })
    }
}

/// The master side of a process's terminal.
#[derive(Debug)]
pub struct Terminal(File);

impl Terminal {
    /// The master, for reading what the process prints and writing what is typed. Reading fails with EIO
    /// when the last process on the terminal has gone (pty(7)).
    #[must_use]
    pub fn file(&self) -> &File {
        &self.0
    }

    /// Tells the process that the window has changed.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn resize(&self, size: WindowSize) -> Result<()> {
        terminal::resize(&self.0, size.rows, size.columns).map_err(Error::system("resize a terminal"))
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
