//! How tight a container is.

use serde::{Deserialize, Serialize};

use super::{Capabilities, Seccomp};

/// What the programs of a container may do. The default is meant for code that one did not write; each part
/// can be loosened by itself.
///
/// ```
/// # use xdocker_core::{Capabilities, Sandbox};
/// let ping = Sandbox::new().capabilities(Capabilities::default() | "NET_RAW".parse()?);
/// # Ok::<(), xdocker_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Sandbox {
    /// The capabilities of its processes.
    pub capabilities: Capabilities,
    /// The filter of its system calls.
    pub seccomp: Seccomp,
    /// Whether set-uid programs and file capabilities work inside.
    pub new_privileges: bool,
    /// Whether paths of /proc and /sys that tell about the host, or can hurt it, are hidden or read-only.
    pub masks: bool,
    /// Whether its processes may dump core.
    pub core_dumps: bool,
    /// Whether its root is read-only.
    pub read_only: bool,
    /// Whether its users are its own.
    pub user_namespace: bool,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// The default one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            capabilities: Capabilities::default(),
            seccomp: Seccomp::Default,
            new_privileges: false,
            masks: true,
            core_dumps: false,
            read_only: false,
            user_namespace: false,
        }
    }

    /// As good as none: root inside is root outside, only in a place of its own.
    #[must_use]
    pub fn privileged() -> Self {
        Self {
            capabilities: Capabilities::ALL,
            seccomp: Seccomp::Unconfined,
            new_privileges: true,
            masks: false,
            core_dumps: true,
            read_only: false,
            user_namespace: false,
        }
    }

    /// Gives its processes more capabilities and takes others, as [`Capabilities::changed`] does.
    #[must_use]
    pub fn change_capabilities(mut self, add: Capabilities, drop: Capabilities) -> Self {
        self.capabilities = self.capabilities.changed(add, drop);
        self
    }

    /// Sets the capabilities of its processes.
    #[must_use]
    pub fn capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Sets the filter of its system calls.
    #[must_use]
    pub fn seccomp(mut self, seccomp: Seccomp) -> Self {
        self.seccomp = seccomp;
        self
    }

    /// Whether set-uid programs and file capabilities work inside. They do not by default.
    #[must_use]
    pub fn new_privileges(mut self, allowed: bool) -> Self {
        self.new_privileges = allowed;
        self
    }

    /// Whether paths of /proc and /sys that tell about the host, or can hurt it, are hidden or read-only.
    /// They are by default.
    #[must_use]
    pub fn masks(mut self, masks: bool) -> Self {
        self.masks = masks;
        self
    }

    /// Whether its processes may dump core, which the host's `core_pattern` decides about. They may not by
    /// default.
    #[must_use]
    pub fn core_dumps(mut self, allowed: bool) -> Self {
        self.core_dumps = allowed;
        self
    }

    /// Whether its root is read-only, with memory file systems at /tmp and /run to write to.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Whether its users are its own: root inside is nobody outside, and no two containers have one in common. By
    /// default they are the host's.
    #[must_use]
    pub fn user_namespace(mut self, own: bool) -> Self {
        self.user_namespace = own;
        self
    }

    /// Whether nothing was changed.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
