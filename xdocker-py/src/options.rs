//! What a container is to be, as keyword arguments of `run` and `create`.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

use pyo3::prelude::*;
use xdocker_core::{Boot, ContainerSpec, Exec};

use crate::convert::{Amount, option, parsed};
use crate::error::{invalid, to_python};
use crate::images::ImagesArgument;
use crate::keywords::{Keywords, keywords};
use crate::limits::LimitKeywords;
use crate::network::NetworkKeywords;
use crate::sandbox::SandboxKeywords;
use crate::volumes::Volumes;

keywords!(
    /// What is neither network, sandbox nor limit.
    Basics {
        name: Option<String>,
        hostname: Option<String>,
        tmpfs: Vec<PathBuf>,
        volumes: Volumes,
        log: Option<Amount>,
        restart: Option<String>,
        stop_signal: Option<i32>,
    }
);

/// All of it.
#[derive(Default)]
pub(crate) struct Options {
    basics: Basics,
    network: NetworkKeywords,
    sandbox: SandboxKeywords,
    limits: LimitKeywords,
}

impl Keywords for Options {
    fn take(&mut self, key: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.basics.take(key, value)?
            || self.network.take(key, value)?
            || self.sandbox.take(key, value)?
            || self.limits.take(key, value)?)
    }
}

impl Options {
    /// As the core has it.
    pub(crate) fn spec(self, images: ImagesArgument) -> PyResult<ContainerSpec> {
        let mut spec = ContainerSpec::new(images.0);
        if let Some(name) = option(self.basics.name.as_deref())? {
            spec = spec.name(name);
        }
        if let Some(hostname) = option(self.basics.hostname.as_deref())? {
            spec = spec.hostname(hostname);
        }
        if let Some(size) = self.basics.log {
            spec = spec.log(parsed(size.as_ref())?);
        }
        if let Some(policy) = option(self.basics.restart.as_deref())? {
            spec = spec.restart(policy);
        }
        if let Some(number) = self.basics.stop_signal {
            spec = spec.stop_signal(number.try_into().map_err(to_python)?);
        }
        let tmpfs = self.basics.tmpfs.iter().map(|path| parsed(&path.to_string_lossy()));
        let tmpfs = tmpfs.collect::<PyResult<Vec<_>>>()?;
        Ok(spec
            .network(self.network.network()?)
            .sandbox(self.sandbox.sandbox()?)
            .tmpfs(tmpfs)
            .volumes(self.basics.volumes.volumes()?)
            .resources(self.limits.resources()?))
    }
}

/// The program that PID 1 is to be, if not our own.
pub(crate) fn boot(
    command: Option<Vec<PathBuf>>,
    env: Option<HashMap<OsString, OsString>>,
    workdir: Option<PathBuf>,
) -> PyResult<Boot> {
    let Some(command) = command else {
        return match env.is_some() || workdir.is_some() {
            true => Err(invalid("command `None`: env and workdir are for a command")),
            false => Ok(Boot::new()),
        };
    };
    let [program, arguments @ ..] = command.as_slice() else {
        return Err(invalid("command `[]`: the program is missing"));
    };
    let mut exec = Exec::new(program).args(arguments);
    for (name, value) in env.into_iter().flatten() {
        exec = exec.env(name, value);
    }
    if let Some(directory) = workdir {
        exec = exec.current_dir(directory);
    }
    Ok(Boot::new().exec(exec))
}
