//! What the rows of the grammar do, a file a topic. A handler asks the engine and prints what came back; it
//! knows no path, mount or rule.

pub(crate) mod archive;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod image;
pub(crate) mod lifecycle;
pub(crate) mod logs;
pub(crate) mod network;
pub(crate) mod repository;
pub(crate) mod resources;
pub(crate) mod session;
pub(crate) mod show;
pub(crate) mod volume;

use xdocker_core::{Container, Engine};

use crate::grammar::Given;
use crate::log;
use crate::report::Failure;

/// The engine of the home that the environment names, with the log there.
fn engine() -> Result<Engine, Failure> {
    let engine = Engine::from_env()?;
    log::keep_in(engine.home());
    Ok(engine)
}

/// The container that `-c` names.
fn container(given: &Given) -> Result<Container, Failure> {
    let name = given.container.as_ref().expect("the grammar asks for -c");
    Ok(engine()?.container(name)?)
}
