//! Which extended attributes travel in an archive.

use super::Holds;

/// overlayfs's own attributes; all but [`OVERLAY_KEPT`] are about inodes of one file system.
const OVERLAY: &[u8] = b"trusted.overlay.";

/// Those that mean the same wherever the layer is.
const OVERLAY_KEPT: [&[u8]; 3] = [b"opaque", b"redirect", b"whiteout"];

/// overlayfs: this directory hides the one below it. Its value is `y`.
pub(super) const OPAQUE: &std::ffi::CStr = c"trusted.overlay.opaque";

/// overlayfs: this file's content is in a layer below.
pub(super) const METACOPY: &[u8] = b"trusted.overlay.metacopy";

/// The access list that new files in a directory get.
pub(super) const DEFAULT_ACL: &std::ffi::CStr = c"system.posix_acl_default";

/// Whether an attribute is part of a layer, rather than of the file system that the layer is on; of files that are in
/// none, none of overlayfs's is.
pub(super) fn travels(name: &[u8], holds: Holds) -> bool {
    let kept = |name: &[u8]| holds == Holds::Layer && OVERLAY_KEPT.contains(&name);
    name.strip_prefix(OVERLAY).is_none_or(kept)
}
