//! Which hierarchies of cgroups this host has, and where in them our own can be.

use std::fmt;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::sys::stat::{major, minor};
use nix::unistd::{AccessFlags, access};

use crate::error::{Error, Result};
use crate::spec::IoMax;

/// Where every distribution mounts them.
const ROOT: &str = "/sys/fs/cgroup";

/// What a hierarchy can control, as far as we use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Controller {
    /// Shares and quotas of CPU time.
    Cpu,
    /// Use of CPU time, which in version 2 is counted without any controller.
    CpuAccounting,
    /// CPU cores.
    Cpuset,
    /// Memory.
    Memory,
    /// Number of processes.
    Pids,
    /// Disks: `blkio` in version 1.
    Io,
    /// Device nodes, in version 1; a BPF program does it in version 2.
    Devices,
}

impl Controller {
    /// The kernel's name for it.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "cpu" => Self::Cpu,
            "cpuacct" => Self::CpuAccounting,
            "cpuset" => Self::Cpuset,
            "memory" => Self::Memory,
            "pids" => Self::Pids,
            "blkio" | "io" => Self::Io,
            "devices" => Self::Devices,
            _ => return None,
        })
    }

    /// Its name in version 2.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::CpuAccounting => "cpuacct",
            Self::Cpuset => "cpuset",
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Io => "io",
            Self::Devices => "devices",
        }
    }
}

/// Version of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// A hierarchy for each controller, or a few of them.
    One,
    /// One hierarchy for all.
    Two,
}

/// What is mounted at a path, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mounted {
    One,
    Two,
    Other,
}

/// A hierarchy that we can make cgroups in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// What its mount is called: by its controllers, in version 1.
    pub(crate) name: String,
    /// The cgroup below which ours are: the root, or the caller's own where the root cannot be written.
    pub(crate) base: PathBuf,
    pub(crate) controllers: Vec<Controller>,
}

/// The hierarchies of a host.
///
/// Where both versions are mounted (hybrid), version 1 has the controllers, and the other one is the
/// service manager's, which we leave alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) version: Version,
    pub(crate) hierarchies: Vec<Hierarchy>,
}

impl Host {
    /// This one, looked at once.
    pub(crate) fn this() -> &'static Self {
        static THIS: OnceLock<Host> = OnceLock::new();
        THIS.get_or_init(|| {
            let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
            let writable = |path: &Path| access(path, AccessFlags::W_OK).is_ok();
            Self::look(Path::new(ROOT), &own, mounted, writable)
        })
    }

    /// Looks below `root`; `own` is our /proc/self/cgroup.
    ///
    /// Mounts are expected where every distribution has them, and not looked up in the table of mounts, which
    /// grows with every container.
    pub(super) fn look(
        root: &Path,
        own: &str,
        mounted: impl Fn(&Path) -> Mounted,
        writable: impl Fn(&Path) -> bool,
    ) -> Self {
        // `4:memory:/user.slice`, and `0::/user.slice` for version 2 (cgroups(7)).
        let lines = own.lines().filter_map(|line| {
            let (_, rest) = line.split_once(':')?;
            rest.split_once(':')
        });
        let base = |mount: PathBuf, own: &str| {
            let own = mount.join(own.trim_start_matches('/'));
            [mount, own].into_iter().find(|path| writable(path))
        };
        if mounted(root) == Mounted::Two {
            let own =
                lines.clone().find(|(controllers, _)| controllers.is_empty()).map_or("/", |(_, own)| own);
            let hierarchy = base(root.to_owned(), own).map(|base| {
                let names = fs::read_to_string(base.join("cgroup.controllers")).unwrap_or_default();
                Hierarchy {
                    name: String::new(),
                    base,
                    controllers: names.split_whitespace().filter_map(Controller::parse).collect(),
                }
            });
            return Self { version: Version::Two, hierarchies: hierarchy.into_iter().collect() };
        }
        let hierarchy = |(names, own): (&str, &str)| {
            let controllers: Vec<_> = names.split(',').filter_map(Controller::parse).collect();
            let mount = std::iter::once(names).chain(names.split(',')).map(|name| root.join(name));
            let mount =
                mount.filter(|_| !controllers.is_empty()).find(|path| mounted(path) == Mounted::One)?;
            Some(Hierarchy { name: names.to_owned(), base: base(mount, own)?, controllers })
        };
        Self { version: Version::One, hierarchies: lines.filter_map(hierarchy).collect() }
    }

    /// The hierarchy with a controller.
    pub(crate) fn with(&self, controller: Controller) -> Option<&Hierarchy> {
        self.hierarchies.iter().find(|hierarchy| hierarchy.controllers.contains(&controller))
    }
}

/// What shares disks by weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weigher {
    /// A scheduler of single disks, with a file of its own for weights up to 1000.
    Bfq,
    /// The controller of version 2.
    IoCost,
}

impl Weigher {
    /// The one that works on this host now: a kernel takes weights that nobody looks at, too.
    pub(crate) fn of(version: Version) -> Option<Self> {
        let disks = fs::read_dir("/sys/block").into_iter().flatten().flatten();
        let schedulers =
            disks.filter_map(|disk| fs::read_to_string(disk.path().join("queue/scheduler")).ok());
        // Its switch is in the root, wherever our own cgroups are.
        let costs = fs::read_to_string(Path::new(ROOT).join("io.cost.qos")).unwrap_or_default();
        Self::among(version, &costs, schedulers)
    }

    /// `costs` is what is said of disks in `io.cost.qos`, `schedulers` what each disk could have and, in brackets, has.
    fn among(version: Version, costs: &str, mut schedulers: impl Iterator<Item = String>) -> Option<Self> {
        if version == Version::Two && costs.split_whitespace().any(|word| word == "enable=1") {
            return Some(Self::IoCost);
        }
        schedulers.any(|all| all.split_whitespace().any(|name| name == "[bfq]")).then_some(Self::Bfq)
    }
}

/// A whole disk, by its number: partitions have no limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) major: u64,
    pub(super) minor: u64,
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// The disk that a limit is for: a device, or what a file lies on.
pub(super) fn disk(limit: &IoMax) -> Result<Disk> {
    let wrong = |why: String| Error::invalid("disk limit", limit.to_string(), why);
    let path = limit.disk();
    let data =
        fs::metadata(path).map_err(|why| wrong(format!("cannot look at {}: {why}", path.display())))?;
    let number = if data.file_type().is_block_device() { data.rdev() } else { data.dev() };
    let known = Path::new("/sys/dev/block").join(format!("{}:{}", major(number), minor(number)));
    if !known.exists() {
        // A file system in memory, of several layers or of several disks has a number that is no device's.
        return Err(wrong(format!("{} is not on one disk", path.display())));
    }
    if !known.join("partition").exists() {
        return Ok(Disk { major: major(number), minor: minor(number) });
    }
    // The name is a link to the partition's directory in that of its disk.
    let text = fs::read_to_string(known.join("../dev")).unwrap_or_default();
    let number = text.trim().split_once(':').map(|(major, minor)| (major.parse(), minor.parse()));
    match number {
        Some((Ok(major), Ok(minor))) => Ok(Disk { major, minor }),
        _ => Err(wrong(format!("there is no disk to the partition {}", path.display()))),
    }
}

/// Asks the kernel (statfs(2)).
fn mounted(path: &Path) -> Mounted {
    use nix::sys::statfs::{CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, statfs};
    match statfs(path).map(|found| found.filesystem_type()) {
        Ok(CGROUP_SUPER_MAGIC) => Mounted::One,
        Ok(CGROUP2_SUPER_MAGIC) => Mounted::Two,
        _ => Mounted::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::scratch::Scratch;

    const HYBRID: &str =
        "9:name=systemd:/init.scope\n8:pids:/a\n4:memory:/a/b\n3:cpuset:/\n1:cpu,cpuacct:/\n0::/\n";

    fn version_one(path: &Path) -> Mounted {
        let names = ["pids", "memory", "cpu,cpuacct", "systemd"];
        let name = path.file_name().unwrap().to_str().unwrap();
        if names.contains(&name) { Mounted::One } else { Mounted::Other }
    }

    #[test]
    fn a_hybrid_host_is_one_of_version_1_with_what_is_mounted() {
        let host = Host::look(Path::new("/c"), HYBRID, version_one, |_| true);
        let found: Vec<_> = host.hierarchies.iter().map(|h| h.base.to_str().unwrap()).collect();
        assert_eq!((host.version, found), (Version::One, vec!["/c/pids", "/c/memory", "/c/cpu,cpuacct"]));
        assert_eq!(host.with(Controller::CpuAccounting), host.with(Controller::Cpu));
        assert_eq!(host.with(Controller::Cpuset), None, "not mounted");
    }

    #[test]
    fn below_our_own_cgroup_where_the_root_cannot_be_written() {
        let own_only = |path: &Path| path.ends_with("memory/a/b") || path.ends_with("cpu,cpuacct");
        let host = Host::look(Path::new("/c"), HYBRID, version_one, own_only);
        let found: Vec<_> = host.hierarchies.iter().map(|h| h.base.to_str().unwrap()).collect();
        assert_eq!(found, ["/c/memory/a/b", "/c/cpu,cpuacct"], "pids cannot be written at all");
    }

    #[test]
    fn weights_are_kept_by_whoever_is_switched_on() {
        let among = |version, costs, schedulers: &[&str]| {
            Weigher::among(version, costs, schedulers.iter().map(|all| (*all).to_owned()))
        };
        const OFF: &str = "254:0 enable=0 ctrl=auto rpct=0.00\n";
        const ON: &str = "254:0 enable=0 ctrl=auto\n254:16 enable=1 ctrl=user rpct=95.00\n";
        const USUAL: &[&str] = &["none\n", "none [mq-deadline] kyber bfq\n"];
        const BFQ: &[&str] = &["none\n", "none mq-deadline [bfq]\n"];
        assert_eq!(among(Version::Two, OFF, USUAL), None);
        assert_eq!(among(Version::Two, OFF, BFQ), Some(Weigher::Bfq));
        assert_eq!(among(Version::Two, ON, BFQ), Some(Weigher::IoCost));
        assert_eq!(among(Version::One, ON, USUAL), None, "it is of version 2");
        assert_eq!(among(Version::One, "", BFQ), Some(Weigher::Bfq));
        assert_eq!(among(Version::One, "", &[]), None);
    }

    #[test]
    fn one_hierarchy_of_version_2_has_what_it_says() {
        let scratch = Scratch::new("cgroup-host");
        fs::write(scratch.path().join("cgroup.controllers"), "cpuset cpu io memory hugetlb pids\n").unwrap();
        let host = Host::look(scratch.path(), "0::/user.slice\n", |_| Mounted::Two, |_| true);
        assert_eq!((host.version, host.hierarchies.len()), (Version::Two, 1));
        assert_eq!(host.hierarchies[0].controllers.len(), 5);
        assert_eq!(host.hierarchies[0].base, scratch.path());
        let nothing = Host::look(scratch.path(), "", |_| Mounted::Other, |_| true);
        assert_eq!(nothing.hierarchies, []);
    }
}
