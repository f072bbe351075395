"""Debezium change envelopes: how a change of one row is written down.

`source.sequence` orders changes as the source made them: the commit's LSN, then the number of the change in its
transaction. LSNs of changes would not do: all rows of one COPY, and the two halves of a changed key, share one.
Source: Debezium documentation, "PostgreSQL connector", data change events.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from pydantic import JsonValue

from data_platform.connectors.postgres_cdc.pgoutput import UNCHANGED, Field, LogicalMessage
from data_platform.connectors.postgres_cdc.values import Reading

Fields = dict[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where changes come from: the entry's name, and the table."""

    name: str
    database: str
    schema: str
    table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a change took place.

    Attributes:
        commit_lsn: of its transaction's commit record.
        number: of the change in its transaction, from 1.
        lsn: of the change itself.
        at: of the commit.
        xid: of the transaction; None outside of one.
    """

    commit_lsn: int
    number: int
    lsn: int
    at: datetime
    xid: int | None = None
    is_snapshot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of a table at a time, and how each is read.

    Attributes:
        key: indexes of the columns that tell a row; empty where the table has no key.
    """

    names: tuple[str, ...]
    readings: tuple[Reading, ...]
    key: tuple[int, ...] = ()

    def fields(self, row: Sequence[Field]) -> Fields:
        """A whole row."""
        return {
            name: None if value is None or value is UNCHANGED else read(value)
            for name, read, value in zip(self.names, self.readings, row, strict=True)
        }

    def key_fields(self, row: Sequence[Field]) -> Fields:
        """The key of a row of which nothing else is known."""
        whole = self.fields(row)
        return {self.names[index]: whole[self.names[index]] for index in self.key}


def change(
    origin: Origin, moment: Moment, op: str, *, before: Fields | None = None, after: Fields | None = None
) -> bytes:
    """One change as one line."""
    return _line(origin, moment, {"before": before, "after": after, "op": op})


def message(origin: Origin, moment: Moment, emitted: LogicalMessage) -> bytes:
    """What an application wrote into the log beside its rows; it changes none."""
    content = base64.b64encode(emitted.content).decode()
    return _line(origin, moment, {"op": "m", "message": {"prefix": emitted.prefix, "content": content}})


def _line(origin: Origin, moment: Moment, fields: Fields) -> bytes:
    ts_ms = int(moment.at.timestamp() * 1000)
    return orjson.dumps(
        {
            **fields,
            "ts_ms": ts_ms,
            "source": {
                "version": "1",
                "connector": "postgresql",
                "name": origin.name,
                "ts_ms": ts_ms,
                "snapshot": "true" if moment.is_snapshot else "false",
                "db": origin.database,
                "sequence": f'["{moment.commit_lsn}","{moment.number}"]',
                "schema": origin.schema,
                "table": origin.table,
                "txId": moment.xid,
                "lsn": moment.lsn,
            },
        }
    )
