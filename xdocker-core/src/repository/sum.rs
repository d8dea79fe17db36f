//! The sum of a stream, as the server makes it of a file.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::cksum::Remainder;
use super::session::Sums;

/// A sum under way.
#[derive(Clone)]
pub(super) enum Sum {
    /// Of sha256sum(1).
    Sha256(Box<Sha256>),
    /// Of cksum(1), where there is nothing better.
    Cksum(Remainder, u64),
}

impl Sum {
    /// Of nothing yet.
    pub(super) fn new(sums: Sums) -> Self {
        match sums {
            Sums::Sha256 => Self::Sha256(Box::default()),
            Sums::Cksum => Self::Cksum(Remainder::default(), 0),
        }
    }

    /// Takes what comes next.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(sum) => sum.update(bytes),
            Self::Cksum(rest, length) => {
                *rest = rest.then(bytes);
                *length += bytes.len() as u64;
            }
        }
    }

    /// As the server writes it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Sha256(sum) => sum.clone().finalize().iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            }),
            Self::Cksum(rest, length) => rest.sum(*length).to_string(),
        }
    }
}
