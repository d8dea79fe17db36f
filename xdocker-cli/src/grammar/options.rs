//! Every option there is, once, with the type of its value.

use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use xdocker_core::{
    Capabilities, ContainerName, Hostname, ImageRef, InterfaceName, LogOptions, LogSize, Network,
    PackOptions, PortMap, RepositoryAddress, Resources, RestartPolicy, RunId, Seccomp, SeccompProfile,
    StopSignal, Subnet, TestImage, Tmpfs, UnpackOptions, User, Version, Volume, Whiteouts,
};

use super::words;
use super::{BadValue, Opt, Takes};
use crate::clock;
use crate::signals::Signal;

/// What the command line gave, typed. What an action needs is there: the grammar has seen to it.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) debug: bool,
    pub(crate) json: bool,
    pub(crate) container: Option<ContainerName>,
    pub(crate) images: Vec<ImageRef>,
    pub(crate) hostname: Option<Hostname>,
    pub(crate) network: Option<Network>,
    pub(crate) cap_add: Vec<Capabilities>,
    pub(crate) cap_drop: Vec<Capabilities>,
    pub(crate) privileged: bool,
    pub(crate) read_only: bool,
    pub(crate) tmpfs: Vec<Tmpfs>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) new_privileges: Option<bool>,
    pub(crate) user_namespace: bool,
    pub(crate) seccomp: Option<Seccomp>,
    pub(crate) resources: Resources,
    pub(crate) log_size: Option<LogSize>,
    pub(crate) logs: LogOptions,
    pub(crate) detach: bool,
    pub(crate) restart: Option<RestartPolicy>,
    pub(crate) all_restart: bool,
    pub(crate) stop_signal: Option<StopSignal>,
    pub(crate) run: Option<RunId>,
    pub(crate) vip: Option<Ipv4Addr>,
    pub(crate) vip6: Option<Ipv6Addr>,
    pub(crate) ports: Option<PortMap>,
    pub(crate) host_interface: Option<InterfaceName>,
    pub(crate) bridge: Option<InterfaceName>,
    pub(crate) subnet: Option<Subnet>,
    /// That, or none.
    pub(crate) subnet6: Option<Option<Subnet<Ipv6Addr>>>,
    pub(crate) boot: bool,
    pub(crate) attach: bool,
    /// From `--exec` or from behind `--`: a program and its arguments.
    pub(crate) program: Option<Vec<OsString>>,
    pub(crate) wait: bool,
    pub(crate) remove: bool,
    pub(crate) command: Option<String>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) user: Option<User>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) time: Option<Duration>,
    pub(crate) signal: Option<Signal>,
    pub(crate) forcely: bool,
    pub(crate) shutdown: bool,
    pub(crate) version: Option<Version>,
    pub(crate) test_image: TestImage,
    pub(crate) from_image: Option<ImageRef>,
    pub(crate) to_image: Option<ImageRef>,
    pub(crate) file: Option<PathBuf>,
    /// Where the ssh image repository is, what names there must hold, and what to run in place of ssh.
    pub(crate) repository: Option<RepositoryAddress>,
    pub(crate) matching: String,
    pub(crate) ssh: Option<Vec<OsString>>,
    /// A template and its instance inside, and the mapping outside.
    pub(crate) template: Option<PathBuf>,
    pub(crate) mapping: Option<PathBuf>,
    pub(crate) instance: Option<PathBuf>,
    /// What is copied, and where to: one inside, one outside.
    pub(crate) source: Option<PathBuf>,
    pub(crate) target: Option<PathBuf>,
    /// How an archive is written, and what one that is read may ask for.
    pub(crate) pack: PackOptions,
    pub(crate) unpack: UnpackOptions,
}

impl Given {
    /// Adds a limit.
    fn limit(&mut self, add: impl FnOnce(Resources) -> Resources) {
        self.resources = add(std::mem::take(&mut self.resources));
    }
}

/// Why a value is refused, where no type of the core's says it.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("a number of seconds is expected")]
    Seconds,
    #[error("NAME=VALUE is expected")]
    Assignment,
    #[error("cannot read line {1} of {0}: NAME=VALUE is expected")]
    Line(PathBuf, usize),
    #[error("a number of seconds greater than 0 is expected")]
    Limit,
    #[error("the name of a signal is expected, as in HUP, or its number")]
    Signal,
    #[error("it names no program")]
    NoProgram,
    #[error("`host` or `busybox` is expected")]
    Source,
    #[error("`overlay` or `oci` is expected")]
    Whiteouts,
    #[error("a number is expected")]
    Number,
    #[error("a number of bytes is expected, or of K, M, G or T of 1024 each")]
    Size,
    #[error("a time is expected, as in 2018-11-10T09:21:12, or how long ago, as in 90s, 10m, 2h or 1d")]
    Moment,
    #[error("`on` or `off` is expected")]
    Switch,
    #[error("`host` or `auto` is expected")]
    Users,
    #[error("cannot read {0}")]
    File(PathBuf, #[source] std::io::Error),
}

fn text(value: OsString) -> Result<String, BadValue> {
    value.into_string().map_err(|_| Refused::NotUtf8.into())
}

fn parsed<T>(value: OsString) -> Result<T, BadValue>
where
    T: FromStr<Err: Into<BadValue>>,
{
    text(value)?.parse().map_err(Into::into)
}

/// A number of bytes: `4096`, `100M`.
fn size(value: OsString) -> Result<u64, BadValue> {
    let text = text(value)?;
    let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text.as_str(), ""),
    };
    let power = match unit {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        "T" | "t" => 40,
        _ => return Err(Refused::Size.into()),
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << power));
    Ok(number.ok_or(Refused::Size)?)
}

/// A program and its arguments, in one text.
pub(crate) fn program(value: OsString) -> Result<Vec<OsString>, BadValue> {
    let words = words::split(&text(value)?)?;
    if words.is_empty() {
        return Err(Refused::NoProgram.into());
    }
    Ok(words.into_iter().map(OsString::from).collect())
}

fn number(value: OsString) -> Result<u64, BadValue> {
    Ok(text(value)?.parse().map_err(|_| Refused::Number)?)
}

/// `NAME=VALUE`, where the value may be anything and hold further `=`.
fn assignment(value: &OsStr) -> Option<(OsString, OsString)> {
    use std::os::unix::ffi::OsStrExt;
    let bytes = value.as_bytes();
    let middle = bytes.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
    let part = |bytes| OsStr::from_bytes(bytes).to_owned();
    Some((part(&bytes[..middle]), part(&bytes[middle + 1..])))
}

/// `(host)[:(container)[:ro]]`, where the host's path may be relative to our directory.
fn volume(value: OsString) -> Result<Volume, BadValue> {
    let text = text(value)?;
    let (host, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
    let host = std::path::absolute(host)?;
    Ok(format!("{}{rest}", host.to_str().ok_or(Refused::NotUtf8)?).parse()?)
}

/// `HUP`, `SIGHUP`, `hup` or `1`.
fn signal(text: &str) -> Option<Signal> {
    if let Ok(number) = text.parse::<i32>() {
        return Signal::try_from(number).ok();
    }
    let name = text.to_ascii_uppercase();
    format!("SIG{}", name.strip_prefix("SIG").unwrap_or(&name)).parse().ok()
}

/// The lines of a file of variables.
fn assignments(file: &Path, text: &[u8]) -> Result<Vec<(OsString, OsString)>, Refused> {
    use std::os::unix::ffi::OsStrExt;
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    let said = lines.filter(|(_, line)| !line.trim_ascii().is_empty() && !line.starts_with(b"#"));
    said.map(|(index, line)| {
        assignment(OsStr::from_bytes(line)).ok_or_else(|| Refused::Line(file.to_owned(), index + 1))
    })
    .collect()
}

pub(super) static DEBUG: Opt = Opt {
    short: Some('d'),
    long: "debug",
    alias: None,
    takes: Takes::Nothing(|given| given.debug = true),
    about: "say on standard error what is done, step by step",
};

pub(super) static JSON: Opt = Opt {
    short: None,
    long: "json",
    alias: None,
    takes: Takes::Nothing(|given| given.json = true),
    about: "print tables and errors as JSON, for scripts",
};

pub(super) static CONTAINER: Opt = Opt {
    short: Some('c'),
    long: "container",
    alias: None,
    takes: Takes::Value("(container)", |given, value| {
        given.container = Some(parsed(value)?);
        Ok(())
    }),
    about: "name of the container",
};

pub(super) static IMAGES: Opt = Opt {
    short: Some('m'),
    long: "image",
    alias: None,
    takes: Takes::Value("(image[:version])[,(image[:version])]...", |given, value| {
        given.images =
            text(value)?.split(',').map(str::parse).collect::<Result<_, xdocker_core::NameError>>()?;
        Ok(())
    }),
    about: "images to stand on, the lowest first; without version the highest there is",
};

pub(super) static HOSTNAME: Opt = Opt {
    short: None,
    long: "host",
    alias: None,
    takes: Takes::Value("(hostname)", |given, value| {
        given.hostname = Some(parsed(value)?);
        Ok(())
    }),
    about: "host name inside; without it the container's name",
};

pub(super) static NETWORK: Opt = Opt {
    short: None,
    long: "net",
    alias: None,
    takes: Takes::Value("(BRIDGE|HOST|CUSTOM)", |given, value| {
        given.network = Some(parsed(value)?);
        Ok(())
    }),
    about: "HOST: the network of the host (default); CUSTOM: an empty one of its own; BRIDGE: one with NAT",
};

pub(super) static VIP: Opt = Opt {
    short: None,
    long: "vip",
    alias: None,
    takes: Takes::Value("(ip)", |given, value| {
        given.vip = Some(parsed(value)?);
        Ok(())
    }),
    about: "address on the bridge; without it the next that is free",
};

pub(super) static VIP6: Opt = Opt {
    short: None,
    long: "vip6",
    alias: None,
    takes: Takes::Value("(ip)", |given, value| {
        given.vip6 = Some(parsed(value)?);
        Ok(())
    }),
    about: "IPv6 address on the bridge, if that has such ones; without it the one with the number of the other",
};

pub(super) static PORT_MAPPING: Opt = Opt {
    short: None,
    long: "port-mapping",
    alias: None,
    takes: Takes::Value("(src_port:dst_port)", |given, value| {
        given.ports = Some(parsed(value)?);
        Ok(())
    }),
    about: "ports of the host that lead inside; also 8000-8010:9000-9010, 127.0.0.1:80:80, [::1]:80:80, 53:53/udp",
};

pub(super) static HOST_ETH: Opt = Opt {
    short: None,
    long: "host-eth",
    alias: None,
    takes: Takes::Value("(eth)", |given, value| {
        given.host_interface = Some(parsed(value)?);
        Ok(())
    }),
    about: "interface of the host by which alone the container reaches others",
};

pub(super) static BRIDGE: Opt = Opt {
    short: None,
    long: "name",
    alias: None,
    takes: Takes::Value("(bridge)", |given, value| {
        given.bridge = Some(parsed(value)?);
        Ok(())
    }),
    about: "name of the bridge; xdocker0 if nothing was said",
};

pub(super) static SUBNET: Opt = Opt {
    short: None,
    long: "subnet",
    alias: None,
    takes: Takes::Value("(ip/prefix)", |given, value| {
        given.subnet = Some(parsed(value)?);
        Ok(())
    }),
    about: "address of the bridge and length of the prefix; 166.88.0.1/24 if nothing was said",
};

pub(super) static SUBNET6: Opt = Opt {
    short: None,
    long: "subnet6",
    alias: None,
    takes: Takes::Value("(ip/prefix|off)", |given, value| {
        given.subnet6 = Some(match value.to_str() {
            Some("off") => None,
            _ => Some(parsed(value)?),
        });
        Ok(())
    }),
    about: "the same of IPv6, as in fd00:88::1/64, which the bridge has not if nothing was said",
};

pub(super) static CAP_ADD: Opt = Opt {
    short: None,
    long: "cap-add",
    alias: None,
    takes: Takes::Value("(capability)[,(capability)]...", |given, value| {
        given.cap_add.push(parsed(value)?);
        Ok(())
    }),
    about: "capabilities to have besides the usual ones, as in NET_RAW; ALL for all",
};

pub(super) static CAP_DROP: Opt = Opt {
    short: None,
    long: "cap-drop",
    alias: None,
    takes: Takes::Value("(capability)[,(capability)]...", |given, value| {
        given.cap_drop.push(parsed(value)?);
        Ok(())
    }),
    about: "capabilities not to have; ALL for all but those of --cap-add",
};

pub(super) static PRIVILEGED: Opt = Opt {
    short: None,
    long: "privileged",
    alias: None,
    takes: Takes::Nothing(|given| given.privileged = true),
    about: "no sandbox: all capabilities and system calls, nothing masked; only for what is trusted",
};

pub(super) static READ_ONLY: Opt = Opt {
    short: None,
    long: "read-only",
    alias: None,
    takes: Takes::Nothing(|given| given.read_only = true),
    about: "nothing can be written but /tmp and /run, which lie in memory, and what --tmpfs names",
};

pub(super) static TMPFS: Opt = Opt {
    short: None,
    long: "tmpfs",
    alias: None,
    takes: Takes::Value("(directory)", |given, value| {
        given.tmpfs.push(parsed(value)?);
        Ok(())
    }),
    about: "directory inside that lies in memory",
};

pub(super) static VOLUME: Opt = Opt {
    short: None,
    long: "volume",
    alias: None,
    takes: Takes::Value("(host_path[:container_path[:ro]])", |given, value| {
        given.volumes.push(volume(value)?);
        Ok(())
    }),
    about: "directory, file or socket of the host to have inside, at the same path if no other is given; ro: to read only",
};

pub(super) static NO_NEW_PRIVS: Opt = Opt {
    short: None,
    long: "no-new-privs",
    alias: None,
    takes: Takes::Value("(on|off)", |given, value| {
        given.new_privileges = match value.to_str() {
            Some("on") => Some(false),
            Some("off") => Some(true),
            _ => return Err(Refused::Switch.into()),
        };
        Ok(())
    }),
    about: "off: set-uid programs such as su and ping work; on (default): they give no rights",
};

pub(super) static USERNS: Opt = Opt {
    short: None,
    long: "userns",
    alias: None,
    takes: Takes::Value("(host|auto)", |given, value| {
        given.user_namespace = match value.to_str() {
            Some("host") => false,
            Some("auto") => true,
            _ => return Err(Refused::Users.into()),
        };
        Ok(())
    }),
    about: "auto: users of its own, so that root inside is nobody outside; host (default): those of the host",
};

pub(super) static SECCOMP: Opt = Opt {
    short: None,
    long: "seccomp",
    alias: None,
    takes: Takes::Value("(file|unconfined)", |given, value| {
        given.seccomp = Some(match value.to_str() {
            Some("unconfined") => Seccomp::Unconfined,
            _ => {
                let file = PathBuf::from(value);
                let profile = std::fs::read_to_string(&file).map_err(|why| Refused::File(file, why))?;
                Seccomp::Profile(profile.parse::<SeccompProfile>()?)
            }
        });
        Ok(())
    }),
    about: "filter of system calls: a profile as Docker and the OCI have it, or none",
};

pub(super) static CPUS: Opt = Opt {
    short: None,
    long: "cpus",
    alias: None,
    takes: Takes::Value("[(cpu_num,...)|(cpu_num-cpu_num2)]", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.cpus(value));
        Ok(())
    }),
    about: "only these CPU cores: 0, 0,1 or 1-9",
};

pub(super) static CPU_QUOTA: Opt = Opt {
    short: None,
    long: "cpu-quota",
    alias: None,
    takes: Takes::Value("(percent%)", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.cpu_quota(value));
        Ok(())
    }),
    about: "share of the time of one CPU core: 25%, and over 100% for several cores",
};

pub(super) static MEM_LIMIT: Opt = Opt {
    short: None,
    long: "mem-limit",
    alias: None,
    takes: Takes::Value("(num|numM)", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.memory(value));
        Ok(())
    }),
    about: "memory, swap included; what would use more dies",
};

pub(super) static PIDS_LIMIT: Opt = Opt {
    short: None,
    long: "pids-limit",
    alias: None,
    takes: Takes::Value("(num|max)", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.pids(value));
        Ok(())
    }),
    about: "processes and threads at a time; 4096 without this",
};

pub(super) static MEM_RESERVATION: Opt = Opt {
    short: None,
    long: "mem-reservation",
    alias: None,
    takes: Takes::Value("(num|numM)", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.memory_reservation(value));
        Ok(())
    }),
    about: "memory that is left to it when the host runs short",
};

pub(super) static CPU_WEIGHT: Opt = Opt {
    short: None,
    long: "cpu-weight",
    alias: None,
    takes: Takes::Value("(1-10000)", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.cpu_weight(value));
        Ok(())
    }),
    about: "share of the CPU among those who want it; 100 without this",
};

pub(super) static IO_WEIGHT: Opt = Opt {
    short: None,
    long: "io-weight",
    alias: None,
    takes: Takes::Value("(1-10000)", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.io_weight(value));
        Ok(())
    }),
    about: "share of the disks among those who want them; 100 without this",
};

pub(super) static DETACH: Opt = Opt {
    short: None,
    long: "detach",
    alias: None,
    takes: Takes::Nothing(|given| given.detach = true),
    about: "print an id for it and leave it: what it prints goes to the log, -a wait tells how it ended",
};

pub(super) static RUN: Opt = Opt {
    short: None,
    long: "run",
    alias: None,
    takes: Takes::Value("(id)", |given, value| {
        given.run = Some(parsed(value)?);
        Ok(())
    }),
    about: "id of a detached run, in place of the root process",
};

pub(super) static RESTART: Opt = Opt {
    short: None,
    long: "restart",
    alias: None,
    takes: Takes::Value("(no|on-failure[:num]|always)", |given, value| {
        given.restart = Some(parsed(value)?);
        Ok(())
    }),
    about: "whether it is started again when it has ended by itself; num is how often in a row",
};

pub(super) static ALL_RESTART: Opt = Opt {
    short: None,
    long: "all-restart",
    alias: None,
    takes: Takes::Nothing(|given| given.all_restart = true),
    about: "all whose policy is always, or on-failure and that ran when the host went down; as they were booted before",
};

pub(super) static STOP_SIGNAL: Opt = Opt {
    short: None,
    long: "stop-signal",
    alias: None,
    takes: Takes::Value("(signal)", |given, value| {
        let signal = signal(&text(value)?).ok_or(Refused::Signal)?;
        given.stop_signal = Some(StopSignal::try_from(signal as i32)?);
        Ok(())
    }),
    about: "signal by which a shutdown asks it to end, as in QUIT; TERM without this",
};

pub(super) static LOG_SIZE: Opt = Opt {
    short: None,
    long: "log-size",
    alias: None,
    takes: Takes::Value("(num|numM|none)", |given, value| {
        given.log_size = Some(parsed(value)?);
        Ok(())
    }),
    about: "how much is kept of what its program and detached runs print; 16M without this",
};

pub(super) static FOLLOW: Opt = Opt {
    short: None,
    long: "follow",
    alias: None,
    takes: Takes::Nothing(|given| given.logs = std::mem::take(&mut given.logs).follow(true)),
    about: "go on with what is printed from now on, until the container has ended",
};

pub(super) static SINCE: Opt = Opt {
    short: None,
    long: "since",
    alias: None,
    takes: Takes::Value("(time)", |given, value| {
        let time = clock::moment(&text(value)?, &clock::zone(), SystemTime::now()).ok_or(Refused::Moment)?;
        given.logs = std::mem::take(&mut given.logs).since(time);
        Ok(())
    }),
    about: "only what was printed since then: 2018-11-10T09:21:12, or 90s, 10m, 2h, 1d ago",
};

pub(super) static TAIL: Opt = Opt {
    short: None,
    long: "tail",
    alias: None,
    takes: Takes::Value("(number)", |given, value| {
        let lines = usize::try_from(number(value)?).map_err(|_| Refused::Number)?;
        given.logs = std::mem::take(&mut given.logs).tail(lines);
        Ok(())
    }),
    about: "only the last lines of what there is already",
};

pub(super) static IO_MAX: Opt = Opt {
    short: None,
    long: "io-max",
    alias: None,
    takes: Takes::Value("(device|path):((rbps|wbps|riops|wiops)=(num|numM|max),...)", |given, value| {
        let value = parsed(value)?;
        given.limit(|limits| limits.io_max(value));
        Ok(())
    }),
    about: "bytes and operations a second of a disk, as in /dev/sda:wbps=10M; a path is for the disk that it lies on",
};

pub(super) static BOOT: Opt = Opt {
    short: Some('b'),
    long: "boot",
    alias: None,
    takes: Takes::Nothing(|given| given.boot = true),
    about: "boot the container once it is there",
};

pub(super) static ATTACH: Opt = Opt {
    short: Some('t'),
    long: "attach",
    alias: None,
    takes: Takes::Nothing(|given| given.attach = true),
    about: "work in it through this terminal; Ctrl-P Ctrl-Q leaves it",
};

pub(super) static EXEC: Opt = Opt {
    short: Some('e'),
    long: "exec",
    alias: None,
    takes: Takes::Value(r#"(cmd|"program para1 ...")"#, |given, value| {
        given.program = Some(program(value)?);
        Ok(())
    }),
    about: "program to be the root process; quotes and backslashes group words as in a shell",
};

pub(super) static WAIT: Opt = Opt {
    short: None,
    long: "wait",
    alias: None,
    takes: Takes::Nothing(|given| given.wait = true),
    about: "give the program our standard streams, wait for its end, end with its exit code",
};

pub(super) static REMOVE: Opt = Opt {
    short: None,
    long: "rm",
    alias: None,
    takes: Takes::Nothing(|given| given.remove = true),
    about: "--wait, and the container ends with us and is gone afterwards",
};

pub(super) static COMMAND: Opt = Opt {
    short: None,
    long: "cmd",
    alias: None,
    takes: Takes::Value("(command)", |given, value| {
        given.command = Some(text(value)?);
        Ok(())
    }),
    about: "command line for the shell of the image",
};

pub(super) static ENVIRONMENT: Opt = Opt {
    short: None,
    long: "env",
    alias: None,
    takes: Takes::Value("(name=value)", |given, value| {
        given.environment.push(assignment(&value).ok_or(Refused::Assignment)?);
        Ok(())
    }),
    about: "variable for the environment of the command",
};

pub(super) static ENVIRONMENT_FILE: Opt = Opt {
    short: None,
    long: "env-file",
    alias: None,
    takes: Takes::Value("(file)", |given, value| {
        let file = PathBuf::from(value);
        let text = std::fs::read(&file).map_err(|why| Refused::File(file.clone(), why))?;
        given.environment.extend(assignments(&file, &text)?);
        Ok(())
    }),
    about: "variables for it, a name=value a line, taken as they are; empty lines and those with # are passed over",
};

pub(super) static USER: Opt = Opt {
    short: None,
    long: "user",
    alias: None,
    takes: Takes::Value("(user[:group])", |given, value| {
        given.user = Some(parsed(value)?);
        Ok(())
    }),
    about: "who the command is inside: a name that the container knows, or a number; root without this",
};

pub(super) static TIMEOUT: Opt = Opt {
    short: None,
    long: "timeout",
    alias: None,
    takes: Takes::Value("(seconds)", |given, value| {
        let seconds = text(value)?.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        given.timeout = Some(seconds.filter(|limit| !limit.is_zero()).ok_or(Refused::Limit)?);
        Ok(())
    }),
    about: "how long the command may take, as in 0.5; then SIGTERM, SIGKILL two seconds later, and exit code 124",
};

pub(super) static DIRECTORY: Opt = Opt {
    short: None,
    long: "workdir",
    alias: None,
    takes: Takes::Value("(directory)", |given, value| {
        given.directory = Some(value.into());
        Ok(())
    }),
    about: "directory inside to start the command in",
};

pub(super) static TIME: Opt = Opt {
    short: None,
    long: "time",
    alias: None,
    takes: Takes::Value("(seconds)", |given, value| {
        let seconds: u32 = text(value)?.parse().map_err(|_| Refused::Seconds)?;
        given.time = Some(Duration::from_secs(seconds.into()));
        Ok(())
    }),
    about: "how long it may take to end by itself before it is killed; 10 without this",
};

pub(super) static SIGNAL: Opt = Opt {
    short: None,
    long: "signal",
    alias: None,
    takes: Takes::Value("(signal)", |given, value| {
        given.signal = Some(signal(&text(value)?).ok_or(Refused::Signal)?);
        Ok(())
    }),
    about: "signal to send to the root process, as in HUP; without this all end at once",
};

pub(super) static FORCELY: Opt = Opt {
    short: Some('f'),
    long: "forcely",
    alias: None,
    takes: Takes::Nothing(|given| given.forcely = true),
    about: "go on past errors and report them at the end",
};

pub(super) static SHUTDOWN: Opt = Opt {
    short: Some('h'),
    long: "shutdown",
    alias: None,
    takes: Takes::Nothing(|given| given.shutdown = true),
    about: "shut the container down first, if it runs",
};

pub(super) static VERSION: Opt = Opt {
    short: None,
    long: "version",
    // The seed's usage text spells it so in one place.
    alias: Some("verion"),
    takes: Takes::Value("(version)", |given, value| {
        given.version = Some(parsed(value)?);
        Ok(())
    }),
    about: "version of the image: one to four numbers with points between them",
};

/// The seed's usage text asks for one image under the name of the option that elsewhere takes several.
pub(super) static IMAGE: Opt = Opt {
    short: Some('m'),
    long: "image",
    alias: None,
    takes: Takes::Value("(image[:version])", |given, value| {
        given.from_image = Some(parsed(value)?);
        Ok(())
    }),
    about: "the image; without version the highest there is",
};

pub(super) static FROM_IMAGE: Opt = Opt {
    short: None,
    long: "from-image",
    alias: None,
    takes: Takes::Value("(image[:version])", |given, value| {
        given.from_image = Some(parsed(value)?);
        Ok(())
    }),
    about: "the image to begin with; without version the highest there is",
};

pub(super) static TO_IMAGE: Opt = Opt {
    short: None,
    long: "to-image",
    alias: None,
    takes: Takes::Value("(image[:version])", |given, value| {
        given.to_image = Some(parsed(value)?);
        Ok(())
    }),
    about: "the image that there is then",
};

pub(super) static IMAGE_FILE: Opt = Opt {
    short: None,
    long: "image-file",
    alias: None,
    takes: Takes::Value("(file)", |given, value| {
        given.file = Some(value.into());
        Ok(())
    }),
    about: "the archive; its name, NAME[:VERSION].xdockerimage, says what the image will be called",
};

pub(super) static REPOSITORY: Opt = Opt {
    short: None,
    long: "srepo",
    alias: None,
    takes: Takes::Value("(user@host[:port])", |given, value| {
        given.repository = Some(parsed(value)?);
        Ok(())
    }),
    about: "where the ssh image repository is; without this where it was the last time",
};

pub(super) static MATCH: Opt = Opt {
    short: None,
    long: "match",
    alias: None,
    takes: Takes::Value("(text)", |given, value| {
        given.matching = text(value)?;
        Ok(())
    }),
    about: "only images whose name and version hold this",
};

pub(super) static SSH: Opt = Opt {
    short: None,
    long: "ssh",
    alias: None,
    takes: Takes::Value(r#"("program para1 ...")"#, |given, value| {
        given.ssh = Some(program(value)?);
        Ok(())
    }),
    about: "what to run in place of ssh; $xdocker_SSH says it too",
};

pub(super) static WHITEOUTS: Opt = Opt {
    short: None,
    long: "whiteouts",
    alias: None,
    takes: Takes::Value("(overlay|oci)", |given, value| {
        given.pack.whiteouts = match value.to_str() {
            Some("overlay") => Whiteouts::Overlay,
            Some("oci") => Whiteouts::Oci,
            _ => return Err(Refused::Whiteouts.into()),
        };
        Ok(())
    }),
    about: "how deletions are written: as overlayfs does (default), or as layers of OCI images do",
};

pub(super) static MAX_BYTES: Opt = Opt {
    short: None,
    long: "max-bytes",
    alias: None,
    takes: Takes::Value("(bytes[K|M|G|T])", |given, value| {
        given.unpack.limits.bytes = size(value)?;
        Ok(())
    }),
    about: "how much the archive may unpack to; 1T without this",
};

pub(super) static MAX_ENTRIES: Opt = Opt {
    short: None,
    long: "max-entries",
    alias: None,
    takes: Takes::Value("(number)", |given, value| {
        given.unpack.limits.entries = number(value)?;
        Ok(())
    }),
    about: "how many files, directories and links it may hold; 10000000 without this",
};

pub(super) static MAX_RATIO: Opt = Opt {
    short: None,
    long: "max-ratio",
    alias: None,
    takes: Takes::Value("(number)", |given, value| {
        given.unpack.limits.ratio = number(value)?;
        Ok(())
    }),
    about: "how many times its own size it may unpack to, once that is over 256M; 200 without this",
};

pub(super) static NO_DEVICES: Opt = Opt {
    short: None,
    long: "no-devices",
    alias: None,
    takes: Takes::Nothing(|given| given.unpack.devices = false),
    about: "refuse an archive that holds device nodes; deletions, which look like some, are none",
};

pub(super) static FROM_CONTAINER: Opt = Opt {
    short: None,
    long: "from-container",
    alias: None,
    takes: Takes::Value("(container)", |given, value| {
        given.container = Some(parsed(value)?);
        Ok(())
    }),
    about: "the container to begin with, which must be stopped",
};

pub(super) static TO_CONTAINER: Opt = Opt {
    short: None,
    long: "to-container",
    alias: None,
    takes: Takes::Value("(container)", |given, value| {
        given.container = Some(parsed(value)?);
        Ok(())
    }),
    about: "the container that there is then",
};

pub(super) static SOURCE: Opt = Opt {
    short: None,
    long: "from",
    alias: None,
    takes: Takes::Value("(host|busybox)", |given, value| {
        given.test_image = match value.to_str() {
            Some("host") => TestImage::new(),
            Some("busybox") => TestImage::busybox(),
            _ => return Err(Refused::Source.into()),
        };
        Ok(())
    }),
    about: "what it is made from: the host's own programs (default), or one static busybox",
};

pub(super) static TEMPLATE_FILE: Opt = Opt {
    short: None,
    long: "template-file",
    alias: None,
    takes: Takes::Value("(file)", |given, value| {
        given.template = Some(value.into());
        Ok(())
    }),
    about: "file inside that holds the keys",
};

pub(super) static MAPPING_FILE: Opt = Opt {
    short: None,
    long: "mapping-file",
    alias: None,
    takes: Takes::Value("(file)", |given, value| {
        given.mapping = Some(value.into());
        Ok(())
    }),
    about: "file outside with a rule a line: the key, blanks, its value up to the end of the line",
};

pub(super) static INSTANCE_FILE: Opt = Opt {
    short: None,
    long: "instance-file",
    alias: None,
    takes: Takes::Value("(file)", |given, value| {
        given.instance = Some(value.into());
        Ok(())
    }),
    about: "file inside to write; the template itself without this",
};

pub(super) static SRC_FILE: Opt = Opt {
    short: None,
    long: "src-file",
    alias: None,
    takes: Takes::Value("(file)", |given, value| {
        given.source = Some(value.into());
        Ok(())
    }),
    about: "file or directory to copy; `directory/.` is what it holds. putfile: outside, - is a tar to be read; getfile: inside",
};

pub(super) static DST_FILE: Opt = Opt {
    short: None,
    long: "dst-file",
    alias: None,
    takes: Takes::Value("(file)", |given, value| {
        given.target = Some(value.into());
        Ok(())
    }),
    about: "where to: into a directory that is there, else by that name. putfile: inside; getfile: outside, - is a tar to be written",
};
