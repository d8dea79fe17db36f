//! What images cost: archives, copies and conversions of a real tree, beside the tools that do the same.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::rival::succeed;
use crate::{Result, sys};

/// Where the tree is taken from, and how much of it.
const SOURCE: &str = "/usr/lib";
const MIB: u64 = 300;

/// Something to measure: lines for a shell in a new directory, where `$N` is the round, `$B` the directory of the whole
/// benchmark and `$X` our command.
struct Series {
    title: &'static str,
    /// Makes it possible.
    before: &'static str,
    /// What is measured: one program.
    line: &'static str,
}

/// In the order in which they are measured. Nothing is deleted in between: for a minute after that file systems are slow.
const SERIES: [Series; 15] = [
    series("export: xdocker", "", "$X -a export -m tree"),
    series("export: tar -czf", "", "tar -C $T -czf tree.tar.gz ."),
    series("export: tar | pigz", "", "sh -c 'tar -C $T -c . | pigz > tree.tar.gz'"),
    series(
        "import: xdocker",
        "ln $B/tree.xdockerimage new-$N.xdockerimage",
        "$X -a import --image-file new-$N.xdockerimage",
    ),
    series("import: tar -xzf", "", "tar -xpzf $B/tree.xdockerimage"),
    series("import: tar -xzf, synced", "", "sh -c 'tar -xpzf $B/tree.xdockerimage && sync -f .'"),
    series("import: pigz | tar", "", "sh -c 'pigz -dc $B/tree.xdockerimage | tar -xp'"),
    series("import: pigz | tar, synced", "", "sh -c 'pigz -dc $B/tree.xdockerimage | tar -xp && sync -f .'"),
    series("import: umoci unpack", "", "umoci unpack --image $B/oci:tree bundle"),
    series("copy: xdocker", "", "$X -a copy_image --from-image tree --to-image copy-$N"),
    series("copy: cp -a", "", "cp -a $T copy"),
    series("copy: cp -a, synced", "", "sh -c 'cp -a $T copy && sync -f .'"),
    series(
        "copy on xfs, by reflink: xdocker",
        "",
        "env xdocker_HOME=$B/xfs/home $X -a copy_image --from-image tree --to-image copy-$N",
    ),
    series(
        "copy on xfs, by reflink: cp -a",
        "",
        "cp -a --reflink=always $B/xfs/home/images/tree/1/rlayer $B/xfs/copy-$N",
    ),
    series(
        "copy on xfs, by reflink: cp -a, synced",
        "",
        "sh -c 'cp -a --reflink=always $B/xfs/home/images/tree/1/rlayer $B/xfs/synced-$N && sync -f $B/xfs'",
    ),
];

/// Both ways of a conversion, one after the other.
const CONVERSIONS: [Series; 2] = [
    series("to_container", "", "$X -a to_container --from-image tree --to-container tree"),
    series("to_image", "", "$X -a to_image --from-container tree --to-image tree"),
];

const fn series(title: &'static str, before: &'static str, line: &'static str) -> Series {
    Series { title, before, line }
}

/// A file system in a file, for copies that share blocks.
const XFS: &str = "truncate -s 2G xfs.img && mkfs.xfs -q -m reflink=1 xfs.img && mkdir xfs \
    && mount -o loop xfs.img xfs";

/// Measures in `parent`, `rounds` times, and prints a table.
pub(crate) fn run(parent: &Path, rounds: usize) -> Result<()> {
    let directory = tempfile::Builder::new().prefix("xdocker-bench-").tempdir_in(parent)?;
    let bench = Bench { command: std::env::current_exe()?.with_file_name("xdocker"), directory };
    bench.prepare()?;
    let count = bench.output("find $T | wc -l")?;
    let size = bench.output("du -sm --apparent-size $T | cut -f1")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split_ascii_whitespace().next().unwrap_or("?");
    println!("{count} files of {SOURCE}, {size} MiB; {rounds} rounds, interleaved; load {load}\n");
    println!("{:<44}{:>10}{:>12}{:>14}", "median", "ms", "peak, MiB", "xdocker / it");
    let mut all: Vec<_> = SERIES.iter().chain(&CONVERSIONS).map(|series| (series, Vec::new())).collect();
    for round in 0..rounds {
        for (number, (series, taken)) in all.iter_mut().enumerate() {
            let place = bench.directory.path().join(format!("{round}-{number}"));
            fs::create_dir(&place)?;
            let line = |line: &str| {
                let mut line = bench.line(line);
                line.current_dir(&place).env("N", round.to_string());
                line
            };
            succeed(&mut line(&format!("{}\nsync", series.before)))?;
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
        // We are the first of those who do the same.
        if series.line.contains("$X") {
            ours = median;
            println!("{:>14}", "-");
        } else {
            println!("{:>14.2}", ours / median);
        }
    }
    Ok(())
}

struct Bench {
    command: PathBuf,
    directory: TempDir,
}

impl Bench {
    /// A shell that is about to run a line in our directory; `$T` is the tree.
    fn line(&self, line: &str) -> Command {
        let mut shell = Command::new("sh");
        let here = self.directory.path();
        shell.args(["-ec", line]).current_dir(here).env("X", &self.command).env("B", here);
        shell
            .env("T", here.join("home/images/tree/1/rlayer"))
            .env("xdocker_HOME", here.join("home"))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        shell
    }

    fn shell(&self, line: &str) -> Result<()> {
        succeed(&mut self.line(line))
    }

    fn output(&self, line: &str) -> Result<String> {
        let output = self.line(line).stdout(Stdio::piped()).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// An image of a part of [`SOURCE`], archives of it for all, and the same on a file system with reflinks.
    fn prepare(&self) -> Result<()> {
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
        self.shell("$X -s images; $X -a export -m tree; mv tree:1.xdockerimage tree.xdockerimage")?;
        self.shell(
            "umoci init --layout oci && umoci new --image oci:tree && umoci unpack --image oci:tree bundle \
            && cp -a $T/. bundle/rootfs/ && umoci repack --image oci:tree bundle >&2",
        )?;
        self.shell(XFS)?;
        self.shell("mkdir -p xfs/home/images && cp -a home/images/tree xfs/home/images/ && sync")
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Not mounted, if we failed before.
        let _ = self.line("umount xfs 2>/dev/null").process_group(0).status();
    }
}
