//! Templates in a running container become instances.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use nix::fcntl::{OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, unlinkat};

use super::Container;
use crate::error::{Error, Result};
use crate::sys::resolve::open_in_root;
use crate::template::Mapping;

/// A template is text that is held in memory, and who fills the container chooses its size.
const LARGEST: u64 = 64 << 20;

/// As many links as the kernel follows in one path (path_resolution(7)).
const MOST_LINKS: usize = 40;

impl Container {
    /// Replaces the keys of `mapping` in the file `template`, and writes what comes of it to `instance`, or
    /// in the template's own place. Both are paths inside the running container. The instance has the
    /// template's mode and owner, and is there whole or not at all. Returns the keys that stand nowhere.
    ///
    /// # Errors
    /// [`Error::NotRunning`]; [`Error::File`] with the path inside, also when the template is no regular
    /// file or larger than 64 MiB.
    pub fn replace<'a>(
        &self,
        template: &Path,
        mapping: &'a Mapping,
        instance: Option<&Path>,
    ) -> Result<Vec<&'a [u8]>> {
        let root = self.inner_root()?;
        let (text, metadata) = read(&root, template).map_err(Error::file("read", template))?;
        let (text, unused) = mapping.apply(&text);
        let instance = instance.unwrap_or(template);
        let write = || -> io::Result<()> {
            let (directory, name) = place(&root, instance)?;
            write_whole(&directory, &name, &text, &metadata)
        };
        write().map_err(Error::file("write", instance))?;
        Ok(unused)
    }

    /// The root as programs inside see it, with all that is mounted there.
    fn inner_root(&self) -> Result<File> {
        let record = self.running()?;
        let ended = || Error::NotRunning(self.name.clone());
        let process = self.records().root_process(&record)?.ok_or_else(ended)?;
        let path = PathBuf::from(format!("/proc/{}/root", record.pid()));
        let open = |path: &Path| -> io::Result<(File, (u64, u64))> {
            let file = fs::OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
                .open(path)?;
            let data = file.metadata()?;
            Ok((file, (data.dev(), data.ino())))
        };
        let opened = open(&path);
        // As long as it has not ended its number is its own: what was opened is the root of no other.
        let failed = Error::system(format!("watch process {}", record.pid()));
        if process.wait_until(Some(Instant::now())).map_err(failed)? {
            return Err(ended());
        }
        let (root, is) = opened.map_err(Error::file("open", &path))?;
        let merged = self.root();
        let (_, should_be) = open(&merged).map_err(Error::file("open", &merged))?;
        // Between its birth and its change of root the process still has the host's.
        if is != should_be {
            return Err(ended());
        }
        Ok(root)
    }
}

/// Content and metadata of a regular file inside.
fn read(root: &File, path: &Path) -> io::Result<(Vec<u8>, fs::Metadata)> {
    // Nothing is opened for reading before it is known to be a file: others block, or act when opened.
    let file = open_in_root(root, path, OFlag::O_PATH)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let file = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let mut text = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok((text, metadata))
}

/// The directory and the name where a file written to `path` stands, links followed as inside.
fn place(root: &File, path: &Path) -> io::Result<(File, OsString)> {
    if path.as_os_str().as_bytes().ends_with(b"/") {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut path = Path::new("/").join(path);
    for _ in 0..MOST_LINKS {
        let (Some(Component::Normal(name)), Some(above)) = (path.components().next_back(), path.parent())
        else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        let directory = open_in_root(root, above, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        match readlinkat(&directory, name) {
            Ok(target) => path = above.join(target),
            Err(nix::Error::EINVAL | nix::Error::ENOENT) => return Ok((directory, name.to_owned())),
            Err(why) => return Err(why.into()),
        }
    }
    Err(nix::Error::ELOOP.into())
}

/// Makes `text` the file `name`, with the owner and mode of another.
fn write_whole(directory: &File, name: &OsStr, text: &[u8], like: &fs::Metadata) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let temporary = format!(".xdocker-{}-{count}", std::process::id());
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut file = File::from(openat(directory, &*temporary, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
    let mut fill = || -> io::Result<()> {
        file.write_all(text)?;
        fchown(&file, Some(Uid::from_raw(like.uid())), Some(Gid::from_raw(like.gid())))?;
        // After the owner, whose change takes set-uid away.
        fchmod(&file, Mode::from_bits_truncate(like.mode()))?;
        Ok(renameat(directory, &*temporary, directory, name)?)
    };
    fill().inspect_err(|_| {
        // What counts is why it could not be written.
        let _ = unlinkat(directory, &*temporary, UnlinkatFlags::NoRemoveDir);
    })
}
