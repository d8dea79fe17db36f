//! What files into containers and out of them cost, and what goes through a pipe, beside the tools of the host.

use std::path::Path;

use crate::Result;
use crate::lines::{Bench, Series, series};

/// In the order in which they are measured. Nothing is deleted in between: for a minute after that file systems are slow.
const SERIES: [Series; 20] = [
    series("putfile, stopped: xdocker", "", "$X -a putfile -c stopped --src-file $T --dst-file /put-$N"),
    series("putfile, running: xdocker", "", "$X -a putfile -c running --src-file $T --dst-file /put-$N"),
    series("cp -a", "", "cp -a $T copy"),
    series("cp -a to where the root is on the host", "", "cp -a $T $B/home/containers/running/merged/cp-$N"),
    series(
        "putfile, one file of 4 KiB: xdocker",
        "",
        "$X -a putfile -c running --src-file $B/4k --dst-file /4k-$N",
    ),
    series("cp -a", "", "cp -a $B/4k 4k"),
    series("getfile, stopped: xdocker", "", "$X -a getfile -c stopped --src-file /tree --dst-file get"),
    series("getfile, running: xdocker", "", "$X -a getfile -c running --src-file /tree --dst-file get"),
    series("cp -a", "", "cp -a $T copy"),
    series(
        "cp -a from where the root is on the host",
        "",
        "cp -a $B/home/containers/running/merged/tree copy",
    ),
    series(
        "tar | putfile -: xdocker",
        "",
        "sh -c 'tar -C $T -c . | $X -a putfile -c running --src-file - --dst-file /tar-$N'",
    ),
    series("tar | tar", "", "sh -c 'tar -C $T -c . | tar -xp'"),
    series(
        "getfile - | tar: xdocker",
        "",
        "sh -c '$X -a getfile -c running --src-file /tree --dst-file - | tar -xp'",
    ),
    series("tar | tar", "", "sh -c 'tar -C $T -c . | tar -xp'"),
    series(
        "1 GiB through run cat: xdocker",
        "",
        "sh -c 'head -c 1G /dev/zero | $X -a run -c running -- cat | cat >/dev/null'",
    ),
    series("1 GiB through cat", "", "sh -c 'head -c 1G /dev/zero | cat | cat >/dev/null'"),
    series(
        "1 GiB of a file by run cat: xdocker",
        "",
        "sh -c '$X -a run -c running -- cat <$B/1g | cat >/dev/null'",
    ),
    series("1 GiB of a file by cat", "", "sh -c 'cat <$B/1g | cat >/dev/null'"),
    series("run true: xdocker", "", "$X -a run -c running -- true"),
    series("true", "", "true"),
];

/// Measures in `parent`, `rounds` times, and prints a table.
pub(crate) fn run(parent: &Path, rounds: usize) -> Result<()> {
    let prepared = Prepared(Bench::new(parent)?);
    prepared.0.make_tree()?;
    prepared.0.shell(
        "head -c 4096 /dev/urandom >4k; head -c 1G /dev/zero >1g; $X -a install_test; \
        for name in stopped running; do \
            $X -a create -m test -c $name; $X -a putfile -c $name --src-file $T --dst-file /tree; \
        done; $X -a boot -c running; sync",
    )?;
    prepared.0.measure(&SERIES, rounds)
}

/// A container that runs and one that does not, with the tree in both.
struct Prepared(Bench);

impl Drop for Prepared {
    fn drop(&mut self) {
        // Not there, if we failed before.
        let _ = self.0.line("$X -a destroy -c running -f").status();
    }
}
