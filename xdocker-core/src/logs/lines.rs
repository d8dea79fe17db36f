//! Pieces of output become lines. Pure.

use std::collections::{BTreeMap, VecDeque};

use xdockerinit::wire::log::{Frame, kind};

use super::{LogEntry, LogLine, LogOrigin, LogStream, printer, time};

/// Longest line; what is longer is cut.
const LONGEST: usize = 1 << 20;

/// A line that has begun: when, and what there is of it.
#[derive(Debug)]
struct Begun {
    time: u64,
    bytes: Vec<u8>,
}

/// Lines that have begun and not ended, one for each that prints.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: BTreeMap<(LogOrigin, LogStream), Begun>,
}

impl Lines {
    /// Takes a frame, and adds to `out` what ends with it.
    pub(super) fn take(&mut self, frame: &Frame, payload: &[u8], out: &mut VecDeque<LogEntry>) {
        let of = printer(frame.kind, frame.origin);
        match (frame.kind, of) {
            (kind::STDOUT | kind::STDERR, Some(of)) => self.add(of, frame.time, payload, out),
            (_, Some(of)) => {
                if let Some(begun) = self.begun.remove(&of) {
                    out.push_back(line(of, begun));
                }
            }
            (kind::BEGIN, None) => self.finish(out),
            (kind::LOST, None) => {
                // Whoever's it was: what comes next may be the middle of another line.
                self.finish(out);
                out.push_back(LogEntry::Lost { time: time(frame.time), bytes: Some(frame.origin) });
            }
            // Of a later release.
            _ => {}
        }
    }

    /// Nobody will finish his line.
    pub(super) fn finish(&mut self, out: &mut VecDeque<LogEntry>) {
        out.extend(std::mem::take(&mut self.begun).into_iter().map(|(of, begun)| line(of, begun)));
    }

    fn add(&mut self, of: (LogOrigin, LogStream), now: u64, payload: &[u8], out: &mut VecDeque<LogEntry>) {
        for piece in payload.split_inclusive(|byte| *byte == b'\n') {
            let mut piece = piece;
            while !piece.is_empty() {
                let begun = self.begun.entry(of).or_insert(Begun { time: now, bytes: Vec::new() });
                let (here, rest) = piece.split_at(piece.len().min(LONGEST - begun.bytes.len()));
                begun.bytes.extend_from_slice(here);
                piece = rest;
                if begun.bytes.last() == Some(&b'\n') || begun.bytes.len() == LONGEST {
                    out.extend(self.begun.remove(&of).map(|begun| line(of, begun)));
                }
            }
        }
    }
}

fn line((origin, stream): (LogOrigin, LogStream), begun: Begun) -> LogEntry {
    LogEntry::Line(LogLine { time: time(begun.time), origin, stream, bytes: begun.bytes })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u32, time: u64) -> Frame {
        Frame { kind, time, ..Frame::default() }
    }

    fn text(entry: &LogEntry) -> (&str, LogStream, u64) {
        let LogEntry::Line(line) = entry else { panic!("{entry:?}") };
        let since = line.time.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
        (std::str::from_utf8(&line.bytes).unwrap(), line.stream, since)
    }

    #[test]
    fn streams_do_not_mix_and_a_line_has_the_time_of_its_begin() {
        let (mut lines, mut out) = (Lines::default(), VecDeque::new());
        let mut say = |kind, time, text: &str| lines.take(&frame(kind, time), text.as_bytes(), &mut out);
        say(kind::STDOUT, 1, "a");
        say(kind::STDERR, 2, "x\ny");
        say(kind::STDOUT, 3, "b\n\nc");
        say(kind::END_STDOUT, 4, "");
        say(kind::STDOUT, 5, "d");
        say(kind::BEGIN, 6, "");
        use LogStream::{Stderr, Stdout};
        let expected = [
            ("x\n", Stderr, 2),
            ("ab\n", Stdout, 1),
            ("\n", Stdout, 3),
            ("c", Stdout, 3),
            ("d", Stdout, 5),
            ("y", Stderr, 2),
        ];
        assert_eq!(out.iter().map(text).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn no_line_is_longer_than_a_mib() {
        let (mut lines, mut out) = (Lines::default(), VecDeque::new());
        for _ in 0..40 {
            lines.take(&frame(kind::STDOUT, 0), &[b'x'; 64 << 10], &mut out);
        }
        lines.finish(&mut out);
        let sizes: Vec<_> = out.iter().map(|entry| text(entry).0.len()).collect();
        assert_eq!(sizes, [LONGEST, LONGEST, LONGEST / 2]);
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_are_the_same_lines(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300),
            size in 1usize..50,
        ) {
            let (mut lines, mut out) = (Lines::default(), VecDeque::new());
            for piece in bytes.chunks(size) {
                lines.take(&frame(kind::STDOUT, 0), piece, &mut out);
            }
            lines.finish(&mut out);
            let got: Vec<_> = out.into_iter().map(|entry| match entry {
                LogEntry::Line(line) => line.bytes,
                lost => panic!("{lost:?}"),
            }).collect();
            let whole: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            prop_assert_eq!(got, whole);
        }
    }
}
