//! Images.

mod test_image;

pub use test_image::{TestImage, TestImageReport};
