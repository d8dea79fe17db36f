//! Terminals.

use super::{O_CLOEXEC, O_NOCTTY, O_RDWR, Result, ioctl};

/// Unlocks the slave of a pty master and opens it, without any path (TIOCGPTPEER, Linux 4.13).
pub fn open_slave(master: i32) -> Result<i32> {
    const TIOCSPTLCK: u64 = 0x4004_5431;
    const TIOCGPTPEER: u64 = 0x5441;
    let unlocked = 0i32;
    ioctl(master, TIOCSPTLCK, (&raw const unlocked) as usize)?;
    ioctl(master, TIOCGPTPEER, (O_RDWR | O_NOCTTY | O_CLOEXEC) as usize).map(|fd| fd as i32)
}

pub fn set_window(fd: i32, rows: u16, columns: u16) -> Result<()> {
    const TIOCSWINSZ: u64 = 0x5414;
    let size = [rows, columns, 0, 0];
    ioctl(fd, TIOCSWINSZ, size.as_ptr() as usize).map(drop)
}

/// Makes the terminal the controlling one of our session.
pub fn set_controlling_terminal(fd: i32) -> Result<()> {
    const TIOCSCTTY: u64 = 0x540e;
    ioctl(fd, TIOCSCTTY, 0).map(drop)
}
