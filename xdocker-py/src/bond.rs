//! What ties a container to the process that made it.

use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::prelude::*;
use xdocker_core::{Boot, Container, Ephemeral, Error, IfRunning, Result, Root};

/// Ties of this process, which a fork of it has to let go of.
static BONDS: Mutex<Vec<Weak<Bond>>> = Mutex::new(Vec::new());

/// The tie of one container, if it has one. A fork of the process that made it does not own it.
pub(crate) struct Bond {
    owner: u32,
    /// Whether the container goes with its owner.
    bound: bool,
    held: Mutex<Held>,
}

/// What the container ends without.
#[derive(Default)]
struct Held {
    /// The run that ends with us. Before the container, which cannot go while it runs.
    root: Option<Root>,
    ephemeral: Option<Ephemeral>,
}

impl Held {
    /// What ends the container is the owner's to do: its descriptors are closed here, and nothing else.
    fn let_go(self) {
        drop(self.root);
        if let Some(ephemeral) = self.ephemeral {
            ephemeral.disown();
        }
    }
}

/// Lets go of all that the parent of this process owns. Called by Python right after it has forked.
#[pyfunction]
pub(crate) fn forked() {
    // What another thread was holding just then nobody will ever give back here.
    let Ok(mut bonds) = BONDS.try_lock() else { return };
    for bond in std::mem::take(&mut *bonds) {
        if let Some(bond) = bond.upgrade()
            && let Ok(mut held) = bond.held.try_lock()
        {
            std::mem::take(&mut *held).let_go();
        }
    }
}

impl Bond {
    /// Ours, from here on; `None` for a container that stays.
    pub(crate) fn new(ephemeral: Option<Ephemeral>) -> Arc<Self> {
        let bound = ephemeral.is_some();
        let held = Mutex::new(Held { root: None, ephemeral });
        let bond = Arc::new(Self { owner: process::id(), bound, held });
        if bound {
            let mut bonds = BONDS.lock().unwrap_or_else(PoisonError::into_inner);
            bonds.retain(|bond| bond.strong_count() > 0);
            bonds.push(Arc::downgrade(&bond));
        }
        bond
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the container goes with us, and has not gone yet.
    pub(crate) fn is_ours(&self) -> bool {
        self.owner == process::id() && self.held().ephemeral.is_some()
    }

    /// Boots the container, bound to us if it is.
    pub(crate) fn boot(&self, container: &Container, boot: &Boot) -> Result<()> {
        let mut held = self.held();
        if held.ephemeral.is_none() {
            return container.boot(boot);
        }
        held.root = Some(container.boot_bound_logged(boot)?);
        Ok(())
    }

    /// Ends and deletes the container. One of another process is left to that.
    pub(crate) fn end(&self, container: &Container, force: bool) -> Result<()> {
        let mut held = self.held();
        if self.bound && self.owner != process::id() {
            return Err(Error::Busy(format!("container {}, which is another process's,", container.name())));
        }
        match held.ephemeral.take() {
            None => container.destroy(IfRunning::forced(force)),
            Some(ephemeral) => {
                drop(held.root.take());
                ephemeral.close()
            }
        }
    }
}

impl Drop for Bond {
    fn drop(&mut self) {
        let held = std::mem::take(self.held.get_mut().unwrap_or_else(PoisonError::into_inner));
        if self.owner != process::id() {
            held.let_go();
        } else if held.ephemeral.is_some() {
            // Ending it takes a while, which other threads of Python's need not wait for.
            let mut held = Some(held);
            Python::try_attach(|py| py.detach(|| drop(held.take())));
        }
    }
}
