"""How much of its change log a source keeps for a consumer that may have stopped. Asking for it is the connectors'."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLog:
    """A replication slot, as the source sees it at a moment.

    Attributes:
        retained_bytes: of log that the source keeps for the slot; None where it has given the log up.
        limit_bytes: beyond which the consumer's own entry wants a person to look.
        server_limit_bytes: beyond which the source gives the log up (`max_slot_wal_keep_size`); None: it never does.
        status: the source's own word (`wal_status`): reserved, extended, unreserved or lost.
        is_active: whether a consumer is connected.
    """

    slot: str
    retained_bytes: int | None
    limit_bytes: int
    server_limit_bytes: int | None
    status: str
    is_active: bool

    @property
    def is_lost(self) -> bool:
        """Whether the source has given up log that the consumer had not read."""
        return self.status == "lost" or self.retained_bytes is None

    @property
    def is_too_much(self) -> bool:
        """Whether the source keeps more than it should, or is about to give it up."""
        return not self.is_lost and ((self.retained_bytes or 0) > self.limit_bytes or self.status == "unreserved")

    def __str__(self) -> str:
        kept = "nothing any more" if self.retained_bytes is None else size_text(self.retained_bytes)
        gives_up = "never" if self.server_limit_bytes is None else f"at {size_text(self.server_limit_bytes)}"
        reader = "read" if self.is_active else "not read"
        return f"{kept} ({self.status}), {reader}; limit {size_text(self.limit_bytes)}, given up {gives_up}"


def size_text(size_bytes: int) -> str:
    """A size for people: `3.2 MiB`."""
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
