//! Attaching a mount inside a root that strangers may be changing meanwhile.
//!
//! A path is resolved by the kernel as from inside, once, and what it led to is held: that is looked at, and that is
//! what is mounted on. Nothing is made or mounted anywhere else, whatever becomes of the path (CVE-2021-30465 and
//! CVE-2024-45310, CVE-2019-16884 and CVE-2025-52881).

use crate::sys::{self, EAGAIN, EBUSY, EEXIST, EISDIR, ENAMETOOLONG, ENOENT, ENOTDIR, EPERM, Result, Text};

/// Where to attach.
pub struct Place {
    /// The directory that is `/` for the path.
    pub root: i32,
    pub path: Text,
    /// Whether what is missing of the path is made.
    pub make: bool,
    /// `RESOLVE_*` flags besides the ones that keep it inside.
    pub resolve: u64,
}

/// `f_type` (statfs(2)) of what the kernel shows of itself: proc, sysfs, cgroup, cgroup2, devpts.
const KERNELS_OWN: [u64; 5] = [0x9fa0, 0x6265_6572, 0x27_e0eb, 0x6367_7270, 0x1cd1];
/// Longest path in bytes, its NUL included (limits.h).
const PATH_MAX: usize = 4096;

/// Attaches the detached mount `mount` at `place`.
pub fn attach(mount: i32, place: &Place) -> Result<()> {
    let is_directory = sys::kind(mount)?.is_directory;
    let target = match open(place, place.path) {
        Err(ENOENT) if place.make => make(place, is_directory)?,
        other => other?,
    };
    let attached = check(target, is_directory).and_then(|()| sys::move_mount(mount, target));
    sys::close(target);
    attached
}

/// Whether something may be mounted on `target`.
fn check(target: i32, is_directory: bool) -> Result<()> {
    let found = sys::kind(target)?;
    if KERNELS_OWN.contains(&sys::file_system_type(target)?) {
        return Err(EPERM);
    }
    // The root, what we have mounted, what masks it: a link must not lead us to cover any of them.
    if found.is_mount_root {
        return Err(EBUSY);
    }
    match (is_directory, found.is_directory) {
        (true, false) => Err(ENOTDIR),
        (false, true) => Err(EISDIR),
        _ => Ok(()),
    }
}

fn open(place: &Place, path: Text) -> Result<i32> {
    /// Somebody renames on the way as fast as we look: the kernel asks to try again (openat2(2)).
    const TRIES: u32 = 1000;
    let how = sys::RESOLVE_IN_ROOT | sys::RESOLVE_NO_MAGICLINKS | place.resolve;
    for _ in 1..TRIES {
        match sys::openat2(place.root, path, sys::O_PATH, how) {
            Err(EAGAIN) => continue,
            other => return other,
        }
    }
    Err(EAGAIN)
}

/// Makes what is missing of the path, part by part, and opens its end. Each part is made in the directory that was found
/// for the one before; a link to nothing is not made true.
fn make(place: &Place, is_directory: bool) -> Result<i32> {
    let bytes = place.path.bytes();
    let mut path = [0u8; PATH_MAX];
    path.get_mut(..bytes.len()).ok_or(ENAMETOOLONG)?.copy_from_slice(bytes);
    let mut above = open(place, Text::of(c"/"))?;
    let (mut begin, mut end) = (1, 1);
    loop {
        while end < bytes.len() && bytes[end] != b'/' {
            end += 1;
        }
        // Only here the path ends for a moment.
        let last = end >= bytes.len();
        *path.get_mut(end).ok_or(ENAMETOOLONG)? = 0;
        // SAFETY: both end at the NUL that was just put there, and do not outlive this turn.
        let (whole, name) = unsafe { (Text::new(path.as_ptr()), Text::new(path.as_ptr().add(begin))) };
        let found = match open(place, whole) {
            Err(ENOENT) => {
                let made = match last && !is_directory {
                    true => sys::mknodat(above, name, S_IFREG | 0o644, 0),
                    false => sys::mkdirat(above, name, 0o755),
                };
                match made {
                    Ok(()) | Err(EEXIST) => open(place, whole),
                    Err(why) => Err(why),
                }
            }
            other => other,
        };
        sys::close(above);
        above = found?;
        if last {
            return Ok(above);
        }
        path[end] = b'/';
        end += 1;
        begin = end;
    }
}

const S_IFREG: u64 = 0o100_000;
