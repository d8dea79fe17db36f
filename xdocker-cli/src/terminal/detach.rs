//! The keys that leave a session.

/// Ctrl-P
const FIRST: u8 = 0x10;
/// Ctrl-Q
const SECOND: u8 = 0x11;

/// Watches the keys for Ctrl-P Ctrl-Q.
///
/// Ctrl-P is passed on at once, since shells and editors know it too and a key that only shows with the next one
/// feels broken; whoever leaves has sent the session one Ctrl-P.
#[derive(Debug, Default)]
pub(super) struct DetachKeys {
    /// Whether the last key was the first one of the two.
    armed: bool,
}

impl DetachKeys {
    /// Which of `keys` belong to the session; fewer than all when the two were pressed.
    pub(super) fn before_detach<'a>(&mut self, keys: &'a [u8]) -> &'a [u8] {
        for (at, key) in keys.iter().enumerate() {
            if self.armed && *key == SECOND {
                return &keys[..at];
            }
            self.armed = *key == FIRST;
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_keys_leave_wherever_the_reads_cut_them() {
        for (reads, passed, left) in [
            (&[&b"ls\r"[..]][..], &b"ls\r"[..], false),
            (&[b"a\x10\x11b"], b"a\x10", true),
            (&[b"a\x10", b"\x11b"], b"a\x10", true),
            (&[b"\x10", b"x\x11"], b"\x10x\x11", false),
            (&[b"\x10\x10\x11"], b"\x10\x10", true),
            (&[b"\x11\x10"], b"\x11\x10", false),
            (&[b"\x10", b"", b"\x11"], b"\x10", true),
        ] {
            let mut keys = DetachKeys::default();
            let mut seen = Vec::new();
            let mut detached = false;
            for read in reads {
                let mine = keys.before_detach(read);
                seen.extend_from_slice(mine);
                detached |= mine.len() < read.len();
            }
            assert_eq!((seen.as_slice(), detached), (passed, left), "{reads:?}");
        }
    }
}
