//! Users and groups of a container, from its own `/etc/passwd` and `/etc/group`. Both may be whatever a program
//! inside has put there: a link, a pipe that never says anything, a file without an end.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::spec::{Account, User};
use crate::sys::resolve::read_in_root;

/// The longest list that is read, in bytes.
const LIST_MAX: u64 = 4 << 20;

/// Who a process is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The supplementary groups. The group itself is one of them: otherwise a program that sets its group would
    /// leave it, and pass what is refused to its members (CVE-2022-36109).
    pub(crate) groups: Vec<u32>,
    pub(crate) home: PathBuf,
}

impl Identity {
    /// Root, and in no other group: processes for which nothing is said.
    pub(crate) fn root() -> Self {
        Self { uid: 0, gid: 0, groups: Vec::new(), home: "/root".into() }
    }

    /// Who `user` is in the container with this root.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that the container does not know; [`Error::File`] when one of its lists
    /// cannot be read.
    pub(crate) fn find(root: &File, user: &User) -> Result<Self> {
        let passwd = read_list(root, "etc/passwd")?;
        let group = read_list(root, "etc/group")?;
        Self::of(user, &passwd, &group)
    }

    fn of(user: &User, passwd: &str, group: &str) -> Result<Self> {
        let unknown =
            |what: &str, list| Error::invalid("user", user.to_string(), format!("{what} is not in {list}"));
        let known = entries(passwd).find(|entry| entry.is(&user.user));
        let uid = match (&user.user, &known) {
            (Account::Number(number), _) => *number,
            (_, Some(entry)) => entry.number,
            (Account::Name(name), None) => return Err(unknown(name, "/etc/passwd")),
        };
        let mut groups = Vec::new();
        let gid = match &user.group {
            Some(Account::Number(number)) => *number,
            Some(named @ Account::Name(name)) => {
                let entry = entries(group).find(|entry| entry.is(named));
                entry.ok_or_else(|| unknown(name, "/etc/group"))?.number
            }
            None => {
                let name = known.as_ref().map_or("", |entry| entry.name);
                let member =
                    |entry: &Entry<'_>| !name.is_empty() && entry.members().any(|member| member == name);
                groups.extend(entries(group).filter(member).map(|entry| entry.number));
                // A number without an account is in the group of root, as with Docker.
                known.as_ref().and_then(Entry::group).unwrap_or(0)
            }
        };
        groups.push(gid);
        groups.sort_unstable();
        groups.dedup();
        // The kernel takes no more.
        groups.truncate(65_536);
        let home = known.as_ref().and_then(Entry::home).unwrap_or(Path::new("/")).to_owned();
        Ok(Self { uid, gid, groups, home })
    }
}

/// The names of the users of the container with this root, by their numbers.
///
/// # Errors
/// [`Error::File`] when the list cannot be read.
pub(crate) fn user_names(root: &File) -> Result<HashMap<u32, String>> {
    let passwd = read_list(root, "etc/passwd")?;
    let mut names = HashMap::new();
    for entry in entries(&passwd) {
        names.entry(entry.number).or_insert_with(|| entry.name.to_owned());
    }
    Ok(names)
}

/// One line of a list: `NAME:x:NUMBER:…`.
struct Entry<'a> {
    name: &'a str,
    number: u32,
    /// What follows the number.
    rest: &'a str,
}

impl<'a> Entry<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.splitn(4, ':');
        let (name, _password, number) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Self { name, number: number_of(number)?, rest: fields.next().unwrap_or_default() })
    }

    fn is(&self, account: &Account) -> bool {
        match account {
            Account::Number(number) => self.number == *number,
            Account::Name(name) => self.name == name,
        }
    }

    /// Of a group: who is in it.
    fn members(&self) -> impl Iterator<Item = &'a str> {
        self.rest.split(',').map(str::trim)
    }

    /// Of a user: its group.
    fn group(&self) -> Option<u32> {
        number_of(self.rest.split(':').next()?)
    }

    /// Of a user: its home directory.
    fn home(&self) -> Option<&'a Path> {
        self.rest.split(':').nth(2).map(Path::new).filter(|home| home.is_absolute())
    }
}

/// A number that is one for certain: no sign, no blank, nothing that wraps round to root.
fn number_of(text: &str) -> Option<u32> {
    let Ok(Account::Number(number)) = Account::parse(text) else { return None };
    Some(number)
}

/// The lines that say something. The others are passed over, as libraries do.
fn entries(list: &str) -> impl Iterator<Item = Entry<'_>> {
    list.lines().filter_map(Entry::parse)
}

/// A list; an image without it has nobody.
fn read_list(root: impl AsFd, path: &'static str) -> Result<String> {
    match read_in_root(root, Path::new(path), LIST_MAX) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(why) => Err(Error::file("read in the container", Path::new("/").join(path))(why)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::home::scratch::Scratch;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n# nobody\nbroken\nwww:x:33:34:web:/srv:/bin/sh\n\
        1000:x:0:0:trap:/trap:/bin/sh\nwrapped:x:4294967296:0::/:/bin/sh\nminus:x:-1:0::/:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nadm:x:4:root,www\nwww:x:34:\nlog:x:7:www, other\nbad:x:4294967296:www\n";

    fn find(user: &str) -> Result<Identity> {
        Identity::of(&user.parse()?, PASSWD, GROUP)
    }

    #[test]
    fn who_is_asked_for_is_who_runs() {
        let who =
            |user| find(user).map(|id| (id.uid, id.gid, id.groups, id.home.display().to_string())).unwrap();
        assert_eq!(who("www"), (33, 34, vec![4, 7, 34], "/srv".into()));
        assert_eq!(who("33"), who("www"));
        assert_eq!(who("www:adm"), (33, 4, vec![4], "/srv".into()));
        assert_eq!(who("33:99"), (33, 99, vec![99], "/srv".into()));
        assert_eq!(who("root"), (0, 0, vec![0, 4], "/root".into()));
        assert_eq!(who("77"), (77, 0, vec![0], "/".into()));
        assert_eq!(who("1000"), (1000, 0, vec![0], "/".into()), "the name of an account that is root");
    }

    #[test]
    fn who_is_not_there_does_not_become_root() {
        for user in ["nobody", "www:nogroup", "wrapped", "minus", "www:bad", "broken"] {
            assert!(matches!(find(user), Err(Error::Invalid { .. })), "{user}");
        }
    }

    #[test]
    fn a_list_that_is_none_does_not_hold_us() {
        let scratch = Scratch::new("accounts");
        let etc = scratch.path().join("etc");
        std::fs::create_dir(&etc).unwrap();
        let root = File::open(scratch.path()).unwrap();
        let read = || Identity::find(&root, &"www".parse().unwrap());
        assert!(matches!(read(), Err(Error::Invalid { .. })), "no list at all");
        nix::unistd::mkfifo(&etc.join("passwd"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(read(), Err(Error::File { .. })), "a pipe");
        std::fs::remove_file(etc.join("passwd")).unwrap();
        File::create(etc.join("passwd")).unwrap().set_len(LIST_MAX + 1).unwrap();
        assert!(matches!(read(), Err(Error::File { .. })), "too long");
        std::fs::remove_file(etc.join("passwd")).unwrap();
        symlink("/../../etc/real", etc.join("passwd")).unwrap();
        std::fs::write(etc.join("real"), PASSWD).unwrap();
        assert_eq!(read().unwrap().uid, 33, "a link stays inside");
    }
}
