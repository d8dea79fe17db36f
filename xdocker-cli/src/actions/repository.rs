//! Images on an ssh server.

use std::env;
use std::ops::ControlFlow;

use serde::Serialize;
use xdocker_core::{Engine, PullOptions, PushOptions, RemoteImage, Repository};

use super::engine;
use super::image::from;
use super::show::{instant, json};
use crate::clock;
use crate::grammar::{self, Fault, Given, Misuse};
use crate::report::{self, Failure, Outcome};
use crate::table::{self, Size};
use crate::terminal::Progress;

/// What to run in place of ssh, in the spelling of `$xdocker_HOME`.
const SSH: &str = "xdocker_SSH";

/// `-s ssearch`
pub(crate) fn search(given: Given) -> Outcome {
    let (engine, repository) = repository(&given)?;
    let images = repository.search(&given.matching, &|_| ControlFlow::Continue(()))?;
    engine.remember_repository(repository.address())?;
    if given.json {
        return json(&images.iter().map(ImageObject::from).collect::<Vec<_>>());
    }
    if images.is_empty() {
        return report::ok();
    }
    let zone = clock::zone();
    report::print(&table::REPOSITORY.text(images.iter().map(|image| {
        [image.id.to_string(), clock::local_time(image.modified, &zone), Size(image.size).to_string()]
    })))
}

/// `-a spush`
pub(crate) fn push(given: Given) -> Outcome {
    let (engine, repository) = repository(&given)?;
    let image = engine.images().get(from(&given))?;
    let bar = Progress::new(image.size);
    let mut options = PushOptions::default();
    options.force = given.forcely;
    repository.push(&image.id.into(), &options, &|now| bar.show(now.content))?;
    drop(bar);
    engine.remember_repository(repository.address())?;
    report::ok()
}

/// `-a spull`
pub(crate) fn pull(given: Given) -> Outcome {
    let (engine, repository) = repository(&given)?;
    let bar = Progress::of_unknown();
    let mut options = PullOptions::default();
    (options.force, options.unpack) = (given.forcely, given.unpack.clone());
    repository.pull(from(&given), &options, &|now| bar.show(now.content))?;
    drop(bar);
    engine.remember_repository(repository.address())?;
    report::ok()
}

/// The repository that is meant, with the engine whose images it takes and gives.
fn repository(given: &Given) -> Result<(Engine, Repository), Failure> {
    let engine = engine()?;
    let mut repository = engine.repository(given.repository.as_ref())?;
    if let Some(program) = &given.ssh {
        repository = repository.ssh(program);
    } else if let Some(value) = env::var_os(SSH).filter(|value| !value.is_empty()) {
        let refused = |source| Misuse::from(Fault::Value { option: format!("${SSH}"), source });
        repository = repository.ssh(grammar::program(value).map_err(refused)?);
    }
    Ok((engine, repository))
}

/// An image there as JSON.
#[derive(Serialize)]
struct ImageObject<'a> {
    name: &'a str,
    version: &'a str,
    modified: Option<String>,
    size: u64,
}

impl<'a> From<&'a RemoteImage> for ImageObject<'a> {
    fn from(image: &'a RemoteImage) -> Self {
        Self {
            name: image.id.name.as_str(),
            version: image.id.version.as_str(),
            modified: instant(image.modified),
            size: image.size,
        }
    }
}
