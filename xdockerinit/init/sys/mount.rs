//! Mounts: the new API (fsopen(2) and its kin), and what is left of the old.

use super::{CLONE_NEWNS, O_CLOEXEC, Result, Text, call, chdir, fchdir, ioctl};

pub fn fsopen(kind: Text) -> Result<i32> {
    call!(430, kind.pointer(), 1).map(|fd| fd as i32)
}

pub fn fsconfig_string(fd: i32, key: Text, value: Text) -> Result<()> {
    call!(431, fd, 1, key.pointer(), value.pointer(), 0).map(drop)
}

pub fn fsconfig_flag(fd: i32, key: Text) -> Result<()> {
    call!(431, fd, 0, key.pointer(), 0, 0).map(drop)
}

pub fn fsconfig_descriptor(fd: i32, key: Text, value: i32) -> Result<()> {
    call!(431, fd, 5, key.pointer(), 0, value).map(drop)
}

pub fn fsconfig_create(fd: i32) -> Result<()> {
    call!(431, fd, 6, 0, 0, 0).map(drop)
}

pub fn fsmount(fd: i32, attributes: u64) -> Result<i32> {
    call!(432, fd, 1, attributes).map(|fd| fd as i32)
}

pub fn move_mount(mount: i32, target: i32) -> Result<()> {
    const BOTH_EMPTY: u32 = 0x04 | 0x40;
    call!(429, mount, c"".as_ptr(), target, c"".as_ptr(), BOTH_EMPTY).map(drop)
}

pub fn open_tree(directory: i32, path: Text, flags: u64) -> Result<i32> {
    call!(428, directory, path.pointer(), flags | O_CLOEXEC).map(|fd| fd as i32)
}

/// mount_setattr(2): `struct mount_attr` is set, clear, propagation, user namespace.
pub fn mount_setattr(fd: i32, path: Text, flags: u64, set: u64, clear: u64, propagation: u64) -> Result<()> {
    let attributes = [set, clear, propagation, 0];
    call!(442, fd, path.pointer(), flags, attributes.as_ptr(), 32).map(drop)
}

/// mount_setattr(2) with a user namespace that maps the owners of files.
pub fn map_owners(mount: i32, flags: u64, users: i32) -> Result<()> {
    const MOUNT_ATTR_IDMAP: u64 = 0x10_0000;
    let attributes = [MOUNT_ATTR_IDMAP, 0, 0, users as u64];
    call!(442, mount, c"".as_ptr(), flags, attributes.as_ptr(), 32).map(drop)
}

pub fn mount(source: Text, target: Text, kind: Text, flags: u64, data: Text) -> Result<()> {
    call!(165, source.pointer(), target.pointer(), kind.pointer(), flags, data.pointer()).map(drop)
}

pub const MNT_DETACH: u64 = 2;

pub fn umount(path: Text, flags: u64) -> Result<()> {
    call!(166, path.pointer(), flags).map(drop)
}

/// ioctl(NS_GET_NSTYPE): whether a descriptor is one of a mount namespace.
pub fn is_mount_namespace(fd: i32) -> bool {
    const NS_GET_NSTYPE: u64 = 0xb703;
    ioctl(fd, NS_GET_NSTYPE, 0) == Ok(CLONE_NEWNS as usize)
}

/// pivot_root(2) onto itself: the old root ends up under the new one at `.` and is detached, so that no
/// directory for it is needed in the container.
pub fn pivot_to(root: i32) -> Result<()> {
    let (here, top) = (Text::of(c"."), Text::of(c"/"));
    fchdir(root)?;
    call!(155, here.pointer(), here.pointer())?;
    umount(here, MNT_DETACH)?;
    chdir(top)
}
