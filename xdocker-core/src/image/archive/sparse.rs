//! Maps of sparse files: which parts of a file are data. All the rest is holes.

use super::block::{BLOCK, Block, decimal, number};

/// A part of a file that is data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// A file's size and data, in order and without overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Map {
    size: u64,
    segments: Vec<Segment>,
}

impl Map {
    /// A file without holes.
    pub(super) fn dense(size: u64) -> Self {
        Self { size, segments: vec![Segment { offset: 0, length: size }] }
    }

    /// A file of `size` bytes that has data only in `segments`.
    pub(super) fn new(size: u64, segments: Vec<Segment>) -> Result<Self, &'static str> {
        let mut from = 0;
        for Segment { offset, length } in &segments {
            let end = offset.checked_add(*length).ok_or("a sparse file's map leaves the file")?;
            if *offset < from {
                return Err("a sparse file's map is out of order");
            }
            if end > size {
                return Err("a sparse file's map leaves the file");
            }
            from = end;
        }
        Ok(Self { size, segments })
    }

    /// The file's apparent size.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The parts that are data.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Bytes of data, which is what an archive holds of the file.
    pub(super) fn data(&self) -> u64 {
        self.segments.iter().map(|segment| segment.length).sum()
    }

    /// The map as GNU's version 1.0 has it before the data: decimal lines, filled up to a block.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut text = format!("{}\n", self.segments.len());
        for Segment { offset, length } in &self.segments {
            text.push_str(&format!("{offset}\n{length}\n"));
        }
        let mut bytes = text.into_bytes();
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }
}

/// Reads a map of version 1.0, block by block.
#[derive(Debug, Default)]
pub(super) struct MapReader {
    line: Vec<u8>,
    count: Option<u64>,
    offset: Option<u64>,
    segments: Vec<Segment>,
}

impl MapReader {
    /// Takes in the next block. `Some` is the whole map.
    pub(super) fn block(&mut self, block: &Block) -> Result<Option<Vec<Segment>>, &'static str> {
        for byte in block {
            if *byte != b'\n' {
                if self.line.len() == 20 {
                    return Err("a sparse file's map cannot be read");
                }
                self.line.push(*byte);
                continue;
            }
            let empty = self.line.is_empty();
            let value = decimal(&std::mem::take(&mut self.line)).filter(|_| !empty);
            let value = value.ok_or("a sparse file's map cannot be read")?;
            match (self.count, self.offset.take()) {
                (None, _) => self.count = Some(value),
                (_, None) => self.offset = Some(value),
                (_, Some(offset)) => self.segments.push(Segment { offset, length: value }),
            }
            if self.count == Some(self.segments.len() as u64) && self.offset.is_none() {
                return Ok(Some(std::mem::take(&mut self.segments)));
            }
        }
        Ok(None)
    }
}

/// What GNU's old header of a sparse file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OldGnu {
    /// The file's size, holes and all.
    pub(super) size: u64,
    /// The first parts that are data.
    pub(super) segments: Vec<Segment>,
    /// Whether a block with more of them follows.
    pub(super) more: bool,
}

/// Reads the map out of an `S` header: four parts, whether there are more, the file's size.
pub(super) fn old_gnu(block: &Block) -> Result<OldGnu, &'static str> {
    let size = number(&block[483..495])?.try_into().map_err(|_| "a size is negative")?;
    Ok(OldGnu { size, segments: old_segments(&block[386..482])?, more: block[482] != 0 })
}

/// Reads a block that follows an `S` header: 21 parts, and whether there are more.
pub(super) fn old_gnu_more(block: &Block) -> Result<(Vec<Segment>, bool), &'static str> {
    Ok((old_segments(&block[..504])?, block[504] != 0))
}

/// Parts of 24 bytes each, up to the first that is not set.
fn old_segments(bytes: &[u8]) -> Result<Vec<Segment>, &'static str> {
    let fields = bytes.chunks_exact(24).take_while(|field| field[12] != 0);
    let value = |field: &[u8]| number(field)?.try_into().map_err(|_| "a sparse file's map is negative");
    fields.map(|field| Ok(Segment { offset: value(&field[..12])?, length: value(&field[12..])? })).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn maps_come_back(gaps in proptest::collection::vec((0u64..1 << 40, 0u64..1 << 30), 0..200)) {
            let mut end = 0;
            let segments: Vec<_> = gaps.iter().map(|(gap, length)| {
                let offset = end + gap;
                end = offset + length;
                Segment { offset, length: *length }
            }).collect();
            let map = Map::new(end + 5, segments.clone()).unwrap();
            let mut reader = MapReader::default();
            let bytes = map.encode();
            let (blocks, _) = bytes.as_chunks();
            let (last, first) = blocks.split_last().unwrap();
            for block in first {
                prop_assert_eq!(reader.block(block), Ok(None));
            }
            prop_assert_eq!(reader.block(last), Ok(Some(segments)));
        }

        #[test]
        fn any_map_is_read_or_refused(text in "[0-9\n]{512}") {
            let block = text.as_bytes().as_chunks().0[0];
            let _ = MapReader::default().block(&block);
        }
    }

    #[test]
    fn maps_that_lie_are_refused() {
        let segment = |offset, length| Segment { offset, length };
        for segments in [
            vec![segment(0, 11)],
            vec![segment(u64::MAX, 2)],
            vec![segment(4, 2), segment(5, 1)],
            vec![segment(4, 2), segment(0, 1)],
        ] {
            assert!(Map::new(10, segments.clone()).is_err(), "{segments:?}");
        }
        assert!(Map::new(10, vec![segment(0, 4), segment(4, 0), segment(10, 0)]).is_ok());
    }
}
