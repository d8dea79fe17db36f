//! The address book of a home: which container has which addresses on the bridge.
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
use std::net::IpAddr;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, NetworkError, Result};
use crate::home::{DirectoryLock, Home};
use crate::host;
use crate::name::ContainerName;
use crate::spec::{Address, Hostname, Subnet};

/// How long to wait for others who make or destroy containers, a disk's time each.
const PATIENCE: Duration = Duration::from_secs(60);
/// First byte of a book that is whole, and of one that is being written.
const WHOLE: u8 = b'#';
const TORN: u8 = b'!';
const LOCAL: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

/// A container and one of its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) address: IpAddr,
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
    pub(crate) fn holder(&self, address: IpAddr) -> Option<&ContainerName> {
        self.entries.iter().find(|entry| entry.address == address).map(|entry| &entry.name)
    }

    /// An address for a container: `wanted`, or the first that is free and not `taken` by others.
    ///
    /// # Errors
    /// [`NetworkError::AddressTaken`], [`NetworkError::AddressesExhausted`]; [`Error::Invalid`] for one that nobody may have.
    pub(crate) fn choose<A: Address>(
        &self,
        subnet: Subnet<A>,
        wanted: Option<A>,
        name: &ContainerName,
        taken: impl Fn(A) -> bool,
    ) -> Result<A> {
        // What a crash left between a line and its container: nobody is on the way there, since we have the lock.
        let home = &self.home;
        let dead = |entry: &Entry| entry.name != *name && !home.container(&entry.name).is_dir();
        if let Some(wanted) = wanted {
            subnet.check(wanted)?;
            let address: IpAddr = wanted.into();
            let taken = self.entries.iter().find(|entry| entry.address == address && entry.name != *name);
            return match taken.filter(|entry| !dead(entry)) {
                Some(other) => {
                    let holder = format!("container {}", other.name);
                    Err(NetworkError::AddressTaken { address, holder }.into())
                }
                None => Ok(wanted),
            };
        }
        let free = |entries: &mut dyn Iterator<Item = &Entry>| {
            let mut known: Vec<_> = entries.map(|entry| entry.address).collect();
            known.sort_unstable();
            subnet.hosts().find(|host| known.binary_search(&(*host).into()).is_err() && !taken(*host))
        };
        free(&mut self.entries.iter())
            .or_else(|| free(&mut self.entries.iter().filter(|entry| !dead(entry))))
            .ok_or_else(|| NetworkError::AddressesExhausted { subnet: subnet.to_string() }.into())
    }

    /// Writes down that a container has these addresses, which were chosen, and no others.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn enter(
        &mut self,
        name: &ContainerName,
        hostname: &Hostname,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<()> {
        let entry = |address| Entry { address, hostname: hostname.clone(), name: name.clone() };
        let new: Vec<_> = addresses.into_iter().map(entry).collect();
        let before = self.entries.len();
        self.entries.retain(|old| old.name != *name && new.iter().all(|entry| entry.address != old.address));
        let replaced = self.entries.len() < before;
        let from = self.entries.len();
        self.entries.extend(new);
        if replaced { self.rewrite() } else { self.append(from) }
    }

    /// Takes the container out.
    pub(crate) fn strike(&mut self, name: &ContainerName) -> Result<()> {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.name != *name);
        if self.entries.len() < before { self.rewrite() } else { Ok(()) }
    }

    /// Adds the lines of the entries from that one on.
    fn append(&mut self, from: usize) -> Result<()> {
        let lines: String = self.entries[from..].iter().map(Entry::line).collect();
        let path = Self::path(&self.home);
        let write = || self.file.write_all_at(lines.as_bytes(), self.file.metadata()?.len());
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
    format!("{} xdocker, boot {}\n", char::from(WHOLE), host::boot_id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::scratch::Scratch;

    fn enter(book: &mut Book, name: &str, wanted: Option<&str>) -> Result<String> {
        let name: ContainerName = name.parse().unwrap();
        let subnet: Subnet = "10.9.0.1/29".parse().unwrap();
        let wanted = wanted.map(|text| text.parse().unwrap());
        fs::create_dir_all(book.home.container(&name)).unwrap();
        let address = book.choose(subnet, wanted, &name, |_| false)?;
        book.enter(&name, &Hostname::from(&name), [address.into()])?;
        Ok(address.to_string())
    }

    #[test]
    fn a_container_may_have_an_address_of_either_version_and_others_may_have_some_too() {
        let (_scratch, home) = Scratch::with_home("book-both");
        let mut book = Book::open(&home, || Ok(Vec::new())).unwrap();
        let name: ContainerName = "a".parse().unwrap();
        fs::create_dir_all(home.container(&name)).unwrap();
        let subnet: Subnet = "10.9.0.1/29".parse().unwrap();
        let v4 = book.choose(subnet, None, &name, |address| address.octets()[3] < 4).unwrap();
        assert_eq!(v4.to_string(), "10.9.0.4");
        let subnet: Subnet<std::net::Ipv6Addr> = "fd00::1/64".parse().unwrap();
        let v6 = book.choose(subnet, None, &name, |_| false).unwrap();
        book.enter(&name, &Hostname::from(&name), [v4.into(), v6.into()]).unwrap();
        drop(book);
        let mut book = Book::open(&home, || panic!("it is whole")).unwrap();
        assert_eq!(book.holder(v6.into()), Some(&name));
        let text = fs::read_to_string(Book::path(&home)).unwrap();
        assert!(text.ends_with("\n10.9.0.4\ta\t# a\nfd00::2\ta\t# a\n"), "{text}");
        book.strike(&name).unwrap();
        assert!(book.is_empty());
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
        assert_eq!(open().holder("10.9.0.6".parse().unwrap()).unwrap().as_str(), "g");
    }

    #[test]
    fn a_damaged_book_is_made_anew() {
        let (_scratch, home) = Scratch::with_home("book-damaged");
        let known = Entry {
            address: "10.9.0.5".parse().unwrap(),
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
