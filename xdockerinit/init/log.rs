//! The log: what the root process and detached runs print is kept in two files.
//!
//! They print into pipes of ours. When one can be read we ask how much is in it, move that much into the file after
//! room for a head, and write the head: it says that what follows is there. No byte of it passes through our memory,
//! and nothing is parsed. What cannot be written is thrown away and counted: whoever prints never waits for a disk
//! that is full.

use crate::sys::pipes::{drain, fchmod, pread, splice, truncate, waiting};
use crate::sys::{self, EAGAIN, Errno, Poll, Result, Text};
use crate::wire::fd;
use crate::wire::log::{FILE, FILE_MAGIC, FRAME_MAGIC, FRAME_MAX, FileHead, Frame, OLD_FILE, kind};

/// Bytes of the head of a file, and of a frame.
const FILE_HEAD: u64 = size_of::<FileHead>() as u64;
const HEAD: u64 = size_of::<Frame>() as u64;
/// Where /dev/null is.
pub const SINK: i32 = 1;

/// A pipe that somebody prints into. All zeros is none.
#[derive(Clone, Copy)]
struct Pipe {
    fd: i32,
    /// [`kind::STDOUT`] or [`kind::STDERR`].
    kind: u32,
    origin: u64,
    /// Whether anything of it is in the log, so that its end has to be.
    heard: bool,
}

/// The log of a container.
pub struct Log {
    /// Most bytes of a file; 0 where no log is kept.
    limit: u64,
    /// The file that is written, and the place to write at; -1 before there is anything to write.
    file: i32,
    at: u64,
    generation: u64,
    /// Whether it has been said that we are another monitor than the one before.
    begun: bool,
    /// Bytes that could not be written and of which that has not been said yet.
    lost: u64,
    pipes: &'static mut [Pipe],
    count: usize,
}

impl Log {
    /// One for so many at a time who print.
    pub fn new(limit: u64, printers: usize) -> Result<Self> {
        let pipes = if limit == 0 { &mut [] } else { sys::zeros(2 * printers)? };
        Ok(Self { limit, file: -1, at: 0, generation: 0, begun: false, lost: 0, pipes, count: 0 })
    }

    /// Whether what is printed is kept at all.
    pub fn is_kept(&self) -> bool {
        self.limit != 0
    }

    /// A pipe each for standard output and standard error of `origin`: the ends to print into, which are the caller's.
    pub fn open(&mut self, origin: u64) -> Result<[i32; 2]> {
        let room = self.pipes.get_mut(self.count..self.count + 2).ok_or(EAGAIN)?;
        let mut ends = [-1; 2];
        // The last one first, as they are emptied: of what comes at the same time stdout goes before stderr.
        for (index, kind) in [kind::STDERR, kind::STDOUT].into_iter().enumerate() {
            match sys::pipe() {
                Ok([fd, end]) => {
                    // Whoever is not root inside may open it too, by the name of /dev/stdout. To write only.
                    let _ = fchmod(end, 0o222);
                    room[index] = Pipe { fd, kind, origin, heard: false };
                    ends[1 - index] = end;
                }
                Err(why) => {
                    if index > 0 {
                        sys::close(ends[1]);
                        sys::close(room[0].fd);
                    }
                    return Err(why);
                }
            }
        }
        self.count += 2;
        Ok(ends)
    }

    /// Fills `set` with what to poll, and says how much that is.
    pub fn watch(&self, set: &mut [Poll]) -> usize {
        for (entry, pipe) in set.iter_mut().zip(&self.pipes[..self.count]) {
            *entry = Poll::new(pipe.fd, sys::POLLIN);
        }
        self.count
    }

    /// Takes a piece out of each pipe of which `set`, as [`Self::watch`] filled it, says that it has something or has
    /// come to its end.
    pub fn keep(&mut self, set: &[Poll]) {
        // Backwards: what takes the place of one that is removed has had its turn.
        for index in (0..set.len().min(self.count)).rev().filter(|index| set[*index].got != 0) {
            let pipe = self.pipes[index];
            match waiting(pipe.fd).unwrap_or(0) {
                0 if set[index].got & !sys::POLLIN != 0 => self.remove(index),
                // Somebody inside, who may read it too, was faster. Or it is a buffer of no bytes, as a write from no
                // address leaves one (seen with Linux 6.1): it can be read until somebody tries to.
                0 => self.take(index, 1),
                length => self.take(index, length.min(FRAME_MAX)),
            }
        }
    }

    /// What `origin` has printed up to here is kept: who hears of its end may look for it.
    pub fn catch_up(&mut self, origin: u64) {
        for index in 0..self.count {
            if self.pipes[index].origin == origin {
                self.empty(index);
            }
        }
    }

    /// The container has ended: what is in the pipes now is kept, and whoever still has one, by whatever means, does
    /// not keep us.
    pub fn finish(&mut self) {
        for index in (0..self.count).rev() {
            self.empty(index);
            self.remove(index);
        }
        if self.lost > 0 {
            let _ = self.say_lost();
        }
        if self.file >= 0 {
            sys::close(self.file);
            self.file = -1;
        }
    }

    /// Takes what is in a pipe now, and not what comes meanwhile.
    fn empty(&mut self, index: usize) {
        let mut left = waiting(self.pipes[index].fd).unwrap_or(0);
        while left > 0 {
            let length = left.min(FRAME_MAX);
            self.take(index, length);
            left -= length;
        }
    }

    /// No more comes through a pipe.
    fn remove(&mut self, index: usize) {
        let pipe = self.pipes[index];
        sys::close(pipe.fd);
        self.count -= 1;
        self.pipes[index] = self.pipes[self.count];
        if pipe.heard {
            let end = if pipe.kind == kind::STDOUT { kind::END_STDOUT } else { kind::END_STDERR };
            // Where it cannot be said the reader takes what comes next for the rest of a line.
            let _ = self.make_room(0).and_then(|()| self.say(end, pipe.origin));
        }
    }

    /// Moves `length` bytes out of a pipe into the file, or away.
    fn take(&mut self, index: usize, length: usize) {
        let pipe = &mut self.pipes[index];
        pipe.heard = true;
        let pipe = *pipe;
        let mut kept = 0;
        if let Err(why) = self.make_room(length).and_then(|()| self.write(pipe, length, &mut kept)) {
            // What was not there has not been lost.
            if why != EAGAIN {
                self.lost += drain(pipe.fd, SINK, length - kept).unwrap_or(0) as u64;
            }
        }
    }

    /// A frame of up to `length` bytes of `pipe`. `kept` is how many it took out of it and wrote, whatever it returns.
    fn write(&mut self, pipe: Pipe, length: usize, kept: &mut usize) -> Result<()> {
        // What has been lost before comes before, but is said only when this is safely there.
        let head = if self.lost > 0 { self.at + HEAD } else { self.at };
        let mut result = Ok(());
        while *kept < length {
            match splice(pipe.fd, self.file, head + HEAD + *kept as u64, length - *kept) {
                Ok(0) => break,
                Ok(moved) => *kept += moved,
                Err(why) => {
                    result = Err(why);
                    break;
                }
            }
        }
        let written = match *kept {
            0 => result,
            _ => self.write_head(head, pipe.kind, pipe.origin, *kept).and_then(|()| match head == self.at {
                true => Ok(()),
                false => self.write_head(self.at, kind::LOST, self.lost, 0),
            }),
        };
        if *kept == 0 || written.is_err() {
            // Nothing may stand there that the next frame does not cover.
            let _ = truncate(self.file, self.at);
            self.lost += *kept as u64;
            return written;
        }
        if head != self.at {
            self.lost = 0;
        }
        self.at = head + HEAD + *kept as u64;
        result
    }

    /// What has been lost up to here.
    fn say_lost(&mut self) -> Result<()> {
        self.make_room(0)?;
        self.say(kind::LOST, self.lost)?;
        self.lost = 0;
        Ok(())
    }

    /// A frame without payload.
    fn say(&mut self, kind: u32, origin: u64) -> Result<()> {
        self.write_head(self.at, kind, origin, 0).inspect_err(|_| {
            let _ = truncate(self.file, self.at);
        })?;
        self.at += HEAD;
        Ok(())
    }

    fn write_head(&self, at: u64, kind: u32, origin: u64, length: usize) -> Result<()> {
        let (time, length) = (sys::now(), length as u32);
        let frame = Frame { magic: FRAME_MAGIC, kind, time, origin, length, close: FRAME_MAGIC };
        // SAFETY: `Frame` is plain numbers without padding.
        let bytes = unsafe { core::slice::from_raw_parts((&raw const frame).cast(), size_of::<Frame>()) };
        write_all(self.file, bytes, at)
    }

    /// Sees to a file with room for `length` bytes and the heads that may come with them.
    fn make_room(&mut self, length: usize) -> Result<()> {
        self.open_file()?;
        if self.at > FILE_HEAD && self.at + 2 * HEAD + length as u64 > self.limit {
            sys::renameat(fd::DIRECTORY, Text::of(FILE), Text::of(OLD_FILE))?;
            sys::close(self.file);
            self.file = -1;
            self.open_file()?;
        }
        Ok(())
    }

    /// Opens the file to go on at its end, which is the end of a frame: one that was torn has been cut off when its
    /// monitor's death was noticed.
    fn open_file(&mut self) -> Result<()> {
        if self.file >= 0 {
            return Ok(());
        }
        let flags = sys::O_RDWR | sys::O_CREAT | sys::O_NOFOLLOW;
        self.file = sys::openat(fd::DIRECTORY, Text::of(FILE), flags, 0o600)?;
        let opened = self.take_up().and_then(|()| match self.begun {
            true => Ok(()),
            false => self.say(kind::BEGIN, 0),
        });
        self.begun |= opened.is_ok();
        opened.inspect_err(|_| {
            sys::close(self.file);
            self.file = -1;
        })
    }

    fn take_up(&mut self) -> Result<()> {
        let mut head = [0u8; FILE_HEAD as usize];
        let [magic, generation] = match pread(self.file, &mut head, 0)? {
            n if n == head.len() => [0, 8].map(|at: usize| {
                let mut word = [0; 8];
                word.copy_from_slice(&head[at..at + 8]);
                u64::from_ne_bytes(word)
            }),
            _ => [0, 0],
        };
        if magic == FILE_MAGIC {
            self.generation = generation;
            self.at = sys::size(self.file)? as u64;
            return Ok(());
        }
        truncate(self.file, 0)?;
        self.generation += 1;
        head[..8].copy_from_slice(&FILE_MAGIC.to_ne_bytes());
        head[8..].copy_from_slice(&self.generation.to_ne_bytes());
        self.at = FILE_HEAD;
        write_all(self.file, &head, 0)
    }
}

/// pwrite(2), and an error when that is not all.
fn write_all(fd: i32, bytes: &[u8], at: u64) -> Result<()> {
    const ENOSPC: Errno = Errno(28);
    match sys::pwrite(fd, bytes, at)? {
        n if n == bytes.len() => Ok(()),
        _ => Err(ENOSPC),
    }
}
