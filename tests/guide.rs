//! The guide, in both languages: its commands are run, and print what it says.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xdocker_test_harness::cli::{Home, run};
use xdocker_test_harness::guide::{self, Document};
use xdocker_test_harness::net::on_own_host;
use xdocker_test_harness::program;
use xdocker_test_harness::pty::{Terminal, Window};

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A shell command in a directory that is the user's, with our programs in its way.
fn shell(home: &Home, work: &Path, line: &str) -> Command {
    let binaries = Path::new(env!("CARGO_BIN_EXE_xdocker")).parent().unwrap().to_owned();
    let others = env::var_os("PATH").unwrap_or_default();
    let paths = [binaries, sources().join("shbin")].into_iter().chain(env::split_paths(&others));
    let mut command = Command::new("bash");
    // Both streams in one, as a terminal shows them.
    command.args(["-c", &format!("exec 2>&1; {line}")]).current_dir(work);
    command.env("PATH", env::join_paths(paths).unwrap()).env("xdocker_HOME", home.path());
    command.env_remove("XDOCKER_HOME").env("TZ", "UTC").env("TERM", "dumb");
    command.env("xdocker_SSH", home.scratch().join("ssh"));
    command
}

/// What is seen of a command.
fn said(home: &Home, work: &Path, command: &guide::Command) -> String {
    let mut seen = format!("# {}\n", command.line);
    if command.typed.is_empty() {
        seen += &run(shell(home, work, &command.line), b"").stdout();
        return seen;
    }
    let mut terminal = Terminal::spawn(shell(home, work, &command.line), Window { rows: 50, columns: 200 });
    for keys in &command.typed {
        seen += &terminal.expect("] ");
        terminal.press(&format!("{keys}\n"));
    }
    seen += &terminal.ends().1;
    seen.replace('\r', "")
}

fn run_all(name: &str) {
    on_own_host(|| {
        let home = Home::new(env!("CARGO_BIN_EXE_xdocker"));
        let work = home.scratch().join("work");
        fs::create_dir(&work).unwrap();
        // Whatever server is named: what is to be done there is done here, in a directory that is its user's.
        let server = home.scratch().join("server");
        fs::create_dir(&server).unwrap();
        let ssh = home.scratch().join("ssh");
        let server = server.display();
        let text =
            format!("#!/bin/sh\nfor last; do :; done\ncd {server} && HOME={server} exec sh -c \"$last\"\n");
        program::write(&ssh, 0o755, text.as_bytes());
        let document = Document::read(&sources().join("docs").join(name));
        let mut blocks = document.blocks();
        blocks.retain(|block| block.name.is_none());
        let told = blocks.iter().map(|block| {
            block.commands().iter().map(|command| said(&home, &work, command)).collect::<String>()
        });
        let told: Vec<_> = told.collect();
        document.check(&blocks, &told);
    });
}

#[test]
fn in_english() {
    run_all("guide.md");
}

#[test]
fn in_chinese() {
    run_all("guide.zh.md");
}
