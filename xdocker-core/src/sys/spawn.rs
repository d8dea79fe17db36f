//! Starting the helper from inside somebody else's process.
//!
//! The caller may have forty threads, any of which may hold any lock, so between clone and exec there is
//! nothing but system calls on data that was prepared before. It is a vfork (memory shared, caller's
//! thread stopped), which costs the same in a process of 300 MB as in one of 3. It is done twice: the
//! helper must be nobody's child, so that it needs no waiting for and outlives the caller; the child in
//! between ends at once, has no exit signal, and is invisible to a caller who waits for "any child".

use std::ffi::{CStr, c_int, c_void};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr::null;

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};

/// Bytes of stack for a child that makes a dozen system calls.
const STACK: usize = 32 * 1024;
/// Descriptors that the helper gets: 0, 1, 2 and those of `wire::fd`.
pub(crate) const INHERITED: usize = xdockerinit::wire::fd::FREE as usize;

/// How many descriptors the helper may have, given the hard limit, in place of our soft one: enough for all sessions of a
/// container, and the pipes of its log.
pub(crate) fn room(hard: u64) -> u64 {
    hard.min(2048)
}

/// All that the children read and write.
struct Launch {
    program: RawFd,
    /// `fds[n]` becomes descriptor `n`.
    fds: [RawFd; INHERITED],
    files: libc::rlimit,
    argv: [*const libc::c_char; 2],
    envp: [*const libc::c_char; 1],
    inner_stack: *mut c_void,
    errno: c_int,
}

const NAME: &CStr = c"xdockerinit";

/// Executes `program` with exactly these descriptors as 0, 1, …, as nobody's child.
pub(crate) fn detached(program: &File, fds: [BorrowedFd<'_>; INHERITED]) -> io::Result<()> {
    let mut outer = vec![0u128; STACK / 16];
    let mut inner = vec![0u128; STACK / 16];
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let mut launch = Launch {
        program: program.as_raw_fd(),
        fds: fds.map(|fd| fd.as_raw_fd()),
        files: libc::rlimit { rlim_cur: soft.max(room(hard)), rlim_max: hard },
        argv: [NAME.as_ptr(), null()],
        envp: [null()],
        inner_stack: inner.as_mut_ptr_range().end.cast(),
        errno: 0,
    };
    // A signal handler of the caller's must not run in a child that shares its memory.
    let mut before = SigSet::empty();
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before))?;
    // SAFETY: the stack grows down from its end and lives until the child has gone, since with CLONE_VFORK
    // this call returns only then; `between` and `become_helper` make system calls on `launch` alone and
    // do not return into our frames.
    let child = unsafe {
        libc::clone(
            between,
            outer.as_mut_ptr_range().end.cast(),
            libc::CLONE_VM | libc::CLONE_VFORK,
            (&raw mut launch).cast(),
        )
    };
    let cloned = if child < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None)?;
    cloned?;
    // SAFETY: waits for our own child, by number, which stays its own until then. Without an exit signal
    // it counts as a clone child, hence __WALL (wait(2)).
    while unsafe { libc::waitpid(child, std::ptr::null_mut(), libc::__WALL) } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
    // SAFETY: the children are gone or have memory of their own; volatile, as they wrote behind the
    // compiler's back.
    match unsafe { (&raw const launch.errno).read_volatile() } {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// The child in between: has the helper's process made, then ends.
extern "C" fn between(launch: *mut c_void) -> c_int {
    // SAFETY: `detached` passed its `Launch` and is stopped; the inner stack is used by one child.
    unsafe {
        let launch = launch.cast::<Launch>();
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        if libc::clone(become_helper, (*launch).inner_stack, flags, launch.cast()) < 0 {
            (*launch).errno = *libc::__errno_location();
        }
        libc::syscall(libc::SYS_exit, 0);
    }
    0
}

/// The child that executes the helper.
extern "C" fn become_helper(launch: *mut c_void) -> c_int {
    // SAFETY: as in `between`; the descriptors are a copy of the caller's, so moving them is invisible
    // to it.
    unsafe {
        let launch = launch.cast::<Launch>();
        (*launch).errno = match place_and_execute(&mut *launch) {
            Err(()) => *libc::__errno_location(),
            Ok(()) => 0,
        };
        libc::syscall(libc::SYS_exit, 127);
    }
    0
}

/// Moves the descriptors to their places and executes.
///
/// # Safety
/// Runs in the vforked child only: it rearranges the process's descriptors.
unsafe fn place_and_execute(launch: &mut Launch) -> Result<(), ()> {
    let checked = |result: c_int| if result < 0 { Err(()) } else { Ok(result) };
    let above = INHERITED as c_int;
    // SAFETY: plain system calls on integers and on the strings prepared by `detached`.
    unsafe {
        // The limit is the child's own. Where it cannot be raised what follows may do with less.
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const launch.files);
        // First out of the way: a source may have the number that another one is to get.
        launch.program = checked(libc::fcntl(launch.program, libc::F_DUPFD_CLOEXEC, above))?;
        for fd in &mut launch.fds {
            *fd = checked(libc::fcntl(*fd, libc::F_DUPFD_CLOEXEC, above))?;
        }
        for (number, fd) in launch.fds.iter().enumerate() {
            checked(libc::dup2(*fd, number as c_int))?;
        }
        // Whatever the caller left inheritable stays with the caller.
        let closed = libc::syscall(libc::SYS_close_range, above, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
        checked(closed as c_int)?;
        let executed = libc::syscall(
            libc::SYS_execveat,
            launch.program,
            c"".as_ptr(),
            launch.argv.as_ptr(),
            launch.envp.as_ptr(),
            libc::AT_EMPTY_PATH,
        );
        checked(executed as c_int).map(drop)
    }
}
