//! Images.

use super::engine;
use crate::grammar::Given;
use crate::report::{self, Outcome};

/// `-a install_test`
pub(crate) fn install_test(given: Given) -> Outcome {
    let version = given.version.unwrap_or_default();
    engine()?.images().install_test(version, &given.test_image)?;
    report::ok()
}
