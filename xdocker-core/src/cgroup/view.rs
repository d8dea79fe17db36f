//! What a container sees of its own cgroups at /sys/fs/cgroup: all that it is limited by, and it cannot change it.
//! Pure: steps of a plan.

use std::path::{Path, PathBuf};

use crate::launch::{Action, Attributes, Directory, Plan, Slot, c_path};

const OPEN_TREE_CLONE: u32 = 1;
const AT_EMPTY_PATH: u32 = 0x1000;

/// The cgroups that there are to be seen: the name of the mount, and the cgroup as the host sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    cgroups: Vec<(String, PathBuf)>,
}

impl View {
    /// Adds a hierarchy; that of version 2 has no name.
    pub(super) fn add(&mut self, name: &str, path: &Path) {
        self.cgroups.push((name.to_owned(), path.to_owned()));
    }

    /// Plans the mounts below `sys`, the container's own /sys. The root process is in its cgroup namespace by then.
    pub(crate) fn plan(&self, plan: &mut Plan, sys: Slot) {
        let read_only = Attributes::HARMLESS.and(Attributes::READ_ONLY);
        let (fs, mount, part) = (plan.slot(), plan.slot(), plan.slot());
        let at_cgroup =
            Action::Mask { mount, below: sys, path: c"fs/cgroup".to_owned(), links_are_fine: false };
        let inside = plan.inside.purpose("mount the cgroups at sys/fs/cgroup");
        match &self.cgroups[..] {
            [] => (),
            [(name, _)] if name.is_empty() => {
                inside.push(Action::FsOpen { kind: c"cgroup2", to: fs });
                inside.push(Action::FsMount { fs, to: mount, attributes: read_only });
                inside.push(at_cgroup).push(Action::Close { fd: mount });
            }
            parts => {
                inside.push(Action::FsOpen { kind: c"tmpfs", to: fs });
                inside.push(Action::FsString { fs, key: c"mode", value: c"755".to_owned() });
                inside.push(Action::FsMount { fs, to: mount, attributes: Attributes::HARMLESS });
                for (name, _) in parts {
                    let (at, path) = (Directory::At(mount), c_path(name.as_ref()));
                    inside.push(Action::MakeDirectory { at, path, mode: 0o755 });
                }
                // Before it is attached: the kernel leaves alone what is part of a tree that is not.
                inside.push(attributes(mount, read_only)).push(at_cgroup);
                for (name, path) in parts {
                    let name = c_path(name.as_ref());
                    let (at, path, flags) = (Directory::Current, c_path(path), OPEN_TREE_CLONE);
                    inside.push(Action::OpenTree { at, path, to: part, flags });
                    inside.push(attributes(part, read_only));
                    inside.push(Action::Mask {
                        mount: part,
                        below: mount,
                        path: name,
                        links_are_fine: false,
                    });
                    inside.push(Action::Close { fd: part });
                }
                inside.push(Action::Close { fd: mount });
            }
        }
    }
}

/// Sets attributes of an open mount, which the host's then takes no part in.
fn attributes(mount: Slot, set: Attributes) -> Action {
    let at = Directory::At(mount);
    Action::SetAttributes {
        at,
        path: c"".to_owned(),
        flags: AT_EMPTY_PATH,
        set,
        propagation: libc::MS_PRIVATE,
    }
}
