"""The messages of PostgreSQL's output plugin `pgoutput`, protocol version 1, from their bytes.

Nothing here connects or keeps state: a message that refers to a relation carries only its number. Version 1 sends a
transaction when it has committed, whole and in the order of commits; later versions add messages for transactions that
are not committed yet, which are not asked for and therefore refused.

Source: PostgreSQL documentation, "Logical Replication Message Formats".
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final, TypeAlias

from data_platform.errors import FatalError

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_U16 = struct.Struct("!H")
_U32 = struct.Struct("!I")
_COLUMN = struct.Struct("!Ii")
_BEGIN = struct.Struct("!QqI")
_COMMIT = struct.Struct("!BQQq")
_LSN = struct.Struct("!Q")
_MESSAGE = struct.Struct("!BQ")


class Unchanged(Enum):
    """The mark of a value that is stored apart (TOAST) and was not touched: the server does not send it."""

    TOAST = "u"


UNCHANGED: Final = Unchanged.TOAST
Field: TypeAlias = bytes | Unchanged | None
Row: TypeAlias = tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a relation; `is_key`: whether it belongs to the replica identity."""

    name: str
    type_oid: int
    is_key: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """The shape of a table from here on; it comes before the first change and again after a change of shape."""

    id: int
    schema: str
    name: str
    replica_identity: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Begin:
    """A transaction begins. Its `lsn` is that of its commit record."""

    lsn: int
    committed_at: datetime
    xid: int


@dataclass(frozen=True, slots=True)
class Commit:
    """A transaction is whole. `end_lsn` is where the next record begins."""

    lsn: int
    end_lsn: int
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Insert:
    """A new row."""

    relation_id: int
    new: Row


@dataclass(frozen=True, slots=True)
class Update:
    """A changed row. `old` is the whole row before (`is_old_whole`), or its key if that changed, or None."""

    relation_id: int
    old: Row | None
    is_old_whole: bool
    new: Row


@dataclass(frozen=True, slots=True)
class Delete:
    """A row that is gone: whole (`is_old_whole`), or with nothing but its key."""

    relation_id: int
    old: Row
    is_old_whole: bool


@dataclass(frozen=True, slots=True)
class Truncate:
    """Tables that were emptied in one command."""

    relation_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """The transaction came from another server by replication."""

    lsn: int
    name: str


@dataclass(frozen=True, slots=True)
class Type:
    """The name of a type that is not built in."""

    oid: int
    schema: str
    name: str


@dataclass(frozen=True, slots=True)
class LogicalMessage:
    """What `pg_logical_emit_message` wrote, in a record that ends at `lsn`, inside of a transaction or between two."""

    is_transactional: bool
    lsn: int
    prefix: str
    content: bytes


Message: TypeAlias = Relation | Begin | Commit | Insert | Update | Delete | Truncate | Origin | Type | LogicalMessage


def decode(data: bytes) -> Message:
    """One message.

    Raises:
        FatalError: it is torn, or of a kind that protocol version 1 does not have.
    """
    read = _READERS.get(data[:1])
    if read is None:
        raise FatalError(f"a replication message of kind {data[:1]!r} is not one of pgoutput's protocol 1")
    try:
        return read(data)
    except (struct.error, IndexError, ValueError) as error:
        raise FatalError(f"a replication message of kind {data[:1]!r} cannot be read: {error}") from error


def _insert(data: bytes) -> Insert:
    row, _ = _row(data, 6)
    return Insert(_U32.unpack_from(data, 1)[0], row)


def _update(data: bytes) -> Update:
    kind, at = data[5:6], 6
    old: Row | None = None
    if kind in (b"K", b"O"):
        old, at = _row(data, at)
        at += 1  # the N before the new row
    new, _ = _row(data, at)
    return Update(_U32.unpack_from(data, 1)[0], old, kind == b"O", new)


def _delete(data: bytes) -> Delete:
    row, _ = _row(data, 6)
    return Delete(_U32.unpack_from(data, 1)[0], row, data[5:6] == b"O")


def _row(data: bytes, at: int) -> tuple[Row, int]:
    (count,) = _U16.unpack_from(data, at)
    at += 2
    row: list[Field] = []
    for _ in range(count):
        kind = data[at]
        at += 1
        if kind == 0x74:  # t: text
            end = at + 4 + _U32.unpack_from(data, at)[0]
            if end > len(data):
                raise ValueError("it ends inside a value")
            row.append(data[at + 4 : end])
            at = end
        elif kind == 0x6E:  # n: NULL
            row.append(None)
        elif kind == 0x75:  # u
            row.append(UNCHANGED)
        else:
            raise ValueError(f"a value of kind {chr(kind)!r}")
    return tuple(row), at


def _relation(data: bytes) -> Relation:
    (number,) = _U32.unpack_from(data, 1)
    schema, at = _text(data, 5)
    name, at = _text(data, at)
    identity = chr(data[at])
    (count,) = _U16.unpack_from(data, at + 1)
    at += 3
    columns = []
    for _ in range(count):
        is_key = bool(data[at] & 1)
        column, at = _text(data, at + 1)
        columns.append(Column(column, _COLUMN.unpack_from(data, at)[0], is_key))
        at += _COLUMN.size
    # The server leaves the schema of its own catalog empty.
    return Relation(number, schema or "pg_catalog", name, identity, tuple(columns))


def _begin(data: bytes) -> Begin:
    lsn, moment, xid = _BEGIN.unpack_from(data, 1)
    return Begin(lsn, _time(moment), xid)


def _commit(data: bytes) -> Commit:
    _, lsn, end_lsn, moment = _COMMIT.unpack_from(data, 1)
    return Commit(lsn, end_lsn, _time(moment))


def _truncate(data: bytes) -> Truncate:
    (count,) = _U32.unpack_from(data, 1)
    return Truncate(struct.unpack_from(f"!{count}I", data, 6))


def _origin(data: bytes) -> Origin:
    return Origin(_LSN.unpack_from(data, 1)[0], _text(data, 9)[0])


def _type(data: bytes) -> Type:
    schema, at = _text(data, 5)
    return Type(_U32.unpack_from(data, 1)[0], schema or "pg_catalog", _text(data, at)[0])


def _logical_message(data: bytes) -> LogicalMessage:
    flags, lsn = _MESSAGE.unpack_from(data, 1)
    prefix, at = _text(data, 1 + _MESSAGE.size)
    (size,) = _U32.unpack_from(data, at)
    if at + 4 + size > len(data):
        raise ValueError("it ends inside its content")
    return LogicalMessage(bool(flags & 1), lsn, prefix, data[at + 4 : at + 4 + size])


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(0, at)
    return data[at:end].decode("utf-8", "backslashreplace"), end + 1


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


_READERS: dict[bytes, Callable[[bytes], Message]] = {
    b"R": _relation,
    b"B": _begin,
    b"C": _commit,
    b"I": _insert,
    b"U": _update,
    b"D": _delete,
    b"T": _truncate,
    b"O": _origin,
    b"Y": _type,
    b"M": _logical_message,
}
