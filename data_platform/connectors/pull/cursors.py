"""Cursors of sources that are pulled: values that rise with every change, read from records and told as text.

A source that commits a record behind a cursor that was passed already is read again from an overlap before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from data_platform.errors import ConfigurationError

Key = datetime | Decimal | str
Overlap = timedelta | Decimal | int


class CursorKind(StrEnum):
    """How cursors are ordered."""

    TIMESTAMP = "timestamp"  # moments; without an offset they are taken for UTC
    NUMBER = "number"
    TEXT = "text"  # by code point


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A cursor that can be compared with others of its kind, and the text by which the source tells it."""

    key: Key
    text: str = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorRule:
    """How the cursors of one source are read, and how far behind the last one it is read again."""

    kind: CursorKind
    overlap: Overlap | None = None

    def read(self, value: object) -> Cursor | None:
        """The cursor that a record carries; None where the value is none of this kind."""
        if self.kind is CursorKind.NUMBER:
            number = _number(value)
            return None if number is None else Cursor(number, f"{number:f}")
        if self.kind is CursorKind.TEXT:
            return Cursor(value, value) if isinstance(value, str) else None
        text = value.isoformat() if isinstance(value, date) else value  # a datetime is a date too
        moment = _moment(text) if isinstance(text, str) else None
        return None if moment is None else Cursor(_utc(moment), str(text))

    def parse(self, text: str) -> Cursor:
        """The cursor of a position.

        Raises:
            ConfigurationError: it is none of this kind.
        """
        found = self.read(text)
        if found is None:
            raise ConfigurationError(f"{text!r} is no cursor of the kind {self.kind}")
        return found

    def before(self, cursor: Cursor) -> Cursor:
        """Where reading begins when `cursor` is the last one known: the overlap before it.

        Raises:
            ConfigurationError: nothing can be taken from a cursor like this.
        """
        if self.overlap is None or (not self.overlap and self.kind is not CursorKind.TEXT):
            return cursor
        if self.kind is CursorKind.NUMBER and not isinstance(self.overlap, timedelta):
            earlier = Decimal(str(cursor.key)) - self.overlap
            return Cursor(earlier, f"{earlier:f}")
        moment = _moment(cursor.text)
        if moment is None or not isinstance(self.overlap, timedelta):
            raise ConfigurationError(f"an overlap of {self.overlap} cannot be taken from the cursor {cursor.text!r}")
        if self.kind is CursorKind.TEXT:
            # As text, "12:00:00.5Z" stands before "12:00:00Z": only what both begin with is before both.
            start = (moment - self.overlap).replace(tzinfo=None).isoformat(cursor.text[10:11] or "T", "seconds")
            return Cursor(start[: len(cursor.text)], start[: len(cursor.text)])
        earlier_moment = moment - self.overlap
        return Cursor(_utc(earlier_moment), _as_written(earlier_moment, cursor.text))

    def up_to(self, cursor: Cursor, now: datetime) -> Cursor:
        """The cursor, or `now` where it is ahead: one record of a wrong clock must not hide all that follow."""
        moment = None if self.kind is CursorKind.NUMBER else _moment(cursor.text)
        if moment is None or _utc(moment) <= now:
            return cursor
        text = _as_written(now.astimezone(moment.tzinfo or UTC), cursor.text)
        return self.parse(text)


def overlap_fault(kind: CursorKind, overlap: Overlap | None) -> str | None:
    """What is wrong with an overlap for cursors of a kind; None where nothing is."""
    if overlap is None:
        return None
    if (kind is CursorKind.NUMBER) == isinstance(overlap, timedelta):
        needed = "a number" if kind is CursorKind.NUMBER else "a length of time, e.g. PT10M"
        return f"the overlap of a {kind} cursor is {needed}"
    return "an overlap cannot be negative" if overlap < type(overlap)(0) else None  # type: ignore[operator]


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _as_written(moment: datetime, pattern: str) -> str:
    """A moment in the way `pattern` is written: a date alone, a blank instead of the T, no offset, or Z."""
    if len(pattern) == len("2026-01-31"):
        return moment.date().isoformat()
    if datetime.fromisoformat(pattern).tzinfo is None:
        moment = moment.replace(tzinfo=None)
    text = moment.isoformat("T" if pattern[10].isdigit() else pattern[10])
    return text.replace("+00:00", "Z") if pattern.endswith("Z") else text


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
