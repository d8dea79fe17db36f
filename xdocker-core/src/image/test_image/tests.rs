//! The images as a whole. These need root, for chroot.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use super::elf::Elf;
use super::*;
use crate::home::scratch::Scratch;
use crate::image::ImageStore;

/// All files, links and directories below `root`, as paths inside.
fn walk(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/")];
    let mut at = 0;
    while at < found.len() {
        let path = root.join(found[at].strip_prefix("/").unwrap());
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                found.push(found[at].join(entry.unwrap().file_name()));
            }
        }
        at += 1;
    }
    found
}

/// Where `path` leads inside, with links followed inside.
fn resolve(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut rest: Vec<OsString> = path.components().rev().map(|part| part.as_os_str().to_owned()).collect();
    let mut here = PathBuf::from("/");
    for _ in 0..1000 {
        let Some(part) = rest.pop() else { return Some(here) };
        match Path::new(&part).components().next()? {
            Component::RootDir => here = PathBuf::from("/"),
            Component::ParentDir => _ = here.pop(),
            Component::Normal(name) => {
                let next = here.join(name);
                let inside = root.join(next.strip_prefix("/").unwrap());
                match fs::symlink_metadata(&inside).ok()?.is_symlink() {
                    true => rest.extend(
                        fs::read_link(inside)
                            .unwrap()
                            .components()
                            .rev()
                            .map(|part| part.as_os_str().to_owned()),
                    ),
                    false => here = next,
                }
            }
            _ => {}
        }
    }
    None
}

fn image() -> (tempfile::TempDir, TestImageReport) {
    let root = tempfile::tempdir().unwrap();
    let report = populate(&TestImage::new(), root.path()).unwrap();
    (root, report)
}

/// Runs `script` in a login shell inside, with an empty environment; returns its output.
fn inside(root: &Path, script: &str) -> String {
    let output = Command::new("chroot")
        .arg(root)
        .args(["/bin/bash", "-lc", script])
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", "/root")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {} {errors}", output.status);
    assert_eq!(errors, "", "{script}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_program_finds_its_libraries_inside() {
    let (root, report) = image();
    let root = root.path();
    let files = walk(root);
    let names: HashSet<OsString> = files
        .iter()
        .filter(|path| resolve(root, path).is_some())
        .map(|path| path.file_name().unwrap_or_default().to_owned())
        .collect();
    let mut read = 0;
    for path in &files {
        let host = root.join(path.strip_prefix("/").unwrap());
        if !fs::symlink_metadata(&host).unwrap().is_file() {
            continue;
        }
        let Some(elf) = Elf::read(&mut File::open(host).unwrap()).unwrap() else { continue };
        read += 1;
        for needed in &elf.needed {
            assert!(names.contains(needed), "{} needs {}", path.display(), needed.display());
        }
        if let Some(interpreter) = &elf.interpreter {
            assert!(
                resolve(root, interpreter).is_some(),
                "{} needs {}",
                path.display(),
                interpreter.display()
            );
        }
    }
    assert!(read > 50, "{read} programs and libraries");
    for program in &report.programs {
        let real = resolve(root, program).unwrap_or_else(|| panic!("{} leads nowhere", program.display()));
        let mode = fs::metadata(root.join(real.strip_prefix("/").unwrap())).unwrap().permissions().mode();
        assert_eq!(mode & 0o7111, 0o111, "{}: {mode:o}", program.display());
    }
}

#[test]
fn the_loader_inside_agrees() {
    let (root, report) = image();
    let loader = Elf::read(&mut File::open("/bin/bash").unwrap()).unwrap().unwrap().interpreter.unwrap();
    for program in &report.programs {
        // Of a script there is nothing to load.
        if !fs::read(program).unwrap().starts_with(b"\x7fELF") {
            continue;
        }
        let output =
            Command::new("chroot").arg(root.path()).arg(&loader).arg("--list").arg(program).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && !text.contains("not found"), "{}: {text}", program.display());
    }
}

#[test]
fn programs_work_inside() {
    let (root, report) = image();
    let run = |script: &str| inside(root.path(), script);
    assert_eq!(
        run("pwd; id -un; id -gn; echo $PATH"),
        "/\nroot\nroot\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    );
    assert_eq!(run("cat /root/tpl.txt"), "{ \"leaf\":\"${LEAF}\" }\n");
    assert_eq!(run("seq 3 | sed 's/2/b/' | awk '{ printf \"%s,\", $1 }' | tr , ' '"), "1 b 3 ");
    // xargs wants one. Any file will do, and a device may be of no effect where temporary files are.
    run("touch /dev/null");
    assert_eq!(
        run("printf 'a\\nb\\n' > /tmp/x; egrep 'b|c' /tmp/x; find /tmp -name x | xargs wc -l"),
        "b\n2 /tmp/x\n"
    );
    assert_eq!(run("cd /tmp && tar -czf y.tgz x && rm x && tar -xzf y.tgz && cat x"), "a\nb\n");
    assert_eq!(run("sh -c 'echo $0'; which ls >/dev/null && echo yes"), "sh\nyes\n");
    // One character in UTF-8, three bytes.
    assert_eq!(run("x=树; echo ${#x}; printf 树 | wc -m"), "1\n1\n");
    let missing: Vec<&str> = report.missing.iter().map(String::as_str).collect();
    for needed in ["ls", "ps", "kill", "mount", "hostname", "sleep", "tty"] {
        assert!(!missing.contains(&needed), "{needed} is missing: {missing:?}");
    }
}

#[test]
fn a_login_shell_greets_and_prompts() {
    let (root, _) = image();
    // `-i` on a pipe: bash prompts on standard error.
    let script = r"echo 'cd /etc; exit' | bash -li 2>&1 | grep -v 'job control\|terminal process group'";
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let name = name.trim_end().split('.').next().unwrap();
    let text = inside(root.path(), &format!("cd /root; {script}"));
    assert_eq!(
        text,
        format!("--- Welcome to xdocker contrainer ---\n\n[root@{name} /root] cd /etc; exit\nlogout\n")
    );
    let text = inside(root.path(), "cd /usr/bin; PS1= sh -c '. /etc/profile; printf %s \"$PS1\"'");
    assert!(text.ends_with("$PWD] "), "{text}");
}

#[test]
fn the_layout_is_that_of_a_root() {
    let (root, report) = image();
    let root = root.path();
    let mode = |path: &str| fs::symlink_metadata(root.join(path)).unwrap().mode() & 0o7777;
    assert_eq!((mode("tmp"), mode("var/tmp"), mode("root"), mode("etc")), (0o1777, 0o1777, 0o700, 0o755));
    // Temporary directories are private, a root is not.
    assert_eq!(fs::metadata(root).unwrap().mode() & 0o7777, 0o755);
    for directory in ["proc", "sys", "dev", "run", "mnt", "home", "bin", "sbin", "lib", "usr/bin"] {
        let place = resolve(root, &Path::new("/").join(directory)).unwrap();
        assert!(root.join(place.strip_prefix("/").unwrap()).is_dir(), "{directory}");
    }
    for link in ["bin", "sbin", "lib", "lib64"] {
        let host = Path::new("/").join(link);
        assert_eq!(fs::read_link(root.join(link)).ok(), fs::read_link(host).ok(), "/{link}");
    }
    let sizes = walk(root).into_iter().map(|path| {
        let metadata = fs::symlink_metadata(root.join(path.strip_prefix("/").unwrap())).unwrap();
        if metadata.is_file() { metadata.len() } else { 0 }
    });
    assert_eq!(sizes.sum::<u64>(), report.bytes);
    // What programs weigh is the host's; a library too many, such as a copy for each name, shows all the same.
    assert!(report.bytes < 60 << 20, "{} bytes", report.bytes);
    let original = fs::metadata("/bin/bash").unwrap();
    let bash = resolve(root, Path::new("/bin/bash")).unwrap();
    let copy = fs::metadata(root.join(bash.strip_prefix("/").unwrap())).unwrap();
    assert_eq!((copy.len(), copy.modified().unwrap()), (original.len(), original.modified().unwrap()));
}

#[test]
fn it_is_installed_once_a_version() {
    let (_scratch, home) = Scratch::with_home("test-image");
    let store = ImageStore::new(home);
    let install = |version: &str| store.install_test(version.parse().unwrap(), &TestImage::new());
    let (image, report) = install("_").unwrap();
    assert_eq!(image.size, report.bytes);
    install("1.0.0").unwrap();
    assert!(matches!(install("1.0.0"), Err(Error::ImageExists(_))));
    let images = store.list().unwrap();
    let found: Vec<(String, u64)> = images.iter().map(|image| (image.id.to_string(), image.size)).collect();
    assert_eq!(found, [("test".to_owned(), report.bytes), ("test:1.0.0".to_owned(), report.bytes)]);
}
