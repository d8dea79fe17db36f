//! Containers that become images, and images that become containers: in constant time, by one rename.
//!
//! The directory of the one is made such that it is a whole container and a whole image at once, and then
//! renamed: that alone decides which of the two it is. There is no moment without either, or with both.
//!
//! ```text
//! containers/NAME/                         images/NAME/VERSION/
//!   rwlayer/                 a container     rlayer/
//!   container.json workdir/ merged/          image.json                  an image
//!
//!   rwlayer/                 on its way      rlayer/
//!   rlayer -> rwlayer        ───────────>    rwlayer -> rlayer           on its way
//!   container.json image.json …              container.json image.json … <───────────
//! ```
//!
//! What is left over after the rename, or before it when it did not come to that, is put right by
//! [`settle`]: by the conversion itself, or, after a crash, by the next sweep. It knows what to look at from the
//! conversion's stage, which holds one symbolic link to either place: made by one system call each,
//! before anything else, so that a journal keeps them if it keeps what follows.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{AT_FDCWD, FlockArg, RenameFlags, renameat2};

use super::{
    CONTAINER_LAYER as UPPER, DirectoryLock, Home, IMAGE_CHUNKS, IMAGE_LAYER as LOWER, IMAGE_RECORD, Stage,
    sync_directory,
};
use crate::error::{Error, Result};
use crate::name::{ContainerName, ImageId};

/// What a directory of the home is, or is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Image,
    Container,
}

/// A conversion under way. Its user holds the locks of both names. Dropped, it puts right what it made.
#[derive(Debug)]
pub(crate) struct Conversion<'a> {
    home: &'a Home,
    /// `None` once settled.
    stage: Option<Stage>,
    image: PathBuf,
    container: PathBuf,
    /// What there is at the moment.
    form: Form,
}

impl<'a> Conversion<'a> {
    /// Prepares to make an image of a container, whose directory gets a record of an image after this.
    pub(crate) fn of_container(home: &'a Home, container: &ContainerName, image: &ImageId) -> Result<Self> {
        Self::new(home, image, container, Form::Container)
    }

    /// Prepares to make a container of an image.
    pub(crate) fn of_image(home: &'a Home, image: &ImageId, container: &ContainerName) -> Result<Self> {
        Self::new(home, image, container, Form::Image)
    }

    fn new(home: &'a Home, image: &ImageId, container: &ContainerName, form: Form) -> Result<Self> {
        let stage = home.stage("convert")?;
        let (image, container) = (home.image(image), home.container(container));
        for (link, target) in [("image", &image), ("container", &container)] {
            let link = stage.path().join(link);
            symlink(target, &link).map_err(Error::file("create", &link))?;
        }
        let conversion = Self { home, stage: Some(stage), image, container, form };
        // What an earlier one left, if nothing has been swept since.
        settle(home, conversion.source(), form)?;
        crash_point();
        Ok(conversion)
    }

    fn source(&self) -> &Path {
        match self.form {
            Form::Image => &self.image,
            Form::Container => &self.container,
        }
    }

    /// The container becomes the image: on disk when this returns.
    ///
    /// # Errors
    /// [`Error::File`], of kind `AlreadyExists` when there is such an image; the container is as it was.
    pub(crate) fn into_image(mut self) -> Result<()> {
        self.link(LOWER, UPPER)?;
        self.commit(Form::Image)
    }

    /// The image becomes the container, with what is in `parts` apart from its `rwlayer`: on disk when
    /// this returns, and locked from the moment it has its name until then.
    ///
    /// # Errors
    /// [`Error::File`], of kind `AlreadyExists` when there is such a container; the image is as it was.
    pub(crate) fn into_container(mut self, parts: Stage) -> Result<()> {
        let lock = DirectoryLock::exclusive(&self.image, &self.image.display(), Duration::ZERO)?;
        parts.sync_records()?;
        for entry in fs::read_dir(parts.path()).map_err(Error::file("read", parts.path()))? {
            let entry = entry.map_err(Error::file("read", parts.path()))?;
            if entry.file_name() != UPPER {
                let to = self.image.join(entry.file_name());
                fs::rename(entry.path(), &to).map_err(Error::file("create", &to))?;
                crash_point();
            }
        }
        self.link(UPPER, LOWER)?;
        let committed = self.commit(Form::Container);
        drop(lock);
        committed
    }

    /// Gives the layer its other name too.
    fn link(&self, name: &str, layer: &str) -> Result<()> {
        let link = self.source().join(name);
        symlink(layer, &link).map_err(Error::file("create", &link))?;
        crash_point();
        Ok(())
    }

    /// The one step that counts.
    fn commit(&mut self, form: Form) -> Result<()> {
        let (from, to) = match form {
            Form::Image => (&self.container, &self.image),
            Form::Container => (&self.image, &self.container),
        };
        renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE)
            .map_err(|errno| Error::file("create", to)(errno.into()))?;
        self.form = form;
        crash_point();
        // One directory is enough for both: the rename is one change of one file system.
        let synced = to.parent().map_or(Ok(()), sync_directory);
        crash_point();
        self.finish();
        synced
    }

    /// Puts right what is there. What cannot be is in nobody's way, and the next sweep tries again.
    fn finish(&mut self) {
        let Some(stage) = self.stage.take() else { return };
        if let Err(error) = settle(self.home, self.source(), self.form) {
            tracing::warn!("{}; it will be tried again", error.chain());
            stage.leave();
        }
    }
}

impl Drop for Conversion<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Puts right what the conversion left whose abandoned stage this is, or is about to be. `false` when
/// somebody is using one of the two: the stage is to be left for later.
pub(super) fn resume(home: &Home, stage: &Stage) -> Result<bool> {
    let target = |link: &str| match fs::read_link(stage.path().join(link)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        target => target.map(Some).map_err(Error::file("read", stage.path().join(link))),
    };
    let (image, container) = (target("image")?, target("container")?);
    let mut done = true;
    // The container first, as everywhere; an image is locked by its name.
    for (path, form) in [(container, Form::Container), (image, Form::Image)] {
        let Some(path) = path else { continue };
        let locked = match form {
            Form::Container => path.as_path(),
            Form::Image => path.parent().unwrap_or(&path),
        };
        match DirectoryLock::attempt(locked, FlockArg::LockExclusiveNonblock) {
            Ok(Some(_lock)) => settle(home, &path, form)?,
            Ok(None) => done = false,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::file("lock", locked)(error)),
        }
    }
    Ok(done)
}

/// Takes from the directory at `path` what does not belong to its `form`. Its lock is held.
fn settle(home: &Home, path: &Path, form: Form) -> Result<()> {
    let (layer, other) = match form {
        Form::Image => (LOWER, UPPER),
        Form::Container => (UPPER, LOWER),
    };
    let (layer, other) = (path.join(layer), path.join(other));
    if fs::symlink_metadata(&layer).is_ok_and(|layer| layer.is_symlink()) {
        renameat2(AT_FDCWD, &other, AT_FDCWD, &layer, RenameFlags::RENAME_EXCHANGE)
            .map_err(|errno| Error::file("rename", &other)(errno.into()))?;
        crash_point();
    }
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::file("read", path))?,
    };
    let mut trash = None;
    for entry in entries {
        let name = entry.map_err(Error::file("read", path))?.file_name();
        // Records may be there under the names that they have while they are written, too. What is known of the chunks
        // is known of this image alone: it goes either way.
        let is = |record| name.to_string_lossy().contains(record);
        let stays = !is(IMAGE_CHUNKS) && (name == LOWER || is(IMAGE_RECORD)) == (form == Form::Image);
        if !stays {
            let stage = match &mut trash {
                Some(stage) => stage,
                none => none.insert(home.stage("trash")?),
            };
            let from = path.join(&name);
            fs::rename(&from, stage.path().join(&name)).map_err(Error::file("delete", from))?;
            crash_point();
        }
    }
    trash.map_or(Ok(()), Stage::remove)
}

/// Where tests end the process, as a crash would.
fn crash_point() {
    #[cfg(test)]
    tests::crash_point();
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::atomic::{AtomicI32, Ordering};

    use super::*;
    use crate::error::ErrorKind;
    use crate::home::scratch::{Scratch, names};

    /// How many crash points this process passes before it ends.
    static COUNTDOWN: AtomicI32 = AtomicI32::new(-1);

    /// Exit status of a process that ended at a crash point.
    const CRASHED: i32 = 77;

    pub(super) fn crash_point() {
        if COUNTDOWN.fetch_sub(1, Ordering::Relaxed) == 0 {
            std::process::exit(CRASHED);
        }
    }

    fn image() -> ImageId {
        ImageId { name: "test".parse().unwrap(), version: "1.0".parse().unwrap() }
    }

    fn container() -> ContainerName {
        "box".parse().unwrap()
    }

    fn fill(directory: &Path, form: Form) {
        let (layer, record) = match form {
            Form::Image => (LOWER, IMAGE_RECORD),
            Form::Container => (UPPER, "container.json"),
        };
        fs::create_dir_all(directory.join(layer)).unwrap();
        fs::write(directory.join(layer).join("file"), "precious").unwrap();
        fs::write(directory.join(record), "{}").unwrap();
        if form == Form::Container {
            fs::create_dir_all(directory.join("workdir/work")).unwrap();
            fs::create_dir(directory.join("merged")).unwrap();
        }
    }

    fn start(home: &Home, form: Form) {
        fs::create_dir(home.images().join("test")).unwrap();
        match form {
            Form::Image => fill(&home.image(&image()), form),
            Form::Container => fill(&home.container(&container()), form),
        }
    }

    fn convert(home: &Home, from: Form) -> Result<()> {
        match from {
            Form::Container => {
                let conversion = Conversion::of_container(home, &container(), &image())?;
                fs::write(home.container(&container()).join(IMAGE_RECORD), "{}").unwrap();
                conversion.into_image()
            }
            Form::Image => {
                let parts = home.stage("container")?;
                fill(parts.path(), Form::Container);
                Conversion::of_image(home, &image(), &container())?.into_container(parts)
            }
        }
    }

    /// Whether what is in the home is whole as `form`, whatever else lies in it.
    fn whole(home: &Home, form: Form) -> bool {
        let (directory, layer, record) = match form {
            Form::Image => (home.image(&image()), LOWER, IMAGE_RECORD),
            Form::Container => (home.container(&container()), UPPER, "container.json"),
        };
        directory.exists()
            && fs::read_to_string(directory.join(layer).join("file")).unwrap() == "precious"
            && fs::read(directory.join(record)).unwrap() == b"{}"
            && (form == Form::Image
                || directory.join("workdir").is_dir() && directory.join("merged").is_dir())
    }

    /// Checks that the home holds exactly one of the two, and nothing else.
    fn check_clean(home: &Home, form: Form) {
        let (there, gone, expected) = match form {
            Form::Image => (home.image(&image()), home.container(&container()), vec![IMAGE_RECORD, LOWER]),
            Form::Container => (
                home.container(&container()),
                home.image(&image()),
                vec!["container.json", "merged", UPPER, "workdir"],
            ),
        };
        assert_eq!(names(&there), expected);
        assert!(!gone.exists());
        assert!(whole(home, form));
        let layer = there.join(if form == Form::Image { LOWER } else { UPPER });
        assert!(fs::symlink_metadata(layer).unwrap().is_dir());
        assert!(names(&home.path().join(".work")).is_empty());
    }

    fn other(form: Form) -> Form {
        if form == Form::Image { Form::Container } else { Form::Image }
    }

    #[test]
    fn there_and_back() {
        let (_scratch, home) = Scratch::with_home("convert");
        start(&home, Form::Container);
        for form in [Form::Container, Form::Image, Form::Container] {
            check_clean(&home, form);
            convert(&home, form).unwrap();
        }
        check_clean(&home, Form::Image);
    }

    #[test]
    fn what_is_taken_stays_and_so_does_the_source() {
        for form in [Form::Container, Form::Image] {
            let (_scratch, home) = Scratch::with_home(&format!("convert-taken-{form:?}"));
            start(&home, form);
            let taken = match form {
                Form::Container => home.image(&image()),
                Form::Image => home.container(&container()),
            };
            fs::create_dir(&taken).unwrap();
            fs::write(taken.join("container.json"), "theirs").unwrap();
            assert_eq!(convert(&home, form).unwrap_err().kind(), ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(taken.join("container.json")).unwrap(), "theirs");
            fs::remove_dir_all(&taken).unwrap();
            check_clean(&home, form);
        }
    }

    /// Runs itself as the process that crashes, once for each crash point there is.
    #[test]
    fn a_crash_at_any_moment_leaves_the_one_or_the_other_whole() {
        const ROLE: &str = "XDOCKER_TEST_CRASH";
        if let Ok(role) = std::env::var(ROLE) {
            let [form, passes, home] = role.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
            let home = Home::open(Path::new(home)).unwrap();
            COUNTDOWN.store(passes.parse().unwrap(), Ordering::Relaxed);
            convert(&home, if form == "Image" { Form::Image } else { Form::Container }).unwrap();
            std::process::exit(0);
        }
        for form in [Form::Container, Form::Image] {
            let mut committed = false;
            for passes in 0.. {
                let (_scratch, home) = Scratch::with_home(&format!("convert-crash-{form:?}-{passes}"));
                start(&home, form);
                let status = Command::new(std::env::current_exe().unwrap())
                    .args([
                        "--exact",
                        "home::conversion::tests::a_crash_at_any_moment_leaves_the_one_or_the_other_whole",
                    ])
                    .env(ROLE, format!("{form:?} {passes} {}", home.path().display()))
                    .output()
                    .unwrap()
                    .status;
                // Before anything is put right, and after.
                let whole_now = [form, other(form)].map(|form| whole(&home, form));
                assert!(whole_now == [true, false] || whole_now == [false, true], "{form:?} {passes}");
                assert!(!committed || whole_now[1], "it never goes back");
                committed = whole_now[1];
                Home::open(home.path()).unwrap();
                check_clean(&home, if committed { other(form) } else { form });
                if status.code() != Some(CRASHED) {
                    assert!(status.success() && committed && passes > 5, "{form:?} {passes} {status}");
                    break;
                }
            }
        }
    }

    #[test]
    fn a_sweep_leaves_alone_what_somebody_has_locked() {
        let (_scratch, home) = Scratch::with_home("convert-busy");
        start(&home, Form::Container);
        let directory = home.container(&container());
        let mut conversion = Conversion::of_container(&home, &container(), &image()).unwrap();
        conversion.link(LOWER, UPPER).unwrap();
        conversion.stage.take().unwrap().leave();
        let lock = DirectoryLock::exclusive(&directory, &"it", Duration::ZERO).unwrap();
        Home::open(home.path()).unwrap();
        assert!(names(&directory).contains(&LOWER.to_owned()));
        drop(lock);
        Home::open(home.path()).unwrap();
        check_clean(&home, Form::Container);
    }
}
