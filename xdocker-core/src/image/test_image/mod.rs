//! A small image to try things with, made of what the host has.
//!
//! No program is run for it and nothing is downloaded: the host's programs are copied, and the libraries they
//! need are found by reading them (`elf`, `libraries`, `ld_cache`). `tree` writes, `programs` and `busybox`
//! choose what, `etc` has the texts.

mod busybox;
mod elf;
mod etc;
mod ld_cache;
mod libraries;
mod programs;
#[cfg(test)]
mod tests;
mod tree;

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use self::tree::Tree;
use crate::error::{Error, Result};

/// What goes into a test image.
///
/// ```
/// use xdocker_core::TestImage;
///
/// let image = TestImage::new(); // the host's own bash, ls, vi, …
/// let smaller = TestImage::busybox(); // one static program
/// # assert_ne!(image, smaller);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestImage {
    source: Source,
}

/// Where the programs come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Source {
    #[default]
    Host,
    Busybox,
}

/// What a test image got.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TestImageReport {
    /// The programs, as paths inside.
    pub programs: Vec<PathBuf>,
    /// The programs that a test image has where it can, and this host has not or needs more for than can be
    /// copied.
    pub missing: Vec<String>,
    /// Bytes in all regular files.
    pub bytes: u64,
}

impl TestImage {
    /// An image with the usual programs of a small system, as far as the host has them in `/usr/bin` and its
    /// like, and their libraries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An image of one statically linked busybox, found in `PATH` or the system's directories, and links to it
    /// for the common ones of its applets.
    #[must_use]
    pub fn busybox() -> Self {
        Self { source: Source::Busybox }
    }
}

/// Directories of every root, and their modes. `/bin`, `/lib` and the like come with the programs.
#[rustfmt::skip]
const DIRECTORIES: &[(&str, u32)] = &[
    ("/dev", 0o755), ("/etc", 0o755), ("/home", 0o755), ("/mnt", 0o755), ("/opt", 0o755), ("/proc", 0o555),
    ("/root", 0o700), ("/run", 0o755), ("/srv", 0o755), ("/sys", 0o555), ("/tmp", 0o1777), ("/usr", 0o755),
    ("/usr/local", 0o755), ("/usr/local/bin", 0o755), ("/usr/local/sbin", 0o755), ("/usr/share", 0o755),
    ("/var", 0o755), ("/var/cache", 0o755), ("/var/lib", 0o755), ("/var/log", 0o755), ("/var/tmp", 0o1777),
];

/// Fills the empty directory `into` with the root file system of a test image.
///
/// # Errors
/// [`Error::Unsupported`] if the host has no shell for it, or no static busybox;
/// [`Error::File`] for what cannot be read or written.
pub(crate) fn populate(image: &TestImage, into: &Path) -> Result<TestImageReport> {
    match image.source {
        Source::Host => build(into, programs::install),
        Source::Busybox => {
            let path = env::var_os("PATH").unwrap_or_default();
            let system = ["/usr/bin", "/bin"].map(PathBuf::from);
            // A relative directory in PATH means another one wherever the caller happens to be.
            let directories = env::split_paths(&path).filter(|path| path.is_absolute()).chain(system);
            let busybox = busybox::find(directories)?;
            build(into, |tree, report| busybox::install(&busybox, tree, report))
        }
    }
}

/// Fills `into` with what every test image has, and the programs that `install` puts there. It returns the
/// shell of root.
fn build(
    into: &Path,
    install: impl FnOnce(&mut Tree<'_>, &mut TestImageReport) -> Result<PathBuf>,
) -> Result<TestImageReport> {
    let mut report = TestImageReport::default();
    let mut tree = Tree::new(into);
    // Users inside other than root need to get through it, however private it was made.
    fs::set_permissions(into, Permissions::from_mode(0o755)).map_err(Error::file("change", into))?;
    for (path, mode) in DIRECTORIES {
        tree.directory(Path::new(path), *mode)?;
    }
    let shell = install(&mut tree, &mut report)?;
    for (path, text) in etc::texts(&shell) {
        tree.text(Path::new(path), &text)?;
    }
    report.bytes = tree.bytes();
    Ok(report)
}
