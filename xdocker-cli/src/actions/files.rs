//! Files of a running container.

use xdocker_core::Mapping;

use super::container;
use crate::grammar::Given;
use crate::report::{self, Outcome};

/// `-a rplfile`
pub(crate) fn replace(given: Given) -> Outcome {
    let template = given.template.as_deref().expect("the grammar asks for it");
    let mapping = Mapping::read(given.mapping.as_deref().expect("the grammar asks for it"))?;
    for key in container(&given)?.replace(template, &mapping, given.instance.as_deref())? {
        let key = String::from_utf8_lossy(key);
        tracing::warn!("key `{}` does not occur in {}", key.escape_debug(), template.display());
    }
    report::ok()
}
