//! The root file system being built.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, FileTimes, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Most symbolic links in one path, as in the kernel.
const MAX_LINKS: usize = 40;

/// A directory that becomes a root file system. Nobody else writes to it.
///
/// Paths are absolute and mean the same inside and on the host. The tree's own symbolic links may be absolute
/// and then point at the host for whoever follows them from here, so nothing is ever written through one.
pub(super) struct Tree<'a> {
    root: &'a Path,
    bytes: u64,
}

/// What is at a path of the tree.
enum Node {
    Directory,
    File,
    Link(PathBuf),
}

impl<'a> Tree<'a> {
    pub(super) fn new(root: &'a Path) -> Self {
        Self { root, bytes: 0 }
    }

    /// Bytes in all regular files so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the directory `path`, unless there is something already; its parent must be one.
    pub(super) fn directory(&self, path: &Path, mode: u32) -> Result<()> {
        let inside = self.inside(path);
        match DirBuilder::new().mode(mode).create(&inside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made
                // The mode was subject to the caller's umask.
                .and_then(|()| fs::set_permissions(&inside, Permissions::from_mode(mode)))
                .map_err(Error::file("create", inside)),
        }
    }

    /// Makes the file `path` with `content`.
    pub(super) fn text(&mut self, path: &Path, content: &str) -> Result<()> {
        let inside = self.inside(path);
        let write = || {
            let mut file = create(&inside)?;
            file.write_all(content.as_bytes())?;
            file.set_permissions(Permissions::from_mode(0o644))
        };
        write().map_err(Error::file("create", &inside))?;
        self.bytes += content.len() as u64;
        Ok(())
    }

    /// Makes the symbolic link `path`.
    pub(super) fn link(&self, target: &Path, path: &Path) -> Result<()> {
        let inside = self.inside(path);
        symlink(target, &inside).map_err(Error::file("create", inside))
    }

    /// Makes the file `path` a copy of `original`: content, permissions and times.
    ///
    /// Set-uid and set-gid bits are dropped. Inside everything starts as root, so nothing needs them; and on
    /// the host this would be one more set-uid program, which no security update ever reaches.
    pub(super) fn copy(&mut self, original: &Path, path: &Path) -> Result<()> {
        let inside = self.inside(path);
        let open = || {
            let file = File::open(original)?;
            let metadata = file.metadata()?;
            Ok((file, metadata))
        };
        let (mut from, metadata) = open().map_err(Error::file("read", original))?;
        let mut write = || {
            let mut to = create(&inside)?;
            // Within the kernel (copy_file_range), which shares the blocks where the file system can.
            let bytes = io::copy(&mut from, &mut to)?;
            to.set_permissions(Permissions::from_mode(metadata.permissions().mode() & 0o777))?;
            let times = FileTimes::new().set_accessed(metadata.accessed()?);
            to.set_times(times.set_modified(metadata.modified()?))?;
            Ok(bytes)
        };
        self.bytes += write().map_err(Error::file("create", &inside))?;
        Ok(())
    }

    /// Makes `path` inside what it is on the host, with every directory and every symbolic link on the way.
    ///
    /// So `/bin/vi` becomes the links `/bin` → `usr/bin`, `/usr/bin/vi` → `/etc/alternatives/vi`, … and the
    /// file at the end of them, on a host where that is how it is.
    ///
    /// # Errors
    /// [`Error::File`], also for what is neither file, directory nor link.
    pub(super) fn mirror(&mut self, path: &Path) -> Result<()> {
        let mut here = PathBuf::from("/");
        let mut rest = reversed(path);
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.to_str() {
                Some("/") => here = PathBuf::from("/"),
                Some(".") => {}
                Some("..") => _ = here.pop(),
                _ => {
                    here.push(part);
                    if let Node::Link(target) = self.mirror_one(&here)? {
                        links += 1;
                        if links > MAX_LINKS {
                            let error = io::Error::from_raw_os_error(libc::ELOOP);
                            return Err(Error::file("read", path)(error));
                        }
                        here.pop();
                        rest.extend(reversed(&target));
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes the last component of `path`, whose parent is a directory inside. What is there already stays.
    fn mirror_one(&mut self, path: &Path) -> Result<Node> {
        if let Ok(node) = node(&self.inside(path)) {
            return Ok(node);
        }
        let node = node(path).map_err(Error::file("read", path))?;
        match &node {
            Node::Directory => self.directory(path, 0o755)?,
            Node::File => self.copy(path, path)?,
            Node::Link(target) => self.link(target, path)?,
        }
        Ok(node)
    }

    /// Where `path` is on the host. Only for paths whose parent is no symbolic link inside.
    fn inside(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn node(path: &Path) -> io::Result<Node> {
    let kind = fs::symlink_metadata(path)?.file_type();
    if kind.is_symlink() {
        fs::read_link(path).map(Node::Link)
    } else if kind.is_dir() {
        Ok(Node::Directory)
    } else if kind.is_file() {
        Ok(Node::File)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a device, a pipe or a socket"))
    }
}

/// The components of `path`, last first; the root is `/`.
fn reversed(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host below one temporary directory and the root made of it below another.
    fn tree_of(make: impl FnOnce(&Path)) -> (tempfile::TempDir, tempfile::TempDir) {
        let host = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        make(host.path());
        (host, root)
    }

    #[test]
    fn links_on_the_way_are_kept() {
        let (host, root) = tree_of(|host| {
            fs::create_dir_all(host.join("usr/bin")).unwrap();
            fs::create_dir(host.join("alternatives")).unwrap();
            fs::write(host.join("usr/bin/vim"), "vim").unwrap();
            symlink("usr/bin", host.join("bin")).unwrap();
            symlink("../usr/./bin/vim", host.join("alternatives/vi")).unwrap();
            symlink(host.join("alternatives/vi"), host.join("usr/bin/vi")).unwrap();
        });
        let mut tree = Tree::new(root.path());
        tree.mirror(&host.path().join("bin/vi")).unwrap();
        tree.mirror(&host.path().join("usr/bin/vim")).unwrap();
        assert_eq!(tree.bytes(), 3);
        let inside = root.path().join(host.path().strip_prefix("/").unwrap());
        assert_eq!(fs::read_link(inside.join("bin")).unwrap(), Path::new("usr/bin"));
        assert_eq!(fs::read_link(inside.join("usr/bin/vi")).unwrap(), host.path().join("alternatives/vi"));
        assert_eq!(fs::read_link(inside.join("alternatives/vi")).unwrap(), Path::new("../usr/./bin/vim"));
        assert!(fs::symlink_metadata(inside.join("usr/bin/vim")).unwrap().is_file());
    }

    #[test]
    fn a_copy_is_never_set_uid() {
        let (host, root) = tree_of(|host| {
            fs::write(host.join("su"), "su").unwrap();
            fs::set_permissions(host.join("su"), Permissions::from_mode(0o6755)).unwrap();
        });
        Tree::new(root.path()).copy(&host.path().join("su"), Path::new("/su")).unwrap();
        let mode = fs::metadata(root.path().join("su")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755);
    }

    #[test]
    fn a_circle_of_links_ends() {
        let (host, root) = tree_of(|host| symlink("a", host.join("a")).unwrap());
        let error = Tree::new(root.path()).mirror(&host.path().join("a")).unwrap_err();
        let Error::File { source, .. } = error else { panic!("{error}") };
        assert_eq!(source.raw_os_error(), Some(libc::ELOOP));
    }

    #[test]
    fn what_is_there_already_stays() {
        let (host, root) = tree_of(|host| fs::write(host.join("f"), "new").unwrap());
        let mut tree = Tree::new(root.path());
        let inside = root.path().join(host.path().strip_prefix("/").unwrap());
        fs::create_dir_all(&inside).unwrap();
        fs::write(inside.join("f"), "old").unwrap();
        tree.mirror(&host.path().join("f")).unwrap();
        assert_eq!(fs::read(inside.join("f")).unwrap(), b"old");
    }
}
