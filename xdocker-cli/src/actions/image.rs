//! Images.

use super::engine;
use crate::grammar::Given;
use crate::report::{self, Outcome};

/// `-a install_test`
pub(crate) fn install_test(given: Given) -> Outcome {
    engine()?.images().install_test(given.version.unwrap_or_default(), &given.test_image)?;
    report::ok()
}
