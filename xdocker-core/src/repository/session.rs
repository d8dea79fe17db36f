//! A conversation with the server's shell, over the user's own ssh.
//!
//! ssh is a child of ours, started as `std::process` starts one and waited for alone. What it asks it asks on the
//! terminal by itself; what it says is kept to find out why it failed.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::index::Index;
use super::listing::{self, RemoteImage, Today};
use crate::address::RepositoryAddress;
use crate::error::{Error, RepositoryError, Result};
use crate::name::ImageId;
use crate::progress::Gauge;
use crate::sys::pidfd::PidFd;

/// What runs on the server.
const SCRIPT: &str = include_str!("server.sh");

/// First line of what it says.
const HELLO: &str = "xdocker-repository 1 ";

/// How much a server may say before that, in a greeting of its own.
const GREETING: u64 = 64 << 10;

/// Longest line that is read, names that hold line ends included.
const LINE: u64 = 64 << 10;

/// Bytes that an index may have.
const INDEX: u64 = 256 << 20;

/// How long ssh may take to end once it has nothing more to do, and once it was told to stop.
const ENDING: Duration = Duration::from_secs(20);
const STOPPING: Duration = Duration::from_millis(50);

/// How the server makes sums of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sums {
    Sha256,
    Cksum,
}

/// A shell on the server that runs our script.
pub(super) struct Session {
    address: RepositoryAddress,
    child: Child,
    /// A socket and not a pipe: to write to one that nobody reads any more sends no signal.
    input: UnixStream,
    /// A socket too: it can be hung up on from another thread while we read.
    output: BufReader<UnixStream>,
    said: File,
    pub(super) sums: Sums,
    /// Whether anything has been heard from the script.
    greeted: bool,
    /// Bytes that went either way.
    pub(super) sent: u64,
    pub(super) received: u64,
    gauge: Gauge,
}

impl Session {
    /// Connects. When `gauge` says stop, all that is said and heard fails from then on.
    ///
    /// # Errors
    /// [`RepositoryError`], [`Error::Interrupted`].
    pub(super) fn open(address: &RepositoryAddress, program: &[OsString], gauge: &Gauge) -> Result<Self> {
        let failed = |what: &str| Error::system::<io::Error>(format!("{what} for ssh"));
        let (input, their_input) = UnixStream::pair().map_err(failed("make a socket"))?;
        let (output, their_output) = UnixStream::pair().map_err(failed("make a socket"))?;
        let said = memfd_create(c"xdocker-ssh", MFdFlags::MFD_CLOEXEC).map_err(io::Error::from);
        let said = File::from(said.map_err(failed("make a file"))?);
        let errors = said.try_clone().map_err(failed("make a file"))?;
        let (first, rest) =
            program.split_first().ok_or_else(|| Error::invalid("ssh program", "", "it is empty"))?;
        let mut ssh = Command::new(first);
        ssh.args(rest).arg("-T");
        if let Some(port) = address.port() {
            ssh.arg("-p").arg(port.to_string());
        }
        // Two words: who, and a line for whatever shell that account has. It reads the script as data.
        ssh.arg(address.destination());
        ssh.arg(format!("exec sh -c 'eval \"$(dd bs=1 count={} 2>/dev/null)\"'", SCRIPT.len()));
        // The messages that tell one failure from another.
        ssh.env("LC_ALL", "C");
        ssh.stdin(OwnedFd::from(their_input))
            .stdout(OwnedFd::from(their_output))
            .stderr(OwnedFd::from(errors));
        let program = first.to_string_lossy().into_owned();
        let ends = [&input, &output].map(UnixStream::try_clone);
        let child = ssh.spawn().map_err(|source| RepositoryError::Program { program, source })?;
        // Else it is held open by the command, and nobody sees that ssh has gone.
        drop(ssh);
        let mut session = Self {
            address: address.clone(),
            child,
            input,
            output: BufReader::with_capacity(256 << 10, output),
            said,
            sums: Sums::Cksum,
            greeted: false,
            sent: 0,
            received: 0,
            gauge: gauge.clone(),
        };
        let [ours, theirs] = ends.map(|end| end.map_err(failed("share a socket")));
        let (ends, ssh) = ([ours?, theirs?], PidFd::open(session.child.id()));
        gauge.on_stop(move || {
            // It may be asking for a password, with a terminal to be put back as it was.
            let _ = ssh.as_ref().map(|ssh| ssh.signal(libc::SIGTERM));
            ends.iter().for_each(|end| drop(end.shutdown(Shutdown::Both)));
        });
        session.write(SCRIPT.as_bytes())?;
        session.greet()?;
        Ok(session)
    }

    /// Waits for the script's first line; what a start file of the server's shell prints comes before it.
    fn greet(&mut self) -> Result<()> {
        let limit = self.received + GREETING;
        while self.received < limit {
            let line = self.raw_line()?;
            if let Some(sums) = line.trim_ascii_end().strip_prefix(HELLO.as_bytes()) {
                self.sums = if sums == b"sha256" { Sums::Sha256 } else { Sums::Cksum };
                self.greeted = true;
                return Ok(());
            }
        }
        Err(self.failure())
    }

    /// Says a line.
    pub(super) fn say(&mut self, line: &str) -> Result<()> {
        self.write(line.as_bytes())?;
        self.write(b"\n")
    }

    /// Sends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.sent += bytes.len() as u64;
        self.input.write_all(bytes).map_err(|_| self.failure())
    }

    /// Another end of what is said to the server, for a thread of its own.
    pub(super) fn second_input(&self) -> Result<UnixStream> {
        self.input.try_clone().map_err(Error::system("share a socket"))
    }

    /// There is nothing more to say.
    pub(super) fn finish(&mut self) {
        // It fails when ssh has gone, which the next answer tells.
        let _ = self.input.shutdown(Shutdown::Write);
    }

    /// An answer of a line.
    pub(super) fn hear(&mut self, image: &ImageId) -> Result<String> {
        let line = self.raw_line()?;
        let line = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        match line.strip_prefix("! ") {
            Some(why) => Err(self.refusal(why, image)),
            None => Ok(line),
        }
    }

    /// Reads up to `room.len()` bytes of an answer that is no line.
    pub(super) fn read(&mut self, room: &mut [u8]) -> Result<usize> {
        loop {
            match self.output.read(room) {
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) if !room.is_empty() => return Err(self.failure()),
                Ok(count) => {
                    self.received += count as u64;
                    return Ok(count);
                }
                Err(_) => return Ok(0),
            }
        }
    }

    /// A line with its end.
    fn raw_line(&mut self) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        let read = (&mut self.output).take(LINE).read_until(b'\n', &mut line);
        self.received += line.len() as u64;
        match read {
            Ok(_) if line.ends_with(b"\n") => Ok(line),
            _ => Err(self.failure()),
        }
    }

    /// All images that the repository has, by name and then version.
    pub(super) fn list(&mut self) -> Result<Vec<RemoteImage>> {
        self.say("list")?;
        let first = self.raw_line()?;
        let today = Today::parse(String::from_utf8_lossy(&first).trim()).ok_or_else(|| self.failure())?;
        let mut images = Vec::new();
        loop {
            let mut line = self.raw_line()?;
            if line == b".\n" {
                images.sort_by(|a: &RemoteImage, b| a.id.cmp(&b.id));
                return Ok(images);
            }
            // A file's name may hold a line's end; it holds no slash.
            while !line.ends_with(b"/\n") {
                if line.len() as u64 > LINE {
                    return Err(self.failure());
                }
                line.extend(self.raw_line()?);
            }
            images.extend(listing::image(&line[..line.len() - 2], today));
        }
    }

    /// Asks for the members of an archive; [`Self::index`] has the answer.
    pub(super) fn ask_for_index(&mut self, image: &ImageId) -> Result<()> {
        self.say(&format!("index {}", coded(image)))
    }

    /// The members of an archive of `size` bytes, if the server knows them.
    pub(super) fn index(&mut self, size: u64) -> Result<Option<Index>> {
        let limit = self.received + INDEX;
        let mut text = String::new();
        while self.received < limit {
            let line = self.raw_line()?;
            if line == b".\n" {
                // The first line is the server's own note.
                return Ok(Index::parse(text.lines().skip(1), size));
            }
            text += &String::from_utf8_lossy(&line);
        }
        Err(self.failure())
    }

    /// The error for an answer that is a refusal.
    fn refusal(&mut self, why: &str, image: &ImageId) -> Error {
        let address = self.address.clone();
        let (word, said) = why.split_once(' ').unwrap_or((why, ""));
        let error = match word {
            "full" => RepositoryError::Full { address },
            "exists" => RepositoryError::ImageExists { image: image.clone(), address },
            "missing" => RepositoryError::NoSuchImage { image: image.clone().into(), address },
            "damaged" => RepositoryError::Damaged { image: image.clone(), address },
            _ => RepositoryError::Server { address, said: said.to_owned() },
        };
        error.into()
    }

    /// Why the conversation has ended too early: what the script has said as its last word, else what ssh said.
    pub(super) fn failure(&mut self) -> Error {
        self.finish();
        let status = self.end();
        if self.gauge.is_stopped() {
            return Error::Interrupted;
        }
        let said = self.said();
        let address = self.address.clone();
        if self.greeted {
            return RepositoryError::Lost { address, said }.into();
        }
        let has = |texts: &[&str]| texts.iter().any(|text| said.contains(text));
        let error = if has(&["Host key verification failed", "HOST IDENTIFICATION HAS CHANGED"]) {
            RepositoryError::HostKey { address, said }
        } else if has(&["Could not resolve hostname"]) {
            RepositoryError::NoSuchHost { address, said }
        } else if has(&["Permission denied (", "Too many authentication failures"]) {
            RepositoryError::Refused { address, said }
        } else if status == Some(255) {
            RepositoryError::Unreachable { address, said }
        } else {
            RepositoryError::NoShell { address, said }
        };
        error.into()
    }

    /// A refusal that the script gave while we were sending, in place of what sending failed with.
    pub(super) fn reason(&mut self, error: Error, image: &ImageId) -> Error {
        if self.gauge.is_stopped() {
            return Error::Interrupted;
        }
        let mut rest = Vec::new();
        // At the end there are a few lines at most; nothing comes any more when the line is broken.
        let _ = (&mut self.output).take(LINE).read_to_end(&mut rest);
        let rest = String::from_utf8_lossy(&rest);
        match rest.lines().find_map(|line| line.strip_prefix("! ")) {
            Some(why) => self.refusal(why, image),
            None => error,
        }
    }

    /// The last words of ssh, in one line.
    fn said(&mut self) -> String {
        const MOST: i64 = 4096;
        let mut bytes = Vec::new();
        let length = self.said.seek(SeekFrom::End(0)).unwrap_or(0);
        let start = SeekFrom::Start(length.saturating_sub(MOST.unsigned_abs()));
        let _ = self
            .said
            .seek(start)
            .and_then(|_| (&mut self.said).take(MOST.unsigned_abs()).read_to_end(&mut bytes));
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(3)..].join("; ")
    }

    /// Waits for the end of ssh, and ends it if it does not come. Its exit code, if it had one.
    fn end(&mut self) -> Option<i32> {
        let begin = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.code(),
                Ok(None) if begin.elapsed() < self.patience() => thread::sleep(Duration::from_millis(5)),
                // Somebody else has waited for it, or it hangs.
                _ => {
                    self.abort();
                    return None;
                }
            }
        }
    }

    fn patience(&self) -> Duration {
        if self.gauge.is_stopped() { STOPPING } else { ENDING }
    }

    /// Ends the conversation at once.
    pub(super) fn abort(&mut self) {
        // What has ended already, or was waited for by somebody else, is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends the conversation as it should end.
    pub(super) fn close(mut self) {
        self.finish();
        self.end();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.abort();
    }
}

/// An image as the name of its archive without the ending, in octal digits for printf(1).
pub(super) fn coded(image: &ImageId) -> String {
    image.to_string().bytes().map(|byte| format!("\\0{byte:03o}")).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::ops::ControlFlow;

    use super::*;
    use crate::progress::watched;

    #[test]
    fn a_server_that_says_nothing_is_left_when_somebody_says_stop() {
        let scratch = crate::home::scratch::Scratch::new("session-stop");
        let pid = scratch.path().join("pid");
        // What it has started holds on to our lines as well, and ends with them.
        let script = format!("echo $$ > {}; exec 3<&0; cat <&3 4>&1 >&2 & wait", pid.display());
        let program = ["sh", "-c", &script].map(OsString::from);
        let address = "nobody@nowhere".parse().unwrap();
        let begun = Cell::new(None);
        let heard = |_| match begun.get() {
            None if pid.exists() => {
                begun.set(Some(Instant::now()));
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        };
        let opened = watched(&heard, |gauge| Session::open(&address, &program, gauge).map(drop));
        assert!(matches!(opened, Err(Error::Interrupted)), "{opened:?}");
        assert!(begun.get().unwrap().elapsed() < Duration::from_secs(30), "it was not waited for");
        let pid = std::fs::read_to_string(pid).unwrap();
        assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "it was ended");
    }
}
