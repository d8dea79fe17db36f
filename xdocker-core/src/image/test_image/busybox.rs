//! The test image out of one static busybox.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::TestImageReport;
use super::elf::Elf;
use super::tree::Tree;
use crate::error::{Error, Result};

/// The applets that get a link if the program has them. Only running a busybox tells for certain what it can
/// do, and nothing of the host is run for an image; so this is a fixed list, without those that a test image
/// has no use for.
#[rustfmt::skip]
const APPLETS: &[&str] = &[
    "arp", "arping", "ash", "awk", "base64", "basename", "bunzip2", "bzcat", "bzip2", "cat", "chgrp", "chmod",
    "chown", "chroot", "clear", "cmp", "cp", "cut", "date", "dd", "df", "diff", "dirname", "dmesg", "du",
    "echo", "egrep", "env", "expr", "false", "fgrep", "find", "fold", "free", "fuser", "getty", "grep",
    "groups", "gunzip", "gzip", "head", "hexdump", "hostname", "id", "ifconfig", "ip", "kill", "killall",
    "less", "link", "ln", "login", "ls", "md5sum", "mkdir", "mkfifo", "mknod", "mktemp", "more", "mount",
    "mountpoint", "mv", "nc", "netstat", "nohup", "nproc", "nslookup", "od", "paste", "pgrep", "pidof",
    "ping", "pkill", "printenv", "printf", "ps", "pwd", "readlink", "realpath", "renice", "reset", "rev", "rm",
    "rmdir", "route", "sed", "seq", "setsid", "sh", "sha256sum", "sleep", "sort", "split", "stat", "strings",
    "stty", "su", "sync", "tac", "tail", "tar", "tee", "telnet", "test", "timeout", "top", "touch", "tr",
    "true", "truncate", "tty", "umount", "uname", "uniq", "uptime", "vi", "wc", "wget", "which", "whoami",
    "xargs", "xxd", "xz", "yes", "zcat",
];

/// The first static busybox in `directories`.
///
/// # Errors
/// [`Error::Unsupported`] if there is none.
pub(super) fn find(directories: impl IntoIterator<Item = PathBuf>) -> Result<PathBuf> {
    let mut why = "the host has no program called busybox".to_owned();
    for path in directories.into_iter().map(|directory| directory.join("busybox")) {
        match File::open(&path).and_then(|mut file| Elf::read(&mut file)) {
            Ok(Some(elf)) if elf.is_static() => return Ok(path),
            Ok(Some(_)) => why = format!("{} is not static", path.display()),
            Ok(None) => why = format!("{} is not a program of this kind of system", path.display()),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => why = format!("{}: {error}", path.display()),
        }
    }
    Err(Error::Unsupported { what: "a test image from busybox".to_owned(), why })
}

/// Fills `tree` with the busybox at `original` and links to it; returns the path of the shell.
pub(super) fn install(original: &Path, tree: &mut Tree<'_>, report: &mut TestImageReport) -> Result<PathBuf> {
    let program = fs::read(original).map_err(Error::file("read", original))?;
    let applets = applets(&program);
    if !applets.contains(&"sh") {
        let source = io::Error::new(ErrorKind::InvalidData, "it has no shell");
        return Err(Error::file("use", original)(source));
    }
    for directory in ["/bin", "/sbin", "/usr", "/usr/bin", "/usr/sbin"] {
        tree.directory(Path::new(directory), 0o755)?;
    }
    let bin = Path::new("/bin");
    let busybox = bin.join("busybox");
    tree.copy(original, &busybox)?;
    report.programs.push(busybox);
    for applet in APPLETS {
        if applets.contains(applet) {
            let path = bin.join(applet);
            tree.link(Path::new("busybox"), &path)?;
            report.programs.push(path);
        } else {
            report.missing.push((*applet).to_owned());
        }
    }
    Ok(bin.join("sh"))
}

/// The applets among [`APPLETS`] that `program` can have: busybox holds the names of its applets one after the
/// other, with a NUL after each, so a name that stands nowhere between two NULs is none of them.
fn applets(program: &[u8]) -> HashSet<&'static str> {
    let words: HashSet<&[u8]> = program.split(|byte| *byte == 0).filter(|word| word.len() < 16).collect();
    APPLETS.iter().copied().filter(|applet| words.contains(applet.as_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::elf::tests::{NEEDED, sample};
    use super::*;

    #[test]
    fn only_a_static_one_will_do() {
        let host = tempfile::tempdir().unwrap();
        let directories = ["none", "script", "dynamic", "static"].map(|name| host.path().join(name));
        for directory in &directories[1..] {
            fs::create_dir(directory).unwrap();
        }
        fs::write(directories[1].join("busybox"), "#!/bin/sh\n").unwrap();
        fs::write(directories[2].join("busybox"), sample(None, &[(NEEDED, "libc.so.6")])).unwrap();
        fs::write(directories[3].join("busybox"), sample(None, &[])).unwrap();
        assert_eq!(find(directories.clone()).unwrap(), directories[3].join("busybox"));
        assert!(find(directories[..3].to_vec()).unwrap_err().to_string().ends_with("is not static"));
        assert!(matches!(find([host.path().join("none")]), Err(Error::Unsupported { .. })));
    }

    #[test]
    fn it_has_links_for_the_applets_it_has() {
        let host = tempfile::tempdir().unwrap();
        let original = host.path().join("busybox");
        fs::write(&original, [&sample(None, &[])[..], b"\0[\0ash\0ls\0sh\0\0use cat here\0"].concat())
            .unwrap();
        let root = host.path().join("root");
        fs::create_dir(&root).unwrap();
        let report = super::super::build(&root, |tree, report| install(&original, tree, report)).unwrap();
        let programs = ["/bin/busybox", "/bin/ash", "/bin/ls", "/bin/sh"];
        assert_eq!(report.programs, programs.map(PathBuf::from));
        assert!(report.missing.iter().any(|applet| applet == "cat"));
        assert_eq!(fs::read(root.join("bin/ls")).unwrap(), fs::read(original).unwrap());
        assert!(
            fs::read_to_string(root.join("etc/passwd"))
                .unwrap()
                .starts_with("root:x:0:0:root:/root:/bin/sh\n")
        );
    }

    #[test]
    fn one_without_shell_is_refused() {
        let host = tempfile::tempdir().unwrap();
        let original = host.path().join("busybox");
        fs::write(&original, b"\0ls\0").unwrap();
        let error = install(&original, &mut Tree::new(host.path()), &mut TestImageReport::default());
        assert!(error.unwrap_err().chain().ends_with("it has no shell"));
    }
}
