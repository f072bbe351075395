"""What a contract says, as frozen values. Reading ODCS files is in `odcs`; deriving rules is in `rules`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from data_platform.contracts.types import ColumnType

Scalar: TypeAlias = str | int | bool | Decimal | float | date | datetime


class Layer(StrEnum):
    """Where a dataset stands on the way from raw to served."""

    RAW = "raw"
    CURATED = "curated"
    SERVED = "served"


class Materialization(StrEnum):
    """How a dataset's rows come about (ARCHITECTURE, materializations)."""

    INGEST = "ingest"  # raw only: appended by the landing log
    ADMIT = "admit"  # one raw dataset, one row to one row, fates decide
    TABLE = "table"  # replace the whole table
    PARTITION = "partition"  # replace the partitions in range
    MERGE = "merge"  # newest row of each key by sequence
    SCD2 = "scd2"  # history of each key by sequence


class Severity(StrEnum):
    """What a failing rule does."""

    BLOCK = "block"  # nothing is published
    QUARANTINE = "quarantine"  # the row is held back (row rules of admit, merge, scd2)
    WARN = "warn"  # published, shown as failed


class SchemaChange(StrEnum):
    """What a field that the contract does not name does to a delivery."""

    EVOLVE = "evolve"  # kept as JSON text in raw `_extra`
    FREEZE = "freeze"  # the file (CSV, Parquet) or record (NDJSON) is rejected
    QUARANTINE = "quarantine"  # kept in `_extra`, the row is quarantined at admission
    IGNORE = "ignore"  # dropped from raw, still in landing


class Delivery(StrEnum):
    """What makes a delivery the same delivery."""

    INCREMENTAL = "incremental"  # identified by sha256
    SNAPSHOT = "snapshot"  # identified by (sha256, delivery date from its name); each one is complete


class Charset(StrEnum):
    """Which characters a text column admits beyond its pattern; a breach is CHARSET_POLICY."""

    FREE = "free"
    IDENTIFIER = "identifier"  # no invisible, control or direction characters, one script only
    EMAIL = "email"  # as identifier, and ASCII only


class FileKind(StrEnum):
    """The kinds of bytes that can be read."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


class Envelope(StrEnum):
    """What stands around each record of an NDJSON file; the record's own columns come without a prefix."""

    DEBEZIUM = "debezium"  # change events: columns cdc_*
    CLOUDEVENTS = "cloudevents"  # structured CloudEvents 1.0: columns ce_*


@dataclass(frozen=True, slots=True, order=True)
class DatasetName:
    """`<layer>.<domain>.<name>`, in SQL and in prose."""

    layer: Layer
    domain: str
    name: str

    def __str__(self) -> str:
        return f"{self.layer}.{self.domain}.{self.name}"

    @property
    def key(self) -> tuple[str, str, str]:
        """The parts of the asset key, `layer/domain/name`."""
        return (self.layer.value, self.domain, self.name)

    @classmethod
    def parse(cls, text: str) -> DatasetName:
        """Reads `layer.domain.name` or `layer/domain/name`.

        Raises:
            ValueError: there are not three parts, or the first is not a layer.
        """
        parts = text.replace("/", ".").split(".")
        if len(parts) != 3:
            raise ValueError(f"{text!r} is not <layer>.<domain>.<dataset>")
        return cls(Layer(parts[0]), parts[1], parts[2])


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: values of `columns` here must exist in `target_columns` of `target`."""

    columns: tuple[str, ...]
    target: DatasetName
    target_columns: tuple[str, ...]
    severity: Severity = Severity.WARN


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How many failing rows a rule forgives before its severity applies."""

    rows: int = 0
    ratio: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRule:
    """One entry of `quality`, at dataset or column level.

    Attributes:
        name: unique in the dataset, `[a-z0-9_]+`.
        metric: an ODCS library metric (`rowCount`, `nullValues`, `missingValues`, `invalidValues`,
            `duplicateValues`), or None for a `sql` rule.
        query: for `sql` rules a boolean row expression (`row_expression` true) or one SELECT giving one number.
        must: comparison operator to bound(s), e.g. `{"mustBeGreaterThan": 0}`, as (operator, value) pairs.
        arguments: library metric arguments (`validValues`, `pattern`, `properties` …).
    """

    name: str
    severity: Severity
    column: str | None = None
    metric: str | None = None
    query: str | None = None
    row_expression: bool = False
    must: tuple[tuple[str, object], ...] = ()
    unit: str = "rows"
    arguments: tuple[tuple[str, object], ...] = ()
    tolerance: Tolerance = field(default_factory=Tolerance)
    dimension: str = ""
    description: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. `required` means never NULL; bounds are inclusive unless named exclusive."""

    name: str
    type: ColumnType
    required: bool = False
    unique: bool = False
    primary_key_position: int | None = None
    partition_position: int | None = None
    description: str = ""
    business_name: str = ""
    classification: str = "public"
    critical: bool = False
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    minimum: Scalar | None = None
    maximum: Scalar | None = None
    exclusive_minimum: Scalar | None = None
    exclusive_maximum: Scalar | None = None
    multiple_of: Scalar | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    enum: tuple[Scalar, ...] = ()
    charset: Charset = Charset.FREE
    scale_check: bool = True  # a raw column of numbers: whether a jump of their size is told
    reference: Reference | None = None
    line: int = 0

    @property
    def is_sensitive(self) -> bool:
        """Whether previews, samples and pages must redact the column."""
        return self.classification != "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """How bytes are read (`platform.format`); nothing of it is ever sniffed."""

    kind: FileKind
    delimiter: str = ","
    quote: str | None = '"'
    encoding: str = "utf-8"
    header: bool = True
    null_marker: str | None = ""
    compression: str | None = None  # None, "gzip", "zstd" or "zip"
    comment: str | None = None
    skip_blank_lines: bool = False  # CSV only; NDJSON skips blank lines always
    coerce: bool = False  # NDJSON: accept "12" for a number and 12 for a string
    envelope: Envelope | None = None  # NDJSON only
    max_field_bytes: int = 1 << 20
    max_record_bytes: int = 8 << 20
    max_columns: int = 2_000
    max_depth: int = 64
    max_expanded_bytes: int = 64 << 30
    max_expansion_ratio: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletes:
    """What the raw rows of a `merge` or `scd2` dataset mean, by one of their columns; any other value is a state of the
    row's key.

    Attributes:
        values: the row deletes its key.
        truncates: the row ends every key whose newest row is older; it need not name one itself.
        ignores: the row changes nothing (heartbeats, tombstones, marks of transactions).
    """

    column: str
    values: tuple[Scalar, ...]
    truncates: tuple[Scalar, ...] = ()
    ignores: tuple[Scalar, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTimeRange:
    """Event times outside are quarantined as EVENT_TIME_RANGE."""

    not_before: datetime | None = None
    max_ahead: timedelta | None = None  # ahead of the moment the batch was received


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who answers for a dataset."""

    team: str
    email: str | None = None
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevel:
    """The objectives a contract promises. None where it promises nothing."""

    latency: timedelta | None = None  # event time to availability: the freshness objective
    frequency: timedelta | None = None
    retention: timedelta | None = None
    availability_percent: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """The end of a dataset: the day from which nobody may count on it (UTC), and where its readers go."""

    sunset: date
    replacement: DatasetName | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Everything one dataset's contract says.

    Attributes:
        path: the contract file as given to the reader.
        sha256: digest of the contract file's bytes.
        delivery_date_pattern: regular expression over a file's base name with a group `date` (YYYY-MM-DD or YYYYMMDD).
        nondeterminism: declared exceptions from the determinism lint, as function names.
    """

    name: DatasetName
    version: str
    status: str
    path: str
    sha256: str
    columns: tuple[Column, ...]
    owner: Owner
    materialization: Materialization
    description: str = ""
    usage: str = ""
    limitations: str = ""
    granularity: str = ""
    tags: tuple[str, ...] = ()
    support: tuple[str, ...] = ()
    quality: tuple[QualityRule, ...] = ()
    references: tuple[Reference, ...] = ()
    service_level: ServiceLevel = field(default_factory=ServiceLevel)
    format: FileFormat | None = None
    watermark: str | None = None
    allowed_lateness: timedelta = timedelta(0)
    event_time_range: EventTimeRange = field(default_factory=EventTimeRange)
    dedupe_key: tuple[str, ...] = ()
    sequence: tuple[str, ...] = ()
    deletes: Deletes | None = None
    delivery: Delivery = Delivery.INCREMENTAL
    delivery_date_pattern: str | None = None
    schema_change: SchemaChange = SchemaChange.FREEZE
    tier: str = "standard"
    cost_tags: tuple[tuple[str, str], ...] = ()
    nondeterminism: tuple[str, ...] = ()
    deprecation: Deprecation | None = None

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Names of the primary key's columns, in key order."""
        keyed = [column for column in self.columns if column.primary_key_position is not None]
        return tuple(column.name for column in sorted(keyed, key=lambda c: c.primary_key_position or 0))

    @property
    def partition_column(self) -> str | None:
        """The column whose day is the Dagster partition; None for an unpartitioned dataset."""
        keyed = [column for column in self.columns if column.partition_position is not None]
        return min(keyed, key=lambda c: c.partition_position or 0).name if keyed else None

    def column(self, name: str) -> Column:
        """The column called `name`.

        Raises:
            KeyError: the contract has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}")
