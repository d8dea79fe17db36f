//! The helper of xdocker as bytes, and the words in which one talks to it.
//!
//! The program itself lies in `init/` and is built by this crate's build script: freestanding, static,
//! about ten kilobytes. It is the **monitor** of a container on the host side and **PID 1** inside it.
//! It decides nothing: it executes the steps of a launch plan that the library wrote ([`wire`]) and
//! reports the first one that failed as a section, an index and an errno.
//!
//! ```
//! assert_eq!(&xdockerinit::PROGRAM[..4], b"\x7fELF");
//! ```

pub mod restart;
pub mod wire;

/// The helper: a static ELF program for this target, to be executed from a sealed memfd.
pub const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/xdockerinit"));
