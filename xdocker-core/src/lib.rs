//! xdocker: a container engine that is a library.
#![deny(unsafe_code)]

mod error;
mod home;
mod image;
mod name;

pub use error::{Error, ErrorKind, Result};
pub use image::{TestImage, TestImageReport};
pub use name::{ContainerName, ImageId, ImageName, ImageRef, NAME_MAX, NameError, Version};
