//! The door: an engine is a home directory and what can be done with it.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::address::RepositoryAddress;
use crate::container::{
    Container, ContainerInfo, Definition, Ephemeral, Events, boot_all, build, change_bridge, check_restart,
    choose_ids, keep_rules, names, own, settle, take_over_all,
};
use crate::error::{Error, Result};
use crate::home::{Durability, Home};
use crate::image::ImageStore;
use crate::name::{ContainerName, ImageRef};
use crate::network::BridgeSettings;
use crate::repository::{self, Repository};
use crate::spec::{ContainerSpec, Hostname, IfRunning, IfUsed, Volume};

/// Where the home is when nothing says otherwise.
const DEFAULT_HOME: &str = "/var/xdocker";
/// Variables that name the home; the first, in the seed's spelling, wins.
const HOME_VARIABLES: [&str; 2] = ["xdocker_HOME", "XDOCKER_HOME"];

/// A container engine on one home directory.
///
/// There is no daemon: any number of engines, in any number of processes, may work on one home at a time.
#[derive(Clone, Debug)]
pub struct Engine {
    home: Home,
}

impl Engine {
    /// Opens the home at `path`, making what is missing. One that the original xdocker made is taken over: its images
    /// and containers are ours from then on, and stay as they are.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be made or written.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let path = std::path::absolute(&path).map_err(Error::file("open", &path))?;
        let first = Home::is_unvisited(&path);
        let home = Home::open(&path)?;
        if first {
            take_over_all(&home)?;
        }
        Ok(Self { home })
    }

    /// Opens the home that `$xdocker_HOME`, else `$XDOCKER_HOME`, names, else `/var/xdocker`.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn from_env() -> Result<Self> {
        let named = HOME_VARIABLES.iter().find_map(env::var_os).filter(|value| !value.is_empty());
        Self::open(named.map_or_else(|| PathBuf::from(DEFAULT_HOME), PathBuf::from))
    }

    /// The home, as an absolute path.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The images of this home.
    #[must_use]
    pub fn images(&self) -> ImageStore {
        ImageStore::new(self.home.clone())
    }

    /// The images on the ssh server at `address`, else at the one that is remembered.
    ///
    /// # Errors
    /// [`RepositoryError::NoAddress`](crate::RepositoryError) when none is; [`Error::Invalid`] when what is remembered is no
    /// address.
    pub fn repository(&self, address: Option<&RepositoryAddress>) -> Result<Repository> {
        let address = match address {
            Some(address) => address.clone(),
            None => repository::remembered(&self.home)?,
        };
        Ok(Repository::new(self.home.clone(), address))
    }

    /// Remembers `address` for those who name none.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn remember_repository(&self, address: &RepositoryAddress) -> Result<()> {
        repository::remember(&self.home, address)
    }

    /// Creates a container. It is on disk when this returns.
    ///
    /// # Errors
    /// [`Error::ContainerExists`], [`Error::NoSuchImage`], [`Error::Invalid`] without any image, or with two mounts at
    /// one place; [`Error::Unsupported`] for users of its own where the kernel has none.
    pub fn create(&self, spec: &ContainerSpec) -> Result<Container> {
        let (container, _) = self.make(spec, |_| Ok(()), Durability::Synced)?;
        Ok(container)
    }

    /// Creates a container that goes with the returned value, and with our process.
    ///
    /// # Errors
    /// Those of [`Self::create`].
    pub fn create_ephemeral(&self, spec: &ContainerSpec) -> Result<Ephemeral> {
        let (container, owner) = self.make(spec, own, Durability::Unsynced)?;
        Ok(Ephemeral::new(container, owner))
    }

    /// Boots all containers that are to run when the host has come up, as they were booted the last time: those that are
    /// [always](crate::RestartPolicy::Always) to be started again, and those that are
    /// [on failure](crate::RestartPolicy::OnFailure) and ran when the host, or their monitor, was killed. Says what came of each;
    /// one that runs is fine.
    ///
    /// # Errors
    /// [`Error::File`] when the containers cannot be listed.
    pub fn boot_all(&self) -> Result<Vec<(ContainerName, Result<()>)>> {
        boot_all(&self.home)
    }

    /// Builds a container and publishes it. `own` marks whose it is, in the directory that is to be its.
    fn make<T>(
        &self,
        spec: &ContainerSpec,
        own: impl FnOnce(&Path) -> Result<T>,
        durability: Durability,
    ) -> Result<(Container, T)> {
        check_restart(spec.restart, durability == Durability::Unsynced)?;
        keep_rules(&self.home);
        let Some(top) = spec.images.last() else {
            return Err(Error::invalid("list of images", "", "a container stands on one image at least"));
        };
        let name = match &spec.name {
            Some(name) => name.clone(),
            None => top.name.as_str().parse()?,
        };
        Volume::check_places(&spec.volumes, &spec.tmpfs)?;
        // Their locks keep the images where they are until the definition that names them is published.
        let held = self.images().hold(&spec.images)?;
        let hostname = spec.hostname.clone().unwrap_or_else(|| Hostname::from(&name));
        let mut network = spec.network.clone();
        let book = settle(&self.home, &mut network, &name, &hostname)?;
        let (ids, ids_lock) = choose_ids(&self.home, &name, &spec.sandbox)?;
        let definition = Definition {
            ephemeral: durability == Durability::Unsynced,
            ..Definition::new(spec, held.images.clone(), hostname, network, ids)
        };
        let stage = build(&self.home, &definition)?;
        // The root of an overlay is its upper directory's: without this its mode would be the caller's umask.
        if let Some(top) = held.images.last() {
            let (top, own) = (self.images().layer(top), stage.path().join("rwlayer"));
            let mode = fs::metadata(&top).map_err(Error::file("read", &top))?.permissions();
            fs::set_permissions(&own, mode).map_err(Error::file("change", &own))?;
        }
        let owner = own(stage.path())?;
        match stage.publish(&self.home.container(&name), durability) {
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Error::ContainerExists(name));
            }
            other => other?,
        }
        drop((held, book, ids_lock));
        tracing::debug!("container {name}: created");
        let container = Container::new(self.home.clone(), name);
        if let Err(error) = container.make_network(&definition) {
            // A container whose network cannot be made is not one: it goes again.
            return Err(match container.destroy(IfRunning::Refuse) {
                Ok(()) => error,
                Err(second) => {
                    Error::TearDown { what: "creating the container".into(), failures: vec![error, second] }
                }
            });
        }
        Ok((container, owner))
    }

    /// Makes an image a container, in constant time: there is no such image any more. `spec` says what else the
    /// container stands on, which may be nothing, and may leave out what it may for [`Self::create`].
    ///
    /// `if_used` is about other containers on the image. [`Container::into_image`] is the way back.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`], [`Error::ContainerExists`], [`Error::ImageInUse`], [`Error::Busy`]; [`Error::Invalid`] when
    /// the image is to stand on itself; the image is as it was then. [`Error::File`] or [`Error::System`] when there
    /// is a container, but no network namespace for it; booting tries again.
    pub fn to_container(&self, image: &ImageRef, spec: &ContainerSpec, if_used: IfUsed) -> Result<Container> {
        Container::from_image(&self.home, image, spec, if_used)
    }

    /// The bridge that containers of this home are connected to.
    ///
    /// # Errors
    /// [`Error::Record`], [`Error::Format`].
    pub fn bridge(&self) -> Result<BridgeSettings> {
        BridgeSettings::read(&self.home)
    }

    /// Chooses another bridge, or other addresses for it, while no container is connected.
    ///
    /// # Errors
    /// [`NetworkError::BridgeInUse`](crate::NetworkError), [`Error::File`].
    pub fn set_bridge(&self, settings: &BridgeSettings) -> Result<()> {
        change_bridge(&self.home, settings)
    }

    /// The container of that name.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`].
    pub fn container(&self, name: &ContainerName) -> Result<Container> {
        let container = Container::new(self.home.clone(), name.clone());
        if !self.home.container(name).is_dir() {
            return Err(Error::NoSuchContainer(name.clone()));
        }
        if container.is_original() {
            container.take_over()?;
        }
        Ok(container)
    }

    /// What happens to the containers of this home from now on, whoever does it.
    ///
    /// ```no_run
    /// # let engine = xdocker_core::Engine::open("/var/xdocker")?;
    /// for event in engine.events()? {
    ///     let event = event?;
    ///     println!("{}: {:?}", event.container, event.kind);
    /// }
    /// # Ok::<(), xdocker_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::System`]: no more inotify instances or watches; [`Error::File`], [`Error::Record`].
    pub fn events(&self) -> Result<Events> {
        Events::of(&self.home)
    }

    /// All containers, by name.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Record`].
    pub fn containers(&self) -> Result<Vec<ContainerInfo>> {
        keep_rules(&self.home);
        // A container of the original program has no record that could be read: only such a one is looked at closer.
        let info = |name| match Container::new(self.home.clone(), name).info() {
            Err(Error::NoSuchContainer(name)) => self.container(&name)?.info(),
            info => info,
        };
        let infos = names(&self.home)?.into_iter().map(info);
        // One that was destroyed while we looked does not exist.
        infos.filter(|info| !matches!(info, Err(Error::NoSuchContainer(_)))).collect()
    }
}
