//! Which containers stand on an image.

use std::fs;
use std::io;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::home::{Home, record};
use crate::name::{ContainerName, ImageId};

/// What matters here of the definition of a container.
#[derive(Deserialize)]
struct Definition {
    images: Vec<ImageId>,
}

/// The containers of `home` whose definitions name `image`, sorted.
///
/// # Errors
/// A definition that cannot be read: nobody knows what that container stands on.
pub(super) fn users(home: &Home, image: &ImageId) -> Result<Vec<ContainerName>> {
    let containers = home.containers();
    let mut users = Vec::new();
    for entry in fs::read_dir(&containers).map_err(Error::file("read", &containers))? {
        let name = entry.map_err(Error::file("read", &containers))?.file_name();
        // What has no name of a container is none of ours.
        let Some(Ok(name)) = name.to_str().map(str::parse::<ContainerName>) else { continue };
        let definition = match record::read::<Definition>(&home.container(&name).join("container.json")) {
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotADirectory => None,
            definition => definition?,
        };
        if definition.is_some_and(|definition| definition.images.contains(image)) {
            users.push(name);
        }
    }
    users.sort();
    Ok(users)
}

/// Refuses when a container stands on `image`.
///
/// # Errors
/// [`Error::ImageInUse`].
pub(super) fn refuse_if_used(home: &Home, image: &ImageId) -> Result<()> {
    match users(home, image)? {
        containers if containers.is_empty() => Ok(()),
        containers => Err(Error::ImageInUse { image: image.clone(), containers }),
    }
}
