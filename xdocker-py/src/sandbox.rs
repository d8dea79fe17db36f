//! How tight a container is: as keyword arguments, and as a record.

use std::ffi::OsStr;
use std::path::PathBuf;

use pyo3::prelude::*;
use xdocker_core::{Capabilities, Seccomp, SeccompProfile};

use crate::convert::parsed;
use crate::error::invalid;
use crate::keywords::keywords;
use crate::record::record;

keywords!(
    /// What programs may do.
    SandboxKeywords {
        privileged: bool,
        userns: Option<String>,
        read_only: bool,
        cap_add: Vec<String>,
        cap_drop: Vec<String>,
        seccomp: Option<PathBuf>,
        new_privileges: Option<bool>,
        masks: Option<bool>,
        core_dumps: Option<bool>,
    }
);

impl SandboxKeywords {
    /// As the core has it.
    pub(crate) fn sandbox(self) -> PyResult<xdocker_core::Sandbox> {
        let mut sandbox = match self.privileged {
            true => xdocker_core::Sandbox::privileged(),
            false => xdocker_core::Sandbox::new(),
        };
        if let Some(path) = self.seccomp {
            sandbox = sandbox.seccomp(match path.as_os_str() == OsStr::new("unconfined") {
                true => Seccomp::Unconfined,
                false => Seccomp::Profile(parsed::<SeccompProfile>(&std::fs::read_to_string(path)?)?),
            });
        }
        if let Some(allowed) = self.new_privileges {
            sandbox = sandbox.new_privileges(allowed);
        }
        if let Some(masks) = self.masks {
            sandbox = sandbox.masks(masks);
        }
        if let Some(allowed) = self.core_dumps {
            sandbox = sandbox.core_dumps(allowed);
        }
        if let Some(users) = self.userns {
            sandbox = sandbox.user_namespace(match users.as_str() {
                "auto" => true,
                "host" => false,
                _ => return Err(invalid(format!("userns `{users}`: it is `host` or `auto`"))),
            });
        }
        let union = |names: &[String]| {
            names.iter().try_fold(Capabilities::NONE, |all, name| PyResult::Ok(all | parsed(name)?))
        };
        sandbox = sandbox.change_capabilities(union(&self.cap_add)?, union(&self.cap_drop)?);
        Ok(sandbox.read_only(self.read_only))
    }
}

record!(
    /// What the programs of a container may do.
    Sandbox {
        /// Capabilities of its processes, as in capabilities(7) without `CAP_`; `["ALL"]` for all of them.
        capabilities: Vec<String>,
        /// Whose its users are: ``host``, or ``auto`` for its own, so that root inside is nobody outside.
        userns: &'static str,
        /// Filter of its system calls: `default`, `unconfined`, or `profile` for one of the user's own.
        seccomp: &'static str,
        /// Whether set-uid programs and file capabilities work inside.
        new_privileges: bool,
        /// Whether paths of /proc and /sys that tell about the host, or can hurt it, are hidden or read-only.
        masks: bool,
        /// Whether its processes may dump core.
        core_dumps: bool,
        /// Whether its root is read-only.
        read_only: bool,
    }
);

impl From<&xdocker_core::Sandbox> for Sandbox {
    fn from(sandbox: &xdocker_core::Sandbox) -> Self {
        let capabilities = sandbox.capabilities.to_string();
        Self {
            capabilities: capabilities.split_terminator(',').map(str::to_owned).collect(),
            userns: if sandbox.user_namespace { "auto" } else { "host" },
            seccomp: match sandbox.seccomp {
                Seccomp::Default => "default",
                Seccomp::Unconfined => "unconfined",
                _ => "profile",
            },
            new_privileges: sandbox.new_privileges,
            masks: sandbox.masks,
            core_dumps: sandbox.core_dumps,
            read_only: sandbox.read_only,
        }
    }
}
