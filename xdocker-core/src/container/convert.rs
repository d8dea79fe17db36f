//! Containers that become images, and images that become containers. Nothing is copied: the layer moves, in
//! constant time, and there is either the one or the other whatever happens (see `home::conversion`).

use super::{Container, Definition, build, choose_ids, settle};
use crate::error::{Error, Result};
use crate::home::Home;
use crate::image::ImageStore;
use crate::name::{ImageId, ImageName, ImageRef, Version};
use crate::spec::{ContainerSpec, Hostname, IfUsed, Volume};

impl Container {
    /// Makes the container an image: what it has written becomes the image's files, what it has deleted stays
    /// deleted in whatever is stacked under the image. There is no container any more, and it stands on
    /// nothing any more: the images below it are to be named again where the new one is used.
    ///
    /// Without `version` the image gets the version of the image that the container was made of by
    /// [`Engine::to_container`](crate::Engine::to_container), and none if there was no such image.
    ///
    /// # Errors
    /// [`Error::Running`], [`Error::ImageExists`], [`Error::Busy`]; [`Error::Invalid`] for a container that goes with
    /// its owner. The container is there then, only a network namespace of its own may be a new one.
    pub fn into_image(self, name: ImageName, version: Option<Version>) -> Result<ImageId> {
        let lock = self.lock_stopped()?;
        let definition = self.definition()?;
        if definition.ephemeral {
            // Its files were never brought to the disk, and its owner will want to delete it.
            return Err(Error::invalid("container", self.name.as_str(), "it goes with its owner"));
        }
        let id = ImageId { name, version: version.or(definition.version).unwrap_or_default() };
        let images = self.images();
        images.refuse_if_exists(&id)?;
        // Before the name is free: somebody may make a container of that name, with a namespace, at once.
        self.remove_network()?;
        images.adopt(&self.name, &lock, &id)?;
        self.forget_address()?;
        tracing::debug!("container {}: is image {id} now", self.name);
        Ok(id)
    }

    /// Makes the image `wanted` a container as `spec` says, on top of the images there, which may be none.
    pub(crate) fn from_image(
        home: &Home,
        wanted: &ImageRef,
        spec: &ContainerSpec,
        if_used: IfUsed,
    ) -> Result<Self> {
        Volume::check_places(&spec.volumes, &spec.tmpfs)?;
        let images = ImageStore::new(home.clone());
        let departing = images.release(wanted, &spec.images, if_used)?;
        let image = departing.image.clone();
        let name = match &spec.name {
            Some(name) => name.clone(),
            None => image.name.as_str().parse()?,
        };
        let hostname = spec.hostname.clone().unwrap_or_else(|| Hostname::from(&name));
        let mut network = spec.network.clone();
        let book = settle(home, &mut network, &name, &hostname)?;
        let (ids, ids_lock) = choose_ids(home, &name, &spec.sandbox)?;
        let definition = Definition {
            version: Some(image.version.clone()),
            ..Definition::new(spec, departing.stack.clone(), hostname, network, ids)
        };
        departing.into_container(&name, build(home, &definition)?)?;
        drop((book, ids_lock));
        tracing::debug!("container {name}: was image {image}");
        let container = Self::new(home.clone(), name);
        container.make_network(&definition)?;
        Ok(container)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::home::scratch::Scratch;
    use crate::{ContainerSpec, Engine, ErrorKind, IfUsed, ImageRef};

    /// An engine with the image `base`, of one file.
    fn engine(name: &str) -> (Scratch, Engine) {
        let scratch = Scratch::new(&format!("container-convert-{name}"));
        let engine = Engine::open(scratch.path().join("home")).unwrap();
        let layer = engine.home().join("images/base/1.2/rlayer");
        fs::create_dir_all(&layer).unwrap();
        fs::write(layer.join("file"), "base").unwrap();
        (scratch, engine)
    }

    fn wanted(text: &str) -> ImageRef {
        text.parse().unwrap()
    }

    #[test]
    fn an_image_becomes_a_container_and_comes_back_as_the_version_that_it_was() {
        let (_scratch, engine) = engine("version");
        let spec = || ContainerSpec::new([]).name("work".parse().unwrap());
        let container = engine.to_container(&wanted("base"), &spec(), IfUsed::Refuse).unwrap();
        assert_eq!(engine.images().list().unwrap(), []);
        let info = container.info().unwrap();
        assert_eq!((info.images.len(), info.size, info.hostname.to_string()), (0, 4, "work".to_owned()));
        let id = container.into_image("base".parse().unwrap(), None).unwrap();
        assert_eq!(id.to_string(), "base:1.2");
        assert_eq!(engine.images().get(&wanted("base:1.2")).unwrap().size, 4);
        assert!(engine.containers().unwrap().is_empty());

        let container = engine.to_container(&wanted("base"), &spec(), IfUsed::Refuse).unwrap();
        let id = container.into_image("other".parse().unwrap(), Some("2".parse().unwrap())).unwrap();
        assert_eq!(id.to_string(), "other:2");
        let container = engine.create(&ContainerSpec::new([wanted("other")])).unwrap();
        assert_eq!(container.into_image("own".parse().unwrap(), None).unwrap().to_string(), "own");
    }

    #[test]
    fn what_is_taken_or_used_stays_as_it_is() {
        let (_scratch, engine) = engine("refused");
        let container = engine.create(&ContainerSpec::new([wanted("base")])).unwrap();
        let error = container.clone().into_image("base".parse().unwrap(), Some("1.2".parse().unwrap()));
        assert_eq!(error.unwrap_err().kind(), ErrorKind::AlreadyExists);
        let spec = ContainerSpec::new([]);
        let error = engine.to_container(&wanted("base"), &spec, IfUsed::Refuse).unwrap_err();
        assert_eq!(error.to_string(), "image base:1.2 is used by container base");
        let error = engine.to_container(&wanted("base"), &spec, IfUsed::Take).unwrap_err();
        assert_eq!(error.to_string(), "container base exists already");
        let itself = ContainerSpec::new([wanted("base")]);
        assert_eq!(
            engine.to_container(&wanted("base"), &itself, IfUsed::Take).unwrap_err().kind(),
            ErrorKind::InvalidArgument
        );
        assert!(container.info().is_ok() && engine.images().get(&wanted("base")).is_ok());

        let spec = ContainerSpec::new([wanted("base")]).name("mine".parse().unwrap());
        let ephemeral = engine.create_ephemeral(&spec).unwrap();
        let error = (*ephemeral).clone().into_image("x".parse().unwrap(), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        ephemeral.close().unwrap();
    }
}
