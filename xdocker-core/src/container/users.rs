//! Which numbers a container's users are outside.

use md5::{Digest, Md5};
use std::os::unix::ffi::OsStrExt;

use super::{Container, PATIENCE, names};
use crate::error::{Error, Result};
use crate::home::{DirectoryLock, Home};
use crate::name::ContainerName;
use crate::spec::Sandbox;
use crate::users::{self, IdRange};

/// Chooses a range for a container that is about to be made, if it is to have one: no other of the home's has it.
/// Whoever makes it holds the lock until the container has its name. Where the search begins follows from the names of
/// home and container, so that those of two homes are hardly ever the same.
///
/// # Errors
/// [`Error::Unsupported`] where the host has no user namespaces, or no range is left.
pub(crate) fn choose_ids(
    home: &Home,
    name: &ContainerName,
    sandbox: &Sandbox,
) -> Result<(Option<IdRange>, Option<DirectoryLock>)> {
    if !sandbox.user_namespace {
        return Ok((None, None));
    }
    users::require()?;
    let lock = DirectoryLock::exclusive(&home.containers(), &"the list of containers", PATIENCE)?;
    let mut taken = Vec::new();
    for name in names(home)? {
        match Container::new(home.clone(), name).definition() {
            Ok(definition) => taken.extend(definition.ids),
            Err(Error::NoSuchContainer(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let digest = Md5::new().chain_update(home.path().as_os_str().as_bytes()).chain_update([0]);
    let digest = digest.chain_update(name.as_str()).finalize();
    let start = u32::from_ne_bytes([digest[0], digest[1], digest[2], digest[3]]);
    let Some(range) = IdRange::free(start, &taken) else {
        let why = "every range of users belongs to a container of this home".into();
        return Err(Error::Unsupported { what: "one more user namespace".into(), why });
    };
    Ok((Some(range), Some(lock)))
}
