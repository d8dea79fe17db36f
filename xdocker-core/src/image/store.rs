//! The images of a home.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::LAYER;
use super::in_use::refuse_if_used;
use super::name_lock::NameLock;
use super::record::{self, ImageRecord};
use super::size::TreeSize;
use crate::error::{Error, ErrorKind, Result};
use crate::home::{DirectoryLock, Durability, Home, Stage, sync_directory};
use crate::name::{ImageId, ImageName, ImageRef, Version};
use crate::progress::{Gauge, Progress, watched};
use crate::spec::IfUsed;
use crate::tree::copy_tree;

/// An image that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Image {
    /// Name and version.
    pub id: ImageId,
    /// Bytes in its files: the lengths of the regular files, holes included, a file with several names once.
    /// It does not depend on the file system that the image lies on.
    pub size: u64,
    /// How many files, directories, links and devices it holds.
    pub entries: u64,
    /// When its content was last changed.
    pub modified: SystemTime,
}

/// The images of a home. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ImageStore {
    pub(crate) home: Home,
}

/// Images that are neither deleted nor renamed nor converted as long as this lives.
#[derive(Debug)]
pub(crate) struct HeldImages {
    /// The images, in the order in which they were asked for.
    pub(crate) images: Vec<ImageId>,
    _locks: Vec<DirectoryLock>,
}

impl ImageStore {
    /// The images of `home`.
    pub(crate) fn new(home: Home) -> Self {
        Self { home }
    }

    /// All images, by name and then version. Reads their records and does not walk their files.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Format`].
    pub fn list(&self) -> Result<Vec<Image>> {
        let mut images = Vec::new();
        for name in names_in::<ImageName>(&self.home.images())? {
            for version in names_in::<Version>(&self.home.images().join(&name))? {
                images.extend(self.look(ImageId { name: name.clone(), version })?);
            }
        }
        images.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(images)
    }

    /// The image that `wanted` names: a name without a version is its highest version.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`].
    pub fn get(&self, wanted: &ImageRef) -> Result<Image> {
        self.look(self.find(wanted)?)?.ok_or_else(|| Error::NoSuchImage(wanted.clone()))
    }

    /// Which image `wanted` names. Takes no time with the size of it, as [`Self::get`] does once where the image came
    /// here in constant time.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`].
    pub(super) fn find(&self, wanted: &ImageRef) -> Result<ImageId> {
        let mut versions = match &wanted.version {
            Some(version) => vec![version.clone()],
            None => names_in::<Version>(&self.home.images().join(&wanted.name))?,
        };
        versions.sort();
        for version in versions.into_iter().rev() {
            let id = ImageId { name: wanted.name.clone(), version };
            if record::read(&self.home.image(&id))?.is_some() || self.layer(&id).is_dir() {
                return Ok(id);
            }
        }
        Err(Error::NoSuchImage(wanted.clone()))
    }

    /// The images that `wanted` names, in that order: a stack, the lowest first.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`]; [`Error::Invalid`] when two of them are the same image, which no stack can hold.
    pub fn resolve(&self, wanted: &[ImageRef]) -> Result<Vec<ImageId>> {
        let images = wanted.iter().map(|image| self.find(image)).collect::<Result<Vec<_>>>()?;
        let mut seen = BTreeSet::new();
        match images.iter().find(|image| !seen.insert(*image)) {
            Some(twice) => Err(Error::invalid("image", twice.to_string(), "it is in the stack twice")),
            None => Ok(images),
        }
    }

    /// [`Self::resolve`], and the images stay as long as the answer lives: for as long as it takes to
    /// publish the definition of a container that names them.
    ///
    /// # Errors
    /// As [`Self::resolve`]; [`Error::Busy`].
    pub(crate) fn hold(&self, wanted: &[ImageRef]) -> Result<HeldImages> {
        let locks = self.hold_names(wanted.iter().map(|image| &image.name).collect())?;
        Ok(HeldImages { images: self.resolve(wanted)?, _locks: locks })
    }

    /// Shares the locks of those `names` that exist; which images are missing is said by a lookup.
    pub(super) fn hold_names(&self, names: BTreeSet<&ImageName>) -> Result<Vec<DirectoryLock>> {
        let locks = names.into_iter().map(|name| NameLock::shared(&self.home, name));
        locks.filter(|lock| !matches!(lock, Err(gone) if gone.kind() == ErrorKind::NotFound)).collect()
    }

    /// Deletes an image.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`], [`Error::ImageInUse`], [`Error::Busy`]; [`Error::File`] when files of an image that is
    /// no more could not be removed (the next command tries again).
    pub fn delete(&self, wanted: &ImageRef, if_used: IfUsed) -> Result<()> {
        let (lock, id) = self.take(wanted, if_used)?;
        let removed = self.home.retire(&self.home.image(&id))?;
        // The name is free; others need not wait for the files to go.
        drop(lock);
        removed.map_or(Ok(()), Stage::remove)
    }

    /// Gives an image another version.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`], [`Error::ImageExists`], [`Error::ImageInUse`], [`Error::Busy`].
    pub fn set_version(&self, wanted: &ImageRef, version: &Version, if_used: IfUsed) -> Result<ImageId> {
        let (_lock, id) = self.take(wanted, if_used)?;
        let renamed = ImageId { name: id.name.clone(), version: version.clone() };
        let (from, to) = (self.home.image(&id), self.home.image(&renamed));
        match renameat2(AT_FDCWD, &from, AT_FDCWD, &to, RenameFlags::RENAME_NOREPLACE) {
            Ok(()) => sync_directory(&self.home.images().join(&renamed.name))?,
            Err(nix::Error::EEXIST) => return Err(Error::ImageExists(renamed)),
            Err(errno) => return Err(Error::file("rename", from)(errno.into())),
        }
        Ok(renamed)
    }

    /// Copies an image. Where the file system can, the two share their blocks. `progress` is called here every 50 ms, and a
    /// last time before the copy gets its name.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`], [`Error::ImageExists`], [`Error::Busy`]; [`Error::File`]: disk full, …;
    /// [`Error::Interrupted`] when `progress` breaks; there is no new image then.
    pub fn copy(
        &self,
        wanted: &ImageRef,
        id: &ImageId,
        progress: &dyn Fn(Progress) -> ControlFlow<()>,
    ) -> Result<Image> {
        watched(progress, |gauge| self.copy_watched(wanted, id, gauge))
    }

    fn copy_watched(&self, wanted: &ImageRef, id: &ImageId, gauge: &Gauge) -> Result<Image> {
        let held = self.hold_names(BTreeSet::from([&wanted.name]))?;
        let image = self.get(wanted)?;
        self.refuse_if_exists(id)?;
        let stage = self.home.stage("copy")?;
        let layer = stage.path().join(LAYER);
        fs::create_dir(&layer).map_err(Error::file("create", &layer))?;
        copy_tree(&self.layer(&image.id), &layer, gauge)?;
        // It may go now; the new one may be a version of the same name, whose lock is wanted.
        drop(held);
        let size = TreeSize { bytes: image.size, entries: image.entries };
        self.add_measured(stage, id, size, || gauge.finish())
    }

    /// Directory of the files of an image: a lower layer for overlay, not to be changed.
    pub(crate) fn layer(&self, id: &ImageId) -> PathBuf {
        self.home.image(id).join(LAYER)
    }

    /// Makes `stage`, with the files in its `rlayer`, the image `id`: on disk before this returns.
    ///
    /// # Errors
    /// [`Error::ImageExists`]; [`Error::File`]: disk full, …. The stage is deleted then.
    pub(crate) fn add(&self, stage: Stage, id: &ImageId) -> Result<Image> {
        let layer = stage.path().join(LAYER);
        let size = TreeSize::measure(&layer).map_err(Error::file("read", layer))?;
        self.add_measured(stage, id, size, || Ok(()))
    }

    /// [`Self::add`] for a layer of which it is known how much it holds. `ready` is asked when all is on the disk, before
    /// it gets its name.
    ///
    /// # Errors
    /// As [`Self::add`]; those of `ready`.
    pub(crate) fn add_measured(
        &self,
        stage: Stage,
        id: &ImageId,
        size: TreeSize,
        ready: impl FnOnce() -> Result<()>,
    ) -> Result<Image> {
        let modified = SystemTime::now();
        record::write(stage.path(), &ImageRecord { modified, size: Some(size) })?;
        stage.sync()?;
        ready()?;
        let _lock = NameLock::new_or_existing(&self.home, &id.name)?;
        match stage.publish(&self.home.image(id), Durability::Synced) {
            Err(taken) if taken.kind() == ErrorKind::AlreadyExists => Err(Error::ImageExists(id.clone())),
            published => published.map(|()| image(id.clone(), modified, size)),
        }
    }

    /// Refuses an `id` that is taken, before work is put into it; [`Self::add`] has the last word.
    ///
    /// # Errors
    /// [`Error::ImageExists`].
    pub(crate) fn refuse_if_exists(&self, id: &ImageId) -> Result<()> {
        match fs::symlink_metadata(self.home.image(id)) {
            Ok(_) => Err(Error::ImageExists(id.clone())),
            Err(_) => Ok(()),
        }
    }

    /// Locks the name of an image that is to go away from its version; the image stays until then.
    pub(super) fn take(&self, wanted: &ImageRef, if_used: IfUsed) -> Result<(NameLock, ImageId)> {
        let lock = match NameLock::existing(&self.home, &wanted.name) {
            Err(missing) if missing.kind() == ErrorKind::NotFound => {
                return Err(Error::NoSuchImage(wanted.clone()));
            }
            lock => lock?,
        };
        let id = self.find(wanted)?;
        if if_used == IfUsed::Refuse {
            refuse_if_used(&self.home, &id)?;
        }
        Ok((lock, id))
    }

    /// The image `id` by its record, or, where there is none yet, by measuring it; `None` when there is no
    /// such image.
    fn look(&self, id: ImageId) -> Result<Option<Image>> {
        let directory = self.home.image(&id);
        let record = record::read(&directory)?;
        if let Some(ImageRecord { modified, size: Some(size) }) = record {
            return Ok(Some(image(id, modified, size)));
        }
        // Written down for the next time, unless somebody is changing the name or the home is read-only.
        let lock = NameLock::now(&self.home, &id.name).ok();
        let (modified, size) = match record::measure(&directory, record) {
            Err(gone) if gone.kind() == ErrorKind::NotFound => return Ok(None),
            measured => measured?,
        };
        if lock.is_some() {
            let _ = record::write(&directory, &ImageRecord { modified, size: Some(size) });
        }
        Ok(Some(image(id, modified, size)))
    }
}

fn image(id: ImageId, modified: SystemTime, size: TreeSize) -> Image {
    Image { id, size: size.bytes, entries: size.entries, modified }
}

/// The names of type `T` in `directory`; what is no such name is no image of ours. None, if it is missing.
fn names_in<T: FromStr>(directory: &Path) -> Result<Vec<T>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => {
            return Ok(Vec::new());
        }
        entries => entries.map_err(Error::file("read", directory))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::file("read", directory))?.file_name();
        names.extend(name.to_str().and_then(|name| name.parse().ok()));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::home::scratch::{Scratch, names};

    fn store(name: &str) -> (Scratch, ImageStore) {
        let (scratch, home) = Scratch::with_home(&format!("store-{name}"));
        (scratch, ImageStore::new(home))
    }

    fn id(text: &str) -> ImageId {
        let image: ImageRef = text.parse().unwrap();
        ImageId { name: image.name, version: image.version.unwrap_or_default() }
    }

    fn wanted(text: &str) -> ImageRef {
        text.parse().unwrap()
    }

    /// Adds an image with one file that says which it is.
    fn add(store: &ImageStore, text: &str) -> Result<Image> {
        let stage = store.home.stage("test").unwrap();
        fs::create_dir(stage.path().join(LAYER)).unwrap();
        fs::write(stage.path().join(LAYER).join("file"), text).unwrap();
        store.add(stage, &id(text))
    }

    fn define(store: &ImageStore, container: &str, images: &[&str]) {
        let directory = store.home.containers().join(container);
        fs::create_dir_all(&directory).unwrap();
        let images: Vec<_> = images.iter().map(|image| id(image)).collect();
        let definition = serde_json::json!({ "format": 1, "images": images, "hostname": "h" });
        fs::write(directory.join("container.json"), definition.to_string()).unwrap();
    }

    fn ids(store: &ImageStore) -> Vec<String> {
        store.list().unwrap().iter().map(|image| image.id.to_string()).collect()
    }

    #[test]
    fn who_says_stop_at_any_time_gets_no_image() {
        let (_scratch, store) = store("stop");
        add(&store, "a:1").unwrap();
        let mut archive = Vec::new();
        let go_on = |_: Progress| ControlFlow::Continue(());
        store.export(&wanted("a"), &mut archive, &Default::default(), &go_on).unwrap();

        let stop = |_: Progress| ControlFlow::Break(());
        let stopped = [
            store.copy(&wanted("a"), &id("b"), &stop).err(),
            store.import(&id("c"), &archive[..], &Default::default(), &stop).err(),
            store.export(&wanted("a"), &mut archive, &Default::default(), &stop).err(),
        ];
        assert!(stopped.iter().all(|error| matches!(error, Some(Error::Interrupted))), "{stopped:?}");
        assert_eq!(ids(&store), ["a:1"]);
        assert!(names(&store.home.work()).is_empty());
    }

    #[test]
    fn images_are_listed_in_order_with_what_they_hold() {
        let (_scratch, store) = store("list");
        assert_eq!(store.list().unwrap(), []);
        for text in ["test:1.10", "test", "test:1.9", "calvin=sshd:1.0.0"] {
            let added = add(&store, text).unwrap();
            assert_eq!((added.size, added.entries), (text.len() as u64, 1));
            assert_eq!(store.get(&added.id.clone().into()).unwrap(), added);
        }
        assert_eq!(ids(&store), ["calvin=sshd:1.0.0", "test", "test:1.9", "test:1.10"]);
        assert_eq!(store.get(&wanted("test")).unwrap().id, id("test:1.10"));
        assert_eq!(store.get(&wanted("test:_")).unwrap().id, id("test"));
        for missing in ["test:2", "nothing", "nothing:1"] {
            assert!(matches!(store.get(&wanted(missing)), Err(Error::NoSuchImage(_))));
        }
        assert!(names(&store.home.path().join(".work")).is_empty());
    }

    #[test]
    fn an_image_is_never_replaced() {
        let (_scratch, store) = store("replace");
        add(&store, "test:1").unwrap();
        add(&store, "test:2").unwrap();
        assert!(matches!(add(&store, "test:1"), Err(Error::ImageExists(_))));
        for taken in ["1", "2"] {
            let error =
                store.set_version(&wanted("test:1"), &taken.parse().unwrap(), IfUsed::Refuse).unwrap_err();
            assert!(matches!(error, Error::ImageExists(_)));
        }
        assert_eq!(fs::read_to_string(store.layer(&id("test:1")).join("file")).unwrap(), "test:1");
        assert_eq!(ids(&store), ["test:1", "test:2"]);
    }

    #[test]
    fn one_of_many_who_add_the_same_name_wins() {
        let (_scratch, store) = store("race");
        let won = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| add(&store, "test:1"))).collect();
            let results = threads.into_iter().map(|thread| thread.join().unwrap());
            results
                .filter(|result| match result {
                    Ok(_) => true,
                    Err(error) => !matches!(error, Error::ImageExists(_)),
                })
                .count()
        });
        assert_eq!((won, ids(&store)), (1, vec!["test:1".to_owned()]));
    }

    #[test]
    fn a_version_changes_back_and_forth_and_the_time_stays() {
        let (_scratch, store) = store("version");
        let before = add(&store, "test").unwrap();
        let none = Version::none();
        let first = store.set_version(&wanted("test"), &"1.0.1".parse().unwrap(), IfUsed::Refuse).unwrap();
        assert_eq!(first, id("test:1.0.1"));
        let last = store.set_version(&wanted("test:1.0.1"), &none, IfUsed::Refuse).unwrap();
        assert_eq!(store.get(&last.into()).unwrap(), before);
    }

    #[test]
    fn what_containers_stand_on_stays_without_force() {
        let (_scratch, store) = store("used");
        for text in ["a:1", "a:2", "b"] {
            add(&store, text).unwrap();
        }
        define(&store, "two", &["b", "a:1"]);
        define(&store, "one", &["a:1"]);
        let version: Version = "3".parse().unwrap();
        for error in [
            store.delete(&wanted("a:1"), IfUsed::Refuse).unwrap_err(),
            store.set_version(&wanted("a:1"), &version, IfUsed::Refuse).unwrap_err(),
        ] {
            assert_eq!(error.to_string(), "image a:1 is used by containers one, two");
            assert_eq!(error.kind(), ErrorKind::Conflict);
        }
        let error = store.delete(&wanted("b"), IfUsed::Refuse).unwrap_err();
        assert_eq!(error.to_string(), "image b is used by container two");
        store.delete(&wanted("a:2"), IfUsed::Refuse).unwrap();
        store.delete(&wanted("a:1"), IfUsed::Take).unwrap();
        assert_eq!(ids(&store), ["b"]);
        assert_eq!(names(&store.home.images()), ["b"], "a name without versions goes");
    }

    #[test]
    fn held_images_stay_and_a_stack_holds_none_twice() {
        let (_scratch, store) = store("held");
        for text in ["a:1", "a:2", "b"] {
            add(&store, text).unwrap();
        }
        let held = store.hold(&["b", "a", "a:1"].map(wanted)).unwrap();
        let order: Vec<_> = held.images.iter().map(ToString::to_string).collect();
        assert_eq!(order, ["b", "a:2", "a:1"]);
        assert!(matches!(NameLock::now(&store.home, &id("a").name), Err(Error::Busy(_))));
        assert!(store.hold(&[wanted("a:1")]).is_ok());
        drop(held);
        store.delete(&wanted("a:1"), IfUsed::Refuse).unwrap();
        assert!(matches!(store.resolve(&["a", "a:2"].map(wanted)), Err(Error::Invalid { .. })));
        assert!(matches!(store.hold(&[wanted("a"), wanted("c")]), Err(Error::NoSuchImage(_))));
    }

    #[test]
    fn an_image_without_a_good_record_is_measured_once() {
        let (_scratch, store) = store("measured");
        let directory = store.home.image(&id("seed:1.0.0"));
        fs::create_dir_all(directory.join(LAYER)).unwrap();
        fs::write(directory.join(LAYER).join("file"), "12345").unwrap();
        let modified = fs::metadata(directory.join(LAYER)).unwrap().modified().unwrap();
        for record in ["", "{\"format\": 1, \"byt"] {
            fs::write(directory.join("image.json"), record).unwrap();
            let image = store.get(&wanted("seed")).unwrap();
            assert_eq!((image.size, image.entries, image.modified), (5, 1, modified));
        }
        // From the record, and not from the files.
        fs::write(directory.join(LAYER).join("more"), "6").unwrap();
        assert_eq!(store.list().unwrap()[0].size, 5);
        fs::write(directory.join("image.json"), "{\"format\": 2}").unwrap();
        assert!(matches!(store.list(), Err(Error::Format { .. })));
    }

    #[test]
    fn what_is_no_image_is_not_listed() {
        let (_scratch, store) = store("strangers");
        let images = store.home.images();
        fs::create_dir_all(images.join("name/no-version/rlayer")).unwrap();
        fs::create_dir_all(images.join("name/1.0")).unwrap();
        fs::create_dir_all(images.join("a:b/1.0/rlayer")).unwrap();
        fs::write(images.join("file"), "").unwrap();
        assert_eq!(store.list().unwrap(), []);
        assert!(matches!(store.get(&wanted("name")), Err(Error::NoSuchImage(_))));
        assert!(matches!(store.get(&wanted("file")), Err(Error::NoSuchImage(_))));
    }

    #[test]
    fn five_hundred_images_are_listed_from_their_records() {
        let (_scratch, store) = store("many");
        for number in 0..500 {
            let directory = store.home.image(&id(&format!("image-{number}:1.0.0")));
            fs::create_dir_all(directory.join(LAYER)).unwrap();
            let size = TreeSize { bytes: 1 << 30, entries: 5_000 };
            let record = ImageRecord { modified: SystemTime::now(), size: Some(size) };
            record::write(&directory, &record).unwrap();
        }
        // The files that the records speak of are not there: who walked them would find another size.
        let images = store.list().unwrap();
        assert!(images.len() == 500 && images.iter().all(|image| image.size == 1 << 30));
    }
}
