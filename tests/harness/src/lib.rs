//! Homes, terminals and leak checks for the tests of xdocker.
//!
//! What is here fails by a panic: it is for tests alone.

pub mod home;
pub mod leaks;
pub mod role;
pub mod wait;
