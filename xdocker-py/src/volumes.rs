//! Directories and files of the host in a container, as arguments.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::prelude::*;
use xdocker_core::Volume;

use crate::convert::parsed;
use crate::error::to_python;

/// Volumes: `{"/host": "/inside"}`, where what is inside may end in `:ro`; or texts of the core's.
#[derive(FromPyObject)]
pub(crate) enum Volumes {
    /// By the path on the host.
    Pairs(BTreeMap<PathBuf, PathBuf>),
    /// As texts.
    Texts(Vec<String>),
}

impl Default for Volumes {
    fn default() -> Self {
        Self::Texts(Vec::new())
    }
}

impl Volumes {
    /// As the core has them.
    pub(crate) fn volumes(self) -> PyResult<Vec<Volume>> {
        match self {
            Self::Texts(texts) => texts.iter().map(|text| parsed(text)).collect(),
            Self::Pairs(pairs) => pairs
                .into_iter()
                .map(|(host, inside)| {
                    let text = inside.to_string_lossy().into_owned();
                    let (inside, read_only) = match text.strip_suffix(":ro") {
                        Some(inside) => (PathBuf::from(inside), true),
                        None => (inside, false),
                    };
                    Ok(Volume::new(host, inside).map_err(to_python)?.read_only(read_only))
                })
                .collect(),
        }
    }
}
