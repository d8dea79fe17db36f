//! System calls that neither the standard library nor nix offers safely, typed: the only `unsafe` in
//! this crate.
//!
//! Nothing here changes the calling process: no signal handler, no working directory, no namespace, no
//! process-wide flag, and no descriptor that a child of the caller's would inherit.
#![allow(unsafe_code)]

pub(crate) mod descriptor;
pub(crate) mod mount;
pub(crate) mod namespace;
pub(crate) mod pidfd;
pub(crate) mod probe;
pub(crate) mod program;
pub(crate) mod reflink;
pub(crate) mod resolve;
pub(crate) mod runlock;
pub(crate) mod seqpacket;
pub(crate) mod sockopt;
pub(crate) mod spawn;
pub(crate) mod terminal;
pub(crate) mod watch;
pub(crate) mod xattr;
