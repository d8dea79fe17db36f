from typing import Optional, final

__all__ = ["Progress", "Summary"]

@final
class Progress:
    """How far an export, an import, a copy, a push or a pull has come."""

    @property
    def done(self) -> int:
        """Bytes that are through, of ``total``: of the archive for an import, of the files otherwise."""
    @property
    def total(self) -> Optional[int]:
        """Bytes that there are; ``None`` where nobody has counted them."""
    @property
    def archive(self) -> int:
        """Bytes of the archive read or written so far."""
    @property
    def content(self) -> int:
        """Bytes of the tar inside it."""

@final
class Summary:
    """What an export has written."""

    @property
    def entries(self) -> int:
        """Entries of the tar, the layer's own directory included."""
    @property
    def size(self) -> int:
        """Bytes in its files."""
    @property
    def archive(self) -> int:
        """Bytes of the archive."""
    @property
    def sockets(self) -> int:
        """Sockets, which no archive can hold, left out."""
