//! A plan as it lies in memory, and its steps one after the other.

use crate::sys::{self, EPROTO, Memory, Result, Text};
use crate::wire::{Header, MAGIC, StepHead};

/// A checked plan, mapped for as long as the process lives.
#[derive(Clone, Copy)]
pub struct Plan {
    start: *const u8,
    pub header: &'static Header,
}

impl Plan {
    /// Maps the plan in `fd` and checks its frame; closes `fd`.
    pub fn map(fd: i32) -> Result<Self> {
        let mapped = Self::map_open(fd);
        sys::close(fd);
        mapped
    }

    fn map_open(fd: i32) -> Result<Self> {
        let length = sys::size(fd)?;
        if length < size_of::<Header>() {
            return Err(EPROTO);
        }
        let start = sys::map(Memory::File(fd), length)?.cast_const();
        // SAFETY: a page-aligned mapping of at least a header's length; who unmaps it uses nothing of it any more.
        let header = unsafe { &*start.cast::<Header>() };
        let inside = |[at, n]: [u32; 2]| at.checked_add(n).is_some_and(|end| end as usize <= length);
        let framed = header.sections.iter().all(|part| inside(*part)) && inside(header.record);
        if header.magic != MAGIC || header.length as usize != length || !framed {
            sys::unmap(start, length);
            return Err(EPROTO);
        }
        Ok(Self { start, header })
    }

    /// All of it.
    pub fn memory(&self) -> &'static [u8] {
        // SAFETY: `map` has mapped so many bytes. Who unmaps it must not use anything of it any more.
        unsafe { core::slice::from_raw_parts(self.start, self.header.length as usize) }
    }

    /// Gives the memory back. Whoever holds something of the plan must not use it any more.
    pub fn unmap(self) {
        sys::unmap(self.start, self.header.length as usize);
    }

    /// The steps of a section of [`crate::wire::section`].
    pub fn steps(&self, section: u32) -> Steps {
        let [at, length] = self.header.sections[section as usize];
        // SAFETY: `map` checked that the section lies inside the mapping.
        let at = unsafe { self.start.add(at as usize) };
        Steps { at, left: length as usize }
    }

    /// The text that `run.json` begins with.
    pub fn record(&self) -> &'static [u8] {
        let [at, length] = self.header.record;
        // SAFETY: `map` checked that it lies inside the mapping, which is never unmapped.
        unsafe { core::slice::from_raw_parts(self.start.add(at as usize), length as usize) }
    }
}

/// One step: its head, and where its payload lies.
#[derive(Clone, Copy)]
pub struct Step {
    pub head: &'static StepHead,
    payload: *const u8,
}

impl Step {
    /// The payload as it is.
    pub fn payload(&self) -> &'static [u8] {
        // SAFETY: `Steps::next` checked the length against the section.
        unsafe { core::slice::from_raw_parts(self.payload, self.head.payload as usize) }
    }

    /// The strings of the payload, one after the other; empty ones where it has no more.
    pub fn texts(&self) -> Texts {
        Texts { rest: self.payload() }
    }
}

/// Strings of a payload.
pub struct Texts {
    rest: &'static [u8],
}

impl Texts {
    /// The next string, or an empty one.
    pub fn take(&mut self) -> Text {
        let Some(end) = self.rest.iter().position(|byte| *byte == 0) else {
            return Text::of(c"");
        };
        // SAFETY: a NUL lies at `end` in the same mapping.
        let text = unsafe { Text::new(self.rest.as_ptr()) };
        self.rest = self.rest.get(end + 1..).unwrap_or(&[]);
        text
    }
}

/// Iterator over the steps of a section.
#[derive(Clone)]
pub struct Steps {
    at: *const u8,
    left: usize,
}

impl Iterator for Steps {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let room = self.left.checked_sub(size_of::<StepHead>())?;
        // SAFETY: room for a head is left in the section; steps begin at multiples of 8.
        let (head, payload) = unsafe { (&*self.at.cast::<StepHead>(), self.at.add(size_of::<StepHead>())) };
        let length = (head.payload as usize).next_multiple_of(8);
        self.left = room.checked_sub(length)?;
        // SAFETY: `length` more bytes are left in the section.
        self.at = unsafe { payload.add(length) };
        Some(Step { head, payload })
    }
}
