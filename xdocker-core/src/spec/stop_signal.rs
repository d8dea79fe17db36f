//! How a container is told to end.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The signal that asks a container to end; SIGTERM if nothing else was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub struct StopSignal(i32);

impl StopSignal {
    /// The signal's number.
    #[must_use]
    pub fn number(self) -> i32 {
        self.0
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for StopSignal {
    fn default() -> Self {
        Self(libc::SIGTERM)
    }
}

impl TryFrom<i32> for StopSignal {
    type Error = Error;
    fn try_from(number: i32) -> Result<Self> {
        // `_NSIG` of Linux.
        const MOST: i32 = 64;
        match number {
            1..=MOST => Ok(Self(number)),
            _ => Err(Error::invalid("stop signal", number.to_string(), "a number from 1 to 64 is expected")),
        }
    }
}

impl From<StopSignal> for i32 {
    fn from(signal: StopSignal) -> Self {
        signal.0
    }
}
