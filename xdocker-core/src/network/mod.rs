//! Networks of containers. Today: named network namespaces, for containers with one of their own.

pub(crate) mod netns;
