//! The sum that cksum(1) makes, which is in every POSIX system: of a whole, from the sums of its parts.

/// The polynomial, without its highest power.
const POLYNOMIAL: u32 = 0x04c1_1db7;

/// How many bytes are taken at once.
const STEP: usize = 8;

/// The remainder of each byte with none, one, … zeros after it.
static TABLES: [[u32; 256]; STEP] = tables();

const fn tables() -> [[u32; 256]; STEP] {
    let mut tables = [[0; 256]; STEP];
    let mut byte = 0;
    while byte < 256 {
        let mut rest = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 * STEP {
            rest = times_x(rest);
            bit += 1;
            if bit % 8 == 0 {
                tables[bit / 8 - 1][byte] = rest;
            }
        }
        byte += 1;
    }
    tables
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
        let (steps, last) = bytes.as_chunks::<STEP>();
        let rest = steps.iter().fold(self.0, |rest, step| {
            let [a, b, c, d] = rest.to_be_bytes();
            let head = [a ^ step[0], b ^ step[1], c ^ step[2], d ^ step[3]];
            let bytes = head.iter().chain(&step[4..]);
            bytes.zip(TABLES.iter().rev()).fold(0, |rest, (byte, table)| rest ^ table[usize::from(*byte)])
        });
        Self(
            last.iter()
                .fold(rest, |rest, byte| rest << 8 ^ TABLES[0][usize::from((rest >> 24) as u8 ^ *byte)]),
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
