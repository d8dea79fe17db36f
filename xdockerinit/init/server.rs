//! What a monitor does while its container runs, and between two runs of it: it serves clients and keeps what is
//! printed.

use crate::log::Log;
use crate::plan::Plan;
use crate::session::{self, Sessions};
use crate::steps::Within;
use crate::sys::{self, Poll, Result, SIGCHLD, SIGKILL, Wait};
use crate::wire::fd;

/// Places in the set that is polled, before those of sessions and pipes.
const FIXED: usize = 4;

/// Who may print at a time: the root process, and each session. Each has two pipes.
pub const PRINTERS: usize = 1 + session::MOST;

/// How long nothing is done when a client cannot be let in, in milliseconds.
const BREATH: i32 = 10;

/// The container's root process.
#[derive(Clone, Copy)]
pub struct Root {
    pub pid: i32,
    pub pidfd: i32,
}

/// Everything that a monitor listens to.
pub struct Server {
    sessions: Sessions,
    pub log: Log,
    /// Where the end of whoever has booted us is seen; -1 where that does not matter.
    control: i32,
    bound: bool,
    children: i32,
    set: &'static mut [Poll],
}

/// What happened in a turn.
struct Turn {
    /// The root process has ended.
    ended: bool,
    /// Whoever has booted us has gone.
    owner_gone: bool,
}

impl Server {
    pub fn new(launch: Plan, log: Log, control: i32, bound: bool) -> Result<Self> {
        Ok(Self {
            sessions: Sessions::new(launch)?,
            log,
            control,
            bound,
            children: sys::signalfd(sys::signals(&[SIGCHLD]))?,
            set: sys::zeros(FIXED + session::ROOM + 2 * PRINTERS)?,
        })
    }

    /// Serves until the root process ends; its wait status. It stays a zombie, so that its pid cannot become anybody
    /// else's.
    pub fn serve(&mut self, root: Root, within: Within) -> Result<i32> {
        self.sessions.container_runs(root.pidfd, within);
        loop {
            let turn = self.turn(root.pidfd, self.sessions.patience())?;
            // The kernel lets PID 1 end only when everything inside has been reaped: no session is left.
            if turn.ended {
                let status = sys::wait(Wait::Pid(root.pid), sys::WNOWAIT)?;
                self.sessions.container_has_ended();
                return Ok(status.map_or(0, |(_, status)| status));
            }
            if turn.owner_gone {
                // Not closed: what is told at the end goes to this number, which is to be nobody else's.
                self.control = -1;
                if self.bound {
                    sys::pidfd_send_signal(root.pidfd, SIGKILL)?;
                }
            }
        }
    }

    /// Waits for so many nanoseconds with nothing inside. Says whether the container may be started again: nobody has
    /// said that it is to stay down.
    pub fn pause(&mut self, pause: u64) -> Result<bool> {
        const MILLISECOND: u64 = 1_000_000;
        let over = sys::uptime() + pause;
        loop {
            let left = over.saturating_sub(sys::uptime());
            self.turn(-1, left.div_ceil(MILLISECOND) as i32)?;
            if self.is_stopped() {
                return Ok(false);
            }
            // Asked for the last time after the pause was over.
            if left == 0 {
                return Ok(true);
            }
        }
    }

    /// Collects the processes of sessions that have ended.
    pub fn reap(&mut self) {
        self.sessions.reap(&mut self.log);
    }

    /// Whether somebody has said that the container is not to be started again.
    pub fn is_stopped(&self) -> bool {
        self.sessions.stopped
    }

    /// By what to start the container again, if not as it was.
    pub fn next_plan(&mut self) -> Option<Plan> {
        self.sessions.take_next()
    }

    /// Waits for something to happen, at most for `patience` milliseconds, and sees to it.
    fn turn(&mut self, root: i32, patience: i32) -> Result<Turn> {
        let set = &mut self.set;
        set[0] = Poll::new(root, sys::POLLIN);
        set[1] = Poll::new(fd::SESSIONS, sys::POLLIN);
        set[2] = Poll::new(self.control, 0);
        set[3] = Poll::new(self.children, sys::POLLIN);
        let printers = FIXED + self.sessions.watch(&mut set[FIXED..]);
        let count = printers + self.log.watch(&mut set[printers..]);
        sys::poll(&mut set[..count], patience)?;
        let [ended, connected, owner_gone, child] = [0, 1, 2, 3].map(|index: usize| set[index].got != 0);
        self.log.keep(&set[printers..count]);
        self.sessions.answer(&set[FIXED..printers], &mut self.log);
        self.sessions.expire();
        if child {
            let _ = sys::read(self.children, &mut [0u8; 128]);
            self.sessions.reap(&mut self.log);
        }
        if connected {
            match sys::accept(fd::SESSIONS) {
                Ok(connection) => self.sessions.admit(connection),
                // No descriptor is left for who waits: not to be asked again and again until there is one.
                Err(_) => drop(sys::poll(&mut [], BREATH)),
            }
        }
        Ok(Turn { ended, owner_gone })
    }
}
