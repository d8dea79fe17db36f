//! PID 1 of a container without a program of its own: it reaps what is orphaned and ends the container
//! when it is told to.

use crate::sys::{self, EINVAL, Result, SIGCHLD, SIGCONT, SIGTERM, Wait};

/// Never returns, but to refuse: outside a PID namespace of its own (`own_namespace` says that we were
/// cloned into one) this must not run, since its signals go to every process that it can see. `farewell` is the signal that
/// means the end to those inside. Of the `plan` that has led here nothing is needed any more.
pub fn run(own_namespace: bool, farewell: i32, plan: &'static [u8]) -> Result<()> {
    if !own_namespace || sys::getpid() != 1 {
        return Err(EINVAL);
    }
    const PR_SET_NAME: u64 = 15;
    sys::prctl(PR_SET_NAME, c"xdockerinit".as_ptr() as u64, 0)?;
    // Blocked, not handled: signals wait for `wait_signal`.
    sys::set_mask(u64::MAX);
    // Among them the pipe that tells the monitor that we are there.
    sys::close_range(0, u32::MAX)?;
    sys::rest(plan);
    sys::rest_stack();
    loop {
        match sys::wait_signal(sys::signals(&[SIGCHLD, SIGTERM])) {
            Ok(SIGTERM) => stop(farewell),
            _ => reap(),
        }
    }
}

/// Collects every child that has ended.
fn reap() {
    while let Ok(Some(_)) = sys::wait(Wait::Any, sys::WNOHANG) {}
}

/// Asks every process of the container to end. We stay until the last of them has gone; whoever asked
/// has the patience, and SIGKILL for what ignores it.
fn stop(farewell: i32) -> ! {
    let _ = sys::kill_namespace(farewell);
    // A stopped process acts on it only when it is continued.
    let _ = sys::kill_namespace(SIGCONT);
    loop {
        match sys::wait(Wait::Any, 0) {
            Ok(_) => continue,
            // No child of ours is left, but a session's process is the monitor's child, not ours: it is
            // there as long as somebody can be signalled.
            Err(_) if sys::kill_namespace(0).is_err() => sys::exit(0),
            Err(_) => {
                let _ = sys::poll(&mut [], 5);
            }
        }
    }
}
