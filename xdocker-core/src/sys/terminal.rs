//! Window size of a terminal (ioctl_tty(2)).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

nix::ioctl_read_bad!(get_window, libc::TIOCGWINSZ, libc::winsize);
nix::ioctl_write_ptr_bad!(set_window, libc::TIOCSWINSZ, libc::winsize);

/// Rows and columns of a terminal's window.
pub(crate) fn size(terminal: &impl AsFd) -> io::Result<(u16, u16)> {
    let mut window = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: a live descriptor, and a structure of the type that the request fills.
    unsafe { get_window(terminal.as_fd().as_raw_fd(), &raw mut window) }?;
    Ok((window.ws_row, window.ws_col))
}

/// Sets the size and has the foreground process told by SIGWINCH.
pub(crate) fn resize(terminal: &File, rows: u16, columns: u16) -> io::Result<()> {
    let window = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: a live descriptor, and a structure of the type that the request reads.
    unsafe { set_window(terminal.as_raw_fd(), &raw const window) }?;
    Ok(())
}
