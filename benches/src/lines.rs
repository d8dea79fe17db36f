//! Programs to measure, given as lines for a shell, beside others that do the same.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::rival::succeed;
use crate::{Result, sys};

/// Where the tree is taken from, and how much of it.
pub(crate) const SOURCE: &str = "/usr/lib";
const MIB: u64 = 300;

/// Something to measure: lines for a shell in a new directory, where `$N` is the round, `$B` the directory of the whole
/// benchmark, `$T` the tree and `$X` our command.
pub(crate) struct Series {
    pub(crate) title: &'static str,
    /// Makes it possible.
    pub(crate) before: &'static str,
    /// What is measured: one program.
    pub(crate) line: &'static str,
}

pub(crate) const fn series(title: &'static str, before: &'static str, line: &'static str) -> Series {
    Series { title, before, line }
}

/// Where they are measured.
pub(crate) struct Bench {
    command: std::path::PathBuf,
    pub(crate) directory: TempDir,
    /// More of what lines may say.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Bench {
    /// In a new directory below `parent`.
    pub(crate) fn new(parent: &Path) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("xdocker-bench-").tempdir_in(parent)?;
        let command = std::env::current_exe()?.with_file_name("xdocker");
        Ok(Self { command, directory, variables: Vec::new() })
    }

    /// A shell that is about to run a line in our directory.
    pub(crate) fn line(&self, line: &str) -> Command {
        let mut shell = Command::new("sh");
        let here = self.directory.path();
        shell.args(["-ec", line]).current_dir(here).env("X", &self.command).env("B", here);
        shell
            .env("T", here.join("home/images/tree/1/rlayer"))
            .env("xdocker_HOME", here.join("home"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        shell
    }

    pub(crate) fn shell(&self, line: &str) -> Result<()> {
        succeed(&mut self.line(line))
    }

    fn output(&self, line: &str) -> Result<String> {
        let output = self.line(line).stdout(Stdio::piped()).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Makes the tree of a part of [`SOURCE`], as the image `tree:1`.
    pub(crate) fn make_tree(&self) -> Result<()> {
        let layer = self.directory.path().join("home/images/tree/1/rlayer");
        fs::create_dir_all(&layer)?;
        let mut left = MIB << 20;
        let mut entries: Vec<_> = fs::read_dir(SOURCE)?.collect::<std::io::Result<_>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let size = self.output(&format!("du -sb '{}' | cut -f1", path.display()))?.parse::<u64>()?;
            if size <= left {
                left -= size;
                self.shell(&format!("cp -a '{}' '{}'", path.display(), layer.display()))?;
            }
        }
        Ok(())
    }

    /// Measures them in turns, `rounds` times, and prints a table. We are the first of those who do the same.
    pub(crate) fn measure<'a>(
        &self,
        series: impl IntoIterator<Item = &'a Series>,
        rounds: usize,
    ) -> Result<()> {
        let count = self.output("find $T | wc -l")?;
        let size = self.output("du -sm --apparent-size $T | cut -f1")?;
        let load = fs::read_to_string("/proc/loadavg")?;
        let load = load.split_ascii_whitespace().next().unwrap_or("?");
        println!("{count} files of {SOURCE}, {size} MiB; {rounds} rounds, interleaved; load {load}\n");
        println!("{:<44}{:>10}{:>12}{:>14}", "median", "ms", "peak, MiB", "xdocker / it");
        let mut all: Vec<_> = series.into_iter().map(|series| (series, Vec::new())).collect();
        for round in 0..rounds {
            for (number, (series, taken)) in all.iter_mut().enumerate() {
                let place = self.directory.path().join(format!("{round}-{number}"));
                fs::create_dir(&place)?;
                let line = |line: &str| {
                    let mut line = self.line(line);
                    line.current_dir(&place).env("N", round.to_string());
                    line
                };
                // Twice: what one file system brings to its disk is news to the one whose file that disk is.
                succeed(&mut line(&format!("{}\nsync; sync", series.before)))?;
                let begin = Instant::now();
                let peak = sys::run_with_peak(&mut line(&format!("exec {}", series.line)))?;
                taken.push((begin.elapsed().as_secs_f64() * 1000.0, peak));
            }
        }
        let mut ours = 0.0;
        for (series, mut taken) in all {
            taken.sort_by(|a, b| a.0.total_cmp(&b.0));
            let median = taken[taken.len() / 2].0;
            let peak = taken.iter().map(|(_, peak)| *peak).max().unwrap_or_default() >> 10;
            print!("{:<44}{median:>10.1}{peak:>12}", series.title);
            if series.line.contains("$X") {
                ours = median;
                println!("{:>14}", "-");
            } else {
                println!("{:>14.2}", ours / median);
            }
        }
        Ok(())
    }
}
