"""Debezium change events, one a line, as flat records: the row after the change (before it, for a deletion), and cdc_*.

cdc_op is `c`, `u`, `r`, `d`, `t`, or `m` for what changes no row: a tombstone, a heartbeat, transaction metadata, a
message, a schema change. Source: Debezium documentation, "Change events" of its connectors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

import orjson

from data_platform.contracts.envelope_columns import DEBEZIUM_COLUMNS
from data_platform.contracts.model import Contract, FileFormat
from data_platform.formats.debezium_sequence import sequence_of
from data_platform.formats.debezium_values import Conversions, field_schemas, moment_text
from data_platform.formats.envelope_lines import EnvelopeOpener, with_members
from data_platform.formats.json_exact import Refused, json_text
from data_platform.formats.rejected import Reason

_Json: TypeAlias = dict[str, Any]

_BEFORE, _AFTER = "before", "after"
_CHANGES = frozenset("cur")
_OPERATIONS = frozenset("curdtm")
_NOTHING = "m"
_CLOCKS = frozenset({"ts_ms", "ts_us", "ts_ns"})
_INT64 = range(-(1 << 63), 1 << 63)


class DebeziumEnvelope:
    """Unwraps the change events of one contract."""

    def __init__(self, contract: Contract, file_format: FileFormat) -> None:
        self._opener = EnvelopeOpener(file_format, (_BEFORE, _AFTER), has_wrapper=True)
        self._columns = [column for column in contract.columns if column.name not in DEBEZIUM_COLUMNS]
        self._required = [(c.name, *c.aliases) for c in self._columns if c.required]
        self._own = [
            (f"{json_text(column.name)}:".encode(), _GIVEN[column.name])
            for column in contract.columns
            if column.name in DEBEZIUM_COLUMNS
        ]
        self._blank = b"{%b}" % b",".join(f"{json_text(column.name)}:null".encode() for column in self._columns)
        self._conversions: tuple[Any, Conversions] = (None, Conversions(self._columns, {}, self._opener.exact))

    def unwrap(self, line: bytes, *, is_torn: bool) -> bytes:
        """The flat record, as a line of JSON.

        Raises:
            Refused: the line is no change event.
        """
        part = _BEFORE if b'"op":"d"' in line else _AFTER  # a guess that spares opening the line twice
        opened = self._opener.open(line, part, is_torn=is_torn)
        if opened.fields is None:
            return self._with_own(self._blank, {}, _NOTHING)
        op = _operation(opened.fields)
        if op not in _CHANGES and op != "d":
            return self._with_own(self._blank, opened.fields, op)
        right = _BEFORE if op == "d" else _AFTER
        if part != right:
            opened = self._opener.open(line, right, is_torn=is_torn)
        if opened.record is None or opened.fields is None:
            raise Refused(Reason.ENVELOPE, f"operation {op} without the row {right} it")
        values = opened.fields[right]
        record = self._converter(opened.schema, right).apply(opened.record, values)
        if op == "d":
            record = self._completed(record, values)
        return self._with_own(record, opened.fields, op)

    def _with_own(self, record: bytes, fields: _Json, op: str) -> bytes:
        source = fields.get("source") or {}
        return with_members(record, [key + given(source, fields, op) for key, given in self._own])

    def _completed(self, record: bytes, values: _Json) -> bytes:
        """A deletion may carry the key alone: the other required fields are NULL, which is not absent."""
        absent = [names[0] for names in self._required if not any(name in values for name in names)]
        return with_members(record, [f"{json_text(name)}:null".encode() for name in absent])

    def _converter(self, schema: Any, part: str) -> Conversions:
        known, conversions = self._conversions
        if known is not schema:
            conversions = Conversions(self._columns, field_schemas(schema, part), self._opener.exact)
            self._conversions = (schema, conversions)
        return conversions


def _operation(fields: _Json) -> str:
    if not isinstance(fields.get("source") or {}, dict):
        raise Refused(Reason.ENVELOPE, "the source is no object")
    op = fields.get("op")
    if isinstance(op, str) and op in _OPERATIONS:
        return op
    if "op" not in fields and _is_control(fields):
        return _NOTHING
    raise Refused(Reason.ENVELOPE, "no operation that Debezium has")


def _is_control(fields: _Json) -> bool:
    is_heartbeat = "ts_ms" in fields and fields.keys() <= _CLOCKS
    is_transaction = fields.get("status") in ("BEGIN", "END") and isinstance(fields.get("id"), str)
    is_schema_change = "ddl" in fields and "databaseName" in fields
    return is_heartbeat or is_transaction or is_schema_change


def _op(_source: _Json, _fields: _Json, op: str) -> bytes:
    return b'"%b"' % op.encode()


def _ts(source: _Json, fields: _Json, _op: str) -> bytes:
    moment_ms = source.get("ts_ms")
    if moment_ms is None:
        moment_ms = fields.get("ts_ms")
    if moment_ms is None:
        return b"null"
    if type(moment_ms) is not int:
        raise Refused(Reason.TYPE_TIMESTAMP, "ts_ms is no whole number", "cdc_ts")
    try:
        return _moment(moment_ms)
    except OverflowError as error:
        raise Refused(Reason.OUT_OF_RANGE, "before year 1 or after year 9999", "cdc_ts") from error


@lru_cache(maxsize=4_096)
def _moment(moment_ms: int) -> bytes:
    return f'"{moment_text(moment_ms * 1_000)}Z"'.encode()


def _sequence(source: _Json, fields: _Json, _op: str) -> bytes:
    sequence = sequence_of(source, fields)
    return b"null" if sequence is None else orjson.dumps(sequence)


def _tx(source: _Json, fields: _Json, op: str) -> bytes:
    transaction = fields.get("transaction")
    named = source.get("txId")
    if named is None and isinstance(transaction, dict):
        named = transaction.get("id")
    if named is None and op == _NOTHING and "status" in fields:
        named = fields.get("id")
    if type(named) is int:
        return b'"%d"' % named
    return orjson.dumps(named) if isinstance(named, str) else b"null"


def _lsn(source: _Json, _fields: _Json, _op: str) -> bytes:
    lsn = source.get("lsn")
    return b"%d" % lsn if type(lsn) is int and lsn in _INT64 else b"null"


_GIVEN: dict[str, Callable[[_Json, _Json, str], bytes]] = {
    "cdc_op": _op,
    "cdc_ts": _ts,
    "cdc_sequence": _sequence,
    "cdc_tx": _tx,
    "cdc_lsn": _lsn,
}
