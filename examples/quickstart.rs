//! The first minute with xdocker: an image, a container, programs in it, a session on a terminal, the end.
//!
//! Run it as root: `make demo`. It works in a temporary home and leaves nothing behind, whatever fails.

use std::error::Error;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use xdocker_core::{Boot, Container, ContainerSpec, Engine, IfRunning, TestImage, Version, WindowSize};

/// How long the container may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    // Dropped last, when no container has anything mounted in it any more.
    let home = tempfile::Builder::new().prefix("xdocker-quickstart-").tempdir()?;

    let engine = step("open a home", || Engine::open(home.path()))?;
    println!("   {}", engine.home().display());

    let (_, report) =
        step("install the test image", || engine.images().install_test(Version::none(), &TestImage::new()))?;
    println!("   {} programs of this host", report.programs.len());
    if !report.missing.is_empty() {
        println!("   which does not have: {}", report.missing.join(" "));
    }

    for image in step("list the images", || engine.images().list())? {
        println!("   {}  {} files  {} MB", image.id, image.entries, image.size / 1_000_000);
    }

    let spec = ContainerSpec::new(["test".parse()?]);
    let container = step("create a container of it", || engine.create(&spec))?;
    let container = DestroyOnDrop(Some(container));
    let test = container.get();
    println!("   {}", test.name());

    step("boot it", || test.boot(&Boot::new()))?;
    for info in step("list the containers", || engine.containers())? {
        println!("   {}  {}  {}", info.name, info.network, info.state);
    }

    let output = step("run `hostname` in it", || test.command("hostname").output())?;
    print!("   {}", String::from_utf8_lossy(&output.stdout));

    let line = "echo to standard output; echo to standard error >&2; exit 3";
    let output = step("run a command line in it", || test.shell(line)?.output())?;
    print!("   stdout: {}", String::from_utf8_lossy(&output.stdout));
    print!("   stderr: {}", String::from_utf8_lossy(&output.stderr));
    println!("   {}", output.status);

    let session = step("log in on a terminal, say `hostname` and `exit`", || log_in(test))?;
    for line in session.lines() {
        println!("   | {line}");
    }

    step("shut it down", || test.shutdown(PATIENCE))?;
    println!("   {}", test.info()?.state);

    step("destroy it", || container.destroy())?;
    println!("   {} containers left", engine.containers()?.len());
    step("delete the home", || home.close())?;
    Ok(())
}

/// Does one step, and says what it is and how long it took.
fn step<T, E>(what: &str, action: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    print!("{what} ...");
    io::stdout().flush().ok();
    let start = Instant::now();
    let result = action();
    let verdict = if result.is_ok() { "ok" } else { "failed" };
    println!(" {verdict} ({:.1} ms)", start.elapsed().as_secs_f64() * 1e3);
    result
}

/// A login shell on a terminal of its own, as `xdocker -a attach` gives it: what it printed.
fn log_in(container: &Container) -> Result<String, Box<dyn Error>> {
    let mut shell = container.login_shell()?.terminal(WindowSize { rows: 24, columns: 80 }).spawn()?;
    let terminal = shell.terminal.take().ok_or("a session on a terminal has one")?;
    terminal.file().write_all(b"hostname\nexit\n")?;
    let mut printed = Vec::new();
    // Ends in an error when the last process on the terminal has gone: EIO (pty(7)).
    let end = terminal.file().read_to_end(&mut printed);
    let status = shell.wait()?;
    match end {
        Err(why) if why.raw_os_error() != Some(EIO) => Err(why.into()),
        _ if !status.success() => Err(format!("the shell ended with {status}").into()),
        _ => Ok(String::from_utf8_lossy(&printed).replace('\r', "")),
    }
}

/// Input/output error.
const EIO: i32 = 5;

/// Destroys the container when a step in between fails.
struct DestroyOnDrop(Option<Container>);

impl DestroyOnDrop {
    fn get(&self) -> &Container {
        self.0.as_ref().expect("it is taken by destroy, which consumes us")
    }

    fn destroy(mut self) -> xdocker_core::Result<()> {
        let result = self.get().destroy(IfRunning::Refuse);
        if result.is_ok() {
            self.0 = None;
        }
        result
    }
}

impl Drop for DestroyOnDrop {
    fn drop(&mut self) {
        if let Some(container) = &self.0
            && let Err(error) = container.destroy(IfRunning::Kill)
        {
            eprintln!("container {} is left: {}", container.name(), error.chain());
        }
    }
}
