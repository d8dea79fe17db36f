//! The helper as an open file that can be executed and never written: a sealed memfd, or a file in the
//! home where memfds may not be executed (sysctl `vm.memfd_noexec`).

use std::ffi::CStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// Name of the memfd, which /proc shows as `/memfd:xdockerinit`.
const NAME: &CStr = c"xdockerinit";
/// memfd_create(2): executable although the sysctl says otherwise by default (Linux 6.3).
const MFD_EXEC: MFdFlags = MFdFlags::from_bits_retain(0x10);

/// The helper in a memfd with every seal: a process inside a container that reaches it through
/// `/proc/PID/exe` cannot change a byte (CVE-2019-5736).
pub(crate) fn sealed() -> io::Result<File> {
    let sealing = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let fd = match memfd_create(NAME, sealing | MFD_EXEC) {
        Err(nix::Error::EINVAL) => memfd_create(NAME, sealing), // a kernel that does not know the flag
        other => other,
    }?;
    let mut file = File::from(fd);
    file.write_all(xdockerinit::PROGRAM)?;
    let seals =
        SealFlag::F_SEAL_SEAL | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file)
}

/// The helper as a file at `path`, mode 0500, made when it is missing or of another release, and opened
/// for reading.
pub(crate) fn in_file(path: &Path) -> io::Result<File> {
    if !fs::read(path).is_ok_and(|found| found == xdockerinit::PROGRAM) {
        let part = path.with_extension(format!("new-{}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o500).open(&part)?;
        file.write_all(xdockerinit::PROGRAM)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
    }
    File::open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn the_helper_cannot_be_changed_by_who_has_it_open() {
        let program = sealed().unwrap();
        let errno = |done: io::Result<()>| done.unwrap_err().raw_os_error();
        assert_eq!(errno(program.write_all_at(b"#!", 0)), Some(libc::EPERM));
        for length in [0, 1 << 20] {
            assert_eq!(errno(program.set_len(length)), Some(libc::EPERM), "{length}");
        }
        let unsealed = fcntl(&program, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_FUTURE_WRITE));
        assert_eq!(unsealed, Err(nix::Error::EPERM), "what is sealed stays as it is");
        let mut content = vec![0; xdockerinit::PROGRAM.len()];
        program.read_exact_at(&mut content, 0).unwrap();
        assert!(content == xdockerinit::PROGRAM);
    }
}
