//! How much a stranger's archive may ask for.

/// Bounds of an import. The defaults let every honest image through; set the fields to move them.
///
/// ```
/// let mut limits = xdocker_core::Limits::default();
/// limits.bytes = 4 << 30; // no image of over 4 GiB
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the tar once decompressed.
    pub bytes: u64,
    /// Entries of the tar.
    pub entries: u64,
    /// Bytes of the tar for each byte of the compressed archive. It counts once 256 MiB have come out, so that
    /// a small image of little but zeros passes.
    pub ratio: u64,
    /// Bytes of an entry's name, and of a link's target.
    pub path_length: u64,
    /// Bytes of what stands before one entry's data: attributes, long names, the map of a sparse file. Held in memory.
    pub metadata: u64,
    /// Bytes of a zstd frame's window. Held in memory, up to twice.
    pub window: u64,
}

impl Limits {
    /// From how many bytes of the tar on [`Limits::ratio`] counts.
    pub(super) const RATIO_FROM: u64 = 256 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 1 << 40,
            entries: 10_000_000,
            ratio: 200,
            path_length: 4095,
            metadata: 2 << 20,
            window: 16 << 20,
        }
    }
}
