//! Descriptors that come as numbers from somewhere else in our process: fcntl(2).

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// A copy of the descriptor with this number, closed on exec.
pub(crate) fn copy(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: takes integers, and makes a new descriptor or fails; whatever has the number is only looked at.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made it, and its number is known here only.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_copy_leads_to_the_same_and_outlives_the_original() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut copy = std::fs::File::from(copy(writer.as_raw_fd()).unwrap());
        drop(writer);
        copy.write_all(b"there").unwrap();
        drop(copy);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "there");
        assert!(super::copy(-1).is_err() && super::copy(i32::MAX).is_err());
    }
}
