//! The container's view of files: layers become one root, and what the kernel offers is mounted into it.
//! Pure: a plan for the helper.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::cgroup::View;
use crate::error::{Error, Result};
use crate::etc::Files;
use crate::host::Kernel;
use crate::launch::{Action, Attributes, Directory, Plan, Slot, c_path};
use crate::security;
use crate::spec::{Sandbox, Tmpfs, Volume};
use crate::users::IdRange;
use crate::volumes;

/// Directories that an image must have, since the kernel's file systems are mounted there.
pub(crate) const MOUNT_POINTS: [&str; 3] = ["proc", "sys", "dev"];

/// One page is all that mount(2) takes as options, its NUL included.
const MOUNT_DATA_MAX: usize = 4095;

const O_PATH: i32 = libc::O_PATH;
const O_DIRECTORY: i32 = libc::O_DIRECTORY;
/// So many layers of a container with users of its own have a slot each.
const DETACHED_LAYERS: usize = 32;
/// Nothing on the way may be a link, or lead out (openat2(2)).
const STRICTLY_BENEATH: u64 = 0x08 | 0x04 | 0x02;
const AT_RECURSIVE: u32 = 0x8000;

/// Where the parts of a root lie, all below the home.
pub(crate) struct Layers {
    /// The home, an absolute path.
    pub(crate) home: PathBuf,
    /// Layers of images relative to the home, the lowest first.
    pub(crate) lower: Vec<PathBuf>,
    /// The container's directory relative to the home.
    pub(crate) container: PathBuf,
    /// Nobody will miss the container's changes after a crash: do not sync them.
    pub(crate) volatile: bool,
    /// What the container's users are outside, if they are its own.
    pub(crate) ids: Option<IdRange>,
}

impl Layers {
    /// Where the root appears on the host.
    pub(crate) fn merged(&self) -> PathBuf {
        self.home.join(&self.container).join("merged")
    }
}

/// Plans the overlay mount at `merged`, and that it goes when the container does.
///
/// Paths are relative to the home and the helper works there: fsconfig(2) takes strings of 255 bytes at
/// the most, however deep the home lies.
///
/// # Errors
/// [`Error::Unsupported`] when this kernel cannot stack so many layers.
pub(crate) fn plan_overlay(plan: &mut Plan, layers: &Layers, kernel: Kernel) -> Result<()> {
    let merged = c_path(&layers.container.join("merged"));
    let whole = if layers.ids.is_some() {
        Some(plan_mapped(plan, layers, kernel)?)
    } else if kernel.overlay_appends_layers() {
        plan.host.purpose("enter the home").push(Action::ChangeDirectory { path: c_path(&layers.home) });
        let lower = layers.lower.iter().map(|path| c_path(path)).collect();
        let [upper, work] = ["rwlayer", "workdir"].map(|name| c_path(&layers.container.join(name)));
        Some(plan_stack(plan, Stack { lower, upper, work, volatile: layers.volatile }, kernel)?)
    } else {
        None
    };
    plan.host.purpose("enter the home").push(Action::ChangeDirectory { path: c_path(&layers.home) });
    if let Some(mount) = whole {
        plan.host.purpose("mount the root");
        plan_mount_beneath(plan, mount, merged);
        plan.host.push(Action::Close { fd: mount });
    } else {
        let data = mount_data(layers)?;
        let kind = c"overlay".to_owned();
        let flags = libc::MS_NODEV;
        plan.host.purpose("mount the root");
        plan.host.push(Action::Mount { source: kind.clone(), target: merged, kind, flags, data });
    }
    plan.host.purpose("leave the home").push(Action::ChangeDirectory { path: c"/".to_owned() });
    plan.undo.purpose("unmount the root").push(Action::Unmount { path: c_path(&layers.merged()) });
    Ok(())
}

/// Layers as overlayfs takes them, by paths.
struct Stack {
    /// The lowest first.
    lower: Vec<CString>,
    upper: CString,
    work: CString,
    volatile: bool,
}

/// Plans a new overlay that is mounted nowhere.
fn plan_stack(plan: &mut Plan, stack: Stack, kernel: Kernel) -> Result<Slot> {
    /// Longest string that fsconfig(2) takes.
    const LONGEST: usize = 255;
    let (fs, mount) = (plan.slot(), plan.slot());
    let host = plan.host.purpose("stack the layers");
    host.push(Action::FsOpen { kind: c"overlay", to: fs });
    // The first that is named is the top of the lower layers (overlayfs.rst).
    let from_top = stack.lower.iter().rev();
    if kernel.overlay_appends_layers() {
        for lower in from_top {
            host.push(Action::FsString { fs, key: c"lowerdir+", value: lower.clone() });
        }
    } else {
        let all = from_top.map(|path| path.to_bytes()).collect::<Vec<_>>().join(&b':');
        if all.len() > LONGEST {
            return Err(too_many_layers(stack.lower.len()));
        }
        let value = CString::new(all).expect("parts of it held no NUL");
        host.push(Action::FsString { fs, key: c"lowerdir", value });
    }
    host.push(Action::FsString { fs, key: c"upperdir", value: stack.upper });
    host.push(Action::FsString { fs, key: c"workdir", value: stack.work });
    if stack.volatile {
        host.push(Action::FsFlag { fs, key: c"volatile" });
    }
    host.push(Action::FsMount { fs, to: mount, attributes: Attributes::NO_DEV });
    Ok(mount)
}

/// Plans that a detached mount is attached at `path`, which is a directory of ours, below the working directory.
fn plan_mount_beneath(plan: &mut Plan, mount: Slot, path: CString) {
    let (at, to) = (Directory::Current, plan.slot());
    plan.host.push(Action::Open { at, path, to, flags: O_PATH | O_DIRECTORY, resolve: STRICTLY_BENEATH });
    plan.host.push(Action::MoveMount { mount, target: to }).push(Action::Close { fd: to });
}

/// Plans a new overlay, mounted nowhere, of layers with their owners mapped.
///
/// Who makes it is the mounter whose users overlayfs works as, and another one than the monitor.
fn plan_mapped(plan: &mut Plan, layers: &Layers, kernel: Kernel) -> Result<Slot> {
    let ids = layers.ids.expect("who has none is not mapped");
    ids.plan(plan);
    if kernel.builds_detached() && layers.lower.len() <= DETACHED_LAYERS {
        Ok(plan_mapped_detached(plan, layers, ids))
    } else {
        plan_mapped_apart(plan, layers, ids, kernel)
    }
}

/// Overlayfs takes the mapped copies of the layers by descriptors, which have to stay open until it is there.
fn plan_mapped_detached(plan: &mut Plan, layers: &Layers, ids: IdRange) -> Slot {
    let (fs, whole, own, part) = (plan.slot(), plan.slot(), plan.slot(), plan.slot());
    let lower: Vec<_> = layers.lower.iter().map(|layer| (layer, plan.slot())).collect();
    let host = plan.host.purpose("make files as the container's root");
    host.push(Action::Apart { namespaces: 0 }).push(ids.files_as_root());
    host.purpose("enter the home").push(Action::ChangeDirectory { path: c_path(&layers.home) });
    host.purpose("stack the layers").push(Action::FsOpen { kind: c"overlay", to: fs });
    // The first that is named is the top of the lower layers (overlayfs.rst).
    for (layer, mount) in lower.iter().rev() {
        plan_map(plan, layer, *mount);
        plan.host.push(Action::FsDescriptor { fs, key: c"lowerdir+", value: *mount });
    }
    plan_map(plan, &layers.container, own);
    for (key, name) in [(c"upperdir", c"rwlayer"), (c"workdir", c"workdir")] {
        let (at, path, flags) = (Directory::At(own), name.to_owned(), O_PATH | O_DIRECTORY);
        plan.host.push(Action::Open { at, path, to: part, flags, resolve: STRICTLY_BENEATH });
        plan.host.push(Action::FsDescriptor { fs, key, value: part }).push(Action::Close { fd: part });
    }
    if layers.volatile {
        plan.host.push(Action::FsFlag { fs, key: c"volatile" });
    }
    plan.host.purpose("stack the layers").push(Action::FsMount {
        fs,
        to: whole,
        attributes: Attributes::NO_DEV,
    });
    for mount in lower.iter().map(|(_, mount)| *mount).chain([own]) {
        plan.host.push(Action::Close { fd: mount });
    }
    plan.host.push(Action::Together);
    whole
}

/// Plans a copy of the mount that a directory of ours lies in, from there on and with its owners mapped, in the slot `to`.
fn plan_map(plan: &mut Plan, path: &Path, to: Slot) {
    const CLONE: u32 = 1;
    const EMPTY_PATH: u32 = 0x1000;
    let host = plan.host.purpose(format!("map the owners of {}", path.display()));
    host.push(Action::OpenTree { at: Directory::Current, path: c_path(path), to, flags: CLONE });
    host.push(Action::MapOwners { mount: to, flags: EMPTY_PATH });
}

/// Older overlayfs looks its layers up by paths, so the mapped copies have to be mounted somewhere: on a file system in
/// memory, in a mount namespace that goes when the overlay is there, which keeps copies of its own. The host never sees them.
fn plan_mapped_apart(plan: &mut Plan, layers: &Layers, ids: IdRange, kernel: Kernel) -> Result<Slot> {
    let (fs, memory, mount, target) = (plan.slot(), plan.slot(), plan.slot(), plan.slot());
    let merged = c_path(&layers.container.join("merged"));
    let host = plan.host.purpose("work in a mount namespace apart");
    host.push(Action::Apart { namespaces: libc::CLONE_NEWNS }).push(private()).push(ids.files_as_root());
    host.purpose("enter the home").push(Action::ChangeDirectory { path: c_path(&layers.home) });
    host.purpose("mount a tmpfs for the layers").push(Action::FsOpen { kind: c"tmpfs", to: fs });
    host.push(Action::FsMount { fs, to: memory, attributes: Attributes::NO_SUID });
    plan_mount_beneath(plan, memory, merged.clone());
    let numbered = layers.lower.iter().enumerate().map(|(number, path)| (number.to_string(), path));
    let all: Vec<_> = numbered.chain([("own".to_owned(), &layers.container)]).collect();
    for (name, path) in &all {
        let (at, name) = (Directory::At(memory), c_path(name.as_ref()));
        plan_map(plan, path, mount);
        let host = &mut plan.host;
        host.push(Action::MakeDirectory { at, path: name.clone(), mode: 0o700 });
        let (flags, resolve) = (O_PATH | O_DIRECTORY, STRICTLY_BENEATH);
        host.push(Action::Open { at, path: name, to: target, flags, resolve });
        host.push(Action::MoveMount { mount, target });
        host.push(Action::Close { fd: mount }).push(Action::Close { fd: target });
    }
    plan.host.purpose("enter the layers").push(Action::ChangeDirectory { path: merged });
    let lower = all[..layers.lower.len()].iter().map(|(name, _)| c_path(name.as_ref())).collect();
    let (upper, work) = (c"own/rwlayer".to_owned(), c"own/workdir".to_owned());
    let whole = plan_stack(plan, Stack { lower, upper, work, volatile: layers.volatile }, kernel)?;
    plan.host.push(Action::Close { fd: memory }).push(Action::Together);
    Ok(whole)
}

/// Cuts a new mount namespace off from the one that it is a copy of.
fn private() -> Action {
    Action::SetAttributes {
        at: Directory::Current,
        path: c"/".to_owned(),
        flags: AT_RECURSIVE,
        set: Attributes::default(),
        propagation: libc::MS_PRIVATE,
    }
}

fn too_many_layers(count: usize) -> Error {
    let what = format!("a stack of {count} layers");
    Error::Unsupported { what, why: "before Linux 6.7 the names of all layers must fit in one page".into() }
}

/// The options of mount(2) for kernels that take all layers in one string.
fn mount_data(layers: &Layers) -> Result<CString> {
    let escaped = |path: &Path| {
        let mut out = Vec::new();
        for byte in path.as_os_str().as_bytes() {
            if matches!(byte, b'\\' | b',' | b':') {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        out
    };
    let mut data = b"lowerdir=".to_vec();
    for (index, lower) in layers.lower.iter().rev().enumerate() {
        data.extend((index > 0).then_some(b':'));
        data.extend(escaped(lower));
    }
    for (key, name) in [(&b",upperdir="[..], "rwlayer"), (b",workdir=", "workdir")] {
        data.extend(key);
        data.extend(escaped(&layers.container.join(name)));
    }
    if layers.volatile {
        data.extend(b",volatile");
    }
    if data.len() > MOUNT_DATA_MAX {
        return Err(too_many_layers(layers.lower.len()));
    }
    Ok(CString::new(data).expect("paths of ours hold no NUL"))
}

/// What a container has mounted, beside what the kernel offers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mounts<'a> {
    pub(crate) tmpfs: &'a [Tmpfs],
    pub(crate) volumes: &'a [Volume],
}

/// Plans the new process's mounts: /proc, /sys, /dev and what belongs into it, masks, what the container has besides,
/// and the root itself. With `bare` all of it is put together before the process leaves the host's mount namespace, and
/// then attached in a bare one.
pub(crate) fn plan_mounts(
    plan: &mut Plan,
    bare: bool,
    layers: &Layers,
    files: &Files,
    cgroups: &View,
    sandbox: &Sandbox,
    mounts: Mounts<'_>,
) {
    let root = plan.slot();
    if !bare {
        plan.namespaces |= libc::CLONE_NEWNS;
        plan.inside.purpose("cut the mounts off from the host's").push(private());
    }
    if let Some(ids) = layers.ids {
        plan.inside.purpose("make files as the container's root").push(ids.files_as_root());
    }
    plan_root(plan, bare, layers, root);

    let read_only = Attributes::HARMLESS.and(Attributes::READ_ONLY);
    let proc = mount_at(plan, root, "proc", c"proc", Attributes::HARMLESS, &[]);
    let sys = mount_at(plan, root, "sys", c"sysfs", read_only, &[]);
    cgroups.plan(plan, sys);
    let dev =
        mount_at(plan, root, "dev", c"tmpfs", Attributes::NO_SUID, &[(c"mode", c"755"), (c"size", c"64m")]);
    plan_devices(plan, dev, layers.ids);
    if sandbox.masks {
        security::mask(plan, proc, sys, dev);
    }

    plan_own_mounts(plan, root, layers.ids, sandbox, mounts);
    // After them: a volume at /etc has the container's names too.
    files.plan(plan, root, dev, layers.ids.is_some());
    if bare {
        plan.inside.purpose("enter a mount namespace of its own").push(Action::EnterBare { root });
    }
    plan.inside.purpose("change the root").push(Action::PivotRoot { root });
    if sandbox.read_only {
        plan.inside.purpose("make the root read-only").push(Action::SetAttributes {
            at: Directory::Current,
            path: c"/".to_owned(),
            flags: 0,
            set: Attributes::READ_ONLY,
            propagation: 0,
        });
    }
}

/// Opens the root, or a copy of its mount that is attached nowhere.
fn plan_root(plan: &mut Plan, bare: bool, layers: &Layers, root: Slot) {
    const CLONE: u32 = 1;
    let (at, path) = (Directory::Current, c_path(&layers.merged()));
    let inside = plan.inside.purpose("open the root");
    if bare {
        inside.push(Action::OpenTree { at, path, to: root, flags: CLONE });
        // Or what is mounted below it would be mounted on the host too, where that shares its mounts.
        inside.push(Action::SetAttributes {
            at: Directory::At(root),
            path: c"".to_owned(),
            flags: libc::AT_EMPTY_PATH as u32,
            set: Attributes::default(),
            propagation: libc::MS_PRIVATE,
        });
    } else {
        inside.push(Action::Open { at, path, to: root, flags: O_PATH | O_DIRECTORY, resolve: 0 });
    }
}

/// What of the root lies in memory.
pub(crate) fn in_memory<'a>(sandbox: &Sandbox, mounts: Mounts<'a>) -> impl Iterator<Item = &'a Path> {
    /// What can be written where the rest is read-only.
    const WRITABLE: [&str; 2] = ["/tmp", "/run"];
    let asked = move |path: &&Path| {
        mounts.tmpfs.iter().any(|it| it.path() == *path)
            || mounts.volumes.iter().any(|it| it.container() == *path)
    };
    let writable = WRITABLE.into_iter().filter(|_| sandbox.read_only).map(Path::new);
    writable.filter(move |path| !asked(path)).chain(mounts.tmpfs.iter().map(Tmpfs::path))
}

/// Plans file systems in memory and volumes, those nearest to the root first: each may lie in another.
fn plan_own_mounts(plan: &mut Plan, root: Slot, ids: Option<IdRange>, sandbox: &Sandbox, mounts: Mounts<'_>) {
    enum Own<'a> {
        Memory(&'a Path),
        Volume(&'a Volume),
    }
    let mut all: Vec<(usize, Own<'_>)> = in_memory(sandbox, mounts)
        .map(|path| (path.components().count(), Own::Memory(path)))
        .chain(mounts.volumes.iter().map(|it| (it.container().components().count(), Own::Volume(it))))
        .collect();
    all.sort_by_key(|(depth, _)| *depth);
    let (fs, mount) = (plan.slot(), plan.slot());
    for (_, own) in all {
        match own {
            Own::Memory(path) => plan_memory(plan, root, (fs, mount), path),
            Own::Volume(volume) => volumes::plan(plan, (root, mount), volume, mounts.volumes, ids.is_some()),
        }
    }
}

/// Plans a file system in memory at `path` below `root`.
fn plan_memory(plan: &mut Plan, root: Slot, (fs, mount): (Slot, Slot), path: &Path) {
    let mode = if path == Path::new("/run") { c"755" } else { c"1777" };
    let inside = plan.inside.purpose(format!("mount a tmpfs at {}", path.display()));
    inside.push(Action::FsOpen { kind: c"tmpfs", to: fs });
    inside.push(Action::FsString { fs, key: c"mode", value: mode.to_owned() });
    let attributes = Attributes::NO_SUID.and(Attributes::NO_DEV);
    inside.push(Action::FsMount { fs, to: mount, attributes });
    let path = c_path(path);
    inside.push(Action::Attach { mount, root, path, make: false, resolve: 0 });
    inside.push(Action::Close { fd: mount });
}

/// Mounts a new file system at `name` below the directory in `at`, and gives it back.
fn mount_at(
    plan: &mut Plan,
    at: Slot,
    name: &str,
    kind: &'static CStr,
    attributes: Attributes,
    options: &[(&'static CStr, &CStr)],
) -> Slot {
    let (fs, mount, target) = (plan.slot(), plan.slot(), plan.slot());
    let inside = plan.inside.purpose(format!("mount a {} at {name}", kind.to_string_lossy()));
    inside.push(Action::FsOpen { kind, to: fs });
    for (key, value) in options {
        inside.push(Action::FsString { fs, key, value: (*value).to_owned() });
    }
    inside.push(Action::FsMount { fs, to: mount, attributes });
    // The image may hold a link in the place of the directory: then this fails, and nothing is followed.
    let (path, flags) = (c_path(Path::new(name)), O_PATH | O_DIRECTORY);
    inside.push(Action::Open { at: Directory::At(at), path, to: target, flags, resolve: STRICTLY_BENEATH });
    inside.push(Action::MoveMount { mount, target });
    inside.push(Action::Close { fd: target });
    mount
}

/// Fills the new /dev.
fn plan_devices(plan: &mut Plan, dev: Slot, ids: Option<IdRange>) {
    /// The group of terminals, everywhere.
    const TTY: u32 = 5;
    /// Name, major and minor number; all are character devices that anybody may use.
    const NODES: [(&str, u64, u64); 6] =
        [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];
    const LINKS: [(&str, &str); 5] = [
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
        ("pts/ptmx", "ptmx"),
    ];
    let at = Directory::At(dev);
    let inside = plan.inside.purpose("fill /dev");
    inside.push(Action::Umask { mask: 0 });
    for (name, major, minor) in NODES {
        let mode = libc::S_IFCHR | 0o666;
        inside.push(Action::MakeDevice {
            at,
            path: c_path(Path::new(name)),
            mode,
            device: major << 8 | minor,
        });
    }
    for (target, name) in LINKS {
        inside.push(Action::Symlink { target: c_path(Path::new(target)), at, path: c_path(Path::new(name)) });
    }
    for name in ["pts", "shm", "mqueue"] {
        inside.push(Action::MakeDirectory { at, path: c_path(Path::new(name)), mode: 0o755 });
    }
    inside.push(Action::Umask { mask: 0o022 });
    // Mode 620 keeps others from writing to one's terminal.
    let tty = ids.and_then(|ids| ids.outside(TTY)).unwrap_or(TTY);
    let tty = CString::new(tty.to_string()).expect("digits");
    let pts = [(c"mode", c"620"), (c"ptmxmode", c"666"), (c"gid", &*tty)];
    let no_programs = Attributes::NO_SUID.and(Attributes::NO_EXEC);
    mount_at(plan, dev, "pts", c"devpts", no_programs, &pts);
    let shm = [(c"mode", c"1777"), (c"size", c"64m")];
    mount_at(plan, dev, "shm", c"tmpfs", Attributes::HARMLESS, &shm);
    mount_at(plan, dev, "mqueue", c"mqueue", Attributes::HARMLESS, &[]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(count: usize) -> Layers {
        let lower = (0..count).map(|n| PathBuf::from(format!("images/{n}{}/_/rlayer", "x".repeat(60))));
        Layers {
            home: "/home".into(),
            lower: lower.collect(),
            container: "containers/a:b,c".into(),
            volatile: false,
            ids: None,
        }
    }

    #[test]
    fn the_rightmost_image_is_the_top_of_the_stack() {
        let mut plan = Plan::default();
        plan_overlay(&mut plan, &layers(3), new_kernel()).unwrap();
        let lower = plan.host.steps.iter().filter_map(|step| match &step.action {
            Action::FsString { key, value, .. } if *key == c"lowerdir+" => Some(value.to_str().unwrap()),
            _ => None,
        });
        let firsts: Vec<_> = lower.map(|path| &path[7..8]).collect();
        assert_eq!(firsts, ["2", "1", "0"]);
    }

    fn new_kernel() -> Kernel {
        Kernel::running()
    }

    #[test]
    fn old_kernels_take_a_page_of_layers_with_their_names_escaped() {
        let data = mount_data(&layers(2)).unwrap();
        let data = data.to_str().unwrap();
        assert!(data.starts_with("lowerdir=images/1xxx"), "{data}");
        assert!(data.ends_with(r",upperdir=containers/a\:b\,c/rwlayer,workdir=containers/a\:b\,c/workdir"));
        assert!(matches!(mount_data(&layers(60)), Err(Error::Unsupported { .. })));
    }

    #[test]
    fn what_lies_in_another_mount_comes_after_it() {
        let mut plan = Plan::default();
        let volumes: Vec<Volume> =
            ["/a/b/c/d", "/a/b", "/tmp"].iter().map(|path| format!("/x:{path}").parse().unwrap()).collect();
        let tmpfs = ["/a/b/c".parse().unwrap(), "/a".parse().unwrap()];
        let (root, sandbox) = (plan.slot(), Sandbox::new().read_only(true));
        plan_own_mounts(&mut plan, root, None, &sandbox, Mounts { tmpfs: &tmpfs, volumes: &volumes });
        let attached: Vec<_> = plan
            .inside
            .steps
            .iter()
            .filter_map(|step| match &step.action {
                Action::Attach { path, resolve, .. } => Some((path.to_str().unwrap(), *resolve)),
                _ => None,
            })
            .collect();
        // Links in a volume are not followed.
        assert_eq!(
            attached,
            [("/run", 0), ("/a", 0), ("/tmp", 0), ("/a/b", 0), ("/a/b/c", 0), ("/a/b/c/d", 4)]
        );
    }

    #[test]
    fn every_mount_of_a_root_finds_its_slot() {
        let ids = IdRange::free(0, &[]);
        assert!(ids.is_some());
        for (count, ids) in [(200, None), (DETACHED_LAYERS, ids), (200, ids)] {
            let mut plan = Plan::default();
            let layers = Layers { ids, ..layers(count) };
            plan_overlay(&mut plan, &layers, Kernel::parse("6.18")).unwrap();
            let view = View::default();
            let (files, sandbox, mounts) = (Files::default(), Sandbox::default(), Mounts::default());
            plan_mounts(&mut plan, true, &layers, &files, &view, &sandbox, mounts);
            assert_eq!(plan.inside.steps.last().unwrap().purpose, "change the root");
            assert_eq!(plan.namespaces & libc::CLONE_NEWNS, 0);
        }
    }
}
