//! Homes, terminals and leak checks for the tests of xdocker.

pub mod cli;
pub mod mounts;
pub mod pty;
