//! Images.

use super::engine;
use crate::grammar::Given;
use crate::report::{self, Outcome};

/// `-a install_test`
pub(crate) fn install_test(given: Given) -> Outcome {
    let version = given.version.unwrap_or_default();
    let (_, report) = engine()?.images().install_test(version, &given.test_image)?;
    if !report.missing.is_empty() {
        tracing::info!("left out, since this host does not have it: {}", report.missing.join(", "));
    }
    report::ok()
}
