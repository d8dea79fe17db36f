//! Containers that become images and images that become containers, as the store sees it; the moves
//! themselves are in `home::conversion`.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::name_lock::NameLock;
use super::record::{self, ImageRecord};
use super::store::ImageStore;
use crate::error::{Error, ErrorKind, Result};
use crate::home::{Conversion, DirectoryLock, Stage};
use crate::name::{ContainerName, ImageId, ImageRef};
use crate::spec::IfUsed;

/// An image that is about to become a container. It stays until then, as do the images below it.
#[derive(Debug)]
pub(crate) struct DepartingImage<'a> {
    store: &'a ImageStore,
    /// The image.
    pub(crate) image: ImageId,
    /// The images that the container will stand on, the lowest first.
    pub(crate) stack: Vec<ImageId>,
    lock: NameLock,
    _stack_locks: Vec<DirectoryLock>,
}

impl ImageStore {
    /// Makes the stopped `container`, whose directory the caller has locked, the image `id`, in constant
    /// time: its layer is moved, and there is no container any more. On disk when this returns.
    ///
    /// # Errors
    /// [`Error::ImageExists`], [`Error::Busy`], [`Error::File`]; the container is as it was then.
    pub(crate) fn adopt(&self, container: &ContainerName, lock: &DirectoryLock, id: &ImageId) -> Result<()> {
        let name = NameLock::new_or_existing(&self.home, &id.name)?;
        self.refuse_if_exists(id)?;
        let conversion = Conversion::of_container(&self.home, container, id)?;
        // Measured when somebody asks: a walk of the layer would take time with its size.
        record::write(lock.path(), &ImageRecord { modified: SystemTime::now(), size: None })?;
        let converted = conversion.into_image();
        drop(name);
        match converted {
            Err(taken) if taken.kind() == ErrorKind::AlreadyExists => Err(Error::ImageExists(id.clone())),
            converted => converted,
        }
    }

    /// Prepares to make a container of the image `wanted` that stands on the images of `stack`. Without
    /// `force` only when no container stands on the image itself.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`], [`Error::ImageInUse`], [`Error::Busy`]; [`Error::Invalid`] when the stack holds an image
    /// twice, or the one that goes.
    pub(crate) fn release(
        &self,
        wanted: &ImageRef,
        stack: &[ImageRef],
        if_used: IfUsed,
    ) -> Result<DepartingImage<'_>> {
        let (lock, image) = self.take(wanted, if_used)?;
        // A version of the same name may be in the stack; our lock holds that one too.
        let names: BTreeSet<_> =
            stack.iter().map(|image| &image.name).filter(|name| **name != wanted.name).collect();
        let stack_locks = self.hold_names(names)?;
        let stack = self.resolve(stack)?;
        if stack.contains(&image) {
            let why = "it cannot be below the container that it becomes";
            return Err(Error::invalid("image", image.to_string(), why));
        }
        Ok(DepartingImage { store: self, image, stack, lock, _stack_locks: stack_locks })
    }
}

impl DepartingImage<'_> {
    /// Makes it the container `name`, with what is in `parts`, a stage like that of a container that is created;
    /// only its empty `rwlayer` goes, for the image's own files. In constant time, and on disk when
    /// this returns.
    ///
    /// # Errors
    /// [`Error::ContainerExists`], [`Error::File`]; the image is as it was then.
    pub(crate) fn into_container(self, name: &ContainerName, parts: Stage) -> Result<()> {
        let conversion = Conversion::of_image(&self.store.home, &self.image, name)?;
        let converted = conversion.into_container(parts);
        drop(self.lock);
        match converted {
            Err(taken) if taken.kind() == ErrorKind::AlreadyExists => {
                Err(Error::ContainerExists(name.clone()))
            }
            converted => converted,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::home::Home;
    use crate::home::scratch::{Scratch, names};
    use crate::image::LAYER;

    fn id(text: &str) -> ImageId {
        let image: ImageRef = text.parse().unwrap();
        ImageId { name: image.name, version: image.version.unwrap_or_default() }
    }

    fn add(store: &ImageStore, text: &str) {
        let stage = store.home.stage("test").unwrap();
        fs::create_dir(stage.path().join(LAYER)).unwrap();
        fs::write(stage.path().join(LAYER).join("file"), text).unwrap();
        store.add(stage, &id(text)).unwrap();
    }

    /// A stage like that of a container that is created, standing on `images`.
    fn parts(home: &Home, images: &[ImageId]) -> Stage {
        let stage = home.stage("container").unwrap();
        for part in ["rwlayer", "workdir", "merged"] {
            fs::create_dir(stage.path().join(part)).unwrap();
        }
        let definition = serde_json::json!({ "format": 1, "images": images }).to_string();
        fs::write(stage.path().join("container.json"), definition).unwrap();
        stage
    }

    #[test]
    fn an_image_goes_out_and_comes_back() {
        let (_scratch, home) = Scratch::with_home("image-convert");
        let store = ImageStore::new(home.clone());
        let name: ContainerName = "box".parse().unwrap();
        for image in ["base:1", "base:2", "test:1.0"] {
            add(&store, image);
        }

        let stack = ["base:1", "base"].map(|image| image.parse().unwrap());
        fs::write(home.image(&id("test:1.0")).join("chunks.json"), "of an image that does not change")
            .unwrap();
        let departing = store.release(&"test".parse().unwrap(), &stack, IfUsed::Refuse).unwrap();
        let parts = parts(&home, &departing.stack);
        departing.into_container(&name, parts).unwrap();
        assert_eq!(names(&home.images()), ["base"]);
        let directory = home.container(&name);
        assert_eq!(names(&directory), ["container.json", "merged", "rwlayer", "workdir"]);
        assert_eq!(fs::read_to_string(directory.join("rwlayer/file")).unwrap(), "test:1.0");
        assert!(matches!(
            store.delete(&"base:1".parse().unwrap(), IfUsed::Refuse),
            Err(Error::ImageInUse { .. })
        ));

        fs::write(directory.join("rwlayer/more"), "12").unwrap();
        let lock = DirectoryLock::exclusive(&directory, &"box", Duration::ZERO).unwrap();
        let taken = store.adopt(&name, &lock, &id("base:2")).unwrap_err();
        assert!(matches!(taken, Error::ImageExists(_)));
        store.adopt(&name, &lock, &id("test:1.1")).unwrap();
        drop(lock);
        assert!(names(&home.containers()).is_empty() && names(&home.path().join(".work")).is_empty());
        // What does not ask for its size takes no time with it: nobody has walked its files.
        let moved =
            store.set_version(&"test:1.1".parse().unwrap(), &"1.2".parse().unwrap(), IfUsed::Refuse).unwrap();
        drop(store.hold(&[moved.clone().into()]).unwrap());
        drop(store.release(&moved.clone().into(), &[], IfUsed::Refuse).unwrap());
        assert!(record::read(&home.image(&moved)).unwrap().unwrap().size.is_none());
        store.set_version(&moved.into(), &"1.1".parse().unwrap(), IfUsed::Refuse).unwrap();
        let image = store.get(&"test".parse().unwrap()).unwrap();
        assert_eq!((image.id.to_string(), image.size, image.entries), ("test:1.1".to_owned(), 10, 2));
    }

    #[test]
    fn what_must_not_go_stays() {
        let (_scratch, home) = Scratch::with_home("image-stays");
        let store = ImageStore::new(home.clone());
        add(&store, "test:1");
        add(&store, "test:2");
        let wanted: ImageRef = "test:1".parse().unwrap();

        let stack = [wanted.clone()];
        assert!(matches!(store.release(&wanted, &stack, IfUsed::Refuse), Err(Error::Invalid { .. })));
        let missing = ["nothing".parse().unwrap()];
        assert!(matches!(store.release(&missing[0], &[], IfUsed::Refuse), Err(Error::NoSuchImage(_))));
        assert!(matches!(store.release(&wanted, &missing, IfUsed::Refuse), Err(Error::NoSuchImage(_))));

        // Another version of the same name may be below it.
        let departing = store.release(&wanted, &["test:2".parse().unwrap()], IfUsed::Refuse).unwrap();
        let parts_of_taken = parts(&home, &departing.stack);
        let name: ContainerName = "user".parse().unwrap();
        let user = parts(&home, std::slice::from_ref(&departing.image));
        user.publish(&home.container(&name), crate::home::Durability::Unsynced).unwrap();
        let taken = departing.into_container(&name, parts_of_taken).unwrap_err();
        assert!(matches!(taken, Error::ContainerExists(_)));

        assert!(matches!(store.release(&wanted, &[], IfUsed::Refuse), Err(Error::ImageInUse { .. })));
        drop(store.release(&wanted, &[], IfUsed::Take).unwrap());
        assert_eq!(store.list().unwrap().len(), 2);
        assert_eq!(names(&home.image(&id("test:1"))), ["image.json", "rlayer"]);
    }
}
