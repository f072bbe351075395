"""What could not be read: reason codes, the rejected record, the rejected file.

Faults of rules (NULL, keys, ranges, charset) are no concern of reading; they are assigned at admission.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from data_platform.errors import ContractViolation

RAW_TEXT_LIMIT_BYTES = 64 << 10

REJECTED_SCHEMA = pa.schema(
    [
        pa.field("record_no", pa.int64(), nullable=False),
        pa.field("byte_offset", pa.int64()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("column", pa.string()),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("raw_text", pa.string()),
    ]
)


class Reason(StrEnum):
    """Why a record or a file could not be read."""

    # the whole file
    EMPTY_FILE = "EMPTY_FILE"
    HEADER_MISMATCH = "HEADER_MISMATCH"
    SCHEMA_REMOVED = "SCHEMA_REMOVED"
    DUPLICATE_COLUMN = "DUPLICATE_COLUMN"  # of a record too: a key twice in one JSON object
    TOO_MANY_COLUMNS = "TOO_MANY_COLUMNS"
    CORRUPT_ARCHIVE = "CORRUPT_ARCHIVE"
    ARCHIVE_BOMB = "ARCHIVE_BOMB"
    ARCHIVE_PATH = "ARCHIVE_PATH"
    CHECKSUM = "CHECKSUM"
    CORRUPT_FILE = "CORRUPT_FILE"
    UNSUPPORTED = "UNSUPPORTED"
    DELIVERY_DATE = "DELIVERY_DATE"  # decided by the publisher: a snapshot whose name carries no date
    # the file or one record
    SCHEMA_ADDED = "SCHEMA_ADDED"
    SCHEMA_TYPE = "SCHEMA_TYPE"
    ENCODING = "ENCODING"
    TRUNCATED = "TRUNCATED"
    # one record: structure
    CONTROL_CHAR = "CONTROL_CHAR"
    FIELD_COUNT = "FIELD_COUNT"
    BAD_QUOTE = "BAD_QUOTE"
    UNTERMINATED_QUOTE = "UNTERMINATED_QUOTE"
    LINE_ENDING = "LINE_ENDING"
    FIELD_TOO_LARGE = "FIELD_TOO_LARGE"
    ROW_TOO_LARGE = "ROW_TOO_LARGE"
    SYNTAX = "SYNTAX"
    ENVELOPE = "ENVELOPE"  # sound JSON, but not the envelope that the contract names
    TOO_DEEP = "TOO_DEEP"
    MISSING = "MISSING"
    # one record: a value
    TYPE_INTEGER = "TYPE_INTEGER"
    TYPE_DECIMAL = "TYPE_DECIMAL"
    TYPE_DOUBLE = "TYPE_DOUBLE"
    TYPE_BOOLEAN = "TYPE_BOOLEAN"
    TYPE_DATE = "TYPE_DATE"
    TYPE_TIMESTAMP = "TYPE_TIMESTAMP"
    TYPE_STRING = "TYPE_STRING"
    OUT_OF_RANGE = "OUT_OF_RANGE"


class FileRejected(ContractViolation):
    """The whole file is one rejected item of unknown rows; nothing read from it may be kept.

    Attributes:
        reason: the code of the first fault.
        detail: what is wrong, without data values; names every fault where a file has several.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRecord:
    """One record that could not be read.

    Attributes:
        record_no: 1-based number among the file's records.
        byte_offset: where the record starts in the expanded bytes; None if unknown.
        column: the first faulty column; None where the fault is in the record's structure.
        raw: the record's bytes, complete or cut at RAW_TEXT_LIMIT_BYTES.
    """

    record_no: int
    byte_offset: int | None
    reason: Reason
    detail: str
    raw: bytes | None
    column: str | None = None


def rejected_batch(records: Sequence[RejectedRecord]) -> pa.RecordBatch:
    """`records` in order of record number, as a batch of REJECTED_SCHEMA."""
    if not records:
        return pa.record_batch([pa.nulls(0, field.type) for field in REJECTED_SCHEMA], schema=REJECTED_SCHEMA)
    ordered = sorted(records, key=lambda record: record.record_no)
    return pa.record_batch(
        [
            pa.array([r.record_no for r in ordered], pa.int64()),
            pa.array([r.byte_offset for r in ordered], pa.int64()),
            pa.array([r.reason.value for r in ordered], pa.string()),
            pa.array([r.column for r in ordered], pa.string()),
            pa.array([r.detail for r in ordered], pa.string()),
            pa.array([None if r.raw is None else raw_text(r.raw) for r in ordered], pa.string()),
        ],
        schema=REJECTED_SCHEMA,
    )


def raw_text(raw: bytes) -> str:
    r"""`raw` cut at RAW_TEXT_LIMIT_BYTES; bytes that are not UTF-8 appear as `\xNN`."""
    return raw[:RAW_TEXT_LIMIT_BYTES].decode("utf-8", "backslashreplace")
