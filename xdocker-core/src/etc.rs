//! `/etc/hostname`, `/etc/hosts` and `/etc/resolv.conf` inside: what the host knows and no image can.
//!
//! They are mounted over the files of the image, so that nothing of them is ever in the container's own layer, nor in an
//! image made of it. Where the image has none to mount over, a layer of empty ones lies below all others.

use std::ffi::{CStr, CString};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::home::Home;
use crate::launch::{Action, Attributes, Directory, Plan, Slot, c_path};
use crate::network::Book;
use crate::spec::{Hostname, Network, Volume};

/// The files, relative to the root.
pub(crate) const FILES: [&str; 3] = [HOSTNAME, HOSTS, RESOLVERS];
const HOSTNAME: &str = "etc/hostname";
const HOSTS: &str = "etc/hosts";
const RESOLVERS: &str = "etc/resolv.conf";

/// Those of them that are mounted in a container of that network.
pub(crate) fn mounted(network: &Network) -> &'static [&'static str] {
    match network {
        Network::Custom => &FILES[..2],
        Network::Host | Network::Bridge(_) => &FILES,
    }
}

/// What systemd-resolved asks, for those who cannot ask it.
const UPSTREAMS: &str = "/run/systemd/resolve/resolv.conf";
/// More of a file of the host's is not for a container.
const LONGEST: usize = 64 * 1024;

/// What one of the files holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    /// This, for this container alone.
    Own(Vec<u8>),
    /// What a file of the host's holds at any time, for all containers.
    Shared(PathBuf),
}

/// The files of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files(Vec<(&'static str, Content)>);

impl Files {
    /// What the container is to see.
    pub(crate) fn of(home: &Home, hostname: &Hostname, network: &Network) -> Self {
        let host = |path: &str| fs::read(path).ok().filter(|bytes| bytes.len() <= LONGEST);
        let own_name = |mut hosts: Vec<u8>| {
            hosts.extend(format!("127.0.1.1\t{hostname}\n").bytes());
            hosts
        };
        let mut files = vec![(HOSTNAME, Content::Own(format!("{hostname}\n").into_bytes()))];
        match network {
            Network::Host => {
                files.extend(host("/etc/hosts").map(|hosts| (HOSTS, Content::Own(own_name(hosts)))));
                files.extend(host("/etc/resolv.conf").map(|text| (RESOLVERS, Content::Own(text))));
            }
            // The rest is its user's to set up, as the network is.
            Network::Custom => {
                files.push((HOSTS, Content::Own(own_name(b"127.0.0.1\tlocalhost\n".to_vec()))))
            }
            Network::Bridge(_) => {
                files.push((HOSTS, Content::Shared(Book::path(home))));
                let text = |path| host(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                let ipv6 = network.endpoint().is_some_and(|endpoint| endpoint.vip6.is_some());
                let resolvers = text("/etc/resolv.conf").map(|own| reachable(&own, ipv6, || text(UPSTREAMS)));
                files.extend(resolvers.map(|text| (RESOLVERS, Content::Own(text.into_bytes()))));
            }
        }
        Self(files)
    }

    /// The same but for those that a volume of the container's is in the place of.
    pub(crate) fn besides(mut self, volumes: &[Volume]) -> Self {
        let is_taken = |path: &str| volumes.iter().any(|it| it.container() == Path::new("/").join(path));
        self.0.retain(|(path, _)| !is_taken(path));
        self
    }

    /// Plans their mounts below `root`. Those of the container alone are written into `memory`, a file system in
    /// memory, where they lose their names again; of the others the owner is `mapped` where the container has users of
    /// its own.
    pub(crate) fn plan(&self, plan: &mut Plan, root: Slot, memory: Slot, mapped: bool) {
        const CLONE: u32 = 1;
        const NAME: &CStr = c".xdocker-etc";
        let mount = plan.slot();
        for (path, content) in &self.0 {
            let inside = plan.inside.purpose(format!("make /{path}"));
            let target: CString = c_path(Path::new(path));
            let attach = Action::Mask { mount, below: root, path: target, links_are_fine: true };
            match content {
                Content::Own(bytes) => {
                    let (at, path, content) = (Directory::At(memory), NAME.to_owned(), bytes.clone());
                    inside.push(Action::MakeFile { at, path: path.clone(), mode: 0o644, content });
                    inside.push(Action::OpenTree { at, path: path.clone(), to: mount, flags: CLONE });
                    inside.push(attach).push(Action::Unlink { at, path });
                }
                Content::Shared(file) => {
                    let (at, path) = (Directory::Current, c_path(file));
                    inside.push(Action::OpenTree { at, path, to: mount, flags: CLONE });
                    if mapped {
                        inside.push(Action::MapOwners { mount, flags: libc::AT_EMPTY_PATH as u32 });
                    }
                    inside.push(Action::SetAttributes {
                        at: Directory::At(mount),
                        path: c"".to_owned(),
                        flags: libc::AT_EMPTY_PATH as u32,
                        set: Attributes::HARMLESS.and(Attributes::READ_ONLY),
                        propagation: libc::MS_PRIVATE,
                    });
                    inside.push(attach);
                }
            }
            inside.push(Action::Close { fd: mount });
        }
    }
}

/// The host's resolvers, as far as a container with a network of its own reaches them. One on a loopback address is
/// systemd's or another cache; then those that it asks itself are taken.
fn reachable(own: &str, ipv6: bool, upstreams: impl FnOnce() -> Option<String>) -> String {
    let server = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let address = (words.next() == Some("nameserver")).then(|| words.next()).flatten()?;
        // `fe80::1%eth0` is on a link of the host's.
        Some(address.parse::<IpAddr>().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)))
    };
    let reached = |line: &&str| {
        server(line).is_none_or(|address| (ipv6 || address.is_ipv4()) && !address.is_loopback())
    };
    let kept = |text: &str| text.lines().filter(reached).map(|line| format!("{line}\n")).collect::<String>();
    let serves = |text: &str| text.lines().any(|line| server(line).is_some());
    let first = kept(own);
    if serves(&first) || !serves(own) {
        return first;
    }
    upstreams().map(|text| kept(&text)).filter(|text| serves(text)).unwrap_or(first)
}

/// The layer with an empty file for each of [`FILES`], made if it is not there.
///
/// # Errors
/// [`Error::File`].
pub(crate) fn base_layer(home: &Home) -> Result<PathBuf> {
    let layer = home.make_shared()?.join("base");
    let make = || -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o755).create(layer.join("etc"))?;
        for file in FILES {
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o644).open(layer.join(file))?;
        }
        Ok(())
    };
    make().map_err(Error::file("create", &layer))?;
    Ok(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_that_only_the_host_reaches_is_replaced() {
        let none = || None;
        let reachable = |own, upstreams: &dyn Fn() -> Option<String>| reachable(own, false, upstreams);
        let plain = "search example.org\nnameserver 10.0.0.53\n";
        assert_eq!(reachable(plain, &none), plain);
        let stub = "nameserver 127.0.0.53\noptions edns0\n";
        let real = "nameserver 10.0.0.53\nnameserver fe80::1%eth0\nsearch lan\n";
        assert_eq!(reachable(stub, &|| Some(real.to_owned())), "nameserver 10.0.0.53\nsearch lan\n");
        assert_eq!(reachable(stub, &none), "options edns0\n");
        assert_eq!(reachable(stub, &|| Some(stub.to_owned())), "options edns0\n");
        let mixed = "nameserver ::1\nnameserver 127.0.0.1\nnameserver 9.9.9.9\n";
        assert_eq!(reachable(mixed, &|| panic!("not asked")), "nameserver 9.9.9.9\n");
        assert_eq!(reachable("", &|| panic!("not asked")), "");
        let both = "nameserver ::1\nnameserver fd00::53\nnameserver fe80::1%eth0\n";
        assert_eq!(super::reachable(both, true, || panic!("not asked")), "nameserver fd00::53\n");
    }
}
