"""The shape of a table against its contract: created when missing, widened by a minor version, refused otherwise."""

from __future__ import annotations

import pyarrow as pa

from data_platform.errors import ConfigurationError
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.tables import Commit, Table
from data_platform.publication.recording import Recorder

REJECTED_TABLE = pa.schema(
    [
        pa.field("_batch_id", pa.string()),
        pa.field("_record_no", pa.int64()),
        pa.field("_ingested_at", pa.timestamp("us", tz="UTC")),
        pa.field("source_name", pa.string()),
        pa.field("source_sha256", pa.string()),
        pa.field("byte_offset", pa.int64()),
        pa.field("reason", pa.string()),
        pa.field("column_name", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("raw_text", pa.string()),
        pa.field("contract_version", pa.string()),
    ]
)
HELD_TABLE = pa.schema(
    [
        pa.field("event_date", pa.date32()),
        pa.field("fate", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("rule", pa.string()),
        pa.field("rules", pa.string()),
        pa.field("batch_id", pa.string()),
        pa.field("record_no", pa.int64()),
        pa.field("record", pa.string()),
        pa.field("contract_version", pa.string()),
    ]
)
DECISIONS_TABLE = pa.schema(
    [
        pa.field("batch_id", pa.string()),
        pa.field("record_no", pa.int64()),
        pa.field("event_date", pa.date32()),
        pa.field("decision", pa.string()),
        pa.field("decided_by", pa.string()),
        pa.field("decided_at", pa.timestamp("us", tz="UTC")),
        pa.field("note", pa.string()),
    ]
)


def was_published(snapshot: Snapshot) -> bool:
    """Whether the table holds a result; its creation, version 0, is none."""
    return snapshot.version > 0


def ensure_shape(table: Table, schema: pa.Schema, base: Snapshot, *, recorder: Recorder) -> Snapshot:
    """The table's head in the shape of `schema`: created, or given the columns that a minor version added. Either
    commit is acknowledged.

    Raises:
        ConfigurationError: a column has another type, or the table has columns that the contract lacks.
    """
    if base.version < 0:
        created = table.create(schema)
        recorder.acknowledge(Commit(ref=table.ref, version=0, digest=table.log.digest(0)))
        return created
    require_shape(schema, base)
    present = set(base.schema.names)
    added = [field.with_nullable(True) for field in schema if field.name not in present]
    if added:
        recorder.altered(table.add_columns(base, added))
        return table.snapshot()
    return base


def require_shape(schema: pa.Schema, base: Snapshot) -> None:
    """Refuses a schema that is more than a minor version away from the table.

    Raises:
        ConfigurationError: a column has another type, or the table has columns that the contract lacks.
    """
    present = {field.name: field.type for field in base.schema}
    for field in schema:
        if field.name in present and present[field.name] != field.type:
            raise ConfigurationError(
                f"{base.ref}: column {field.name!r} is {present[field.name]} there, but {field.type} in the contract; "
                f"a changed type is a major version: write the new contract as {base.ref.name}_v2"
            )
    gone = present.keys() - set(schema.names)
    if gone:
        raise ConfigurationError(
            f"{base.ref}: the contract no longer has {', '.join(sorted(gone))}; "
            f"removing a column is a major version: write the new contract as {base.ref.name}_v2"
        )
