//! Definition of a container, as the user gives it.

use crate::name::{ContainerName, ImageRef};

use super::{Hostname, LogSize, Network, Resources, RestartPolicy, Sandbox, StopSignal, Tmpfs, Volume};

/// What a new container is to be.
///
/// ```
/// # use xdocker_core::{ContainerSpec, Network};
/// let spec = ContainerSpec::new(["base".parse()?, "calvin=sshd:1.0.0".parse()?])
///     .name("sshd".parse()?)
///     .network(Network::Custom);
/// # Ok::<(), xdocker_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSpec {
    pub(crate) images: Vec<ImageRef>,
    pub(crate) name: Option<ContainerName>,
    pub(crate) hostname: Option<Hostname>,
    pub(crate) network: Network,
    pub(crate) sandbox: Sandbox,
    pub(crate) tmpfs: Vec<Tmpfs>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) resources: Resources,
    pub(crate) log: LogSize,
    pub(crate) restart: RestartPolicy,
    pub(crate) stop_signal: StopSignal,
}

impl ContainerSpec {
    /// A container on these images: the first is the lowest layer, the last the top.
    pub fn new(images: impl IntoIterator<Item = ImageRef>) -> Self {
        Self {
            images: images.into_iter().collect(),
            name: None,
            hostname: None,
            network: Network::default(),
            sandbox: Sandbox::default(),
            tmpfs: Vec::new(),
            volumes: Vec::new(),
            resources: Resources::new(),
            log: LogSize::default(),
            restart: RestartPolicy::No,
            stop_signal: StopSignal::default(),
        }
    }

    /// Names it; otherwise it is named after its top image.
    #[must_use]
    pub fn name(mut self, name: ContainerName) -> Self {
        self.name = Some(name);
        self
    }

    /// Sets the host name inside; otherwise it is the container's name.
    #[must_use]
    pub fn hostname(mut self, hostname: Hostname) -> Self {
        self.hostname = Some(hostname);
        self
    }

    /// Sets the network model; otherwise it is the host's network.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Sets what its programs may do; otherwise it is as tight as [`Sandbox::new`].
    #[must_use]
    pub fn sandbox(mut self, sandbox: Sandbox) -> Self {
        self.sandbox = sandbox;
        self
    }

    /// Adds directories that lie in memory.
    #[must_use]
    pub fn tmpfs(mut self, tmpfs: impl IntoIterator<Item = Tmpfs>) -> Self {
        self.tmpfs.extend(tmpfs);
        self
    }

    /// Adds directories and files of the host.
    #[must_use]
    pub fn volumes(mut self, volumes: impl IntoIterator<Item = Volume>) -> Self {
        self.volumes.extend(volumes);
        self
    }

    /// Limits it, whenever it runs.
    #[must_use]
    pub fn resources(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }

    /// Sets whether it is started again when it has ended.
    #[must_use]
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.restart = policy;
        self
    }

    /// Sets the signal that asks it to end.
    #[must_use]
    pub fn stop_signal(mut self, signal: StopSignal) -> Self {
        self.stop_signal = signal;
        self
    }

    /// Sets how much of what it prints is kept.
    #[must_use]
    pub fn log(mut self, size: LogSize) -> Self {
        self.log = size;
        self
    }
}
