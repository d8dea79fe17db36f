//! A session through our terminal: keys go in, what the session prints comes out, and the terminal is as it
//! was when it is over, however it ends.

mod detach;
mod progress;
mod relay;

use std::io::{self, IsTerminal};

use nix::sys::termios::{self, SetArg, Termios};
use xdocker_core::WindowSize;

pub(crate) use progress::Progress;
pub(crate) use relay::{Ending, Relay};

/// Our standard input in raw mode: keys are passed on one by one and mean nothing to us. Dropping this brings
/// the old mode back.
pub(crate) struct RawMode {
    before: Option<Termios>,
}

impl RawMode {
    /// Sets it; nothing happens where standard input is no terminal.
    ///
    /// # Errors
    /// The terminal cannot be set.
    pub(crate) fn enter() -> io::Result<Self> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(Self { before: None });
        }
        let before = termios::tcgetattr(&stdin)?;
        let mut raw = before.clone();
        termios::cfmakeraw(&mut raw);
        termios::tcsetattr(&stdin, SetArg::TCSADRAIN, &raw)?;
        Ok(Self { before: Some(before) })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // Not after what is still to be printed: a terminal that is stopped would hold us for ever.
            // And a terminal that has gone needs no mode.
            let _ = termios::tcsetattr(io::stdin(), SetArg::TCSANOW, before);
        }
    }
}

/// What a terminal that does not know its size is taken for.
const OLD_WINDOW: WindowSize = WindowSize { rows: 24, columns: 80 };

/// The size of our window.
pub(crate) fn window_size() -> WindowSize {
    let known = WindowSize::of(&io::stdin()).or_else(|_| WindowSize::of(&io::stdout()));
    known.ok().filter(|size| size.rows > 0 && size.columns > 0).unwrap_or(OLD_WINDOW)
}
