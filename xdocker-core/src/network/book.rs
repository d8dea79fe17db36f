//! The address book of a home: which container has which address on the bridge.
//!
//! It is the `/etc/hosts` of all these containers, too: one file that each of them sees, so that a new name costs one
//! line, however many there are. Whoever changes it does so in place, for those who see it, and holds the lock of the
//! directory.
//!
//! Every line follows from the definition of a container. So the file is never synced: its first line says in which
//! boot of the machine it was written and whether it was written to its end, and if that is not so it is made anew.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, NetworkError, Result};
use crate::home::{DirectoryLock, Home};
use crate::name::ContainerName;
use crate::spec::{Hostname, Subnet};
use crate::state::boot_id;

/// How long to wait for others who make or destroy containers, a disk's time each.
const PATIENCE: Duration = Duration::from_secs(60);
/// First byte of a book that is whole, and of one that is being written.
const WHOLE: u8 = b'#';
const TORN: u8 = b'!';
const LOCAL: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

/// A container and its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) address: Ipv4Addr,
    pub(crate) hostname: Hostname,
    pub(crate) name: ContainerName,
}

impl Entry {
    /// The line: the names that it can be called by, and as a comment the one that it has.
    fn line(&self) -> String {
        let (address, hostname, name) = (self.address, &self.hostname, self.name.as_str());
        let alias = if name == hostname.as_str() || name.contains([' ', '#']) { "" } else { name };
        let between = if alias.is_empty() { "" } else { " " };
        format!("{address}\t{hostname}{between}{alias}\t# {name}\n")
    }

    fn parse(line: &str) -> Option<Self> {
        let (names, name) = line.split_once("\t# ")?;
        let (address, names) = names.split_once('\t')?;
        let hostname = names.split(' ').next()?.parse().ok()?;
        Some(Self { address: address.parse().ok()?, hostname, name: name.parse().ok()? })
    }
}

/// The book, open and ours alone.
#[derive(Debug)]
pub(crate) struct Book {
    home: Home,
    file: File,
    entries: Vec<Entry>,
    _lock: DirectoryLock,
}

impl Book {
    /// Where it is.
    pub(crate) fn path(home: &Home) -> PathBuf {
        home.shared().join("hosts")
    }

    /// Opens the book and makes it anew if it is damaged, missing, or of another boot of the machine: `known` says what
    /// belongs into it.
    pub(crate) fn open(home: &Home, known: impl FnOnce() -> Result<Vec<Entry>>) -> Result<Self> {
        let directory = home.make_shared()?;
        let lock = DirectoryLock::exclusive(&directory, &"the address book", PATIENCE)?;
        let path = Self::path(home);
        let open = || -> io::Result<(File, String)> {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o644)
                .open(&path)?;
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            Ok((file, text))
        };
        let (file, text) = open().map_err(Error::file("open", &path))?;
        let mut book = Self { home: home.clone(), file, entries: Vec::new(), _lock: lock };
        let whole = text.strip_prefix(&header()).filter(|rest| rest.ends_with('\n'));
        match whole {
            Some(rest) => book.entries = rest.lines().filter_map(Entry::parse).collect(),
            None => {
                book.entries = known()?;
                // Whatever the caller's umask is: it is for everybody inside.
                fs::set_permissions(&path, fs::Permissions::from_mode(0o644))
                    .map_err(Error::file("change", &path))?;
                book.rewrite()?;
            }
        }
        Ok(book)
    }

    /// Whether no container has an address.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The container with that address.
    pub(crate) fn holder(&self, address: Ipv4Addr) -> Option<&ContainerName> {
        self.entries.iter().find(|entry| entry.address == address).map(|entry| &entry.name)
    }

    /// Gives a container, which there is not yet, an address: `wanted` or the first that is free.
    ///
    /// # Errors
    /// [`NetworkError::AddressTaken`], [`NetworkError::AddressesExhausted`]; [`Error::Invalid`] for one that nobody may have.
    pub(crate) fn enter(
        &mut self,
        subnet: Subnet,
        wanted: Option<Ipv4Addr>,
        name: &ContainerName,
        hostname: &Hostname,
    ) -> Result<Ipv4Addr> {
        // What a crash left between a line and its container: nobody is on the way there, since we have the lock.
        let home = &self.home;
        let dead = |entry: &Entry| entry.name != *name && !home.container(&entry.name).is_dir();
        let address = match wanted {
            Some(address) => {
                subnet.check(address)?;
                let taken = self.entries.iter().find(|entry| entry.address == address && entry.name != *name);
                if let Some(other) = taken.filter(|entry| !dead(entry)) {
                    return Err(NetworkError::AddressTaken { address, container: other.name.clone() }.into());
                }
                address
            }
            None => {
                let free = |entries: &[Entry]| {
                    let mut taken: Vec<_> = entries.iter().map(|entry| entry.address).collect();
                    taken.sort_unstable();
                    subnet.hosts().find(|address| taken.binary_search(address).is_err())
                };
                let alive = || self.entries.iter().filter(|entry| !dead(entry)).cloned().collect::<Vec<_>>();
                free(&self.entries)
                    .or_else(|| free(&alive()))
                    .ok_or_else(|| NetworkError::AddressesExhausted { subnet: subnet.to_string() })?
            }
        };
        let entry = Entry { address, hostname: hostname.clone(), name: name.clone() };
        let before = self.entries.len();
        self.entries.retain(|other| other.address != address && other.name != *name);
        let replaced = self.entries.len() < before;
        self.entries.push(entry);
        if replaced {
            self.rewrite()?
        } else {
            self.append()?
        }
        Ok(address)
    }

    /// Takes the container out.
    pub(crate) fn strike(&mut self, name: &ContainerName) -> Result<()> {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.name != *name);
        if self.entries.len() < before { self.rewrite() } else { Ok(()) }
    }

    fn append(&mut self) -> Result<()> {
        let line = self.entries.last().map(Entry::line).unwrap_or_default();
        let path = Self::path(&self.home);
        let write = || self.file.write_all_at(line.as_bytes(), self.file.metadata()?.len());
        write().map_err(Error::file("write", path))
    }

    fn rewrite(&mut self) -> Result<()> {
        let mut text = header();
        text += LOCAL;
        for entry in &self.entries {
            let _ = write!(text, "{}", entry.line());
        }
        let write = || -> io::Result<()> {
            self.file.write_all_at(&[TORN], 0)?;
            self.file.write_all_at(&text.as_bytes()[1..], 1)?;
            self.file.set_len(text.len() as u64)?;
            self.file.write_all_at(&[WHOLE], 0)
        };
        write().map_err(Error::file("write", Self::path(&self.home)))
    }
}

/// The first line of a book that is whole and of this boot.
fn header() -> String {
    format!("{} xdocker, boot {}\n", char::from(WHOLE), boot_id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::scratch::Scratch;

    fn enter(book: &mut Book, name: &str, wanted: Option<&str>) -> Result<String> {
        let name: ContainerName = name.parse().unwrap();
        let subnet = "10.9.0.1/29".parse().unwrap();
        let wanted = wanted.map(|text| text.parse().unwrap());
        fs::create_dir_all(book.home.container(&name)).unwrap();
        book.enter(subnet, wanted, &name, &Hostname::from(&name)).map(|address| address.to_string())
    }

    #[test]
    fn addresses_are_given_once_and_come_back() {
        let (_scratch, home) = Scratch::with_home("book");
        let open = || Book::open(&home, || Ok(Vec::new())).unwrap();
        assert_eq!(enter(&mut open(), "a b", None).unwrap(), "10.9.0.2");
        assert_eq!(enter(&mut open(), "b", Some("10.9.0.4")).unwrap(), "10.9.0.4");
        assert_eq!(enter(&mut open(), "c", None).unwrap(), "10.9.0.3");
        let error = enter(&mut open(), "d", Some("10.9.0.2")).unwrap_err();
        assert_eq!(error.to_string(), "address 10.9.0.2 is that of container a b");
        for name in ["d", "e"] {
            enter(&mut open(), name, None).unwrap();
        }
        let error = enter(&mut open(), "f", None).unwrap_err();
        assert_eq!(error.to_string(), "no address of 10.9.0.1/29 is free");
        open().strike(&"c".parse().unwrap()).unwrap();
        assert_eq!(enter(&mut open(), "f", None).unwrap(), "10.9.0.3");
        // A crash between the line and the container leaves a line of nobody's.
        fs::remove_dir(home.container(&"e".parse().unwrap())).unwrap();
        assert_eq!(enter(&mut open(), "g", None).unwrap(), "10.9.0.6");
        assert_eq!(open().holder(Ipv4Addr::new(10, 9, 0, 6)).unwrap().as_str(), "g");
    }

    #[test]
    fn a_damaged_book_is_made_anew() {
        let (_scratch, home) = Scratch::with_home("book-damaged");
        let known = Entry {
            address: Ipv4Addr::new(10, 9, 0, 5),
            hostname: "host".parse().unwrap(),
            name: "name".parse().unwrap(),
        };
        let expected = [known];
        let open = || Book::open(&home, || Ok(expected.to_vec())).unwrap();
        assert_eq!(open().entries, expected);
        let whole = fs::read_to_string(Book::path(&home)).unwrap();
        assert!(whole.ends_with("\n10.9.0.5\thost name\t# name\n"), "{whole}");
        for damaged in ["", "garbage", &whole[1..], &whole[..whole.len() - 1], &whole.replacen('#', "!", 1)] {
            fs::write(Book::path(&home), damaged).unwrap();
            assert_eq!(open().entries, expected);
            assert_eq!(fs::read_to_string(Book::path(&home)).unwrap(), whole);
        }
    }
}
