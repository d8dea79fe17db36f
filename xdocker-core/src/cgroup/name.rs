//! Names of containers' cgroups.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use md5::{Digest, Md5};

use crate::name::ContainerName;

/// Name of a container's cgroup in each hierarchy: `xdocker-`, eight hexadecimal digits that stand for the
/// home, and ten that stand for the container, as in the name of its network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CgroupName(String);

impl CgroupName {
    /// The name that belongs to a container of the home at that absolute path.
    #[must_use]
    pub fn of(home: &Path, container: &ContainerName) -> Self {
        let digits = |text: &[u8], bytes: usize| -> String {
            Md5::digest(text).iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
        };
        let (home, container) = (home.as_os_str().as_bytes(), container.as_str().as_bytes());
        Self(format!("xdocker-{}-{}", digits(home, 4), digits(container, 5)))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CgroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
