//! Bare mount namespaces: nothing but an empty root, for containers to begin in. A new mount namespace is a copy of the
//! one that its maker is in, and the host's grows with every container.

use core::ffi::c_void;

use crate::sys::{self, EPROTO, Result, Text};
use crate::wire::fd;

/// Has one at [`fd::BARE`], made if there is none and that is said, and lets others find us for it, in the first of so many
/// places that is free. Says which process was needed for that, to be collected.
pub fn keep(places: u64, make_one: bool) -> Result<Option<i32>> {
    let made = match make_one && !sys::is_mount_namespace(fd::BARE) {
        true => Some(make()?),
        false => None,
    };
    // Who has a place keeps one too: when all are taken there are enough to be found.
    for place in 0..places {
        match sys::lock_byte(fd::KEEPERS, place) {
            Err(sys::EAGAIN) => continue,
            taken => return taken.map(|()| made),
        }
    }
    Ok(made)
}

/// Leaves the host's mounts behind, for a new namespace with the detached mount `root` in it.
pub fn enter(root: i32) -> Result<()> {
    sys::setns(fd::BARE, sys::CLONE_NEWNS)?;
    sys::unshare(sys::CLONE_NEWNS)?;
    let top = sys::openat(sys::AT_FDCWD, Text::of(c"/"), sys::O_PATH, 0)?;
    let attached = sys::move_mount(root, top);
    sys::close(top);
    attached
}

/// Makes one, in a process that leaves it behind at [`fd::BARE`]; that process.
fn make() -> Result<i32> {
    const STACK: usize = 16 * 1024;
    let stack = sys::zeros(STACK)?;
    // Killed, it has said nothing.
    let mut made: Result<()> = Err(EPROTO);
    let flags = sys::CLONE_FILES | sys::CLONE_NEWNS;
    let ran = sys::run_in_vfork(stack, flags, None, make_apart, (&raw mut made).cast());
    // SAFETY: a plain read of what the process wrote while we were stopped.
    let made = unsafe { (&raw const made).read_volatile() };
    sys::unmap(stack.as_ptr(), STACK);
    let process = ran?;
    made.map(|()| process)
}

extern "C" fn make_apart(made: *mut c_void) -> ! {
    sys::die_with_parent();
    let result = strip();
    // SAFETY: `make`, stopped until we end, lent us its result.
    unsafe { made.cast::<Result<()>>().write(result) };
    sys::exit(0)
}

/// Replaces all that the own namespace, a new copy of the host's, shows by an empty directory that nobody can write to.
fn strip() -> Result<()> {
    const AT_RECURSIVE: u64 = 0x8000;
    const MS_PRIVATE: u64 = 1 << 18;
    /// `MOUNT_ATTR_RDONLY`, `NOSUID`, `NODEV`, `NOEXEC`.
    const HARMLESS: u64 = 0x1 | 0x2 | 0x4 | 0x8;
    let top = Text::of(c"/");
    let namespace = sys::openat(sys::AT_FDCWD, Text::of(c"/proc/self/ns/mnt"), 0, 0)?;
    sys::mount_setattr(sys::AT_FDCWD, top, AT_RECURSIVE, 0, 0, MS_PRIVATE)?;
    let empty = sys::fsopen(Text::of(c"tmpfs"))?;
    sys::fsconfig_create(empty)?;
    let root = sys::fsmount(empty, HARMLESS)?;
    let below = sys::openat(sys::AT_FDCWD, top, sys::O_PATH, 0)?;
    sys::move_mount(root, below)?;
    sys::pivot_to(root)?;
    sys::dup_to(namespace, fd::BARE)?;
    for fd in [namespace, empty, root, below] {
        sys::close(fd);
    }
    Ok(())
}
