//! The test image out of the host's own programs.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::TestImageReport;
use super::libraries::Libraries;
use super::tree::Tree;
use crate::error::{Error, Result};

/// Where the system's own programs are. Not the caller's `PATH`: the image should not depend on who makes it.
const DIRECTORIES: &[&str] = &["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Shells first: scripts among the rest need them.
const SHELLS: &[&str] = &["bash", "sh"];

/// Programs in addition to the shells.
#[rustfmt::skip]
const PROGRAMS: &[&str] = &[
    // Files and directories.
    "ls", "cat", "cp", "mv", "rm", "ln", "mkdir", "rmdir", "mkfifo", "mknod", "mktemp", "chmod", "chown",
    "chgrp", "touch", "stat", "readlink", "realpath", "basename", "dirname", "find", "dd", "df", "du", "sync",
    "truncate", "mount", "umount", "mountpoint",
    // Text.
    "echo", "printf", "grep", "egrep", "fgrep", "sed", "awk", "xargs", "head", "tail", "wc", "sort", "uniq",
    "cut", "tr", "tee", "od", "seq", "yes", "expr", "cmp", "diff", "md5sum", "sha256sum",
    "base64", "more", "less", "vi", "vim",
    // Values and conditions.
    "true", "false", "test", "[", "pwd", "env", "printenv", "date", "sleep", "timeout", "which", "getent",
    // Users, processes, the system.
    "id", "whoami", "groups", "hostname", "uname", "nproc", "uptime", "ps", "pgrep", "pidof", "pkill",
    "kill", "killall", "top", "free", "vmstat", "nice", "nohup", "setsid", "chroot", "unshare", "nsenter",
    "setpriv",
    // Terminals.
    "clear", "reset", "stty", "tty", "tput",
    // Network.
    "ip", "ss", "ifconfig", "route", "ping", "telnet", "nc", "curl", "ssh",
    // Archives.
    "tar", "gzip", "gunzip", "zcat",
];

/// What the system's layout consists of, with the links of a merged `/usr` where the host has them.
const LAYOUT: &[&str] = &["/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib"];

/// Libraries that glibc opens by name: name services (built in since 2.34), and the unwinder when a thread
/// is cancelled.
const OPENED_AT_RUN_TIME: &[&str] = &["libnss_files.so.2", "libnss_dns.so.2", "libgcc_s.so.1"];

/// Data that programs above need: the loader's index, names of services, certificates, UTF-8.
const DATA: &[&str] = &[
    "/etc/ld.so.cache",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs/ca-certificates.crt",
    "/usr/lib/locale/C.utf8",
    "/usr/lib/locale/C.UTF-8",
];

/// Where terminal descriptions are, each below its first letter.
const TERMINFO: &[&str] = &["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"];

/// Terminals that people sit at.
#[rustfmt::skip]
const TERMINALS: &[&str] = &[
    "alacritty", "ansi", "dumb", "foot", "linux", "rxvt", "rxvt-unicode", "rxvt-unicode-256color", "screen",
    "screen-256color", "tmux", "tmux-256color", "vt100", "vt102", "vt220", "xterm", "xterm-256color",
    "xterm-color", "xterm-ghostty", "xterm-kitty",
];

/// Fills `tree` with the host's programs; returns the path of the shell.
///
/// # Errors
/// [`Error::Unsupported`] on a host without a shell that could be copied.
pub(super) fn install(tree: &mut Tree<'_>, report: &mut TestImageReport) -> Result<PathBuf> {
    for path in LAYOUT {
        mirror_if_there(tree, Path::new(path))?;
    }
    let mut libraries = Libraries::of_host();
    for name in SHELLS.iter().chain(PROGRAMS) {
        match find(name, &mut libraries, report) {
            Ok((program, needed)) => {
                tracing::debug!(program = %program.display(), "copy");
                for path in needed.iter().chain([&program]) {
                    tree.mirror(path)?;
                }
                report.programs.push(program);
            }
            Err(why) => {
                tracing::debug!(program = name, %why, "leave out");
                report.missing.push((*name).to_owned());
            }
        }
    }
    let Some(shell) = report.programs.iter().find(|path| is_shell(path)).cloned() else {
        let why = "the host has no shell whose libraries can be found".to_owned();
        return Err(Error::Unsupported { what: "a test image".to_owned(), why });
    };
    for library in OPENED_AT_RUN_TIME {
        // There may be none: musl has no such libraries.
        for path in libraries.opened_by(&shell, &[*library]).unwrap_or_default() {
            tree.mirror(&path)?;
        }
    }
    data(tree)?;
    Ok(shell)
}

/// The host's program called `name`, with what it needs to start.
fn find(
    name: &str,
    libraries: &mut Libraries,
    report: &TestImageReport,
) -> io::Result<(PathBuf, Vec<PathBuf>)> {
    let program = DIRECTORIES
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has none"))?;
    let Some(interpreter) = interpreter(&program)? else {
        let needed = libraries.needed_by(&program)?;
        return Ok((program, needed));
    };
    let real = fs::canonicalize(&interpreter)?;
    let mut shells = report.programs.iter().filter(|path| is_shell(path));
    match shells.any(|shell| fs::canonicalize(shell).is_ok_and(|shell| shell == real)) {
        true => Ok((program, vec![interpreter])),
        false => {
            let why = format!("it is a script for {}", interpreter.display());
            Err(io::Error::new(io::ErrorKind::Unsupported, why))
        }
    }
}

/// The interpreter of `program`, if it is a script.
fn interpreter(program: &Path) -> io::Result<Option<PathBuf>> {
    let mut start = Vec::new();
    // What the kernel looks at.
    File::open(program)?.take(256).read_to_end(&mut start)?;
    let Some(line) = start.strip_prefix(b"#!") else { return Ok(None) };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let path = line.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
    Ok(Some(PathBuf::from(OsStr::from_bytes(path))))
}

fn is_shell(path: &Path) -> bool {
    path.file_name().is_some_and(|name| SHELLS.iter().any(|shell| name == *shell))
}

/// Everything that is no program.
fn data(tree: &mut Tree<'_>) -> Result<()> {
    for path in DATA {
        mirror_all(tree, Path::new(path))?;
    }
    for directory in TERMINFO {
        for terminal in TERMINALS {
            mirror_if_there(tree, &Path::new(directory).join(&terminal[..1]).join(terminal))?;
        }
    }
    Ok(())
}

/// Mirrors a file, or a directory with everything in it.
fn mirror_all(tree: &mut Tree<'_>, path: &Path) -> Result<()> {
    mirror_if_there(tree, path)?;
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(Error::file("read", path))? {
            let entry = entry.map_err(Error::file("read", path))?;
            mirror_all(tree, &entry.path())?;
        }
    }
    Ok(())
}

fn mirror_if_there(tree: &mut Tree<'_>, path: &Path) -> Result<()> {
    // Through all links: one that leads nowhere on the host is of no use inside.
    match path.exists() {
        true => tree.mirror(path),
        false => Ok(()),
    }
}
