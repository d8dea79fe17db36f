//! From a specification to a running helper.
//!
//! [`plan`] and [`step`] are pure: a plan is data that can be printed and compared. [`start`] is thin: it
//! hands the encoded plan to the helper and turns what comes back into words.

mod plan;
mod start;
mod step;

pub(crate) use plan::{Plan, Section};
pub(crate) use start::{Inheritance, Monitor, failure, memfd};
pub(crate) use step::{Action, Attributes, Directory, Slot, c_path};
