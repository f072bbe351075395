"""What contracts, receipts and connectors say, as facts of lineage. Composing events of them is in `lineage_events`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from data_platform.contracts.days import beginning_of
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.domains import PLATFORM_DOMAIN, Dataset, Project
from data_platform.contracts.model import Column, Contract, DatasetName
from data_platform.contracts.types import ColumnType, TypeKind
from data_platform.lineage.declared import copied
from data_platform.lineage.facts import (
    ColumnLineage,
    ContractFacts,
    DatasetFacts,
    Field,
    Location,
    ParentRun,
    RunFacts,
    SourceCode,
    Statistics,
    Tag,
)
from data_platform.lineage.project_lineage import ProjectLineage
from data_platform.lineage.source_code import source_code
from data_platform.lineage.sources import external_name
from data_platform.publication.candidate import Run
from data_platform.publication.receipt import Size


def _no_project() -> Project:
    return Project((), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsOf:
    """A project as facts of lineage; what depends on contracts alone is worked out once.

    Attributes:
        namespace: of all datasets and jobs of the platform.
        own: gives the platform's own datasets, when one of them is asked for.
        store: where the tables are: an absolute folder, or `s3://bucket/prefix`.
    """

    project: Project
    namespace: str
    store: str
    lineage: ProjectLineage
    own: Callable[[], Project] = _no_project
    _known: dict[str, DatasetFacts] = field(default_factory=dict, repr=False, compare=False)
    _code: dict[str, SourceCode] = field(default_factory=dict, repr=False, compare=False)

    def run(self, dataset: str, run: Run, *, run_id: str | None = None) -> RunFacts:
        """The run that makes one dataset; `run_id` where that is not the id of the whole run."""
        found = self.find(dataset)
        days = run.days
        return RunFacts(
            run_id=run_id or run.id,
            namespace=self.namespace,
            job=dataset,
            job_type=found.contract.materialization.value if found else "unknown",
            nominal_start=beginning_of(days.start) if days else None,
            nominal_end=beginning_of(days.end) if days else None,
            engine_version=duckdb.__version__,
            sql=found.sql_text if found else None,
            owners=(found.contract.owner.team,) if found else (),
            documentation=_purpose(found.contract) if found else "",
            source_code=self._source_code(found) if found else None,
            parent=ParentRun(run_id=run.id, namespace=self.namespace, job=run.job) if run.job else None,
            traceparent=run.traceparent,
        )

    def launch(self, run: Run) -> RunFacts:
        """A run that starts runs over datasets."""
        return RunFacts(
            run_id=run.id,
            namespace=self.namespace,
            job=run.job,
            job_type="run",
            engine="data_platform",
            engine_version=run.code_version,
            openlineage_id=run.id,
            traceparent=run.traceparent,
        )

    def dataset(self, name: str) -> DatasetFacts:
        """A dataset as its contract describes it; of one without a contract only the name."""
        if name not in self._known:
            found = self.find(name)
            bare = DatasetFacts(name=name, namespace=self.namespace)
            self._known[name] = self._described(found.contract) if found else bare
        return self._known[name]

    def copy_of(self, name: str, *, rows: int | None) -> DatasetFacts:
        """The table of the warehouse file that holds a served dataset, written by a run."""
        found = self.find(name)
        served = self.dataset(name)
        return DatasetFacts(
            name=f"warehouse.{name.partition('.')[2]}",
            namespace=self.namespace,
            owners=served.owners,
            fields=served.fields,
            documentation=served.documentation,
            tags=served.tags,
            storage=("duckdb", None),
            statistics=Statistics(rows=rows),
            lifecycle="OVERWRITE",
            column_lineage=copied(found.contract) if found else ColumnLineage(edges={}),
        )

    def column_lineage(self, name: str) -> ColumnLineage:
        """Where the columns of a dataset come from."""
        return self.lineage.of(DatasetName.parse(name))

    def inputs(self, name: str) -> tuple[str, ...]:
        """The datasets that a dataset's SELECT reads, by name."""
        return tuple(map(str, self.lineage.inputs(DatasetName.parse(name))))

    def source(self, dataset: str, source: str) -> DatasetFacts | None:
        """What one connector of a raw dataset reads; None where the project has no such connector any more."""
        found = self.find(dataset)
        entries = self.project.connectors_of(found.name) if found else ()
        entry = next((entry for entry in entries if entry.name == source), None)
        return _external(entry, found.contract) if entry is not None and found is not None else None

    def sources(self, dataset: str) -> tuple[DatasetFacts, ...]:
        """What the connectors of a raw dataset read."""
        found = self.find(dataset)
        entries = self.project.connectors_of(found.name) if found else ()
        return tuple(_external(entry, found.contract) for entry in entries) if found else ()

    def find(self, name: str) -> Dataset | None:
        """The dataset of the project, or of the platform itself, that is called so; side tables are none."""
        try:
            known = DatasetName.parse(name)
        except ValueError:
            return None
        found = self.project.datasets.get(known)
        return self.own().datasets.get(known) if found is None and known.domain == PLATFORM_DOMAIN else found

    def _described(self, contract: Contract) -> DatasetFacts:
        return DatasetFacts(
            name=str(contract.name),
            namespace=self.namespace,
            owners=(contract.owner.team,),
            fields=tuple(_field(c.name, c.type, description=c.description) for c in contract.columns),
            documentation=contract.description,
            tags=tuple(_tags(contract)),
            contract=_contract(contract),
            location=self._location(contract.name),
            storage=("delta", "parquet"),
        )

    def _location(self, name: DatasetName) -> Location:
        path = "/".join(("tables", *name.key))
        if "://" in self.store:
            scheme, _, rest = self.store.partition("://")
            bucket, _, prefix = rest.partition("/")
            key = "/".join(part for part in (prefix.strip("/"), path) if part)
            return Location(store=self.store, namespace=f"{scheme}://{bucket}", name=key)
        return Location(store=Path(self.store).as_uri(), namespace="file", name=f"{self.store}/{path}")

    def _source_code(self, dataset: Dataset) -> SourceCode:
        name = str(dataset.name)
        if name not in self._code:
            folder = next((d.path.parent for d in self.project.domains if d.name == dataset.name.domain), Path())
            file = dataset.sql_path or Path(dataset.contract.path)
            self._code[name] = source_code(file, project=folder)
        return self._code[name]


def statistics(size: Size | None, null_counts: Mapping[str, int] | None = None) -> Statistics:
    """A size as a fact of lineage; unknown where there is none."""
    if size is None:
        return Statistics()
    return Statistics(
        rows=size.rows, size_bytes=size.size_bytes, files=size.files, null_counts=tuple((null_counts or {}).items())
    )


def _external(entry: ConnectorEntry, contract: Contract) -> DatasetFacts:
    named = external_name(entry)
    fields = tuple(Field(name=next(iter(c.aliases), c.name), type=None) for c in contract.columns)
    storage = ("file", contract.format.kind.value) if contract.format and named.namespace == "file" else None
    return DatasetFacts(name=named.name, namespace=named.namespace, fields=fields, storage=storage)


def _contract(contract: Contract) -> ContractFacts:
    ends = contract.deprecation
    return ContractFacts(
        id=str(contract.name),
        version=contract.version,
        sha256=contract.sha256,
        sunset=ends.sunset if ends else None,
        replacement=str(ends.replacement) if ends and ends.replacement else None,
    )


def _field(name: str, kind: ColumnType, *, description: str = "") -> Field:
    inner = tuple(_field(f.name, f.type) for f in kind.fields)
    if kind.kind is TypeKind.ARRAY and kind.item is not None:
        inner = (_field("_element", kind.item),)
    return Field(name=name, type=str(kind), description=description, fields=inner)


def _tags(contract: Contract) -> Iterator[Tag]:
    yield from (Tag(key=tag) for tag in contract.tags)
    yield Tag(key="tier", value=contract.tier)
    yield Tag(key="status", value=contract.status)
    yield from (Tag(key=key, value=value) for key, value in contract.cost_tags)
    for column in contract.columns:
        yield from _column_tags(column)


def _column_tags(column: Column) -> Iterator[Tag]:
    yield from (Tag(key=tag, column=column.name) for tag in column.tags)
    yield Tag(key="classification", value=column.classification, column=column.name)
    if column.critical:
        yield Tag(key="critical", column=column.name)
    if column.primary_key_position is not None:
        yield Tag(key="primary_key", value=str(column.primary_key_position), column=column.name)


def _purpose(contract: Contract) -> str:
    grain = " ".join(contract.granularity.split())
    return f"Makes {contract.name} ({contract.materialization}). {grain}".strip()
