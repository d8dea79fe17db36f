//! One file of a log, frame by frame.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use xdockerinit::wire::log::{FILE, FILE_MAGIC, FRAME_MAGIC, FRAME_MAX, FileHead, Frame, OLD_FILE};

use super::damaged;
use crate::error::{Error, Result};

/// Bytes of the head of a file, and of a frame.
const FILE_HEAD: usize = size_of::<FileHead>();
const HEAD: usize = size_of::<Frame>();
/// Bytes that are read at a time: a frame of any size, and many that are small.
const PIECE: usize = HEAD + FRAME_MAX;

/// A file that is read, at the beginning of a frame.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    inode: u64,
    generation: u64,
    at: u64,
    /// A piece of the file, and where it begins.
    piece: Vec<u8>,
    piece_at: u64,
}

/// Where a file stands in relation to the one that was read before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the next one.
    Next,
    /// There have been others between the two.
    Later,
}

fn path(directory: &Path, name: &std::ffi::CStr) -> PathBuf {
    directory.join(std::ffi::OsStr::from_bytes(name.to_bytes()))
}

/// Reads into `buffer` from `at` on until it is full or the file ends.
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read_at(&mut buffer[length..], at + length as u64) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    Ok(length)
}

impl LogFile {
    /// Opens a file; `None` when there is none, or nothing in it yet.
    fn open(path: PathBuf) -> Result<Option<Self>> {
        let file = match File::open(&path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(Error::file("read", &path))?,
        };
        let mut head = [0; FILE_HEAD];
        let length = read_at(&file, &mut head, 0).map_err(Error::file("read", &path))?;
        let [magic, generation] = [0, 8].map(|at| u64::from_ne_bytes(word(&head, at)));
        if length < FILE_HEAD || magic == 0 {
            return Ok(None);
        }
        if magic != FILE_MAGIC {
            return Err(damaged(&path, 0));
        }
        let inode = file.metadata().map_err(Error::file("read", &path))?.ino();
        let at = FILE_HEAD as u64;
        Ok(Some(Self { path, file, inode, generation, at, piece: Vec::new(), piece_at: at }))
    }

    /// The file to begin with.
    pub(super) fn oldest(directory: &Path) -> Result<Option<Self>> {
        match Self::open(path(directory, OLD_FILE))? {
            None => Self::open(path(directory, FILE)),
            old => Ok(old),
        }
    }

    /// The file that follows this one, once there is one.
    pub(super) fn successor(&self, directory: &Path) -> Result<Option<(Self, Place)>> {
        let current = path(directory, FILE);
        match current.symlink_metadata() {
            Ok(data) if data.ino() == self.inode => return Ok(None),
            Ok(_) => {}
            // Between two files, or all gone with the container.
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(Error::file("read", current)(why)),
        }
        match Self::open(path(directory, OLD_FILE))? {
            Some(old) if old.inode != self.inode => {
                let place = if old.generation == self.generation + 1 { Place::Next } else { Place::Later };
                Ok(Some((old, place)))
            }
            _ => Ok(Self::open(current)?.map(|file| (file, Place::Next))),
        }
    }

    /// The next frame and its payload; `None` where there is none yet.
    pub(super) fn next(&mut self) -> Result<Option<(Frame, &[u8])>> {
        if !self.holds(HEAD) {
            self.fetch()?;
        }
        let Some(frame) = self.head()? else {
            // To be read again: this may be all that there was, and not all that there will be.
            self.piece.clear();
            return Ok(None);
        };
        let whole = HEAD + frame.length as usize;
        if !self.holds(whole) {
            self.fetch()?;
        }
        if !self.holds(whole) {
            return Err(damaged(&self.path, self.at));
        }
        let start = (self.at - self.piece_at) as usize;
        self.at += whole as u64;
        Ok(Some((frame, &self.piece[start + HEAD..start + whole])))
    }

    /// Whether so many bytes from our place on are in memory.
    fn holds(&self, length: usize) -> bool {
        let start = (self.at - self.piece_at) as usize;
        self.piece.len() >= start + length
    }

    fn fetch(&mut self) -> Result<()> {
        self.piece.resize(PIECE, 0);
        let length =
            read_at(&self.file, &mut self.piece, self.at).map_err(Error::file("read", &self.path))?;
        self.piece.truncate(length);
        self.piece_at = self.at;
        Ok(())
    }

    /// The head at our place, if it is all there.
    fn head(&self) -> Result<Option<Frame>> {
        if !self.holds(HEAD) {
            return Ok(None);
        }
        let head = &self.piece[(self.at - self.piece_at) as usize..][..HEAD];
        let half = |at: usize| u32::from_ne_bytes(word(head, at));
        let frame = Frame {
            magic: half(0),
            kind: half(4),
            time: u64::from_ne_bytes(word(head, 8)),
            origin: u64::from_ne_bytes(word(head, 16)),
            length: half(24),
            close: half(28),
        };
        match (frame.magic, frame.close) {
            (FRAME_MAGIC, FRAME_MAGIC) if frame.length as usize <= FRAME_MAX => Ok(Some(frame)),
            (FRAME_MAGIC, 0) | (0, FRAME_MAGIC | 0) => Ok(None),
            _ => Err(damaged(&self.path, self.at)),
        }
    }
}

/// `N` bytes of `bytes` from `at` on.
fn word<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("as many bytes as were taken")
}

/// Cuts off the frame in the middle of which a monitor was killed, so that the next one can go on after the last that is
/// whole. For whoever has seen that nobody writes.
pub(crate) fn cut_torn(directory: &Path) -> Result<()> {
    let name = path(directory, FILE);
    let end = match LogFile::open(name.clone()) {
        // Not even the head of the file was whole: whoever writes next begins it.
        Ok(None) => return Ok(()),
        Err(error) if !is_damage(&error) => return Err(error),
        Err(_) => 0,
        Ok(Some(mut file)) => loop {
            match file.next() {
                Ok(Some(_)) => {}
                Err(error) if !is_damage(&error) => return Err(error),
                Ok(None) | Err(_) => break file.at,
            }
        },
    };
    let cut = OpenOptions::new().write(true).open(&name).and_then(|file| file.set_len(end));
    cut.map_err(Error::file("shorten", name))
}

fn is_damage(error: &Error) -> bool {
    matches!(error, Error::File { source, .. } if source.kind() == io::ErrorKind::InvalidData)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use xdockerinit::wire::log::kind;

    use super::*;
    use crate::home::scratch::Scratch;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(FRAME_MAGIC.to_ne_bytes());
        out.extend(kind::STDOUT.to_ne_bytes());
        out.extend(7u64.to_ne_bytes());
        out.extend(0u64.to_ne_bytes());
        out.extend((payload.len() as u32).to_ne_bytes());
        out.extend(FRAME_MAGIC.to_ne_bytes());
        out.extend(payload);
        out
    }

    fn head(generation: u64) -> Vec<u8> {
        [FILE_MAGIC, generation].iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    /// Payloads of the file that is written.
    fn payloads(directory: &Path) -> Vec<Vec<u8>> {
        let mut file = LogFile::open(path(directory, FILE)).unwrap().unwrap();
        let mut all = Vec::new();
        while let Some((_, payload)) = file.next().unwrap() {
            all.push(payload.to_vec());
        }
        all
    }

    #[test]
    fn the_heads_lie_as_the_helper_writes_them() {
        use std::mem::offset_of;
        assert_eq!((FILE_HEAD, HEAD), (16, 32));
        let places = [offset_of!(Frame, kind), offset_of!(Frame, time), offset_of!(Frame, origin)];
        assert_eq!(places, [4, 8, 16]);
        assert_eq!([offset_of!(Frame, length), offset_of!(Frame, close)], [24, 28]);
    }

    #[test]
    fn who_was_read_before_is_followed_by_the_next() {
        let scratch = Scratch::new("logs-follow");
        let (new, old) = (path(scratch.path(), FILE), path(scratch.path(), OLD_FILE));
        let write = |path: &Path, generation| fs::write(path, head(generation)).unwrap();
        write(&new, 3);
        let first = LogFile::oldest(scratch.path()).unwrap().unwrap();
        assert!(first.successor(scratch.path()).unwrap().is_none());
        fs::rename(&new, &old).unwrap();
        assert!(first.successor(scratch.path()).unwrap().is_none(), "the next one is not there yet");
        write(&new, 4);
        let (second, place) = first.successor(scratch.path()).unwrap().unwrap();
        assert_eq!((second.generation, place), (4, Place::Next));
        fs::rename(&new, &old).unwrap();
        write(&new, 5);
        let (next, place) = first.successor(scratch.path()).unwrap().unwrap();
        assert_eq!((next.generation, place), (4, Place::Next));
        fs::rename(&new, &old).unwrap();
        write(&new, 6);
        let (next, place) = first.successor(scratch.path()).unwrap().unwrap();
        assert_eq!((next.generation, place), (5, Place::Later));
        assert_eq!(LogFile::oldest(scratch.path()).unwrap().unwrap().generation, 5);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_is_cut_off_what_is_whole_is_read(
            sizes in prop::collection::vec(0usize..3000, 0..40),
            torn in 0usize..4000,
            zeros in any::<bool>(),
        ) {
            let scratch = Scratch::new("logs-torn");
            let mut bytes = head(1);
            let mut ends = vec![bytes.len()];
            for (index, size) in sizes.iter().enumerate() {
                bytes.extend(frame(&vec![index as u8; *size]));
                ends.push(bytes.len());
            }
            // The payload is there before the head is.
            let cut = bytes.len().saturating_sub(torn).max(FILE_HEAD);
            let whole = ends.iter().rposition(|end| *end <= cut).unwrap();
            if zeros {
                bytes.truncate(ends[whole] + (cut - ends[whole]).min(HEAD - 1));
                bytes.resize(cut.max(bytes.len()), b'x');
                let head = ends[whole]..(ends[whole] + HEAD).min(bytes.len());
                bytes[head].fill(0);
            } else {
                bytes.truncate((ends[whole] + HEAD - 1).min(cut));
            }
            fs::write(path(scratch.path(), FILE), &bytes).unwrap();
            prop_assert_eq!(payloads(scratch.path()).len(), whole);
            cut_torn(scratch.path()).unwrap();
            prop_assert_eq!(fs::metadata(path(scratch.path(), FILE)).unwrap().len(), ends[whole] as u64);
            prop_assert_eq!(payloads(scratch.path()).iter().map(Vec::len).collect::<Vec<_>>(), &sizes[..whole]);
        }

        #[test]
        fn noise_is_an_error_and_no_panic(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            let scratch = Scratch::new("logs-noise");
            let mut bytes = head(1);
            bytes.extend(&noise);
            fs::write(path(scratch.path(), FILE), &bytes).unwrap();
            let mut file = LogFile::open(path(scratch.path(), FILE)).unwrap().unwrap();
            while let Ok(Some(_)) = file.next() {}
            cut_torn(scratch.path()).unwrap();
            prop_assert!(fs::metadata(path(scratch.path(), FILE)).unwrap().len() <= bytes.len() as u64);
        }
    }
}
