//! Containers that the original program made: a file for each property, and no record.
//!
//! ```text
//! containers/NAME/
//!   rwlayer/ workdir/ merged/       as ours
//!   image                           a,b:1.0,c     the lowest first; empty for none
//!   hostname net vip port_mapping   a line each; vip and port_mapping on the bridge alone
//!   volume                          HOST:CONTAINER, a line each
//!   version                         of the image that it was converted from
//!   netns pid size                  not read: names follow from ours, the rest was true of a run
//! ```
//!
//! They are taken over where they lie when they are first met: from then on `container.json` says what they are. The
//! files of the original stay, and nobody reads them again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{Container, Definition, names, settle};
use crate::error::{Error, Result};
use crate::home::{Durability, Home};
use crate::name::{ImageId, ImageRef};
use crate::spec::{
    Endpoint, Hostname, LogSize, Network, Resources, RestartPolicy, Sandbox, StopSignal, Volume,
};

/// The properties as text.
struct Properties {
    directory: PathBuf,
}

impl Properties {
    /// What the file says, without blanks around it; `None` when there is none, or nothing in it.
    fn text(&self, name: &str) -> Result<Option<String>> {
        let path = self.directory.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(Error::file("read", path)(why)),
        }
    }

    fn parsed<T: FromStr<Err: Into<Error>>>(&self, name: &str) -> Result<Option<T>> {
        self.text(name)?.map(|text| text.parse().map_err(Into::into)).transpose()
    }

    /// The layers, as they are named.
    fn images(&self) -> Result<Vec<ImageRef>> {
        // Early versions wrote the plural.
        let text = self.text("image")?.or(self.text("images")?).unwrap_or_default();
        text.split(',').filter(|name| !name.is_empty()).map(|name| Ok(name.trim().parse()?)).collect()
    }

    fn volumes(&self) -> Result<Vec<Volume>> {
        self.text("volume")?.unwrap_or_default().lines().map(|line| line.trim().parse()).collect()
    }

    fn network(&self) -> Result<Network> {
        let network = self.parsed("net")?.unwrap_or_default();
        let Network::Bridge(_) = network else { return Ok(network) };
        let mut endpoint = Endpoint::new();
        if let Some(vip) = self.text("vip")? {
            let address = vip.parse().map_err(|_| Error::invalid("vip", &vip, "it is no IPv4 address"))?;
            endpoint = endpoint.vip(address);
        }
        if let Some(ports) = self.parsed("port_mapping")? {
            endpoint = endpoint.ports(ports);
        }
        Ok(Network::Bridge(endpoint))
    }
}

impl Container {
    /// Whether the original made it, and it was not taken over yet.
    pub(crate) fn is_original(&self) -> bool {
        let directory = self.directory();
        let has = |name: &str| directory.join(name).exists();
        !Definition::is_in(&directory) && has("rwlayer") && (has("image") || has("images"))
    }

    /// Gives a container of the original its definition.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a property that cannot be ours; [`Error::Busy`], [`Error::File`]. It is as it was then.
    pub(crate) fn take_over(&self) -> Result<()> {
        let _lock = self.lock()?;
        if !self.is_original() {
            return Ok(());
        }
        let properties = Properties { directory: self.directory() };
        let hostname = match properties.parsed("hostname")? {
            Some(hostname) => hostname,
            None => Hostname::from(&self.name),
        };
        let mut network = properties.network()?;
        let book = settle(&self.home, &mut network, &self.name, &hostname)?;
        let definition = Definition {
            images: properties
                .images()?
                .into_iter()
                .map(|image| self.identify(image))
                .collect::<Result<_>>()?,
            hostname,
            network,
            sandbox: Sandbox::default(),
            tmpfs: Vec::new(),
            volumes: properties.volumes()?,
            resources: Resources::new(),
            log: LogSize::default(),
            restart: RestartPolicy::No,
            stop_signal: StopSignal::default(),
            ids: None,
            created: modified(&properties.directory)?,
            version: properties.parsed("version")?,
            ephemeral: false,
        };
        definition.write(&properties.directory, Durability::Synced)?;
        drop(book);
        tracing::info!("container {}: taken over from the program that made it", self.name);
        Ok(())
    }

    /// The version that an image without one stands for. The original looked at each boot; one that has gone since is
    /// named as it was, and a boot says that it is missing.
    fn identify(&self, image: ImageRef) -> Result<ImageId> {
        match self.images().get(&image) {
            Ok(image) => Ok(image.id),
            Err(Error::NoSuchImage(ImageRef { name, version })) => {
                Ok(ImageId { name, version: version.unwrap_or_default() })
            }
            Err(error) => Err(error),
        }
    }
}

/// Takes over all containers of a home that the original made. What fails is told when that container is asked for.
pub(crate) fn take_over_all(home: &Home) -> Result<()> {
    for name in names(home)? {
        let container = Container::new(home.clone(), name);
        if container.is_original()
            && let Err(error) = container.take_over()
        {
            tracing::warn!("container {}: {}", container.name, error.chain());
        }
    }
    Ok(())
}

fn modified(path: &Path) -> Result<std::time::SystemTime> {
    fs::metadata(path).and_then(|it| it.modified()).map_err(Error::file("read", path))
}
