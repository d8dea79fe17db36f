//! What is done about that which is in use, and is to go away.

/// What becomes of a container that runs when it is to be [destroyed](crate::Container::destroy).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfRunning {
    /// It runs on, and that is an error.
    #[default]
    Refuse,
    /// It is killed, as by [`Container::kill_by_force`](crate::Container::kill_by_force), and goes away even where that
    /// fails in part.
    Kill,
}

impl IfRunning {
    /// [`Self::Kill`] when somebody has said that it is to be forced.
    #[must_use]
    pub fn forced(force: bool) -> Self {
        if force { Self::Kill } else { Self::Refuse }
    }
}

/// What becomes of an image that containers stand on when it is to be deleted, or to be another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfUsed {
    /// It stays, and that is an error.
    #[default]
    Refuse,
    /// It is taken from under them: they cannot be booted until there is such an image again.
    Take,
}

impl IfUsed {
    /// [`Self::Take`] when somebody has said that it is to be forced.
    #[must_use]
    pub fn forced(force: bool) -> Self {
        if force { Self::Take } else { Self::Refuse }
    }
}
