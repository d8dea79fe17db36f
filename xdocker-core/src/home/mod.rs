//! The home: the directory that holds everything this engine keeps, and the few rules that keep it whole.
//!
//! ```text
//! HOME/                       0755
//!   images/NAME/VERSION/      0700   see `image`
//!   containers/NAME/          0700   see `container`
//!   .work/KIND-RANDOM/        0700   being built, or being deleted
//!   shared/                   0700   files that all containers see: see `network`
//!   srepo  xdocker.log  bridge.json
//! ```
//!
//! - **Nothing appears half.** What is built is built in a [`Stage`] below `.work` and gets its name by one
//!   rename that never replaces; what is deleted loses its name by one rename into a stage first.
//! - **Rubbish is what nobody holds.** The maker of a stage holds a flock on it, which the kernel drops with
//!   the maker however it ends; every [`Home::open`] removes the stages that are not held. A stage
//!   [to keep](Home::stage_to_keep) is left for another attempt, for a week.
//! - **Records** are written beside the old one, synced and renamed over it (module [`record`]).
//! - **Locks** are flocks on directories, never files that outlive a crash ([`DirectoryLock`]).

mod conversion;
mod lock;
pub(crate) mod record;
#[cfg(test)]
pub(crate) mod scratch;
mod stage;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::unistd::geteuid;

pub(crate) use conversion::Conversion;
pub(crate) use lock::DirectoryLock;
pub(crate) use record::write_line;
pub(crate) use stage::Stage;

use crate::error::{Error, Result};
use crate::name::{ContainerName, ImageId};

/// Directory of the stages, below the home.
const WORK: &str = ".work";

/// Directory of an image's files, below the image's own.
pub(crate) const IMAGE_LAYER: &str = "rlayer";

/// Record of an image.
pub(crate) const IMAGE_RECORD: &str = "image.json";

/// Digests of an image's chunks, as far as somebody has found them out.
pub(crate) const IMAGE_CHUNKS: &str = "chunks.json";

/// Directory of the files that a container has changed, below the container's own.
const CONTAINER_LAYER: &str = "rwlayer";

/// Whether a change must have reached the disk before the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It survives a power cut: what a user would mourn.
    Synced,
    /// It is whole after a crash of ours, and may be lost, as a whole, with the machine.
    Unsynced,
}

/// An open home. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    root: Arc<Path>,
}

impl Home {
    /// Opens the home at `path`, makes what is missing of it, and removes what crashed processes left.
    ///
    /// # Errors
    /// [`Error::File`] when a directory cannot be made or read; [`Error::Invalid`] when somebody else could put another
    /// home in the place of this one.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let root = std::path::absolute(path).map_err(Error::file("find", path))?;
        let first = Self::is_unvisited(&root);
        make_directory(&root, 0o755, true)?;
        refuse_strangers(&root)?;
        for part in ["images", "containers"] {
            let path = root.join(part);
            make_directory(&path, 0o700, false)?;
            if first {
                // A home of the original program lets everybody look, and run what is set-uid in a layer.
                let only_us = fs::Permissions::from_mode(0o700);
                fs::set_permissions(&path, only_us).map_err(Error::file("change", &path))?;
            }
        }
        make_directory(&root.join(WORK), 0o700, false)?;
        let home = Self { root: root.into() };
        home.sweep()?;
        Ok(home)
    }

    /// Whether no engine of ours has opened the home at `path` yet: it is none, or the original program made it.
    pub(crate) fn is_unvisited(path: &Path) -> bool {
        !path.join(WORK).exists()
    }

    /// Removes the stages that nobody holds, and ends the conversions that were under way in them. What
    /// cannot be removed takes nothing but space, and must not keep the home from being opened.
    fn sweep(&self) -> Result<()> {
        for stage in stage::abandoned(&self.work())? {
            tracing::debug!("removing {}, which a crash left", stage.path().display());
            match conversion::resume(self, &stage) {
                Ok(true) => drop(stage),
                Ok(false) => stage.leave(),
                Err(error) => {
                    tracing::warn!("{}; it will be tried again", error.chain());
                    stage.leave();
                }
            }
        }
        Ok(())
    }

    /// The home itself, absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.root
    }

    /// Directory of all images.
    pub(crate) fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// Directory of all containers.
    pub(crate) fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }

    /// Directory of one container, whether it exists or not.
    pub(crate) fn container(&self, name: &ContainerName) -> PathBuf {
        self.containers().join(name)
    }

    /// Directory of one image, whether it exists or not.
    pub(crate) fn image(&self, id: &ImageId) -> PathBuf {
        self.images().join(&id.name).join(&id.version)
    }

    /// Record of the bridge of this home.
    pub(crate) fn bridge_record(&self) -> PathBuf {
        self.root.join("bridge.json")
    }

    /// The line that says where the ssh image repository is.
    pub(crate) fn repository_line(&self) -> PathBuf {
        self.root.join("srepo")
    }

    /// Directory of the files that containers of this home share.
    pub(crate) fn shared(&self) -> PathBuf {
        self.root.join("shared")
    }

    /// Makes that directory.
    pub(crate) fn make_shared(&self) -> Result<PathBuf> {
        let path = self.shared();
        make_directory(&path, 0o700, false)?;
        Ok(path)
    }

    /// Directory of the stages.
    pub(crate) fn work(&self) -> PathBuf {
        self.root.join(WORK)
    }

    /// Makes a new empty stage; `kind` is what it is for, as a user sees it in `.work`.
    ///
    /// # Errors
    /// [`Error::File`]: the file system is full, read-only, ….
    pub(crate) fn stage(&self, kind: &'static str) -> Result<Stage> {
        Stage::new(&self.work(), kind)
    }

    /// Makes an empty stage, held by the caller, that is no rubbish when he leaves it or is killed: [`Self::kept`] has it
    /// then, for a week.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn stage_to_keep(&self, what: &str) -> Result<Stage> {
        Stage::to_keep(&self.work(), what)
    }

    /// Takes what attempts at `what` have left that are over.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn kept(&self, what: &str) -> Result<Vec<Stage>> {
        stage::kept(&self.work(), what)
    }

    /// Deletes the directory at `path`, below this home: it loses its name at once and as a whole, then its
    /// files. A `path` that does not exist is deleted already. Stops at mount points.
    ///
    /// # Errors
    /// [`Error::File`] when the name cannot be taken away (nothing has changed then), or when some of the
    /// files cannot be removed (the next [`Home::open`] tries again).
    pub(crate) fn discard(&self, path: &Path) -> Result<()> {
        self.retire(path)?.map_or(Ok(()), Stage::remove)
    }

    /// The first half of [`Self::discard`]: takes the name from the tree at `path`. What comes back holds
    /// the tree and deletes it; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::File`], and nothing has changed.
    pub(crate) fn retire(&self, path: &Path) -> Result<Option<Stage>> {
        Stage::taking(&self.work(), path, "trash")
    }
}

/// Refuses a home that belongs to another user, or that everybody may write to, as one that somebody has made in /tmp:
/// what root is to do on behalf of a home, they would decide.
fn refuse_strangers(root: &Path) -> Result<()> {
    let found = fs::metadata(root).map_err(Error::file("examine", root))?;
    let owner = found.uid();
    let why = match () {
        () if owner != 0 && owner != geteuid().as_raw() => format!("it belongs to user {owner}"),
        () if found.mode() & 0o002 != 0 => "everybody may write to it".to_owned(),
        () => return Ok(()),
    };
    Err(Error::invalid("home", root.to_string_lossy(), why))
}

/// Makes the directory at `path`, with its parents if asked to; one that is there already stays as it is.
fn make_directory(path: &Path, mode: u32, parents: bool) -> Result<()> {
    match DirBuilder::new().recursive(parents).mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !parents => Ok(()),
        made => made.map_err(Error::file("create", path)),
    }
}

/// Brings the entries of the directory at `path` to the disk.
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    fs::File::open(path).and_then(|directory| directory.sync_all()).map_err(Error::file("sync", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::scratch::{Scratch, names};
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn first_use_makes_the_layout_and_the_next_leaves_it_alone() {
        let scratch = Scratch::new("layout");
        let path = scratch.path().join("a/home");
        for _ in 0..2 {
            let home = Home::open(&path).unwrap();
            assert_eq!(home.path(), path);
            assert_eq!(names(&path), [".work", "containers", "images"]);
        }
        let mode = |part: &str| fs::metadata(path.join(part)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(["", ".work", "containers", "images"].map(mode), [0o755, 0o700, 0o700, 0o700]);
    }

    #[test]
    fn a_file_is_no_home() {
        let scratch = Scratch::new("file");
        let path = scratch.path().join("file");
        fs::write(&path, "").unwrap();
        let error = Home::open(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot create {}", path.display()));
    }

    #[test]
    fn a_home_that_others_could_exchange_is_refused() {
        let scratch = Scratch::new("strangers");
        let path = scratch.path().join("home");
        Home::open(&path).unwrap();
        let refused = || Home::open(&path).unwrap_err().to_string();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(refused(), format!("home `{}`: everybody may write to it", path.display()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o775)).unwrap();
        Home::open(&path).unwrap();
        if geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(1000), None).unwrap();
            assert_eq!(refused(), format!("home `{}`: it belongs to user 1000", path.display()));
        }
    }

    #[test]
    fn discard_takes_the_tree_whole_and_follows_nothing() {
        let (scratch, home) = Scratch::with_home("discard");
        let canary = scratch.path().join("canary");
        fs::create_dir(&canary).unwrap();
        fs::write(canary.join("file"), "precious").unwrap();

        let tree = home.containers().join("test");
        fs::create_dir_all(tree.join("rwlayer/deep")).unwrap();
        symlink(&canary, tree.join("rwlayer/link")).unwrap();
        // Whoever deletes it may have locked it.
        let lock = DirectoryLock::exclusive(&tree, &"it", std::time::Duration::ZERO).unwrap();
        home.discard(&tree).unwrap();
        drop(lock);
        assert!(!tree.exists());
        assert_eq!(fs::read_to_string(canary.join("file")).unwrap(), "precious");
        assert!(names(&home.work()).is_empty());
        home.discard(&tree).unwrap();
    }

    #[test]
    fn a_home_that_cannot_be_written_says_so_in_one_chain() {
        let path = Path::new("/proc/xdocker-home");
        let error = Home::open(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.chain(), "cannot create /proc/xdocker-home: No such file or directory (os error 2)");
    }
}
