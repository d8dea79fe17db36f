//! Window size of a terminal (ioctl_tty(2)).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use crate::spec::WindowSize;

nix::ioctl_read_bad!(get_window, libc::TIOCGWINSZ, libc::winsize);
nix::ioctl_write_ptr_bad!(set_window, libc::TIOCSWINSZ, libc::winsize);

/// The size of a terminal's window.
pub(crate) fn size(terminal: &impl AsFd) -> io::Result<WindowSize> {
    let mut window = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: a live descriptor, and a structure of the type that the request fills.
    unsafe { get_window(terminal.as_fd().as_raw_fd(), &raw mut window) }?;
    Ok(WindowSize { rows: window.ws_row, columns: window.ws_col })
}

/// Sets the size and has the foreground process told by SIGWINCH.
pub(crate) fn resize(terminal: &File, size: WindowSize) -> io::Result<()> {
    let window = libc::winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: a live descriptor, and a structure of the type that the request reads.
    unsafe { set_window(terminal.as_raw_fd(), &raw const window) }?;
    Ok(())
}
