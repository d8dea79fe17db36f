//! Homes, terminals and leak checks for the tests of xdocker.
//!
//! What is here fails by a panic: it is for tests alone.

pub mod cli;
pub mod documented;
pub mod generate;
pub mod guide;
pub mod home;
pub mod leaks;
pub mod mounts;
pub mod net;
pub mod program;
pub mod pty;
pub mod role;
pub mod sshd;
pub mod tree;
pub mod wait;
