//! Extended attributes of files.

use std::ffi::{CStr, CString, c_char, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// A file whose attributes are meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Node<'a> {
    /// This open file or directory.
    Open(BorrowedFd<'a>),
    /// What has this name in this open directory; a symbolic link is meant itself. The name holds no `/`.
    In(BorrowedFd<'a>, &'a [u8]),
}

/// The same, as the system calls want it.
enum Place {
    Open(RawFd),
    /// No call takes a directory and a name before Linux 6.13; the way through /proc follows no link at its end.
    Path(CString),
}

impl Node<'_> {
    fn place(self) -> io::Result<Place> {
        Ok(match self {
            Node::Open(fd) => Place::Open(fd.as_raw_fd()),
            Node::In(directory, name) => {
                let mut path = format!("/proc/self/fd/{}/", directory.as_raw_fd()).into_bytes();
                path.extend_from_slice(name);
                Place::Path(CString::new(path)?)
            }
        })
    }

    /// Names of all attributes, sorted. None where the file system has none.
    pub(crate) fn list(self) -> io::Result<Vec<CString>> {
        let place = self.place()?;
        let names = read(|buffer, size| match &place {
            // SAFETY: `buffer` has room for `size` bytes or is not used (size 0); the path is terminated.
            Place::Open(fd) => unsafe { libc::flistxattr(*fd, buffer.cast::<c_char>(), size) },
            // SAFETY: as above.
            Place::Path(path) => unsafe { libc::llistxattr(path.as_ptr(), buffer.cast::<c_char>(), size) },
        });
        let names = match names {
            Err(why) if why.raw_os_error() == Some(libc::EOPNOTSUPP) => return Ok(Vec::new()),
            names => names?,
        };
        let mut names: Vec<_> = names
            .split_inclusive(|byte| *byte == 0)
            .filter_map(|name| CStr::from_bytes_with_nul(name).ok().map(CStr::to_owned))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The value of an attribute, if it has it.
    pub(crate) fn get(self, name: &CStr) -> io::Result<Option<Vec<u8>>> {
        let place = self.place()?;
        let value = read(|buffer, size| match &place {
            // SAFETY: `buffer` has room for `size` bytes or is not used (size 0); the texts are terminated.
            Place::Open(fd) => unsafe { libc::fgetxattr(*fd, name.as_ptr(), buffer, size) },
            // SAFETY: as above.
            Place::Path(path) => unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), buffer, size) },
        });
        match value {
            Ok(value) => Ok(Some(value)),
            Err(why) if matches!(why.raw_os_error(), Some(libc::ENODATA | libc::EOPNOTSUPP)) => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Sets an attribute.
    pub(crate) fn set(self, name: &CStr, value: &[u8]) -> io::Result<()> {
        let (data, size) = (value.as_ptr().cast::<c_void>(), value.len());
        let result = match self.place()? {
            // SAFETY: `data` is valid for `size` bytes, the texts are terminated.
            Place::Open(fd) => unsafe { libc::fsetxattr(fd, name.as_ptr(), data, size, 0) },
            // SAFETY: as above.
            Place::Path(path) => unsafe { libc::lsetxattr(path.as_ptr(), name.as_ptr(), data, size, 0) },
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Takes an attribute away, if it is there.
    pub(crate) fn remove(self, name: &CStr) -> io::Result<()> {
        let result = match self.place()? {
            // SAFETY: the texts are terminated.
            Place::Open(fd) => unsafe { libc::fremovexattr(fd, name.as_ptr()) },
            // SAFETY: as above.
            Place::Path(path) => unsafe { libc::lremovexattr(path.as_ptr(), name.as_ptr()) },
        };
        match result {
            0 => Ok(()),
            _ => match io::Error::last_os_error() {
                why if why.raw_os_error() == Some(libc::ENODATA) => Ok(()),
                why => Err(why),
            },
        }
    }
}

/// Reads with `call`, which fills a buffer and gives the length, until the buffer was large enough.
fn read(call: impl Fn(*mut c_void, usize) -> isize) -> io::Result<Vec<u8>> {
    let mut buffer: Vec<u8> = Vec::new();
    loop {
        // A size of 0 asks how much there is.
        let length = call(buffer.as_mut_ptr().cast(), buffer.len());
        match usize::try_from(length) {
            Ok(0) => return Ok(Vec::new()),
            Ok(length) if buffer.is_empty() => buffer.resize(length, 0u8),
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(_) => match io::Error::last_os_error() {
                // It has grown in between.
                why if why.raw_os_error() == Some(libc::ERANGE) => buffer.clear(),
                why => return Err(why),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn attributes_of_files_and_links() {
        let directory = tempfile::tempdir_in(".").unwrap();
        let file = std::fs::File::create(directory.path().join("file")).unwrap();
        std::os::unix::fs::symlink("file", directory.path().join("link")).unwrap();
        let parent = std::fs::File::open(directory.path()).unwrap();
        for (node, name) in [
            (Node::Open(file.as_fd()), c"user.x"),
            (Node::In(parent.as_fd(), b"file"), c"user.y"),
            (Node::In(parent.as_fd(), b"link"), c"trusted.x"),
        ] {
            assert_eq!(node.get(name).unwrap(), None);
            node.set(name, b"value").unwrap();
            assert_eq!(node.get(name).unwrap().as_deref(), Some(&b"value"[..]));
        }
        assert_eq!(Node::Open(file.as_fd()).list().unwrap(), [c"user.x".to_owned(), c"user.y".to_owned()]);
        assert_eq!(Node::In(parent.as_fd(), b"link").list().unwrap(), [c"trusted.x".to_owned()]);
        Node::Open(file.as_fd()).remove(c"user.x").unwrap();
        Node::Open(file.as_fd()).remove(c"user.x").unwrap();
        assert_eq!(Node::In(parent.as_fd(), b"file").list().unwrap(), [c"user.y".to_owned()]);
    }
}
