//! What becomes of a container that has ended.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Whether a container is started again when its root process has ended by itself.
///
/// Its monitor does that, after 100 ms, and after twice as long each time that it ends again, up to a minute; who has run
/// for 10 s begins anew. One that was shut down or killed by [`Container::shutdown`](crate::Container::shutdown) or its
/// like stays down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// When it has failed: it ended with another exit code than 0, or by a signal.
    OnFailure {
        /// How many times in a row; `None` for any number.
        most: Option<NonZeroU32>,
    },
    /// Whenever it has ended, and when all are asked for after the host has come up again.
    Always,
}

impl RestartPolicy {
    pub(crate) fn is_no(&self) -> bool {
        *self == Self::No
    }
}

impl FromStr for RestartPolicy {
    type Err = Error;

    /// `no`, `on-failure`, `on-failure:N` or `always`.
    fn from_str(text: &str) -> Result<Self> {
        let number =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
        let policy = match text {
            "no" => Some(Self::No),
            "always" => Some(Self::Always),
            "on-failure" => Some(Self::OnFailure { most: None }),
            _ => text
                .strip_prefix("on-failure:")
                .and_then(number)
                .map(|most| Self::OnFailure { most: Some(most) }),
        };
        let why = "`no`, `on-failure`, `on-failure:N` or `always` is expected";
        policy.ok_or_else(|| Error::invalid("restart policy", text, why))
    }
}

impl fmt::Display for RestartPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => f.write_str("no"),
            Self::OnFailure { most: None } => f.write_str("on-failure"),
            Self::OnFailure { most: Some(most) } => write!(f, "on-failure:{most}"),
            Self::Always => f.write_str("always"),
        }
    }
}

impl TryFrom<String> for RestartPolicy {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<RestartPolicy> for String {
    fn from(policy: RestartPolicy) -> Self {
        policy.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_words() {
        for text in ["no", "on-failure", "on-failure:1", "on-failure:4294967295", "always"] {
            assert_eq!(text.parse::<RestartPolicy>().unwrap().to_string(), text);
        }
        for bad in
            ["", "yes", "on-failure:", "on-failure:0", "on-failure:-1", "on-failure:+1", "always:3", "NO"]
        {
            assert!(bad.parse::<RestartPolicy>().is_err(), "{bad:?}");
        }
    }
}
