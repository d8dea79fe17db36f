//! Builds the freestanding helper program in `init/` with `$RUSTC` itself.
//!
//! A nested `cargo` can wait for ever on the target directory's lock, and a separate crate would have to
//! be installed beside the library. One call of the compiler has neither problem and survives
//! `cargo package`. The result is checked: a helper that wants a dynamic loader would fail inside an
//! empty root, so the build refuses one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// `p_type` of the program headers that only a dynamically linked program has (elf(5)).
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;

fn main() {
    println!("cargo::rerun-if-changed=init");
    println!("cargo::rerun-if-changed=src/wire.rs");
    println!("cargo::rerun-if-changed=src/restart.rs");
    println!("cargo::rerun-if-changed=build.rs");

    let target = env::var("TARGET").expect("cargo sets TARGET");
    assert!(
        target.starts_with("x86_64-") && target.contains("-linux-"),
        "xdockerinit: system call numbers and entry code exist for x86_64 Linux only, not for {target}"
    );
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("xdockerinit");
    let mut rustc = Command::new(env::var_os("RUSTC").expect("cargo sets RUSTC"));
    rustc
        .args(["--crate-name", "xdockerinit_program", "--crate-type", "bin", "--edition", "2024"])
        .args(["--target", &target])
        .args(["-C", "opt-level=z", "-C", "panic=abort", "-C", "lto=fat", "-C", "codegen-units=1"])
        .args(["-C", "relocation-model=static", "-C", "strip=symbols", "-C", "debuginfo=0"])
        .args(["-C", "overflow-checks=off", "-C", "debug-assertions=off", "-C", "force-unwind-tables=no"])
        // A layout as small as the linker can make it (`init/link.ld`): each page that is touched is a page of memory
        // for each container on the host.
        .args(["-C", "link-arg=-nostartfiles", "-C", "link-arg=-nostdlib", "-C", "link-arg=-static"])
        .args(["-C", "link-arg=-Wl,--build-id=none,-z,noseparate-code,-z,norelro,--gc-sections"])
        .args(["-C", "link-arg=-Wl,--no-eh-frame-hdr,-T,init/link.ld"])
        .arg("-o")
        .arg(&out)
        .arg("init/main.rs")
        // The flags of the embedding program (sanitizers, target features, linkers) are not ours.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    let status = rustc.status().expect("the compiler that cargo named can be run");
    assert!(status.success(), "xdockerinit: the helper program does not compile");
    refuse_dynamic(&out);
}

/// Panics if the program at `path` needs a loader.
fn refuse_dynamic(path: &Path) {
    let elf = fs::read(path).expect("the compiler wrote the helper");
    let u16_at = |at: usize| u16::from_le_bytes([elf[at], elf[at + 1]]);
    let u64_at = |at: usize| u64::from_le_bytes(elf[at..at + 8].try_into().expect("eight bytes"));
    let (table, size, count) = (u64_at(32) as usize, usize::from(u16_at(54)), usize::from(u16_at(56)));
    for header in (0..count).map(|i| table + i * size) {
        let kind = u32::from_le_bytes(elf[header..header + 4].try_into().expect("four bytes"));
        assert!(
            kind != PT_INTERP && kind != PT_DYNAMIC,
            "xdockerinit: the helper came out dynamically linked"
        );
    }
}
