//! Trees of files that a number makes: the same number, the same tree.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{Mode, UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::mkfifo;

/// Numbers that look random (xorshift).
#[derive(Debug)]
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.below(256) as u8).collect()
    }

    /// A name of any bytes, new lines and what is no UTF-8 among them.
    fn name(&mut self, number: usize) -> OsString {
        let mut name: Vec<u8> = self
            .bytes(20)
            .into_iter()
            .map(|byte| if matches!(byte, 0 | b'/') { b'\n' } else { byte })
            .collect();
        name.extend(format!("{number}").bytes());
        OsString::from_vec(name)
    }
}

/// Makes the directory `root` with some forty things in it: files with and without holes, links of both sorts, pipes,
/// directories; of odd names, owners, modes and times.
///
/// # Panics
/// The file system is full, or we are not root.
pub fn tree(root: &Path, seed: u64) {
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    fs::create_dir(root).expect("a new directory");
    let (mut directories, mut files) = (vec![root.to_owned()], Vec::<PathBuf>::new());
    let mut made = Vec::new();
    for number in 0..40 {
        let parent = directories[numbers.below(directories.len() as u64) as usize].clone();
        let path = parent.join(numbers.name(number));
        match numbers.below(10) {
            0 | 1 => {
                fs::create_dir(&path).expect("a directory");
                directories.push(path.clone());
            }
            2 if !files.is_empty() => {
                let first = &files[numbers.below(files.len() as u64) as usize];
                fs::hard_link(first, &path).expect("a link");
            }
            3 => symlink(OsStr::from_bytes(b"/nowhere/\xff/../x"), &path).expect("a link"),
            4 => mkfifo(&path, Mode::S_IRUSR).expect("a pipe"),
            5 => {
                let file = File::create(&path).expect("a file");
                file.set_len((1 << 20) + numbers.below(1 << 20)).expect("a hole");
                file.write_all_at(&numbers.bytes(5000), numbers.below(1 << 20)).expect("data");
                files.push(path.clone());
            }
            _ => {
                let most = if numbers.below(8) == 0 { 300_000 } else { 3000 };
                File::create(&path)
                    .and_then(|mut file| file.write_all(&numbers.bytes(most)))
                    .expect("a file");
                files.push(path.clone());
            }
        }
        made.push(path);
    }
    // Directories last: what is made in one changes its time.
    for path in made.iter().rev().chain([&root.to_owned()]) {
        let (user, group) = (numbers.below(1 << 16) as u32, numbers.below(3_000_000) as u32);
        lchown(path, Some(user), Some(group)).expect("an owner");
        if !path.is_symlink() {
            let mode = numbers.below(0o10000) as u32;
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
        }
        let time =
            TimeSpec::new(numbers.below(1_700_000_000) as i64 - 100_000, numbers.below(1_000_000_000) as i64);
        utimensat(AT_FDCWD, path, &time, &time, UtimensatFlags::NoFollowSymlink).expect("a time");
    }
}
