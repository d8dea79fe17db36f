//! What a container has of the host.

use super::container;
use crate::grammar::Given;
use crate::report::{self, Outcome};

/// `-a volume`
pub(crate) fn volume(given: Given) -> Outcome {
    let container = container(&given)?;
    container.set_volumes(given.volumes)?;
    report::ok()
}
