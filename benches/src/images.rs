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

/// Something to measure.
struct Series {
    title: &'static str,
    /// Makes it possible once more.
    before: String,
    /// What is measured: a line for a shell.
    line: String,
}

/// A file system in a file, for copies that share blocks.
const XFS: &str = "truncate -s 2G xfs.img && mkfs.xfs -q -m reflink=1 xfs.img && mkdir xfs \
    && mount -o loop xfs.img xfs";

/// Measures in `parent`, `rounds` times, and prints a table.
pub(crate) fn run(parent: &Path, rounds: usize) -> Result<()> {
    let directory = tempfile::Builder::new().prefix("xdocker-bench-").tempdir_in(parent)?;
    let bench = Bench { command: std::env::current_exe()?.with_file_name("xdocker"), directory };
    bench.prepare()?;
    let count = bench.output("find home/images/tree/1/rlayer | wc -l")?;
    let size = bench.output("du -sm --apparent-size home/images/tree/1/rlayer | cut -f1")?;
    println!("{count} files of {SOURCE}, {size} MiB; {rounds} rounds, interleaved\n");
    println!("{:<44}{:>10}{:>12}", "median", "ms", "peak, MiB");
    let series = bench.series();
    let mut taken = vec![Vec::new(); series.len()];
    for _ in 0..rounds {
        for (series, taken) in series.iter().zip(&mut taken) {
            bench.shell(&series.before)?;
            let mut command = bench.line(&format!("exec {}", series.line));
            let begin = Instant::now();
            let peak = sys::run_with_peak(&mut command)?;
            taken.push((begin.elapsed().as_secs_f64() * 1000.0, peak));
        }
    }
    for (series, mut taken) in series.iter().zip(taken) {
        taken.sort_by(|a, b| a.0.total_cmp(&b.0));
        let peak = taken.iter().map(|(_, peak)| *peak).max().unwrap_or_default();
        println!("{:<44}{:>10.1}{:>12}", series.title, taken[taken.len() / 2].0, peak >> 10);
    }
    bench.shell("umount xfs")
}

struct Bench {
    command: PathBuf,
    directory: TempDir,
}

impl Bench {
    /// A shell that is about to run a line in our directory; `$X` is our command.
    fn line(&self, line: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-ec", line]).current_dir(self.directory.path()).env("X", &self.command);
        shell
            .env("xdocker_HOME", self.directory.path().join("home"))
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
        self.shell("$X -s images; $X -a export -m tree; mv tree:1.xdockerimage new:1.xdockerimage")?;
        self.shell(
            "umoci init --layout oci && umoci new --image oci:tree && umoci unpack --image oci:tree bundle \
            && cp -a home/images/tree/1/rlayer/. bundle/rootfs/ && umoci repack --image oci:tree bundle >&2",
        )?;
        self.shell(XFS)?;
        self.shell("mkdir -p xfs/home/images && cp -a home/images/tree xfs/home/images/ && sync")
    }

    fn series(&self) -> Vec<Series> {
        let clean = "rm -rf out out.tar.gz tree:1.xdockerimage; mkdir out; sync";
        let series = |title, before: &str, line: &str| Series {
            title,
            before: format!("{before}; {clean}"),
            line: line.to_owned(),
        };
        let gone = "$X -a del_image -m new:1 2>/dev/null || true";
        vec![
            series("export: xdocker", "true", "$X -a export -m tree"),
            series("export: tar -czf", "true", "tar -C home/images/tree/1/rlayer -czf out.tar.gz ."),
            series(
                "export: tar | pigz",
                "",
                "sh -c 'tar -C home/images/tree/1/rlayer -c . | pigz > out.tar.gz'",
            ),
            series("import: xdocker", gone, "$X -a import --image-file new:1.xdockerimage"),
            series("import: tar -xzf", gone, "tar --force-local -C out -xpzf new:1.xdockerimage"),
            series(
                "import: tar -xzf, synced",
                gone,
                "sh -c 'tar --force-local -C out -xpzf new:1.xdockerimage && sync -f out'",
            ),
            series("import: pigz | tar", gone, "sh -c 'pigz -dc new:1.xdockerimage | tar -C out -xp'"),
            series("import: umoci unpack", "rm -rf unpacked", "umoci unpack --image oci:tree unpacked"),
            series("copy: xdocker", "rm -rf unpacked", "$X -a copy_image --from-image tree --to-image new:1"),
            series("copy: cp -a", gone, "cp -a home/images/tree/1/rlayer out/layer"),
            series(
                "copy: cp -a, synced",
                gone,
                "sh -c 'cp -a home/images/tree/1/rlayer out/layer && sync -f out'",
            ),
            series(
                "copy on xfs, by reflink: xdocker",
                "xdocker_HOME=xfs/home $X -a del_image -m new:1 2>/dev/null || true",
                "env xdocker_HOME=xfs/home $X -a copy_image --from-image tree --to-image new:1",
            ),
            series(
                "copy on xfs, by reflink: cp -a",
                "rm -rf xfs/copy",
                "cp -a --reflink=always xfs/home/images/tree/1/rlayer xfs/copy",
            ),
            series("to_container", "true", "$X -a to_container --from-image tree --to-container tree"),
            series("to_image", "true", "$X -a to_image --from-container tree --to-image tree"),
        ]
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Not mounted, if we failed before.
        let _ = self.line("umount xfs 2>/dev/null").process_group(0).status();
    }
}
