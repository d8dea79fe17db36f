//! The freezer of version 1. We freeze nothing; who is frozen by somebody else does not die of SIGKILL before he is
//! thawed. In version 2 he does.

use std::fs;
use std::path::{Path, PathBuf};

/// Where every distribution mounts it.
const MOUNT: &str = "/sys/fs/cgroup/freezer";

/// Thaws the cgroups in which these processes are frozen, and says which were.
///
/// One that is frozen by a cgroup above its own stays so: that may be others' too.
pub(crate) fn thaw(pids: impl IntoIterator<Item = u32>) -> Vec<PathBuf> {
    let membership = |pid| fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let mut cgroups: Vec<_> = pids.into_iter().filter_map(|pid| cgroup_of(&membership(pid))).collect();
    cgroups.sort_unstable();
    cgroups.dedup();
    cgroups.retain(|cgroup| {
        let state = cgroup.join("freezer.state");
        let frozen = fs::read_to_string(&state).is_ok_and(|state| state.trim() != "THAWED");
        frozen && fs::write(&state, "THAWED").is_ok()
    });
    cgroups
}

/// The cgroup that a process's list of them (cgroups(7)) names for the freezer; the root, which cannot freeze, is none.
fn cgroup_of(membership: &str) -> Option<PathBuf> {
    let line = membership.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|name| name == "freezer").then_some(path)
    });
    let path = line?
        .strip_prefix('/')
        .filter(|path| !path.is_empty() && !path.split('/').any(|part| part == ".."))?;
    Some(Path::new(MOUNT).join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_freezers_own_line_that_counts() {
        let of = |text| cgroup_of(text).map(|path| path.display().to_string());
        let list = "9:name=systemd:/a\n6:freezer:/x/y:z\n3:cpuset,freezers:/no\n0::/b\n";
        assert_eq!(of(list).as_deref(), Some("/sys/fs/cgroup/freezer/x/y:z"));
        assert_eq!(of("1:cpu,freezer:/x\n").as_deref(), Some("/sys/fs/cgroup/freezer/x"));
        for none in ["", "6:freezer:/\n", "0::/x\n", "6:freezer:/../x\n", "nonsense\n", "6:freezer"] {
            assert_eq!(of(none), None, "{none:?}");
        }
    }
}
