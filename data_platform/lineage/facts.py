"""What a lineage event says, as plain values; loads neither OpenLineage nor sqlglot. The events are in `events`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid5

_NAMESPACE = UUID("9b0a2d0e-5a43-5d0c-9d86-6d0f9c1f7a51")  # fixed for ever: ids are derived from it


@dataclass(frozen=True, slots=True, order=True)
class SourceColumn:
    """A column of an input dataset.

    Attributes:
        table: `<layer>.<domain>.<name>`; of something outside the platform, its name there.
        namespace: where the name holds, for something outside the platform.
    """

    table: str
    column: str
    namespace: str = ""


class Influence(StrEnum):
    """How an input column bears on an output; names and meaning as in OpenLineage's ColumnLineageDatasetFacet."""

    IDENTITY = "IDENTITY"  # the same value
    TRANSFORMATION = "TRANSFORMATION"  # computed from the value of one row
    AGGREGATION = "AGGREGATION"  # computed from the values of many rows
    CONDITIONAL = "CONDITIONAL"  # chooses between values
    WINDOW = "WINDOW"  # partitions or orders the rows that a window sees
    SORT = "SORT"
    GROUP_BY = "GROUP_BY"  # decides which rows become one; DISTINCT and UNION too
    JOIN = "JOIN"
    FILTER = "FILTER"  # decides which rows there are

    @property
    def is_direct(self) -> bool:
        """Whether the output's value is made of the column's value."""
        return self in _DIRECT

    def after(self, inner: Influence) -> Influence:
        """The influence of a column on an output, where it bears as `inner` on what bears as `self` on the output.

        The outermost indirect step gives the name; of direct ones the most that was done to the value.
        """
        if not self.is_direct or not inner.is_direct:
            return self if not self.is_direct else inner
        return max(self, inner, key=_DIRECT.index)


_DIRECT = (Influence.IDENTITY, Influence.TRANSFORMATION, Influence.AGGREGATION)


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """One way in which an input column bears on an output; a column may bear on it in several."""

    source: SourceColumn
    influence: Influence

    def through(self, outer: Influence) -> Edge:
        """The edge as what uses its output as `outer` sees it."""
        return Edge(self.source, outer.after(self.influence))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnLineage:
    """Where the columns of one dataset come from; told apart by identity, so that what is made of it can be kept.

    Attributes:
        edges: for each resolved output column what bears on its value; empty for a constant and for a count of rows.
        rows: what bears on which rows there are, and so on every column.
        unresolved: output columns whose origin could not be told, in the order asked.
        is_rows_known: whether `rows` is everything that bears on the rows.
    """

    edges: Mapping[str, frozenset[Edge]]
    rows: frozenset[Edge] = frozenset()
    unresolved: tuple[str, ...] = ()
    is_rows_known: bool = True

    def sources(self, output: str) -> frozenset[SourceColumn]:
        """The input columns that bear on a resolved column's value."""
        return frozenset(edge.source for edge in self.edges[output])


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column of a dataset, with the fields inside it; the type is None where nothing declares one."""

    name: str
    type: str | None
    description: str = ""
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A word about a dataset, or about one of its columns."""

    key: str
    value: str = "true"
    column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One rule's result. `column` is None for a rule over the whole dataset."""

    rule: str
    success: bool
    column: str | None = None
    severity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFacts:
    """The contract that a dataset was checked with; `sha256` is of the contract file's bytes.

    Attributes:
        sunset: the day from which nobody may count on the dataset; None where it does not end.
        replacement: the dataset that its readers go to.
    """

    id: str
    version: str
    sha256: str
    sunset: date | None = None
    replacement: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """How much was read or written; None where that is not known.

    Attributes:
        null_counts: (column, NULLs) over all rows, of the columns for which that is known.
    """

    rows: int | None = None
    size_bytes: int | None = None
    files: int | None = None
    null_counts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where the bytes of a dataset lie.

    Attributes:
        store: URI of the store, e.g. `s3://bucket/prefix`.
        namespace, name: of the folder or object, as other producers call it (OpenLineage naming).
    """

    store: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class FoundDifference:
    """One difference between what a scan of the store found and what should be there."""

    kind: str
    subject: str = ""
    expected: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What a scan of the store found a dataset to be, from a moment on.

    Attributes:
        standing: managed, drifted, unmanaged, missing; gone for what no contract describes and is no longer there.
        decision: accepted, rejected or empty, with the reason that a person gave.
    """

    standing: str
    at: datetime
    kind: str = ""
    differences: tuple[FoundDifference, ...] = ()
    decision: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFacts:
    """One input or output of a run.

    Attributes:
        version: the Delta table version read or committed.
        statistics: what the run read or wrote of it.
        total: the whole dataset after the run; only on outputs.
        assertions: verdicts of the run's audit; only on outputs.
        lifecycle: CREATE, ALTER or OVERWRITE where the run did that to it.
        location: of tables of the platform.
        storage: layer and file format, e.g. ("delta", "parquet").
        discovery: only where a scan of the store tells of it.
        state: tells apart what is told of it without a run; empty where that is the contract alone.
    """

    name: str
    namespace: str
    fields: tuple[Field, ...] = ()
    version: int | None = None
    owners: tuple[str, ...] = ()
    documentation: str = ""
    tags: tuple[Tag, ...] = ()
    contract: ContractFacts | None = None
    assertions: tuple[Assertion, ...] = ()
    statistics: Statistics = field(default_factory=Statistics)
    total: Statistics = field(default_factory=Statistics)
    lifecycle: str | None = None
    location: Location | None = None
    storage: tuple[str, str | None] | None = None
    column_lineage: ColumnLineage = field(default_factory=lambda: ColumnLineage(edges={}))
    discovery: Discovery | None = None
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCode:
    """Where a job's code stands: `path` relative to the root of the repository, `version` the commit.

    Attributes:
        url: of the file, of the repository where it has no web address for files.
    """

    url: str
    path: str
    repository: str | None = None
    version: str | None = None
    branch: str | None = None
    kind: str = "git"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentRun:
    """The run, of any orchestrator, that started this one; `run_id` is a UUID."""

    run_id: str
    namespace: str
    job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """One run over one dataset, or a run that is the parent of such.

    Attributes:
        run_id: the platform's id of the run; one run may cover several datasets.
        job: the dataset's key.
        job_type: the materialization.
        nominal_start, nominal_end: the partition range as moments, the end excluded; None for the whole table.
        sql: the dataset's SELECT, without values from the data.
        openlineage_id: the UUID of the run where it has one of its own; otherwise it is derived.
        traceparent: the span that the run is (W3C Trace Context); empty where nothing traces it.
    """

    run_id: str
    namespace: str
    job: str
    job_type: str
    nominal_start: datetime | None = None
    nominal_end: datetime | None = None
    engine: str = "duckdb"
    engine_version: str = ""
    sql: str | None = None
    dialect: str = "duckdb"
    owners: tuple[str, ...] = ()
    documentation: str = ""
    source_code: SourceCode | None = None
    parent: ParentRun | None = None
    openlineage_id: str | None = None
    traceparent: str = ""

    @property
    def uuid(self) -> str:
        """OpenLineage's run id: a run there has one job, so it is derived from the run's id and the job."""
        return self.openlineage_id or str(uuid5(_NAMESPACE, f"run/{self.run_id}/{self.namespace}/{self.job}"))

    def event_id(self, event_type: str) -> str:
        """The same for the same event, however often it is composed."""
        return str(uuid5(_NAMESPACE, f"event/{self.run_id}/{event_type}/{self.namespace}/{self.job}"))


def static_event_id(kind: str, *parts: str) -> str:
    """The id of an event that belongs to no run: the same for the same parts."""
    return str(uuid5(_NAMESPACE, "/".join((kind, *parts))))
