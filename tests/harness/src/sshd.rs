//! A real sshd on loopback, for one test: keys, accounts and home directory of its own.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program;
use crate::wait::{PATIENCE, until};

/// What a POSIX system has of what a repository needs, and nothing more.
const POSIX: [&str; 15] = [
    "cat", "cksum", "date", "dd", "find", "head", "ln", "ls", "mkdir", "mv", "rm", "rmdir", "tail", "touch",
    "wc",
];

/// Which programs the account on the server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Userland {
    /// Those of this machine.
    Host,
    /// dash and the utilities that POSIX has, as this machine has them.
    Posix,
    /// busybox, its shell and its utilities.
    Busybox,
}

/// A running sshd that lets root in with one key, into a home directory that is not root's. It ends when this is dropped,
/// and everybody who is logged in with it.
#[derive(Debug)]
pub struct Sshd {
    directory: PathBuf,
    port: u16,
    child: Child,
}

impl Sshd {
    /// Starts it in `directory`, which is to be removed by the caller.
    ///
    /// # Panics
    /// There is no sshd, or it does not start.
    #[must_use]
    pub fn start(directory: &Path, userland: Userland) -> Self {
        let directory = directory.join("sshd");
        let home = directory.join("home");
        fs::create_dir_all(&home).expect("a home directory");
        for key in ["host", "user", "stranger"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", key, "-f"]).arg(directory.join(key));
            assert!(keygen.status().expect("ssh-keygen of openssh-client").success());
        }
        fs::copy(directory.join("user.pub"), directory.join("authorized_keys")).expect("a list of keys");
        let mut this = Self { port: 0, child: Command::new("true").spawn().expect("true"), directory };
        this.set_userland(userland);
        // Another process may be given the port between the two: then sshd ends, and the next port is tried.
        let log = this.directory.join("log");
        let said = || fs::read_to_string(&log).unwrap_or_default();
        for _ in 0..10 {
            this.listen();
            // Somebody answers there may be somebody else.
            let listens = format!("Server listening on 127.0.0.1 port {}.", this.port);
            until(PATIENCE, || {
                said().contains(&listens) || this.child.try_wait().is_ok_and(|end| end.is_some())
            });
            if said().contains(&listens) {
                this.write_client_files();
                return this;
            }
            this.end();
        }
        panic!("sshd does not start: {}", said());
    }

    /// Starts sshd on a port that is free.
    fn listen(&mut self) {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
        self.port = free.expect("a free port").port();
        let path = |name: &str| self.directory.join(name).display().to_string();
        let config = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nForceCommand {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin yes\nMaxStartups 100\nUseDNS no\nLogLevel INFO\n",
            self.port,
            path("host"),
            path("authorized_keys"),
            path("login"),
        );
        fs::write(self.directory.join("config"), config).expect("a configuration");
        // It is the first process of a PID namespace: with it goes everybody whom it let in. And it insists on a
        // directory of its own in /run.
        let line = "mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec \"$(command -v sshd || echo /usr/sbin/sshd)\" \
                    -D -f \"$0\" -E \"$1\"";
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "sh", "-c", line]);
        unshare.arg(self.directory.join("config")).arg(self.directory.join("log"));
        unshare.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = self.child.wait();
        self.child = unshare.spawn().expect("unshare of util-linux");
    }

    fn write_client_files(&self) {
        let path = |name: &str| self.directory.join(name).display().to_string();
        let key = fs::read_to_string(self.directory.join("host.pub")).expect("the host's key");
        fs::write(self.directory.join("known_hosts"), format!("test-server {key}")).expect("known hosts");
        let config = format!(
            "HostKeyAlias test-server\nUserKnownHostsFile {}\nGlobalKnownHostsFile none\nStrictHostKeyChecking yes\n\
             IdentityFile {}\nIdentitiesOnly yes\nIdentityAgent none\nBatchMode yes\nLogLevel ERROR\nConnectTimeout {}\n",
            path("known_hosts"),
            path("user"),
            PATIENCE.as_secs(),
        );
        fs::write(self.directory.join("client"), config).expect("a configuration");
    }

    /// Gives the account other programs from now on.
    ///
    /// # Panics
    /// They are not there.
    pub fn set_userland(&self, userland: Userland) {
        let bin = self.directory.join("bin");
        let _ = fs::remove_dir_all(&bin);
        fs::create_dir(&bin).expect("a directory");
        let found = |name: &str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let mut places = std::env::split_paths(&path).map(|place| place.join(name));
            places.find(|place| place.exists()).unwrap_or_else(|| panic!("there is no {name}"))
        };
        let link = |target: PathBuf, name: &str| {
            std::os::unix::fs::symlink(target, bin.join(name)).expect("a link");
        };
        match userland {
            Userland::Host => {}
            Userland::Posix => {
                link(found("dash"), "sh");
                POSIX.iter().for_each(|name| link(found(name), name));
            }
            Userland::Busybox => {
                let all = Command::new("busybox").arg("--list").output().expect("busybox").stdout;
                for name in String::from_utf8(all).expect("names").lines() {
                    link(found("busybox"), name);
                }
            }
        }
        let path = match userland {
            Userland::Host => "\"$PATH\"".to_owned(),
            _ => bin.display().to_string(),
        };
        self.set_login(&format!("PATH={path} exec sh -c \"$SSH_ORIGINAL_COMMAND\""));
    }

    /// Has the account's shell do this, in place of what a client asks for.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn set_login(&self, line: &str) {
        let home = self.home();
        let script = format!("#!/bin/sh\nexport HOME='{}'\ncd\n{line}\n", home.display());
        program::write(&self.directory.join("login"), 0o755, script.as_bytes());
    }

    /// The home directory of the account.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.directory.join("home")
    }

    /// A file of the server's or of its clients': `client` is their configuration, `user` the key that it lets in.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The process of sshd that listens, the first one of its PID namespace: all others there are its children, or will be
    /// when their parents have ended.
    fn listener(&self) -> Option<u32> {
        children(self.child.id()).first().copied()
    }

    /// Waits until nobody is logged in. A line that broke is noticed here when it is noticed, and what had come over it is
    /// worked at to its end.
    ///
    /// # Panics
    /// Somebody stays.
    pub fn is_left_alone(&self) {
        let listener = self.listener().expect("a server");
        assert!(until(PATIENCE, || children(listener).is_empty()), "somebody stays logged in");
    }

    /// Ends it and all who are logged in, and waits for that.
    fn end(&mut self) {
        // With the first process go all others of the namespace, and then unshare(1), which waits for it.
        let listener = self.listener().and_then(|pid| i32::try_from(pid).ok());
        let killed = listener.is_some_and(|pid| kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok());
        if !killed {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The program and the arguments that reach it, as one text.
    #[must_use]
    pub fn ssh(&self) -> String {
        format!("ssh -F {}", self.file("client").display())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.end();
    }
}

/// Children of a process.
fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// A line to a port of this machine that breaks when it is told to.
#[derive(Debug)]
pub struct Line {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// How many bytes may still pass. A connection keeps the number that it was made with: one that is about to end, and
    /// breaks the line, does not break it for the next one.
    left: Mutex<Arc<AtomicU64>>,
    /// How many have passed to the server, and from it.
    passed: [AtomicU64; 2],
    /// Whether a line that breaks falls silent, and does not end.
    silent: AtomicBool,
    over: AtomicBool,
}

impl Line {
    /// A line to `port` of this machine.
    ///
    /// # Panics
    /// There is no port left.
    #[must_use]
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let own = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared {
            left: Mutex::new(Arc::new(AtomicU64::new(u64::MAX))),
            passed: Default::default(),
            silent: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let this = Self { port: own, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
                let left = Arc::clone(&shared.left.lock().expect("nobody panics with it"));
                let ends = [(&near, &far, 0), (&far, &near, 1)];
                for (from, to, way) in ends.map(|(from, to, way)| (from.try_clone(), to.try_clone(), way)) {
                    let (from, to) = (from.expect("a socket"), to.expect("a socket"));
                    let (shared, left) = (Arc::clone(&shared), Arc::clone(&left));
                    thread::spawn(move || carry(from, to, &left, &shared, way));
                }
            }
        });
        this
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connections that are made from now on break after so many bytes, of both directions and all of them together.
    ///
    /// # Panics
    /// Somebody has panicked with its lock.
    pub fn break_after(&self, bytes: u64) {
        *self.shared.left.lock().expect("nobody panics with it") = Arc::new(AtomicU64::new(bytes));
    }

    /// Whether connections that break fall silent, and end when this is over.
    pub fn be_silent(&self, silent: bool) {
        self.shared.silent.store(silent, Ordering::SeqCst);
    }

    /// How many bytes have passed to the server and from it since the last call.
    #[must_use]
    pub fn passed(&self) -> (u64, u64) {
        let [to, from] = &self.shared.passed;
        (to.swap(0, Ordering::SeqCst), from.swap(0, Ordering::SeqCst))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes up who waits for connections.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

/// Carries bytes from one end to the other until the line breaks or somebody hangs up.
fn carry(mut from: TcpStream, mut to: TcpStream, left: &AtomicU64, shared: &Shared, way: usize) {
    let mut room = [0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut room) {
        let take = |left: u64| if left == u64::MAX { Some(left) } else { left.checked_sub(count as u64) };
        let (count, broken) = match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take) {
            Ok(_) => (count, false),
            Err(left) => (left as usize, true),
        };
        shared.passed[way].fetch_add(count as u64, Ordering::SeqCst);
        if broken {
            left.store(0, Ordering::SeqCst);
        }
        // Who hangs up while something comes for him has not broken the line for others.
        let written = to.write_all(&room[..count]);
        while broken && shared.silent.load(Ordering::SeqCst) && !shared.over.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(20));
        }
        if written.is_err() || broken {
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
    }
    // What the other one has still to say may come.
    let _ = to.shutdown(Shutdown::Write);
}
