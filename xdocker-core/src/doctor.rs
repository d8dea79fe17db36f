//! What this host offers containers, asked without changing anything.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use nix::sys::utsname::uname;
use nix::unistd::geteuid;

use crate::cgroup::{Controller, Host, Version, Weigher};
use crate::host::Kernel;
use crate::sys::probe;
use crate::users;

/// What a host offers, and what then does not work.
///
/// ```
/// let report = xdocker_core::HostReport::probe();
/// for feature in report.features.iter().filter(|feature| !feature.present) {
///     println!("no {}: {}", feature.name, feature.without);
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostReport {
    /// Release of the kernel.
    pub kernel: String,
    /// Everything that was looked at.
    pub features: Vec<Feature>,
}

/// Something that a host has or has not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Feature {
    /// What it is called.
    pub name: &'static str,
    /// Whether it is there.
    pub present: bool,
    /// Whether no container can be booted without it.
    pub required: bool,
    /// Which one it is, as a version or a list of parts. May be empty.
    pub detail: String,
    /// What does not work where it is missing.
    pub without: &'static str,
}

/// The controllers that limits are made of.
const LIMITS: [Controller; 4] = [Controller::Cpu, Controller::Cpuset, Controller::Memory, Controller::Pids];

const NOTHING_BOOTS: &str = "containers cannot be booted";

impl HostReport {
    /// Asks the running kernel.
    #[must_use]
    pub fn probe() -> Self {
        let kernel = uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default();
        let cgroups = Host::this();
        let can = |controller: &Controller| cgroups.with(*controller).is_some();
        let features = vec![
            required("root", geteuid().is_root(), String::new()),
            required("kernel 5.12", Kernel::running() >= Kernel::parse("5.12"), kernel.clone()),
            required("namespaces", missing_namespaces().is_empty(), missing_namespaces()),
            required("overlay", probe::file_system(c"overlay"), String::new()),
            required(
                "new mount API",
                probe::has_call(libc::SYS_fsopen) && probe::has_call(libc::SYS_mount_setattr),
                String::new(),
            ),
            required("seccomp", Path::new("/proc/sys/kernel/seccomp/actions_avail").exists(), String::new()),
            optional(
                "many layers",
                Kernel::running().overlay_appends_layers(),
                String::new(),
                "the names of all layers of a container must fit in 4 KiB (Linux 6.7)",
            ),
            optional(
                "memfd exec",
                setting("/proc/sys/vm/memfd_noexec").is_none_or(|value| value < 2),
                String::new(),
                "the helper program is kept as a file in the home",
            ),
            optional(
                "cgroups",
                !cgroups.hierarchies.is_empty(),
                match cgroups.version {
                    Version::One => "version 1".into(),
                    Version::Two => "version 2".into(),
                },
                "there are no limits and no statistics",
            ),
            optional(
                "controllers",
                LIMITS.iter().all(can),
                LIMITS.iter().filter(|each| can(each)).map(|each| each.name()).collect::<Vec<_>>().join(","),
                "limits of the others (of cpu, cpuset, memory, pids) are refused",
            ),
            optional(
                "disk limits",
                can(&Controller::Io),
                String::new(),
                "--io-max and --io-weight are refused",
            ),
            optional(
                "disk weights",
                can(&Controller::Io) && Weigher::of(cgroups.version).is_some(),
                String::new(),
                "--io-weight is refused: no disk has the scheduler bfq, and io.cost is off",
            ),
            optional("nftables", nftables(), String::new(), "no BRIDGE networks, no published ports"),
            optional(
                "user namespaces",
                users::are_allowed(),
                String::new(),
                "containers cannot have users of their own (--userns auto)",
            ),
            optional(
                "idmapped layers",
                Kernel::running().maps_layers(),
                String::new(),
                "containers cannot have users of their own (Linux 5.19)",
            ),
        ];
        Self { kernel, features }
    }

    /// Whether containers can be booted.
    #[must_use]
    pub fn can_boot(&self) -> bool {
        self.features.iter().all(|feature| feature.present || !feature.required)
    }
}

fn required(name: &'static str, present: bool, detail: String) -> Feature {
    Feature { name, present, required: true, detail, without: NOTHING_BOOTS }
}

fn optional(name: &'static str, present: bool, detail: String, without: &'static str) -> Feature {
    Feature { name, present, required: false, detail, without }
}

/// A number in a file of /proc/sys.
fn setting(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The namespaces that this kernel does not have, in one text.
fn missing_namespaces() -> String {
    const NEEDED: [&str; 6] = ["cgroup", "ipc", "mnt", "net", "pid", "uts"];
    let missing = |name: &&&str| !Path::new("/proc/self/ns").join(name).exists();
    NEEDED.iter().filter(missing).copied().collect::<Vec<_>>().join(",")
}

/// Whether nftables answers when it is asked for its generation.
fn nftables() -> bool {
    const NFT_MSG_NEWGEN: u16 = 10 << 8 | 15;
    const NFT_MSG_GETGEN: u16 = 10 << 8 | 16;
    const NLM_F_REQUEST: u16 = 1;
    let ask = || -> nix::Result<u16> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkNetFilter)?;
        // `struct nlmsghdr` (length, type, flags, sequence, port) and an empty `struct nfgenmsg`.
        let mut message = 20u32.to_ne_bytes().to_vec();
        message.extend(NFT_MSG_GETGEN.to_ne_bytes());
        message.extend(NLM_F_REQUEST.to_ne_bytes());
        message.resize(20, 0);
        send(socket.as_raw_fd(), &message, MsgFlags::empty())?;
        let mut answer = [0u8; 256];
        // The kernel has answered before the message was sent.
        recv(socket.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT)?;
        Ok(u16::from_ne_bytes([answer[4], answer[5]]))
    };
    ask() == Ok(NFT_MSG_NEWGEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_runs_the_tests_can_boot() {
        let report = HostReport::probe();
        let is_root = geteuid().is_root();
        assert_eq!(report.can_boot(), is_root, "{report:?}");
        assert!(report.kernel.starts_with(|c: char| c.is_ascii_digit()));
        assert!(report.features.iter().all(|feature| !feature.without.is_empty()));
    }

    #[test]
    fn what_no_kernel_has_is_missing() {
        assert!(!probe::has_call(400));
        assert!(!probe::file_system(c"no such file system"));
    }
}
