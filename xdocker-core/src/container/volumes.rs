//! Volumes of a container that exists.

use super::Container;
use crate::error::Result;
use crate::spec::Volume;

impl Container {
    /// Gives the container other volumes, in the place of those that it has.
    ///
    /// # Errors
    /// [`Error::Running`](crate::Error::Running); [`Error::Invalid`](crate::Error::Invalid) for two mounts at one place.
    pub fn set_volumes(&self, volumes: impl IntoIterator<Item = Volume>) -> Result<()> {
        let _lock = self.lock_stopped()?;
        let mut definition = self.definition()?;
        definition.volumes = volumes.into_iter().collect();
        Volume::check_places(&definition.volumes, &definition.tmpfs)?;
        definition.write(&self.directory(), definition.durability())
    }
}
