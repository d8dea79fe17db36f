//! Records of detached runs: who was started, and how it has ended, for whoever asks later.
//!
//! They are entries of a file of fixed size, each in a place that its id gives, so that the newest take the places of
//! the oldest.

use crate::plan::Plan;
use crate::sys::pipes::{pread, truncate};
use crate::sys::{self, Result, Text};
use crate::wire::runs::{COMMAND_MAX, ENTRY, Entry, FILE, FILE_MAGIC, MOST, state};
use crate::wire::{fd, op, section};

/// The records of a container's runs.
pub struct Runs {
    /// -1 until there is a run.
    file: i32,
    next: u32,
}

impl Runs {
    pub fn new() -> Self {
        Self { file: -1, next: 0 }
    }

    /// An id for a run of `plan`'s program, and a record for it, which it is a mere write to change: on a disk that is
    /// full nothing is started whose end could not be kept. `runs` says of an id whether it runs.
    pub fn begin(&mut self, plan: &Plan, runs: impl Fn(u32) -> bool) -> Result<u32> {
        self.open()?;
        // There are more places than sessions.
        while runs(self.next % MOST) {
            self.next = follower(self.next);
        }
        let id = self.next;
        self.next = follower(id);
        self.write(8, &self.next.to_ne_bytes())?;
        let (state, started, monitor) = (state::STARTING, sys::now(), sys::getpid());
        let mut entry = Entry { id, state, started, monitor, ..Entry::default() };
        describe(plan, &mut entry);
        // SAFETY: `Entry` is plain numbers and bytes without padding.
        let bytes = unsafe { core::slice::from_raw_parts((&raw const entry).cast(), ENTRY) };
        self.write(place(id), bytes).map(|()| id)
    }

    /// It runs.
    pub fn started(&self, id: u32, pid: i32) {
        self.change(id, 8, &pid.to_ne_bytes());
        self.change(id, 4, &state::RUNNING.to_ne_bytes());
    }

    /// It could not be started.
    pub fn forget(&self, id: u32) {
        self.change(id, 0, &[0; 8]);
    }

    /// It has ended. The state is written last: who sees it sees the rest.
    pub fn ended(&self, id: u32, status: i32, timed_out: bool) {
        self.change(id, 24, &sys::now().to_ne_bytes());
        self.change(id, 12, &status.to_ne_bytes());
        let state = if timed_out { state::TIMED_OUT } else { state::ENDED };
        self.change(id, 4, &state.to_ne_bytes());
    }

    /// Changes a part of a record that is there, which takes no room.
    fn change(&self, id: u32, at: u64, bytes: &[u8]) {
        let _ = self.write(place(id) + at, bytes);
    }

    fn write(&self, at: u64, bytes: &[u8]) -> Result<()> {
        match sys::pwrite(self.file, bytes, at)? {
            n if n == bytes.len() => Ok(()),
            _ => Err(sys::EIO),
        }
    }

    fn open(&mut self) -> Result<()> {
        if self.file >= 0 {
            return Ok(());
        }
        let flags = sys::O_RDWR | sys::O_CREAT | sys::O_NOFOLLOW;
        self.file = sys::openat(fd::DIRECTORY, Text::of(FILE), flags, 0o600)?;
        let mut head = [0; 12];
        let known = pread(self.file, &mut head, 0) == Ok(head.len()) && head[..8] == FILE_MAGIC.to_ne_bytes();
        self.next = u32::from_ne_bytes([head[8], head[9], head[10], head[11]]);
        if known && self.next != 0 {
            return Ok(());
        }
        self.next = 1;
        let begun = truncate(self.file, 0).and_then(|()| self.write(0, &FILE_MAGIC.to_ne_bytes()));
        begun.inspect_err(|_| {
            sys::close(self.file);
            self.file = -1;
        })
    }
}

/// Where the record of a run lies.
fn place(id: u32) -> u64 {
    (1 + u64::from(id % MOST)) * ENTRY as u64
}

/// The id after `id`; 0 is none.
fn follower(id: u32) -> u32 {
    id.wrapping_add(1).max(1)
}

/// Notes which program it is, as far as there is room.
fn describe(plan: &Plan, entry: &mut Entry) {
    let Some(step) = plan.steps(section::INSIDE).find(|step| step.head.op == op::EXEC) else { return };
    let mut texts = step.texts();
    let length: usize = (0..step.head.x).map(|_| texts.take().bytes().len() + 1).sum();
    let kept = length.min(COMMAND_MAX).min(step.payload().len());
    entry.command[..kept].copy_from_slice(&step.payload()[..kept]);
    entry.kept = kept as u32;
    entry.length = length.min(u32::MAX as usize) as u32;
}
