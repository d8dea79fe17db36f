//! gzip, a member for each chunk of the tar; every gzip reads members one after the other as one stream. What a chunk
//! becomes depends on nothing but its bytes, so the archive does not depend on how many threads there were or who
//! was faster.
//!
//! Each member is filled up to whole blocks, by what the format keeps for the use of others (`FEXTRA`) and every reader
//! skips: so dd(1) can put archives together from members of others.

use std::io::{self, Write};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// Members are this many bytes long, or a multiple of it.
pub(crate) const UNIT: usize = 512;

/// What stands around the compressed data: a header with room for the length of the extra field, the head of what is
/// in there, checksum and length.
const AROUND: usize = 10 + 2 + 4 + 8;

/// A gzip member that holds `chunk`, which is less than 4 GiB, compressed at a level from 1 to 9.
pub(crate) fn member(chunk: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(chunk.len() / 2), Compression::new(level));
    encoder.write_all(chunk)?;
    let body = encoder.finish()?;
    let mut crc = Crc::new();
    crc.update(chunk);

    let filling = (body.len() + AROUND).wrapping_neg() % UNIT;
    let mut member = Vec::with_capacity(body.len() + AROUND + filling);
    // Deflate with an extra field; neither a time nor a name, and "unknown" as the system: the same bytes everywhere.
    member.extend_from_slice(&[0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255]);
    member.extend_from_slice(&(filling as u16 + 4).to_le_bytes());
    member.extend_from_slice(b"xd");
    member.extend_from_slice(&(filling as u16).to_le_bytes());
    member.resize(member.len() + filling, 0);
    member.extend_from_slice(&body);
    member.extend_from_slice(&crc.sum().to_le_bytes());
    member.extend_from_slice(&crc.amount().to_le_bytes());
    Ok(member)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::MultiGzDecoder;

    use super::*;

    #[test]
    fn what_is_put_in_comes_out_and_members_are_whole_blocks() {
        let bytes: Vec<u8> = (0..300_000u32).map(|n| (n ^ (n >> 9)) as u8).collect();
        for length in (0..2_000).chain([299_999, 300_000]) {
            let chunk = &bytes[..length];
            let member = member(chunk, 6).unwrap();
            assert_eq!(member.len() % UNIT, 0);
            let mut read = Vec::new();
            MultiGzDecoder::new(&member.repeat(2)[..]).read_to_end(&mut read).unwrap();
            assert_eq!(read, chunk.repeat(2));
        }
    }
}
