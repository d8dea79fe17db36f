//! Builds the programs in `native/` with `$RUSTC` itself: static, without libc, so that what is measured
//! is the kernel.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=native");
    println!("cargo::rerun-if-changed=build.rs");
    let target = env::var("TARGET").expect("cargo sets TARGET");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for name in ["floor", "stamp"] {
        let status = Command::new(env::var_os("RUSTC").expect("cargo sets RUSTC"))
            .args(["--crate-type", "bin", "--edition", "2024", "--target", &target])
            .args(["-C", "opt-level=3", "-C", "panic=abort", "-C", "lto=fat", "-C", "codegen-units=1"])
            .args(["-C", "relocation-model=static", "-C", "strip=symbols", "-C", "force-unwind-tables=no"])
            .args(["-C", "link-arg=-nostartfiles", "-C", "link-arg=-nostdlib", "-C", "link-arg=-static"])
            .args(["-C", "link-arg=-Wl,--build-id=none,-z,noseparate-code,-z,norelro,--gc-sections"])
            .arg("-o")
            .arg(out.join(name))
            .arg(format!("native/{name}.rs"))
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .status()
            .expect("the compiler that cargo named can be run");
        assert!(status.success(), "native/{name}.rs does not compile");
    }
}
