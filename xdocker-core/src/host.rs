//! Which kernel this is and what it can do, asked once.

use std::fs;
use std::sync::OnceLock;

use nix::sys::utsname::uname;

/// Release of the running kernel, as far as decisions depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kernel {
    major: u32,
    minor: u32,
}

impl Kernel {
    /// The running one; `0.0` when it does not say, which switches every newer way off.
    pub(crate) fn running() -> Self {
        static RUNNING: OnceLock<Kernel> = OnceLock::new();
        *RUNNING.get_or_init(|| {
            let release = uname().map(|name| name.release().to_string_lossy().into_owned());
            Self::parse(&release.unwrap_or_default())
        })
    }

    /// `6.1.0-35-amd64` is 6.1.
    pub(crate) fn parse(release: &str) -> Self {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
        Self { major: numbers.next().unwrap_or(0), minor: numbers.next().unwrap_or(0) }
    }

    /// Whether overlay takes its layers one by one (`lowerdir+`), without the limit of one page for all of
    /// them together.
    pub(crate) fn overlay_appends_layers(self) -> bool {
        self >= Self { major: 6, minor: 7 }
    }

    /// Whether mounts are put together before any of them is attached, and overlay takes such by descriptors.
    pub(crate) fn builds_detached(self) -> bool {
        self >= Self { major: 6, minor: 15 }
    }

    /// Whether overlay stands on mounts that map the owners of files.
    pub(crate) fn maps_layers(self) -> bool {
        self >= Self { major: 5, minor: 19 }
    }

    /// Whether elements of nf_tables' sets can be deleted that may not be there.
    pub(crate) fn destroys_elements(self) -> bool {
        self >= Self { major: 6, minor: 3 }
    }
}

/// Identity of this boot of the machine: pids of another one mean nothing (proc_sys_kernel(5)).
pub(crate) fn boot_id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| {
        fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_two_numbers_and_whatever_follows() {
        assert_eq!(Kernel::parse("6.1.0-35-amd64"), Kernel { major: 6, minor: 1 });
        assert_eq!(Kernel::parse("6.18.44-fc"), Kernel { major: 6, minor: 18 });
        assert_eq!(Kernel::parse("x"), Kernel { major: 0, minor: 0 });
        assert!(Kernel::parse("6.18").overlay_appends_layers());
        assert!(!Kernel::parse("6.6.9").overlay_appends_layers());
    }
}
