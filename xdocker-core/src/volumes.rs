//! Volumes at a boot: what of the host is to be seen, where it goes, and how.
//!
//! Each is a copy of the host's mount (open_tree(2)) with everything that is mounted below it, so that neither more nor
//! less is seen than at the host's path: without what is mounted there, what that covers would show. All of the copy is
//! `nosuid,nodev`, and read-only where the volume is; it is private from the beginning, so it takes no part in what is
//! mounted on the host later, nor the host in what happens inside.
//!
//! The places inside are made in a layer of the container's own below all others, on disk next to the container's
//! changes, so that an image made of the container has nothing of them. Only a place that this does not make, since a link
//! is on the way to it or another mount, is made where it is.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};
use crate::home::Home;
use crate::launch::{Action, Attributes, Directory, Plan, Slot, c_path};
use crate::spec::Volume;

/// Name of the layer in a container's directory.
const LAYER: &str = "places";

const OPEN_TREE_CLONE: u32 = 1;
const AT_RECURSIVE: u32 = 0x8000;
const AT_EMPTY_PATH: u32 = 0x1000;
const RESOLVE_NO_SYMLINKS: u64 = 0x04;

/// Makes the layer with the places of `volumes`, anew, in the container's `directory`; `None` when there are none.
///
/// # Errors
/// [`Error::File`] with the host's path of a volume that is not there, or when the layer cannot be made.
pub(crate) fn layer(home: &Home, directory: &Path, volumes: &[Volume]) -> Result<Option<PathBuf>> {
    if volumes.is_empty() {
        return Ok(None);
    }
    let find = |volume: &Volume| {
        let found = fs::metadata(volume.host()).map_err(Error::file("find the volume", volume.host()))?;
        Ok((volume.container().to_owned(), found.is_dir()))
    };
    let places = volumes.iter().map(find).collect::<Result<Vec<_>>>()?;
    let layer = directory.join(LAYER);
    home.discard(&layer)?;
    make_directory(&layer)?;
    for (path, is_directory) in places {
        make_place(&layer, &path, is_directory)?;
    }
    Ok(Some(layer))
}

/// Makes `path`, which holds no `..`, below `layer`, which nobody else sees: a directory, or an empty file.
fn make_place(layer: &Path, path: &Path, is_directory: bool) -> Result<()> {
    let names: Vec<_> = path.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let mut made = layer.to_owned();
    for (index, name) in names.iter().enumerate() {
        made.push(name);
        if is_directory || index + 1 < names.len() {
            make_directory(&made)?;
        } else {
            fs::File::create(&made)
                .and_then(|file| file.set_permissions(Permissions::from_mode(0o644)))
                .map_err(Error::file("create", &made))?;
        }
    }
    Ok(())
}

/// Makes a directory whose mode is nobody's umask; one that is there stays.
fn make_directory(path: &Path) -> Result<()> {
    match fs::create_dir(path) {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made
            .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o755)))
            .map_err(Error::file("create", path)),
    }
}

/// Plans that `volume` is seen below `root`, by way of the slot `mount`. `others` are all of the container's; `mapped`
/// says whether its users are its own: then what is the host's root's in the volume is the container's root's.
pub(crate) fn plan(
    plan: &mut Plan,
    (root, mount): (Slot, Slot),
    volume: &Volume,
    others: &[Volume],
    mapped: bool,
) {
    let inside = plan.inside.purpose(format!("take the volume {}", volume.host().display()));
    let (at, path, flags) = (Directory::Current, c_path(volume.host()), OPEN_TREE_CLONE | AT_RECURSIVE);
    inside.push(Action::OpenTree { at, path, to: mount, flags });
    if mapped {
        let what = format!("map the owners of the volume {}", volume.host().display());
        let flags = AT_EMPTY_PATH | AT_RECURSIVE;
        inside.purpose(what).push(Action::MapOwners { mount, flags });
    }
    let mut set = Attributes::NO_SUID.and(Attributes::NO_DEV);
    if volume.is_read_only() {
        set = set.and(Attributes::READ_ONLY);
    }
    inside.push(Action::SetAttributes {
        at: Directory::At(mount),
        path: c"".to_owned(),
        flags: AT_EMPTY_PATH | AT_RECURSIVE,
        set,
        propagation: libc::MS_PRIVATE,
    });
    // Inside another volume any other user of it could put a link, and have this one cover what it likes.
    let below_another = others.iter().any(|other| {
        other.container() != volume.container() && volume.container().starts_with(other.container())
    });
    inside.purpose(format!("mount the volume {}", shown(volume))).push(Action::Attach {
        mount,
        root,
        path: c_path(volume.container()),
        make: true,
        resolve: if below_another { RESOLVE_NO_SYMLINKS } else { 0 },
    });
    inside.push(Action::Close { fd: mount });
}

fn shown(volume: &Volume) -> String {
    format!("{} at {}", volume.host().display(), volume.container().display())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::home::scratch::Scratch;

    fn volume(text: String) -> Volume {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_made_as_what_goes_there() {
        let scratch = Scratch::new("volumes-places");
        let home = Home::open(&scratch.path().join("home")).unwrap();
        let host = scratch.path().join("host");
        fs::create_dir(&host).unwrap();
        fs::write(host.join("file"), "x").unwrap();
        symlink("file", host.join("link")).unwrap();
        let host = host.display();
        let volumes = [
            volume(format!("{host}:/srv/a/b")),
            volume(format!("{host}/link:/srv/c")),
            volume(format!("{host}:/srv")),
        ];
        let directory = home.path().join("containers/box");
        fs::create_dir(&directory).unwrap();
        for _ in 0..2 {
            let layer = layer(&home, &directory, &volumes).unwrap().unwrap();
            let mode = |name: &str| fs::metadata(layer.join(name)).unwrap().permissions().mode();
            assert_eq!((mode("srv/a/b"), mode("srv/c"), mode("")), (0o40755, 0o100_644, 0o40755));
        }
        assert_eq!(layer(&home, &directory, &[]).unwrap(), None);
        let missing = layer(&home, &directory, &[volume(format!("{host}/none:/srv"))]).unwrap_err();
        assert_eq!(missing.to_string(), format!("cannot find the volume {host}/none"));
        let clash = [volume(format!("{host}/file:/a")), volume(format!("{host}:/a/b"))];
        assert!(matches!(layer(&home, &directory, &clash), Err(Error::File { .. })));
    }
}
