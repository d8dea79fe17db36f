//! The scenarios of the seed, 3.3.1 to 3.3.5, and the scripts that make images: with a Debian made of real packages, run
//! as a user runs them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use xdocker_test_harness::cli::{Finished, Home, run, run_within};
use xdocker_test_harness::guide::Document;

/// The directory of that name at the root of the sources.
fn sources(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(name)
        .canonicalize()
        .expect("a directory of the sources")
}

/// A home, and a directory to work in where the programs of ours are found first.
struct Stage {
    home: Home,
    work: PathBuf,
}

impl Stage {
    fn new() -> Self {
        let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
        let work = home.scratch().join("work");
        fs::create_dir(&work).unwrap();
        Self { home, work }
    }

    /// Runs a script that lies in `directory` of the sources, without a terminal.
    fn script(&self, directory: &str, line: &str) -> Finished {
        let mut words = line.split_ascii_whitespace();
        let mut command = Command::new(sources(directory).join(words.next().expect("a script")));
        let binaries = Path::new(env!("CARGO_BIN_EXE_xdocker")).parent().unwrap().to_owned();
        let paths = [binaries, sources("shbin")].into_iter();
        let others = env::var_os("PATH").unwrap_or_default();
        let paths = paths.chain(env::split_paths(&others));
        command.args(words).current_dir(&self.work);
        command.env("PATH", env::join_paths(paths).unwrap()).env("xdocker_HOME", self.home.path());
        command.env("XDOCKER_PACKAGES", self.work.join("packages")).env("TMPDIR", &self.work);
        // Packages are fetched, on a machine that has other things to do.
        run_within(Duration::from_secs(600), command, b"")
    }

    /// Plays a scenario, and gives what it tells. The guide, in both languages, has the same.
    fn scenario(&self, name: &str) -> String {
        let finished = self.script("examples/scenarios", name);
        assert_eq!(finished.code(), Some(0), "{finished}");
        for guide in ["guide.md", "guide.zh.md"] {
            let document = Document::read(&sources("docs").join(guide));
            let mut blocks = document.blocks();
            blocks.retain(|block| block.name.as_deref() == Some(name));
            document.check(&blocks, &[finished.stdout()]);
        }
        finished.stdout()
    }

    /// Makes an image by a script, and imports what it made.
    fn make(&self, line: &str, archive: &str) {
        let made = self.script("shbin", line);
        assert!(made.code() == Some(0) && made.stdout().ends_with(&format!("{archive}\n")), "{made}");
        let file = self.work.join(archive);
        self.home
            .xdocker_args(["-a".as_ref(), "import".as_ref(), "--image-file".as_ref(), file.as_os_str()])
            .ok();
    }
}

/// Each of `lines` is a line of `text`, in this order.
#[track_caller]
fn tells(text: &str, lines: &[&str]) {
    let mut said = text.lines();
    for line in lines {
        assert!(said.any(|it| it.trim_end() == *line), "`{line}` is missing in\n{text}");
    }
}

#[test]
fn scenarios_and_scripts() {
    let stage = Stage::new();
    let home = &stage.home;
    stage.make(
        "xdocker_create_image_debian.sh --owner calvin --version 1.0.0 --suite bookworm",
        "calvin=debian-12-x86_64:1.0.0.xdockerimage",
    );
    home.xdocker("-a copy_image --from-image calvin=debian-12-x86_64 --to-image calvin=debian:1.0.0").ok();
    home.xdocker("-a del_image -m calvin=debian-12-x86_64").ok();

    let told = stage.scenario("1-package-manager.sh");
    tells(
        &told,
        &["OK", "openssh-server - secure shell (SSH) server, for secure access from remote machines"],
    );
    let stopped = "calvin=apt           calvin=debian:1.0.0  apt        HOST";
    assert!(told.lines().any(|row| row.starts_with(stopped) && row.ends_with("STOPED")), "{told}");
    tells(
        &stage.scenario("2-sshd.sh"),
        &["# xdocker -a boot -c sshd", "OK", "sshd", "# xdocker -a destroy -c sshd -h", "OK"],
    );
    // A key or a password of the image's would be everybody's.
    let layer = home.path().join("images/calvin=sshd/1.0.0/rlayer");
    let keys = fs::read_dir(layer.join("etc/ssh")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!keys.into_iter().any(|name| name.to_string_lossy().starts_with("ssh_host_")));
    let told = stage.scenario("3-load-balancer.sh");
    assert_eq!(told.lines().filter(|line| *line == "one").count(), 2, "{told}");
    assert_eq!(told.lines().filter(|line| *line == "two").count(), 2, "{told}");
    let told = stage.scenario("4-template.sh");
    tells(
        &told,
        &[
            "    listen 8602;",
            "greetings from the left 容器",
            "    listen 8603;",
            "greetings from the right 容器",
        ],
    );
    let told = stage.scenario("5-single-process.sh");
    tells(&told, &["one process", "# xdocker -a destroy -c single -h", "OK"]);
    assert!(told.lines().any(|row| row.starts_with("single ") && row.contains("RUNNING(")), "{told}");
    assert_eq!(home.xdocker("-s containers").succeeds(), "", "no scenario leaves a container");

    // The layers of the scripts hold what the base has not, and no key.
    stage.make(
        "xdocker_create_image_debian-sshd.sh --base calvin=debian --owner s",
        "s=debian-sshd:1.0.0.xdockerimage",
    );
    stage.make(
        "xdocker_create_image_debian-gcc.sh --base calvin=debian --owner s",
        "s=debian-gcc:1.0.0.xdockerimage",
    );
    let sshd = home.path().join("images/s=debian-sshd/1.0.0/rlayer");
    assert!(
        sshd.join("usr/sbin/sshd").exists()
            && !sshd.join("bin/bash").exists()
            && !sshd.join("usr/bin/bash").exists()
    );
    assert!(!sshd.join("etc/ssh/ssh_host_ed25519_key").exists());
    home.xdocker("-a create -m calvin=debian,s=debian-gcc -c gcc").ok();
    home.xdocker("-a boot -c gcc").ok();
    let program = "echo 'int main(void) { return 42; }' >a.c && gcc -o /a.out a.c && /a.out";
    assert_eq!(home.xdocker_args(["-a", "run", "-c", "gcc", "--cmd", program]).code(), Some(42));
    assert_eq!(home.xdocker("-s containers").succeeds().lines().count(), 3, "only that one is there");
}

#[test]
fn scripts_say_what_they_want() {
    let stage = Stage::new();
    for script in fs::read_dir(sources("shbin")).unwrap().map(|entry| entry.unwrap().path()) {
        let name = script.file_name().unwrap().to_str().unwrap().to_owned();
        let mut check = Command::new("sh");
        check.arg("-n").arg(&script);
        run(check, b"").prints("");
        // Those to be sourced have no words of their own.
        if name.starts_with("xdocker_create_") || name == "xdocker_install_test.sh" {
            let help = stage.script("shbin", &format!("{name} --help")).succeeds();
            assert!(
                help.contains("xdocker_create_") || help.contains("xdocker_install_test.sh"),
                "{name}: {help}"
            );
            assert_eq!(stage.script("shbin", &format!("{name} --nonsense")).code(), Some(2), "{name}");
        }
    }
    let dry = stage
        .script("shbin", "xdocker_create_image_debian.sh --suite trixie --include vim --dry-run")
        .succeeds();
    assert!(dry.contains("minbase") && dry.contains("--include=vim") && dry.contains(" trixie"), "{dry}");
    let dry = stage.script("shbin", "xdocker_create_image_rhel-7.4-x86_64.sh --dry-run").succeeds();
    assert!(dry.contains("bash coreutils"), "{dry}");
    assert!(
        stage
            .script("shbin", "xdocker_create_image_debian.sh --sources /nowhere")
            .stderr()
            .contains("/nowhere")
    );
}

#[test]
fn the_root_of_the_test_image_in_a_directory() {
    let stage = Stage::new();
    stage.script("shbin", "xdocker_install_test.sh root").prints("");
    let root = stage.work.join("root");
    assert!(root.join("bin/sh").exists() && root.join("etc/passwd").exists());
    let again = stage.script("shbin", "xdocker_install_test.sh root");
    assert!(again.code() == Some(1) && again.stderr().contains("is not empty"), "{again}");
}
