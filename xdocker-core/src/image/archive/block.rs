//! What tars are made of: blocks, and the fields in them.

/// Size of a tar's blocks in bytes.
pub(super) const BLOCK: usize = 512;

/// One of them.
pub(super) type Block = [u8; BLOCK];

/// Bytes from the end of `size` bytes of data to the next block.
pub(super) fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

/// A field of text: up to its first zero byte.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A number: octal digits, or with the first bit set two's complement (GNU's "base-256").
pub(super) fn number(field: &[u8]) -> Result<i64, &'static str> {
    const RANGE: &str = "a number is out of range";
    let first = field[0];
    if first & 0x80 != 0 {
        // The second bit is the sign; at most 12 bytes, so i128 has room.
        let start = i128::from(first & 0x3f) - i128::from(first & 0x40);
        let value = field[1..].iter().fold(start, |value, byte| (value << 8) | i128::from(*byte));
        return value.try_into().map_err(|_| RANGE);
    }
    let digits = text(field).trim_ascii();
    digits.iter().try_fold(0i64, |value, digit| match digit {
        b'0'..=b'7' => {
            value.checked_mul(8).and_then(|value| value.checked_add(i64::from(digit - b'0'))).ok_or(RANGE)
        }
        _ => Err("a number has a character that is no octal digit"),
    })
}

/// Reads a number of decimal digits only.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_filled_up_to_a_block() {
        for (size, rest) in [(0, 0), (1, 511), (511, 1), (512, 0), (513, 511), (u64::MAX, 1)] {
            assert_eq!(padding(size), rest, "{size}");
        }
    }

    #[test]
    fn a_field_ends_at_its_first_zero() {
        assert_eq!(text(b"name\0\0old"), b"name");
        assert_eq!(text(b"whole"), b"whole");
        assert_eq!(text(b"\0"), b"");
    }

    #[test]
    fn a_number_is_octal_or_of_the_base_256() {
        assert_eq!(number(b"0000755\0"), Ok(0o755));
        assert_eq!(number(b"  17  \0\0"), Ok(0o17));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Ok(0));
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 1, 0]), Ok(256));
        assert_eq!(number(&[0xff; 8]), Ok(-1));
        assert!(number(b"0000789\0").is_err());
        assert!(number(&[0x80, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_err(), "out of range");
    }

    #[test]
    fn a_decimal_number_is_digits_and_nothing_else() {
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        for wrong in [&b""[..], b"-1", b"+1", b" 1", b"1x", b"18446744073709551616"] {
            assert_eq!(decimal(wrong), None, "{wrong:?}");
        }
    }
}
