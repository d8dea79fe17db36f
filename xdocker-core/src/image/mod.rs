//! Images: layers with a name and a version, and what can be done with them as wholes.
//!
//! ```text
//! images/NAME/VERSION/     VERSION is `_` for none
//!   rlayer/                the files; never changed once the image has its name
//!   image.json             when and how much (`record`); written anew where it is missing
//! ```
//!
//! - An image **appears and goes whole**: by one rename of its `VERSION` directory, out of or into a stage,
//!   or to and from `containers/` (see `home::conversion`). Renames never replace.
//! - **Locks**: whoever gives or takes away a version holds the flock of `images/NAME` alone, only around
//!   the rename; whoever relies on a version staying (a copy, the creation of a container until its
//!   definition is published) shares it ([`ImageStore::hold`]). The lock of a container is taken before those of
//!   images. Looking takes no lock.
//! - A container **stands on** the images that its definition names; they are neither deleted nor renamed
//!   without force.
//! - A `NAME` directory goes with its last version.

mod archive;
mod convert;
#[cfg(test)]
mod faults;
mod in_use;
mod install;
mod name_lock;
mod record;
mod size;
mod store;
mod test_image;
mod transfer;

pub(crate) use crate::home::IMAGE_LAYER as LAYER;
use crate::home::IMAGE_RECORD as RECORD;

pub(crate) use archive::{Filled, UNIT, in_order, member, pack_chunks, pack_files, unpack_files};
pub use archive::{Limits, PackOptions, Summary, UnpackOptions, Whiteouts};
pub(crate) use size::TreeSize;
pub(crate) use store::HeldImages;
pub use store::{Image, ImageStore};
pub use test_image::{TestImage, TestImageReport};
pub(crate) use transfer::{receive, receive_blocks};
