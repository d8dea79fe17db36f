//! Bytes between our standard streams and the master of a pty, until the session is over.
//!
//! One thread and one `poll`: nothing is written before the other side has room, so that a session that does
//! not read still gets its output out, and a reader of ours that is slow does not keep a signal from us.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::{read, write};

use super::detach::DetachKeys;
use crate::signals::Signals;

/// Most bytes moved at once. A pipe that says it has room has room for this many.
const CHUNK: usize = 4096;
/// Most keys that wait for a session that does not read them.
const KEYS_MAX: usize = 64 << 10;
/// What a terminal sends for the end of input.
const END_OF_INPUT: u8 = 0x04;
/// Milliseconds until the end of input is told again, doubled each time: what was told while a shell was
/// still setting up its terminal is lost.
const TELL_AGAIN: u16 = 100;
/// The longest pause between two times.
const TELL_AGAIN_MAX: u16 = 10_000;

/// How a relay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The session is over.
    Over,
    /// The keys for it were pressed.
    Detached,
    /// We were told to end.
    Signal(Signal),
}

/// What is relayed.
pub(crate) struct Relay<'a> {
    /// Where keys come from.
    pub(crate) input: BorrowedFd<'a>,
    /// Where output goes.
    pub(crate) output: BorrowedFd<'a>,
    /// The master of the session's pty.
    pub(crate) master: BorrowedFd<'a>,
    /// Readable once the session is over.
    pub(crate) over: BorrowedFd<'a>,
}

/// The state of a running relay.
struct Flow {
    /// Keys on their way in.
    keys: Vec<u8>,
    /// Output on its way out.
    shown: Vec<u8>,
    /// Watches the keys.
    detach: DetachKeys,
    /// Whether more keys can come.
    input_open: bool,
    /// Whether more output can come.
    master_open: bool,
    /// How long to wait before the end of input is told again.
    tell_again: u16,
}

impl Relay<'_> {
    /// Relays until the session is over, somebody leaves it or a signal ends us; `resized` is called when our
    /// window has changed.
    ///
    /// # Errors
    /// Our own streams fail.
    pub(crate) fn run(&self, signals: &Signals, mut resized: impl FnMut()) -> io::Result<Ending> {
        let flags = OFlag::from_bits_retain(fcntl(self.master, FcntlArg::F_GETFL)?);
        fcntl(self.master, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        let mut flow = Flow {
            keys: Vec::new(),
            shown: Vec::new(),
            detach: DetachKeys::default(),
            input_open: true,
            master_open: true,
            tell_again: TELL_AGAIN,
        };
        loop {
            let ready = self.wait(&flow, signals)?;
            if ready.signal {
                while let Some(signal) = signals.next()? {
                    match signal {
                        Signal::SIGWINCH => resized(),
                        other => return Ok(Ending::Signal(other)),
                    }
                }
            }
            if ready.input && flow.take_keys(self.input)? {
                // What was pressed before still counts.
                let _ = write_some(self.master, &mut flow.keys);
                return Ok(Ending::Detached);
            }
            if ready.idle && !flow.input_open {
                flow.keys.push(END_OF_INPUT);
                flow.tell_again = flow.tell_again.saturating_mul(2).min(TELL_AGAIN_MAX);
            }
            // A session that has gone takes no keys, which is not our failure.
            if ready.room_inside && write_some(self.master, &mut flow.keys).is_err() {
                flow.keys.clear();
            }
            if ready.from_inside {
                flow.take_output(self.master)?;
            }
            if ready.room_outside {
                write_some(self.output, &mut flow.shown)?;
            }
            if ready.over && ready.quiet {
                return Ok(Ending::Over);
            }
        }
    }

    /// Waits until something can go on.
    fn wait(&self, flow: &Flow, signals: &Signals) -> io::Result<Ready> {
        let mut polled = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        // A descriptor that is asked for nothing would still report that it hangs up, again and again; and that the session is
        // over is of no use as long as somebody has to read what it has shown.
        let mut ask = |fd, wanted: PollFlags| {
            (!wanted.is_empty()).then(|| {
                polled.push(PollFd::new(fd, wanted));
                polled.len() - 1
            })
        };
        let when = |condition, flag| if condition { flag } else { PollFlags::empty() };
        let input = ask(self.input, when(flow.input_open && flow.keys.len() < KEYS_MAX, PollFlags::POLLIN));
        let master = ask(
            self.master,
            when(flow.master_open && flow.shown.is_empty(), PollFlags::POLLIN)
                | when(flow.master_open && !flow.keys.is_empty(), PollFlags::POLLOUT),
        );
        let over = ask(self.over, when(flow.shown.is_empty(), PollFlags::POLLIN));
        let output = ask(self.output, when(!flow.shown.is_empty(), PollFlags::POLLOUT));
        let timeout = if flow.input_open { PollTimeout::NONE } else { flow.tell_again.into() };
        let count = match poll(&mut polled, timeout) {
            Err(Errno::EINTR) => return Ok(Ready::default()),
            count => count?,
        };
        let events = |at: usize| polled[at].revents().unwrap_or(PollFlags::empty());
        let any = |at: Option<usize>| at.is_some_and(|at| !events(at).is_empty());
        let ended = PollFlags::POLLHUP | PollFlags::POLLERR;
        let from_inside = master.is_some_and(|at| events(at).intersects(PollFlags::POLLIN | ended));
        Ok(Ready {
            idle: count == 0,
            signal: any(Some(0)),
            over: any(over),
            input: any(input),
            from_inside: from_inside && flow.shown.is_empty(),
            quiet: !from_inside && flow.shown.is_empty(),
            room_inside: master.is_some_and(|at| events(at).intersects(PollFlags::POLLOUT)),
            room_outside: any(output),
        })
    }
}

/// What can go on.
#[derive(Default)]
struct Ready {
    idle: bool,
    signal: bool,
    over: bool,
    input: bool,
    from_inside: bool,
    /// Nothing more came out of the session, and all that did is written.
    quiet: bool,
    room_inside: bool,
    room_outside: bool,
}

impl Flow {
    /// Reads keys; whether they were those to leave.
    fn take_keys(&mut self, input: BorrowedFd<'_>) -> io::Result<bool> {
        let mut chunk = [0; CHUNK];
        let keys = match read(input, &mut chunk) {
            Ok(0) | Err(Errno::EIO) => {
                self.input_open = false;
                self.keys.push(END_OF_INPUT);
                return Ok(false);
            }
            Ok(count) => &chunk[..count],
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(false),
            Err(errno) => return Err(errno.into()),
        };
        let inside = self.detach.before_detach(keys);
        self.keys.extend_from_slice(inside);
        Ok(inside.len() < keys.len())
    }

    /// Reads output.
    fn take_output(&mut self, master: BorrowedFd<'_>) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        match read(master, &mut chunk) {
            // EIO: nobody has the other side open any more.
            Ok(0) | Err(Errno::EIO) => self.master_open = false,
            Ok(count) => self.shown.extend_from_slice(&chunk[..count]),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }
}

/// Writes the beginning of `bytes` and takes it away.
fn write_some(to: BorrowedFd<'_>, bytes: &mut Vec<u8>) -> io::Result<()> {
    match write(to, &bytes[..bytes.len().min(CHUNK)]) {
        Ok(count) => drop(bytes.drain(..count)),
        Err(Errno::EAGAIN | Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::{Read, Write};
    use std::os::fd::OwnedFd;
    use std::thread;
    use std::time::Duration;

    use nix::pty::openpty;
    use nix::sys::signal::raise;
    use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

    use super::*;

    /// A relay over pipes and a real pty.
    struct Scene {
        keys: Option<File>,
        input: OwnedFd,
        output: OwnedFd,
        shown: File,
        master: OwnedFd,
        inside: File,
        over: OwnedFd,
        end: Option<OwnedFd>,
    }

    fn pipe() -> (OwnedFd, OwnedFd) {
        nix::unistd::pipe().unwrap()
    }

    impl Scene {
        fn new() -> Self {
            let (input, keys) = pipe();
            let (shown, output) = pipe();
            let (over, end) = pipe();
            let pty = openpty(None, None).unwrap();
            let mut mode = tcgetattr(&pty.slave).unwrap();
            cfmakeraw(&mut mode);
            tcsetattr(&pty.slave, SetArg::TCSANOW, &mode).unwrap();
            Self {
                keys: Some(keys.into()),
                input,
                output,
                shown: shown.into(),
                master: pty.master,
                inside: pty.slave.into(),
                over,
                end: Some(end),
            }
        }

        fn press(&mut self, keys: &[u8]) {
            self.keys.as_mut().unwrap().write_all(keys).unwrap();
        }

        fn run(&self) -> (Ending, u32) {
            let mut resizes = 0;
            let relay = Relay {
                input: self.input.as_fd(),
                output: self.output.as_fd(),
                master: self.master.as_fd(),
                over: self.over.as_fd(),
            };
            let ending = relay.run(&Signals::take().unwrap(), || resizes += 1).unwrap();
            (ending, resizes)
        }
    }

    #[test]
    fn all_output_comes_out_before_it_is_over() {
        let mut scene = Scene::new();
        let text: Vec<u8> = (0..200_000_u32).map(|at| b'a' + (at % 26) as u8).collect();
        let (mut inside, end) = (scene.inside.try_clone().unwrap(), scene.end.take());
        let mut shown = scene.shown.try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                inside.write_all(&text).unwrap();
                drop(end);
            });
            let reader = scope.spawn(move || {
                let mut seen = vec![0; 200_000];
                shown.read_exact(&mut seen).unwrap();
                seen
            });
            assert_eq!(scene.run().0, Ending::Over);
            assert_eq!(reader.join().unwrap(), text);
        });
    }

    #[test]
    fn who_does_not_read_what_a_session_has_left_keeps_nobody_busy() {
        /// Hundredths of a second of a processor.
        fn used() -> u64 {
            let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
            let (_, rest) = stat.rsplit_once(')').unwrap();
            rest.split_ascii_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
        }
        const FULL: usize = 64 << 10;
        let mut scene = Scene::new();
        File::from(scene.output.try_clone().unwrap()).write_all(&[b'o'; FULL]).unwrap();
        scene.inside.write_all(b"end").unwrap();
        drop(scene.end.take());
        let mut shown = scene.shown.try_clone().unwrap();
        thread::scope(|scope| {
            let reader = scope.spawn(move || {
                thread::sleep(Duration::from_secs(1));
                let mut seen = [0; FULL + 3];
                shown.read_exact(&mut seen).unwrap();
                seen[FULL..].to_owned()
            });
            let before = used();
            assert_eq!(scene.run().0, Ending::Over);
            assert!(used() - before < 20, "{} ticks", used() - before);
            assert_eq!(reader.join().unwrap(), b"end");
        });
    }

    #[test]
    fn keys_reach_the_session_until_the_two_that_leave_it() {
        let mut scene = Scene::new();
        scene.press(b"ls\x03\x10\x11gone");
        assert_eq!(scene.run().0, Ending::Detached);
        let mut seen = [0; 16];
        let count = scene.inside.read(&mut seen).unwrap();
        assert_eq!(&seen[..count], b"ls\x03\x10");
    }

    #[test]
    fn the_end_of_input_is_told() {
        let mut scene = Scene::new();
        scene.press(b"x");
        drop(scene.keys.take());
        let (mut inside, end) = (scene.inside.try_clone().unwrap(), scene.end.take());
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut seen = [0; 3];
                inside.read_exact(&mut seen).unwrap();
                drop(end);
                // Told twice: the first time might have been too early for a shell.
                assert_eq!(&seen, b"x\x04\x04");
            });
            assert_eq!(scene.run().0, Ending::Over);
        });
    }

    #[test]
    fn signals_resize_the_session_or_end_it() {
        let mut scene = Scene::new();
        let _taken = Signals::take().unwrap();
        raise(Signal::SIGTERM).unwrap();
        assert_eq!(scene.run(), (Ending::Signal(Signal::SIGTERM), 0));
        raise(Signal::SIGWINCH).unwrap();
        drop(scene.end.take());
        assert_eq!(scene.run(), (Ending::Over, 1));
    }

    #[test]
    fn a_session_that_reads_nothing_still_gets_its_output_out() {
        let mut scene = Scene::new();
        let (mut inside, end) = (scene.inside.try_clone().unwrap(), scene.end.take());
        let mut keys = scene.keys.take().unwrap();
        let mut shown = scene.shown.try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || {
                // More than pty and buffers hold; the rest fails when the relay is over.
                let _ = keys.write_all(&vec![b'k'; 1 << 20]);
            });
            scope.spawn(move || {
                inside.write_all(&vec![b'o'; 100_000]).unwrap();
                drop(end);
            });
            scope.spawn(move || shown.read_exact(&mut vec![0; 100_000]).unwrap());
            assert_eq!(scene.run().0, Ending::Over);
            drop(scene);
        });
    }
}
