"""What a lineage event says, as plain values; loads neither OpenLineage nor sqlglot. The events are in `events`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid5

_NAMESPACE = UUID("9b0a2d0e-5a43-5d0c-9d86-6d0f9c1f7a51")  # fixed for ever: ids are derived from it


@dataclass(frozen=True, slots=True, order=True)
class SourceColumn:
    """A column of an input table; `table` is `<layer>.<domain>.<name>`."""

    table: str
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnLineage:
    """Where the columns of one dataset come from.

    Attributes:
        edges: for each resolved output column the input columns its value is computed from; empty for a constant.
        unresolved: output columns whose origin could not be told, in the order asked.
    """

    edges: Mapping[str, frozenset[SourceColumn]]
    unresolved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column of a dataset."""

    name: str
    type: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One rule's result. `column` is None for a rule over the whole dataset."""

    rule: str
    success: bool
    column: str | None = None
    severity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFacts:
    """The contract that a dataset was checked with; `sha256` is of the contract file's bytes."""

    id: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFacts:
    """One input or output of a run.

    Attributes:
        version: the Delta table version read or committed.
        rows, size_bytes, files: what the run wrote; only on outputs.
        assertions: verdicts of the run's audit; only on outputs.
    """

    name: str
    namespace: str
    fields: tuple[Field, ...] = ()
    version: int | None = None
    owners: tuple[str, ...] = ()
    contract: ContractFacts | None = None
    assertions: tuple[Assertion, ...] = ()
    rows: int | None = None
    size_bytes: int | None = None
    files: int | None = None
    column_lineage: ColumnLineage = field(default_factory=lambda: ColumnLineage(edges={}))


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentRun:
    """The run, of any orchestrator, that started this one; `run_id` is a UUID."""

    run_id: str
    namespace: str
    job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """One run over one dataset.

    Attributes:
        run_id: the platform's id of the run; one run may cover several datasets.
        job: the dataset's key.
        job_type: the materialization.
        nominal_start, nominal_end: the partition range as moments, the end excluded; None for the whole table.
        sql: the dataset's SELECT, without values from the data.
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
    parent: ParentRun | None = None

    @property
    def uuid(self) -> str:
        """OpenLineage's run id: a run there has one job, so it is derived from the run's id and the job."""
        return str(uuid5(_NAMESPACE, f"run/{self.run_id}/{self.namespace}/{self.job}"))

    def event_id(self, event_type: str) -> str:
        """The same for the same event, however often it is composed."""
        return str(uuid5(_NAMESPACE, f"event/{self.run_id}/{event_type}/{self.namespace}/{self.job}"))
