//! Images as files: how far an export or import has come, and what it was.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::PyResult;
use xdocker_core::{PackOptions, UnpackOptions, Whiteouts};

use crate::error::invalid;
use crate::record::record;

record!(
    /// How far an export, an import, a copy, a push or a pull has come.
    Progress {
        /// Bytes that are through, of ``total``: of the archive for an import, of the files otherwise.
        done: u64,
        /// Bytes that there are; ``None`` where nobody has counted them.
        total: Option<u64>,
        /// Bytes of the archive read or written so far.
        archive: u64,
        /// Bytes of the tar inside it.
        content: u64,
    }
);
record!(
    /// What an export has written.
    Summary {
        /// Entries of the tar, the layer's own directory included.
        entries: u64,
        /// Bytes in its files.
        size: u64,
        /// Bytes of the archive.
        archive: u64,
        /// Sockets, which no archive can hold, left out.
        sockets: u64,
    }
);

impl From<xdocker_core::Summary> for Summary {
    fn from(written: xdocker_core::Summary) -> Self {
        let xdocker_core::Summary { entries, bytes: size, archive, sockets, .. } = written;
        Self { entries, size, archive, sockets }
    }
}

/// How an archive is to be written.
pub(crate) fn pack_options(whiteouts: &str, level: u32) -> PyResult<PackOptions> {
    let mut options = PackOptions::default();
    options.whiteouts = match whiteouts {
        "overlay" => Whiteouts::Overlay,
        "oci" => Whiteouts::Oci,
        _ => return Err(invalid(format!("whiteouts `{whiteouts}`: it is `overlay` or `oci`"))),
    };
    options.level = match level {
        0..=9 => level,
        _ => return Err(invalid(format!("level `{level}`: it is a number from 0 to 9"))),
    };
    Ok(options)
}

/// What an archive may ask for, where something else than usual was said.
pub(crate) fn unpack_options(
    devices: bool,
    max_bytes: Option<u64>,
    max_entries: Option<u64>,
    max_ratio: Option<u64>,
) -> UnpackOptions {
    let mut options = UnpackOptions::default();
    options.devices = devices;
    let limits = &mut options.limits;
    limits.bytes = max_bytes.unwrap_or(limits.bytes);
    limits.entries = max_entries.unwrap_or(limits.entries);
    limits.ratio = max_ratio.unwrap_or(limits.ratio);
    options
}

/// A file that gets its name when it is whole, and is gone without it.
pub(crate) struct Draft {
    pub(crate) file: File,
    path: PathBuf,
}

impl Draft {
    /// Beside the `target` that it is to become.
    pub(crate) fn of(target: &Path) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = target.with_file_name(format!(".xdockerimage-{}-{count}", process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Self { file, path })
    }

    /// Brings it to the disk and gives it its name; with `force` in the place of what has it now.
    pub(crate) fn publish(self, target: &Path, force: bool) -> io::Result<()> {
        self.file.sync_all()?;
        match force {
            true => fs::rename(&self.path, target),
            false => fs::hard_link(&self.path, target),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // One that was renamed is not there; of another, what counts has been told already.
        let _ = fs::remove_file(&self.path);
    }
}
