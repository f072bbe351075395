"""The columns that an envelope gives: their names, the types that fit, and the faults of a contract that differs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from data_platform.contracts.model import Column, Contract, Envelope
from data_platform.contracts.places import nearest, one
from data_platform.contracts.types import TypeKind

PREFIXES = {Envelope.DEBEZIUM: "cdc_", Envelope.CLOUDEVENTS: "ce_"}
DEBEZIUM_COLUMNS = {
    "cdc_op": TypeKind.STRING,
    "cdc_ts": TypeKind.TIMESTAMP,
    "cdc_sequence": TypeKind.STRING,
    "cdc_tx": TypeKind.STRING,
    "cdc_lsn": TypeKind.INTEGER,
}
CLOUDEVENTS_COLUMNS = {
    "ce_id": TypeKind.STRING,
    "ce_source": TypeKind.STRING,
    "ce_specversion": TypeKind.STRING,
    "ce_type": TypeKind.STRING,
    "ce_datacontenttype": TypeKind.STRING,
    "ce_dataschema": TypeKind.STRING,
    "ce_subject": TypeKind.STRING,
    "ce_time": TypeKind.TIMESTAMP,
}
_EXTENSION = re.compile(r"ce_[a-z0-9]+")
_OF_EXTENSION = (TypeKind.STRING, TypeKind.INTEGER, TypeKind.BOOLEAN, TypeKind.TIMESTAMP)
_WRITTEN = {
    TypeKind.STRING: "logicalType: string",
    TypeKind.TIMESTAMP: "logicalType: timestamp",
    TypeKind.INTEGER: "logicalType: integer without a 32-bit format",
}


def envelope_columns(contract: Contract) -> tuple[Column, ...]:
    """The contract's columns that come from the envelope and not from the record inside."""
    if contract.format is None or contract.format.envelope is None:
        return ()
    prefix = PREFIXES[contract.format.envelope]
    return tuple(column for column in contract.columns if column.name.startswith(prefix))


def envelope_faults(contract: Contract) -> Iterator[tuple[str | None, str, str]]:
    """Faults as (column, message, fix); without a column where the format is at fault."""
    given = envelope_columns(contract)
    for column in given:
        check = _check_change if column.name.startswith("cdc_") else _check_event
        if (fault := check(column)) is not None:
            yield column.name, *fault
        if column.aliases:
            message = f"column {column.name!r} comes from the envelope, which has no other name for it"
            yield column.name, message, "remove platform.aliases"
    is_debezium = contract.format is not None and contract.format.envelope is Envelope.DEBEZIUM
    if is_debezium and all(column.name != "cdc_op" for column in given):
        yield None, "without column cdc_op nothing tells a deletion from a change", "add column cdc_op (string)"


def _check_change(column: Column) -> tuple[str, str] | None:
    kind = DEBEZIUM_COLUMNS.get(column.name)
    if kind is None:
        fix = f"{nearest(column.name, DEBEZIUM_COLUMNS)}; a field of the table: another name with this one as alias"
        return f"a Debezium envelope has no {column.name!r}", fix
    return _check_type(column, (kind,), _WRITTEN[kind])


def _check_event(column: Column) -> tuple[str, str] | None:
    kind = CLOUDEVENTS_COLUMNS.get(column.name)
    if kind is not None:
        return _check_type(column, (kind,), _WRITTEN[kind])
    if not _EXTENSION.fullmatch(column.name):
        fix = "use a-z and 0-9 behind ce_; a field of the data: another name with this one as alias"
        return f"{column.name!r} can be no attribute of a CloudEvent", fix
    return _check_type(column, _OF_EXTENSION, "write string, integer, boolean or timestamp")


def _check_type(column: Column, kinds: tuple[TypeKind, ...], fix: str) -> tuple[str, str] | None:
    is_narrow = column.name == "cdc_lsn" and column.type.bits < 64
    if column.type.kind in kinds and not is_narrow:
        return None
    return f"column {column.name!r} is {one(column.type)}, which its part of the envelope is not", fix
