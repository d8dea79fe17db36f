//! The sum that cksum(1) makes, which is in every POSIX system: of a whole, from the sums of its parts.

/// The polynomial, without its highest power.
const POLYNOMIAL: u32 = 0x04c1_1db7;

/// The remainder of each byte.
static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut rest = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            rest = times_x(rest);
            bit += 1;
        }
        table[byte] = rest;
        byte += 1;
    }
    table
}

/// A remainder times x.
const fn times_x(rest: u32) -> u32 {
    if rest & 0x8000_0000 != 0 { rest << 1 ^ POLYNOMIAL } else { rest << 1 }
}

/// The remainder of bytes as a polynomial: what sums can be put together from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Remainder(pub(super) u32);

impl Remainder {
    /// Of these bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(0).then(bytes)
    }

    /// Of what this is of, and these bytes after it.
    pub(super) fn then(self, bytes: &[u8]) -> Self {
        Self(
            bytes
                .iter()
                .fold(self.0, |rest, byte| rest << 8 ^ TABLE[(rest >> 24 ^ u32::from(*byte)) as usize]),
        )
    }

    /// Of what this is of, and `length` bytes after it of which `next` is known.
    pub(super) fn join(self, next: Self, length: u64) -> Self {
        // x to the power of 8 · length, by squaring.
        let (mut power, mut square, mut left) = (1, 1 << 8, length);
        while left > 0 {
            if left & 1 == 1 {
                power = times(power, square);
            }
            square = times(square, square);
            left >>= 1;
        }
        Self(times(self.0, power) ^ next.0)
    }

    /// What cksum(1) says of `length` bytes with this remainder.
    pub(super) fn sum(self, length: u64) -> u32 {
        let digits = (8 - length.leading_zeros() / 8) as usize;
        !self.then(&length.to_le_bytes()[..digits]).0
    }
}

/// The product of two remainders.
fn times(a: u32, b: u32) -> u32 {
    (0..32).rev().fold(0, |product, bit| times_x(product) ^ if b >> bit & 1 == 1 { a } else { 0 })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_sum_is_that_of_the_program() {
        for length in [0usize, 1, 255, 256, 70_000] {
            let bytes: Vec<u8> = (0..length).map(|n| ((n * 7) >> 3) as u8).collect();
            let mut program =
                Command::new("cksum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            program.stdin.take().unwrap().write_all(&bytes).unwrap();
            let said = String::from_utf8(program.wait_with_output().unwrap().stdout).unwrap();
            assert_eq!(said.trim(), format!("{} {length}", Remainder::of(&bytes).sum(length as u64)));
        }
    }

    #[test]
    fn the_sum_of_a_whole_follows_from_its_parts() {
        let bytes: Vec<u8> = (0..5_000u32).map(|n| ((n * n) >> 5) as u8).collect();
        for cut in [0, 1, 512, 4_999, 5_000] {
            let (first, second) = bytes.split_at(cut);
            let joined = Remainder::of(first).join(Remainder::of(second), second.len() as u64);
            assert_eq!(joined, Remainder::of(&bytes));
        }
    }
}
