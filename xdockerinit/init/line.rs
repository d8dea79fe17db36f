//! Text that is put together, without an allocator.

use crate::sys::{self, Result, Text};
use crate::wire::RECORD_MAX;

/// A line that grows in a buffer of fixed size, and in its place: copies of it would be pages of a stack that stays.
/// What does not fit is an error when it is written.
pub struct Line {
    bytes: [u8; RECORD_MAX],
    pub length: usize,
}

impl Line {
    pub fn new() -> Self {
        Self { bytes: [0; RECORD_MAX], length: 0 }
    }

    pub fn text(&mut self, text: &[u8]) -> &mut Self {
        let end = self.length + text.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(text);
        }
        self.length = end;
        self
    }

    pub fn number(&mut self, number: u64) -> &mut Self {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return self.text(&digits[at..]);
            }
        }
    }

    pub fn finish(&self) -> Result<&[u8]> {
        self.bytes.get(..self.length).ok_or(sys::ENAMETOOLONG)
    }

    /// The path of `name`, which ends in NUL, of a process in /proc.
    pub fn of_process(&mut self, pid: i32, name: &[u8]) -> Result<Text> {
        self.text(b"/proc/").number(pid as u64).text(b"/").text(name);
        // SAFETY: it ends in the NUL of `name`. Whoever calls keeps the line for as long as the path is used.
        Ok(unsafe { Text::new(self.finish()?.as_ptr()) })
    }
}
