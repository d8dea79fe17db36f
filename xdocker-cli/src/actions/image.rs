//! Images.

use xdocker_core::{IfUsed, ImageId, ImageRef};

use super::lifecycle::spec_of;
use super::{container, engine};
use crate::grammar::Given;
use crate::report::{self, Outcome};
use crate::terminal::Progress;

/// `-a install_test`
pub(crate) fn install_test(given: Given) -> Outcome {
    let version = given.version.unwrap_or_default();
    engine()?.images().install_test(version, &given.test_image)?;
    report::ok()
}

/// `-a version`
pub(crate) fn version(given: Given) -> Outcome {
    let version = given.version.clone().unwrap_or_default();
    engine()?.images().set_version(from(&given), &version, IfUsed::forced(given.forcely))?;
    report::ok()
}

/// `-a to_image`
pub(crate) fn to_image(given: Given) -> Outcome {
    let target = to(&given);
    let version = given.version.clone().or(target.version.clone());
    container(&given)?.into_image(target.name.clone(), version)?;
    report::ok()
}

/// `-a to_container`
pub(crate) fn to_container(mut given: Given) -> Outcome {
    let spec = spec_of(&mut given)?;
    engine()?.to_container(from(&given), &spec, IfUsed::forced(given.forcely))?;
    report::ok()
}

/// `-a copy_image`
pub(crate) fn copy(given: Given) -> Outcome {
    let ImageRef { name, version } = to(&given).clone();
    let images = engine()?.images();
    let image = images.get(from(&given))?;
    let bar = Progress::new(image.size);
    let id = ImageId { name, version: version.unwrap_or_default() };
    images.copy(&image.id.into(), &id, &|now| bar.show(now.content))?;
    drop(bar);
    report::ok()
}

/// `-a del_image`
pub(crate) fn delete(given: Given) -> Outcome {
    engine()?.images().delete(from(&given), IfUsed::forced(given.forcely))?;
    report::ok()
}

/// The image to begin with.
pub(super) fn from(given: &Given) -> &ImageRef {
    given.from_image.as_ref().expect("the grammar asks for it")
}

/// The image that there is to be.
fn to(given: &Given) -> &ImageRef {
    given.to_image.as_ref().expect("the grammar asks for it")
}
