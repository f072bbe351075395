"""A contract's columns as an Arrow schema, in contract order. The types themselves are in `types`."""

from __future__ import annotations

import pyarrow as pa

from data_platform.contracts.model import Contract, SchemaChange

EXTRA = "_extra"
_RAW_FIELDS = (
    pa.field("_batch_id", pa.string()),
    pa.field("_record_no", pa.int64()),
    pa.field("_ingested_at", pa.timestamp("us", tz="UTC")),
    pa.field("_late", pa.bool_()),
    pa.field("_event_date", pa.date32()),
)

LANDING_COLUMNS = frozenset((EXTRA, *(field.name for field in _RAW_FIELDS)))


def arrow_schema(contract: Contract) -> pa.Schema:
    """The contract's columns. All are nullable: that a value is there is a rule, decided before the write."""
    return pa.schema([pa.field(column.name, column.type.arrow()) for column in contract.columns])


def raw_schema(contract: Contract) -> pa.Schema:
    """The raw table: the contract's columns, those of the landing log, and `_extra` where unknown fields are kept."""
    fields = [*arrow_schema(contract), *_RAW_FIELDS]
    if contract.schema_change in (SchemaChange.EVOLVE, SchemaChange.QUARANTINE):
        fields.append(pa.field(EXTRA, pa.string()))
    return pa.schema(fields)
