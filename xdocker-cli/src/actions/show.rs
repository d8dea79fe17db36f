//! What there is.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;
use xdocker_core::{
    ContainerInfo, Endpoint, ExitRecord, Feature, HostReport, IdRange, Image, LogSize, Process, Resources,
    Sandbox, State, Tmpfs, Volume,
};

use super::{container, engine};
use crate::clock;
use crate::grammar::Given;
use crate::report::{self, Outcome};
use crate::table::{self, Size};

/// `-v`
pub(crate) fn version(_: Given) -> Outcome {
    report::print(concat!("xdocker v", env!("CARGO_PKG_VERSION"), "\n"))
}

/// `-s images`
pub(crate) fn images(given: Given) -> Outcome {
    let images = engine()?.images().list()?;
    if given.json {
        return json(&images.iter().map(ImageObject::from).collect::<Vec<_>>());
    }
    let zone = clock::zone();
    report::print(&table::IMAGES.text(images.iter().map(|image| {
        [
            image.id.name.to_string(),
            image.id.version.to_string(),
            clock::local_time(image.modified, &zone),
            Size(image.size).to_string(),
        ]
    })))
}

/// `-s containers`
pub(crate) fn containers(given: Given) -> Outcome {
    let containers = engine()?.containers()?;
    if given.json {
        return json(&containers.iter().map(ContainerObject::from).collect::<Vec<_>>());
    }
    report::print(&table::CONTAINERS.text(containers.iter().map(|container| {
        [
            container.name.to_string(),
            texts(&container.images).join(","),
            container.hostname.to_string(),
            container.network.to_string(),
            container.netns.as_ref().map(ToString::to_string).unwrap_or_default(),
            Size(container.size).to_string(),
            container.state.to_string(),
        ]
    })))
}

/// `-s container_root`
pub(crate) fn container_root(given: Given) -> Outcome {
    let root = container(&given)?.root();
    // A path of ours is text; only the home may be named in bytes that are none.
    let root = root.display().to_string();
    if given.json { json(&serde_json::json!({ "root": root })) } else { report::print(&format!("{root}\n")) }
}

/// `-s doctor`. Ends with 1 where containers cannot be booted.
pub(crate) fn doctor(given: Given) -> Outcome {
    let report = HostReport::probe();
    if given.json {
        let features: Vec<_> = report.features.iter().map(FeatureObject::from).collect();
        json(
            &serde_json::json!({ "kernel": report.kernel, "can_boot": report.can_boot(), "features": features }),
        )?;
    } else {
        report::print(&table::FEATURES.text(report.features.iter().map(|feature| {
            let here = match (feature.present, feature.required) {
                (true, _) => "yes",
                (false, true) => "MISSING",
                (false, false) => "no",
            };
            let detail = match (feature.present, &*feature.detail) {
                (true, detail) => detail.to_owned(),
                (false, "") => feature.without.to_owned(),
                (false, detail) => format!("{detail}: {}", feature.without),
            };
            [feature.name.to_owned(), here.to_owned(), detail]
        })))?;
    }
    Ok(if report.can_boot() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `-s inspect`
pub(crate) fn inspect(given: Given) -> Outcome {
    let container = container(&given)?;
    let info = container.info()?;
    let object = InspectObject {
        container: ContainerObject::from(&info),
        root: container.root().display().to_string(),
        sandbox: &info.sandbox,
        tmpfs: &info.tmpfs,
        volumes: &info.volumes,
        ids: info.ids,
        resources: &info.resources,
        log_size: info.log,
        stop_signal: info.stop_signal.number(),
    };
    if given.json {
        return json(&object);
    }
    report::print(&(serde_json::to_string_pretty(&object).expect("what we print has text for keys") + "\n"))
}

/// `-s top`
pub(crate) fn top(given: Given) -> Outcome {
    let processes = container(&given)?.processes()?;
    if given.json {
        return json(&processes.iter().map(ProcessObject::from).collect::<Vec<_>>());
    }
    report::print(&table::PROCESSES.text(processes.iter().map(ProcessObject::from).map(|process| {
        [
            process.inner_pid.to_string(),
            process.pid.to_string(),
            process.user.unwrap_or_else(|| process.uid.to_string()),
            Size(process.resident).to_string(),
            // As ps(1) shows one that has nothing to show: a zombie.
            if process.command.is_empty() {
                format!("[{}]", process.name)
            } else {
                process.command.join(" ")
            },
        ]
    })))
}

/// One line of JSON.
pub(super) fn json(value: &impl Serialize) -> Outcome {
    report::print(&(serde_json::to_string(value).expect("what we print has text for keys") + "\n"))
}

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// `2018-11-10T01:21:12.5Z`; none for a time beyond all calendars.
pub(super) fn instant(time: SystemTime) -> Option<String> {
    Timestamp::try_from(time).ok().map(|time| time.to_string())
}

/// An image for scripts.
#[derive(Serialize)]
struct ImageObject {
    name: String,
    version: String,
    modified: Option<String>,
    size: u64,
}

impl From<&Image> for ImageObject {
    fn from(image: &Image) -> Self {
        Self {
            name: image.id.name.to_string(),
            version: image.id.version.to_string(),
            modified: instant(image.modified),
            size: image.size,
        }
    }
}

/// Something that the host has or has not, for scripts.
#[derive(Serialize)]
struct FeatureObject<'a> {
    name: &'a str,
    present: bool,
    required: bool,
    detail: &'a str,
    without: &'a str,
}

impl<'a> From<&'a Feature> for FeatureObject<'a> {
    fn from(feature: &'a Feature) -> Self {
        Self {
            name: feature.name,
            present: feature.present,
            required: feature.required,
            detail: &feature.detail,
            without: feature.without,
        }
    }
}

/// A container for scripts.
#[derive(Serialize)]
struct ContainerObject {
    name: String,
    images: Vec<String>,
    hostname: String,
    network: String,
    netns: Option<String>,
    vip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vip6: Option<String>,
    port_mapping: Option<String>,
    host_eth: Option<String>,
    size: u64,
    created: Option<String>,
    state: &'static str,
    pid: Option<u32>,
    /// Whether it is started again when it has ended, and how often it was since it was booted.
    restart: String,
    restarts: u32,
    /// How it ended the last time.
    exit: Option<ExitObject>,
}

/// All of a container for scripts.
#[derive(Serialize)]
struct InspectObject<'a> {
    #[serde(flatten)]
    container: ContainerObject,
    root: String,
    sandbox: &'a Sandbox,
    tmpfs: &'a [Tmpfs],
    volumes: &'a [Volume],
    /// What its users are outside, if they are its own.
    ids: Option<IdRange>,
    resources: &'a Resources,
    log_size: LogSize,
    stop_signal: i32,
}

/// A process for scripts. What is no UTF-8 in it is replaced.
#[derive(Serialize)]
struct ProcessObject {
    pid: u32,
    inner_pid: u32,
    uid: u32,
    user: Option<String>,
    resident: u64,
    command: Vec<String>,
    name: String,
}

impl From<&Process> for ProcessObject {
    fn from(process: &Process) -> Self {
        let text = |text: &OsString| text.to_string_lossy().into_owned();
        Self {
            pid: process.pid,
            inner_pid: process.inner_pid,
            uid: process.uid,
            user: process.user.clone(),
            resident: process.resident,
            command: process.command.iter().map(text).collect(),
            name: text(&process.name),
        }
    }
}

/// An end for scripts: either `code` or `signal` is there.
#[derive(Serialize)]
pub(super) struct ExitObject {
    code: Option<i32>,
    signal: Option<i32>,
    ended: Option<String>,
    /// Nobody saw it.
    lost: bool,
    /// Why it could not be started again after that.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_restarted: Option<String>,
    /// How often memory was short and the kernel has killed for it.
    oom_kills: u64,
}

impl From<&ExitRecord> for ExitObject {
    fn from(exit: &ExitRecord) -> Self {
        let status = exit.status();
        Self {
            code: status.code(),
            signal: status.signal(),
            ended: instant(exit.ended()),
            lost: exit.is_lost(),
            not_restarted: exit.not_restarted().map(|why| why.to_string()),
            oom_kills: exit.oom_kills(),
        }
    }
}

impl From<&ContainerInfo> for ContainerObject {
    fn from(container: &ContainerInfo) -> Self {
        let (state, pid) = match container.state {
            State::Stopped => ("stopped", None),
            State::Starting => ("starting", None),
            State::Restarting => ("restarting", None),
            State::Running { pid } => ("running", Some(pid)),
            State::Broken { pid } => ("broken", Some(pid)),
            _ => ("unknown", None),
        };
        let endpoint = container.network.endpoint();
        Self {
            name: container.name.to_string(),
            images: texts(&container.images),
            hostname: container.hostname.to_string(),
            network: container.network.to_string(),
            netns: container.netns.as_ref().map(ToString::to_string),
            vip: endpoint.and_then(Endpoint::address).map(|vip| vip.to_string()),
            vip6: endpoint.and_then(Endpoint::address6).map(|vip| vip.to_string()),
            port_mapping: endpoint
                .map(Endpoint::port_map)
                .filter(|map| !map.is_empty())
                .map(ToString::to_string),
            host_eth: endpoint.and_then(Endpoint::interface).map(ToString::to_string),
            size: container.size,
            created: instant(container.created),
            state,
            pid,
            restart: container.restart.to_string(),
            restarts: container.restarts,
            exit: container.exit.as_ref().map(ExitObject::from),
        }
    }
}
