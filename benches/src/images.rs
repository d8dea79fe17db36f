//! What images cost: archives, copies and conversions of a real tree, beside the tools that do the same.

use std::os::unix::process::CommandExt;
use std::path::Path;

use crate::Result;
use crate::lines::{Bench, Series, series};

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

/// A file system in a file, for copies that share blocks.
const XFS: &str = "truncate -s 2G xfs.img && mkfs.xfs -q -m reflink=1 xfs.img && mkdir xfs \
    && mount -o loop xfs.img xfs";

/// Measures in `parent`, `rounds` times, and prints a table.
pub(crate) fn run(parent: &Path, rounds: usize) -> Result<()> {
    let prepared = Prepared(Bench::new(parent)?);
    prepared.prepare()?;
    prepared.0.measure(SERIES.iter().chain(&CONVERSIONS), rounds)
}

/// The image, archives of it for all, and the same on a file system with reflinks.
struct Prepared(Bench);

impl Prepared {
    fn prepare(&self) -> Result<()> {
        self.0.make_tree()?;
        self.0.shell("$X -s images; $X -a export -m tree; mv tree:1.xdockerimage tree.xdockerimage")?;
        self.0.shell(
            "umoci init --layout oci && umoci new --image oci:tree && umoci unpack --image oci:tree bundle \
            && cp -a $T/. bundle/rootfs/ && umoci repack --image oci:tree bundle >&2",
        )?;
        self.0.shell(XFS)?;
        self.0.shell("mkdir -p xfs/home/images && cp -a home/images/tree xfs/home/images/ && sync")
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        // Not mounted, if we failed before.
        let _ = self.0.line("umount xfs 2>/dev/null").process_group(0).status();
    }
}
