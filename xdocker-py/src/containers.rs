//! Containers of a home: making them, and finding them.

use std::collections::HashMap;
use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xdocker_core::{
    Boot, Capabilities, ContainerSpec, Exec, Network, Resources, Sandbox, Seccomp, SeccompProfile,
};

use crate::container::Container;
use crate::convert::{Amount, ImageArgument, ImagesArgument, option, parsed};
use crate::error::{invalid, to_python};
use crate::info::ContainerInfo;

/// The containers of a home.
#[pyclass(frozen, module = "xdocker")]
pub(crate) struct Containers(pub(crate) xdocker_core::Engine);

/// Limits, as texts of the core's or numbers.
#[derive(Default)]
pub(crate) struct Limits {
    pub(crate) cpus: Option<Amount>,
    pub(crate) cpu_quota: Option<String>,
    pub(crate) cpu_weight: Option<Amount>,
    pub(crate) memory: Option<Amount>,
    pub(crate) memory_reservation: Option<Amount>,
    pub(crate) pids: Option<Amount>,
    pub(crate) io_weight: Option<Amount>,
}

impl Limits {
    /// As the core has them.
    pub(crate) fn resources(self) -> PyResult<Resources> {
        let mut resources = Resources::new();
        macro_rules! set {
            ($($field:ident)*) => {$(
                if let Some(value) = self.$field {
                    resources = resources.$field(parsed(&value.text())?);
                }
            )*};
        }
        if let Some(quota) = self.cpu_quota {
            resources = resources.cpu_quota(parsed(&quota)?);
        }
        set!(cpus cpu_weight memory memory_reservation pids io_weight);
        Ok(resources)
    }
}

/// The ports of the host that lead into a container: `{8080: 80}`, or a text of the core's.
#[derive(FromPyObject)]
enum Ports {
    /// TCP ports, by the host's.
    Pairs(HashMap<u16, u16>),
    /// As a text.
    Text(String),
}

impl Ports {
    /// The text that the core parses.
    fn text(&self) -> String {
        match self {
            Self::Pairs(pairs) => {
                pairs.iter().map(|(host, inside)| format!("{host}:{inside}")).collect::<Vec<_>>().join(",")
            }
            Self::Text(text) => text.clone(),
        }
    }
}

/// Defines what a container is to be, each part a keyword argument of `create` and `run` that may be left out.
macro_rules! options {
    ($($field:ident: $type:ty,)*) => {
        #[derive(Default)]
        struct Options { $($field: $type,)* }

        impl Options {
            /// Reads keyword arguments.
            fn read(given: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
                let mut options = Self::default();
                for (key, value) in given.into_iter().flatten() {
                    let key: String = key.extract()?;
                    let wrong = |error: PyErr| match error.is_instance_of::<PyTypeError>(value.py()) {
                        true => PyTypeError::new_err(format!("argument '{key}': {}", error.value(value.py()))),
                        false => error,
                    };
                    match key.as_str() {
                        $(stringify!($field) => options.$field = value.extract().map_err(wrong)?,)*
                        _ => return Err(PyTypeError::new_err(format!("unexpected keyword argument '{key}'"))),
                    }
                }
                Ok(options)
            }
        }
    };
}
options! {
    name: Option<String>,
    hostname: Option<String>,
    net: Option<String>,
    vip: Option<String>,
    ports: Option<Ports>,
    tmpfs: Vec<String>,
    read_only: bool,
    privileged: bool,
    cap_add: Vec<String>,
    cap_drop: Vec<String>,
    seccomp: Option<PathBuf>,
    new_privileges: bool,
    cpus: Option<Amount>,
    cpu_quota: Option<String>,
    cpu_weight: Option<Amount>,
    memory: Option<Amount>,
    memory_reservation: Option<Amount>,
    pids: Option<Amount>,
    io_weight: Option<Amount>,
}

impl Options {
    /// As the core has it.
    fn spec(self, images: ImagesArgument) -> PyResult<ContainerSpec> {
        let mut spec = ContainerSpec::new(images.0);
        if let Some(name) = option(self.name.as_deref())? {
            spec = spec.name(name);
        }
        if let Some(hostname) = option(self.hostname.as_deref())? {
            spec = spec.hostname(hostname);
        }
        let mut network: Network = option(self.net.as_deref())?.unwrap_or_default();
        if let Network::Bridge(endpoint) = &mut network {
            if let Some(vip) = &self.vip {
                let vip = vip.parse().map_err(|_| invalid(format!("vip `{vip}`: it is no IPv4 address")))?;
                *endpoint = endpoint.clone().vip(vip);
            }
            if let Some(ports) = &self.ports {
                *endpoint = endpoint.clone().ports(parsed(&ports.text())?);
            }
        } else if self.vip.is_some() || self.ports.is_some() {
            return Err(invalid(format!("net `{network}`: vip and ports are for BRIDGE")));
        }
        spec = spec.network(network);
        let union = |names: &[String]| -> PyResult<Capabilities> {
            let mut all = Capabilities::NONE;
            for name in names {
                all = all | parsed::<Capabilities>(name)?;
            }
            Ok(all)
        };
        let mut sandbox = if self.privileged { Sandbox::privileged() } else { Sandbox::new() };
        if let Some(path) = self.seccomp {
            let profile = std::fs::read_to_string(path)?;
            sandbox = sandbox.seccomp(Seccomp::Profile(parsed::<SeccompProfile>(&profile)?));
        }
        if self.new_privileges {
            sandbox = sandbox.new_privileges(true);
        }
        sandbox = sandbox.change_capabilities(union(&self.cap_add)?, union(&self.cap_drop)?);
        let tmpfs = self.tmpfs.iter().map(|path| parsed(path)).collect::<PyResult<Vec<_>>>()?;
        let limits = Limits {
            cpus: self.cpus,
            cpu_quota: self.cpu_quota,
            cpu_weight: self.cpu_weight,
            memory: self.memory,
            memory_reservation: self.memory_reservation,
            pids: self.pids,
            io_weight: self.io_weight,
        };
        let resources = limits.resources()?;
        Ok(spec.sandbox(sandbox.read_only(self.read_only)).tmpfs(tmpfs).resources(resources))
    }
}

/// The program that PID 1 is to be, if not our own.
pub(crate) fn boot(
    command: Option<Vec<PathBuf>>,
    env: Option<HashMap<String, String>>,
    cwd: Option<PathBuf>,
) -> PyResult<Boot> {
    let Some(command) = command else { return Ok(Boot::new()) };
    let [program, arguments @ ..] = command.as_slice() else {
        return Err(invalid("command `[]`: the program is missing"));
    };
    let mut exec = Exec::new(program).args(arguments);
    for (name, value) in env.into_iter().flatten() {
        exec = exec.env(name, value);
    }
    if let Some(directory) = cwd {
        exec = exec.current_dir(directory);
    }
    Ok(Boot::new().exec(exec))
}

#[pymethods]
impl Containers {
    /// Creates and boots a container that goes with us: at the end of the `with` block, and with our process.
    #[pyo3(signature = (image, command=None, *, env=None, cwd=None, **options))]
    fn run(
        &self,
        py: Python<'_>,
        image: ImagesArgument,
        command: Option<Vec<PathBuf>>,
        env: Option<HashMap<String, String>>,
        cwd: Option<PathBuf>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Container> {
        let boot = boot(command, env, cwd)?;
        let spec = Options::read(options)?.spec(image)?;
        let run = || Container::booted(&self.0, &spec, &boot);
        py.detach(run).map_err(to_python)
    }

    /// Creates a container, which is on disk then; with `bound` one that goes with us.
    #[pyo3(signature = (image, *, bound=false, **options))]
    fn create(
        &self,
        py: Python<'_>,
        image: ImagesArgument,
        bound: bool,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Container> {
        let spec = Options::read(options)?.spec(image)?;
        let create = || match bound {
            true => self.0.create_ephemeral(&spec).map(Container::bound),
            false => self.0.create(&spec).map(Container::detached),
        };
        py.detach(create).map_err(to_python)
    }

    /// The container of that name.
    fn get(&self, py: Python<'_>, name: &str) -> PyResult<Container> {
        let name = parsed(name)?;
        py.detach(|| self.0.container(&name)).map(Container::detached).map_err(to_python)
    }

    /// All containers, by name.
    fn list(&self, py: Python<'_>) -> PyResult<Vec<ContainerInfo>> {
        let infos = py.detach(|| self.0.containers()).map_err(to_python)?;
        Ok(infos.into_iter().map(ContainerInfo::from).collect())
    }

    /// Makes an image a container, in constant time: there is no such image any more.
    #[pyo3(name = "from_image", signature = (image, *, name=None, onto=None, force=false))]
    fn convert(
        &self,
        py: Python<'_>,
        image: ImageArgument,
        name: Option<&str>,
        onto: Option<ImagesArgument>,
        force: bool,
    ) -> PyResult<Container> {
        let mut spec = ContainerSpec::new(onto.map(|images| images.0).unwrap_or_default());
        if let Some(name) = option(name)? {
            spec = spec.name(name);
        }
        let convert = || self.0.to_container(&image.0, &spec, force);
        py.detach(convert).map(Container::detached).map_err(to_python)
    }

    fn __repr__(&self) -> &'static str {
        "Containers()"
    }
}
