//! What whole operations cost: xdocker as a library and as a command, beside crun, runc and the kernel's
//! own floor, in one run.
//!
//! `xdocker-bench [images|files|srepo|network|throughput|many] [--rounds N] [--directory DIR]`, as root. `make bench` builds and runs it,
//! `make bench-images` what is about images, `make bench-files` what is about files in and out, `make bench-srepo` what is
//! about the ssh image repository, `make bench-network` what is about the bridge and what it lets through, and `make bench-many` what is about many containers, where the number of rounds is theirs.

mod files;
mod fixture;
mod images;
mod lines;
mod many;
mod memory;
mod network;
mod operations;
mod repository;
mod rival;
mod samples;
mod server;
mod sys;
mod table;
mod throughput;

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use fixture::Fixture;

/// What can go wrong here ends the run.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Measures something in a directory, so many times.
type Measure = fn(&std::path::Path, usize) -> Result<()>;

/// Options of the command line.
struct Options {
    /// How often each operation is measured.
    rounds: usize,
    /// Where homes and roots lie: what is measured depends on its file system.
    directory: PathBuf,
    /// What is measured instead of containers.
    instead: Option<Measure>,
}

impl Options {
    fn from_command_line() -> Result<Self> {
        let mut options = Self { rounds: 60, directory: PathBuf::from("/var/tmp"), instead: None };
        let mut arguments = env::args().skip(1);
        while let Some(option) = arguments.next() {
            let instead: Option<(Measure, usize)> = match option.as_str() {
                "images" => Some((images::run, 5)),
                "files" => Some((files::run, 5)),
                "network" => Some((network::run, 60)),
                "throughput" => Some((throughput::run, 9)),
                "many" => Some((many::run, 1000)),
                "srepo" => Some((repository::run, 5)),
                _ => None,
            };
            if let Some((measure, rounds)) = instead {
                (options.instead, options.rounds) = (Some(measure), rounds);
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{option} needs a value"))?;
            match option.as_str() {
                "--rounds" => options.rounds = value.parse::<usize>()?.clamp(1, 10_000),
                "--directory" => options.directory = value.into(),
                _ => return Err(format!("there is no option {option}").into()),
            }
        }
        Ok(options)
    }
}

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if let [role, port] = &arguments[..]
        && role == server::ROLE
    {
        return server::run(port.parse()?);
    }
    let options = Options::from_command_line()?;
    // crun refuses a host with both versions of cgroups; and whatever we mount goes when we do.
    sys::enter_private_mounts()?;
    if let Some(measure) = options.instead {
        return measure(&options.directory, options.rounds);
    }
    let fixture = Fixture::new(&options.directory)?;
    println!(
        "{} processors, {}; files in {} ({}); {} rounds, interleaved; load {}",
        std::thread::available_parallelism()?,
        fs::read_to_string("/proc/sys/kernel/osrelease")?.trim(),
        options.directory.display(),
        sys::file_system(&options.directory)?,
        options.rounds,
        fs::read_to_string("/proc/loadavg")?.split_ascii_whitespace().next().unwrap_or("?"),
    );
    for rival in fixture.rivals() {
        println!("{}: {}", rival.who, rival.version()?);
    }
    println!();
    let measured = operations::measure(&fixture, options.rounds)?;
    table::print(&measured);
    println!();
    memory::print(&fixture)
}
