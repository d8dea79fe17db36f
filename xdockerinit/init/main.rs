//! The helper of xdocker: monitor of a container on the host side, PID 1 inside it.
//!
//! Freestanding on purpose. It is executed once for every container, stays as long as the container does,
//! and its pages are the memory that an idle container costs; it must run inside an empty root; and it
//! must not load anything that a container could have put there. So there is no libc, no allocator and no
//! policy here: the library writes a plan, this program executes it (`steps`), watches over what it
//! started (`monitor`, `session`) and, as PID 1, reaps (`reaper`).
#![no_std]
#![no_main]
#![deny(unsafe_op_in_unsafe_fn)]
#![deny(clippy::undocumented_unsafe_blocks)]

mod attach;
mod bare;
mod line;
mod log;
mod memory;
mod monitor;
mod netlink;
mod plan;
mod process;
mod reaper;
mod record;
#[path = "../src/restart.rs"]
#[allow(dead_code, unreachable_pub)]
mod restart;
mod runs;
mod server;
mod session;
mod steps;
mod sys;
mod users;
#[path = "../src/wire.rs"]
#[allow(dead_code, unreachable_pub)]
mod wire;

use core::arch::naked_asm;
use core::panic::PanicInfo;

/// Exit status when the helper refuses to work (`EX_USAGE` of sysexits.h).
const REFUSED: i32 = 64;
/// Exit status when the helper finds itself wrong (`EX_SOFTWARE`).
const BROKEN: i32 = 70;

/// Entry: the kernel jumps here with an aligned stack, and `argc`, `argv`, `envp` on it, none of which we
/// need: all that matters comes through inherited descriptors.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("xor ebp, ebp", "call {start}", "ud2", start = sym start)
}

extern "C" fn start() -> ! {
    // Started by hand there is no plan; and where this program is itself PID 1, of a machine or of a
    // foreign container, it was not cloned by a monitor: both are refused before anything is touched.
    if sys::getpid() == 1 || !monitor::has_plan() {
        let _ = sys::write(2, b"xdockerinit: started by xdocker only\n");
        sys::exit(REFUSED);
    }
    monitor::run()
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    sys::exit(BROKEN)
}
