//! Entry and system calls of a program without libc (syscall(2), x86_64).

use core::arch::{asm, naked_asm};
use core::panic::PanicInfo;

/// Arguments of the program: pointers to strings, a null pointer behind the last.
pub type Arguments = *const *const u8;

/// The kernel jumps here with `argc`, `argv` and `envp` on the stack.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("xor ebp, ebp", "lea rdi, [rsp + 8]", "call {start}", "ud2", start = sym start)
}

extern "C" fn start(arguments: Arguments) -> ! {
    exit(crate::main(arguments))
}

/// One system call: what the kernel gives back, a negative errno if it failed.
///
/// # Safety
/// The arguments are what that call may be given.
#[inline(always)]
pub unsafe fn call<const N: usize>(number: usize, arguments: [usize; N]) -> isize {
    let argument = |n: usize| if n < N { arguments[n] } else { 0 };
    let result;
    // SAFETY: the instruction clobbers rcx and r11 only; memory is the caller's promise.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result, in("rdi") argument(0),
            in("rsi") argument(1), in("rdx") argument(2), in("r10") argument(3), in("r8") argument(4),
            in("r9") argument(5), lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

pub fn exit(status: i32) -> ! {
    const EXIT_GROUP: usize = 231;
    loop {
        // SAFETY: does not return.
        unsafe { call(EXIT_GROUP, [status as usize]) };
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(70)
}
