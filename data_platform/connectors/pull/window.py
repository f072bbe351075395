"""What one poll of a source with a cursor has read: which of it is new, and how far it got."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from data_platform.connectors.pull.cursors import Cursor, CursorRule
from data_platform.connectors.pull.seen_records import Seen, digest_of

_TRIM_RECORDS = 100_000


class Record(NamedTuple):
    """A record as a line without its end, and its cursor; None where it has none."""

    line: bytes
    cursor: Cursor | None = None


class Window:
    """The records of one poll, held against those that were delivered before."""

    def __init__(self, rule: CursorRule, since: Cursor | None, *, known: Seen, now: datetime) -> None:
        self.start = None if since is None else rule.before(since)
        self.top: Cursor | None = None
        self.below: Cursor | None = None  # the greatest cursor under the top one
        self.is_ascending = True
        self._rule, self._since, self._known, self._now = rule, since, known, now
        self._read: dict[bytes, Cursor | None] = {}
        self._repeats: dict[bytes, int] = {}
        self._trim_at = _TRIM_RECORDS

    def admits(self, record: Record) -> bool:
        """Whether a record is new; what lies before the start was not asked for."""
        cursor = record.cursor
        if cursor is not None and self.start is not None and cursor < self.start:
            return False
        digest = self._count(digest_of(record.line))
        self._read[digest] = cursor
        if cursor is not None:
            self._pass(cursor)
        if len(self._read) >= self._trim_at:
            self._trim()
        return digest not in self._known

    @property
    def is_ahead(self) -> bool:
        """Whether the poll could end here and would be further than the one before."""
        return self.below is not None and (self._since is None or self._since < self.below)

    def reached(self, *, is_complete: bool) -> Cursor | None:
        """How far the poll got: never back, never past the source's time."""
        cursor = self.top if is_complete else self.below
        if cursor is None:
            return self._since
        cursor = self._rule.up_to(cursor, self._now)
        return cursor if self._since is None else max(cursor, self._since)

    def seen(self, reached: Cursor | None, *, is_complete: bool) -> Seen:
        """What the next poll from there will be offered once more."""
        records = self._read if is_complete else {**self._known, **self._read}
        return self._near(records, reached)

    def _count(self, digest: bytes) -> bytes:
        """The digest of a record; of its equals, which a table without a key may hold, each has its own."""
        if digest not in self._read:
            return digest
        count = self._repeats[digest] = self._repeats.get(digest, 0) + 1
        return digest_of(digest + count.to_bytes(8, "big"))

    def _pass(self, cursor: Cursor) -> None:
        if self.top is None or self.top < cursor:
            self.below, self.top = self.top, cursor
        elif cursor < self.top:
            self.is_ascending = False

    def _trim(self) -> None:
        # The poll will end no earlier than here, so a first load of millions holds no more than the overlap.
        if self.below is not None:
            near = self._near(self._read, self._rule.up_to(self.below, self._now))
            self._read = {
                digest: self._read[digest] for digest in self._read if digest in near or digest in self._known
            }
        self._trim_at = max(_TRIM_RECORDS, 2 * len(self._read))

    def _near(self, records: Seen, end: Cursor | None) -> dict[bytes, Cursor | None]:
        start = None if end is None else self._rule.before(end)
        return {d: c for d, c in records.items() if c is None or start is None or not c < start}
