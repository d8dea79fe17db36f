//! A home for one test, with an image that took no time to make.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::{env, io, thread};

use tempfile::TempDir;
use xdocker_core::{
    Boot, Container, ContainerName, ContainerSpec, Engine, IfRunning, Sandbox, TestImage, Version,
};

use crate::{leaks, program, role};

/// Name of the image that every home has.
pub const IMAGE: &str = "test";

/// Where this variable is set, containers have users of their own: the same tests hold for them.
const USERS: &str = "XDOCKER_TEST_USERS";

/// A temporary home with the image `test`.
///
/// When it is dropped its containers end, and if anything of them is left behind the test fails. Tests that
/// use homes of their own do not disturb one another.
#[derive(Debug)]
pub struct Home {
    engine: Engine,
    // Before the other: what lies in it is removed while the files that it shares are still there.
    scratch: TempDir,
    _template: Template,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// Makes the home.
    ///
    /// # Panics
    /// When we are not root, or the file system is full.
    #[must_use]
    pub fn new() -> Self {
        require_root();
        let scratch = scratch();
        let engine = Engine::open(scratch.path().join("home")).expect("a home");
        let template = Template::link_into(engine.home());
        Self { engine, scratch, _template: template }
    }

    /// The engine on it.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.engine.home()
    }

    /// A name that no container of another home has: network namespaces have one name on the whole host, and what a
    /// test that was killed has left keeps it.
    ///
    /// # Panics
    /// Never: a scratch directory has a name, and it is text.
    #[must_use]
    pub fn own_name(&self, name: &str) -> ContainerName {
        let scratch = self.scratch.path().file_name().and_then(|name| name.to_str()).expect("a name");
        format!("{name}-{scratch}").parse().expect("a name of a container")
    }

    /// Makes an image of that name without a version, and returns its layer for the test to fill.
    ///
    /// # Panics
    /// When it is there already.
    #[must_use]
    pub fn image(&self, name: &str) -> PathBuf {
        let version = self.path().join("images").join(name).join("_");
        let layer = version.join("rlayer");
        fs::create_dir_all(&version).and_then(|()| fs::create_dir(&layer)).expect("a new image");
        fs::set_permissions(&layer, Permissions::from_mode(0o755)).expect("its mode");
        layer
    }

    /// Creates a container on the test image.
    ///
    /// # Panics
    /// When the engine cannot.
    #[must_use]
    pub fn create(&self, name: &str) -> Container {
        self.create_on([IMAGE], name)
    }

    /// Creates a container on these images, the lowest first.
    ///
    /// # Panics
    /// When the engine cannot.
    #[must_use]
    pub fn create_on<const N: usize>(&self, images: [&str; N], name: &str) -> Container {
        let images = images.map(|image| image.parse().expect("name of an image"));
        let spec = ContainerSpec::new(images)
            .name(name.parse().expect("name of a container"))
            .sandbox(Sandbox::new().user_namespace(std::env::var_os(USERS).is_some()));
        self.engine.create(&spec).unwrap_or_else(|error| panic!("{}", error.chain()))
    }

    /// Creates and boots a container on the test image.
    ///
    /// # Panics
    /// When the engine cannot.
    #[must_use]
    pub fn boot(&self, name: &str) -> Container {
        let container = self.create(name);
        container.boot(&Boot::new()).unwrap_or_else(|error| panic!("{}", error.chain()));
        container
    }

    /// Checks that nothing of any container that has run here is left: no mount, process, record of a run,
    /// socket, network namespace or half-made directory. What is about to go may take a moment.
    ///
    /// # Panics
    /// When something is left.
    #[track_caller]
    pub fn assert_clean(&self) {
        leaks::assert_none(self.path());
    }

    /// Ends and removes all containers.
    fn clear(&self) -> xdocker_core::Result<()> {
        for info in self.engine.containers()? {
            self.engine.container(&info.name)?.destroy(IfRunning::Kill)?;
        }
        Ok(())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let cleared = self.clear();
        if !thread::panicking() {
            cleared.unwrap_or_else(|error| panic!("{}", error.chain()));
            self.assert_clean();
        }
    }
}

/// Fails the test that has no right to make containers.
///
/// # Panics
/// When we are not root.
pub fn require_root() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "containers need root: run the tests as root, `sudo -E make test`"
    );
}

/// A directory that the test's own user and those who are nobody can enter, as they can /var.
pub(crate) fn scratch() -> TempDir {
    let scratch = tempfile::Builder::new().prefix("xdocker-test-").tempdir().expect("a temporary directory");
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o755)).expect("its mode");
    scratch
}

/// The test image, made once for all homes of this process that exist at a time.
#[derive(Debug)]
pub(crate) struct Template(Arc<TempDir>);

impl Template {
    /// Puts the image into `home`, by links to its files: containers only read them.
    pub(crate) fn link_into(home: &Path) -> Self {
        let template = Self::current();
        let image = home.join("images").join(IMAGE);
        link_tree(&template.0.path().join("images").join(IMAGE), &image).expect("a copy of the test image");
        leaks::mark(&image.join("_/rlayer"), home);
        template
    }

    fn current() -> Self {
        static CURRENT: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = current.upgrade() {
            return Self(made);
        }
        let made = Arc::new(scratch());
        let engine = Engine::open(made.path()).expect("a home");
        engine.images().install_test(Version::none(), &TestImage::new()).expect("the test image");
        let own = env::current_exe().and_then(fs::read).expect("our own program");
        let inside = made.path().join("images").join(IMAGE).join("_/rlayer").join(&role::INSIDE[1..]);
        program::write(&inside, 0o755, &own);
        program::settle(made.path());
        *current = Arc::downgrade(&made);
        Self(made)
    }
}

/// Makes the tree `to` like `from`, with the same files.
fn link_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => link_tree(&entry.path(), &target)?,
            // A symbolic link gets another name too, and is not followed.
            false => fs::hard_link(entry.path(), target)?,
        }
    }
    Ok(())
}
