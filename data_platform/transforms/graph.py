"""Who reads whom: the datasets in the order in which they can be materialized."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from data_platform.contracts.domains import Dataset, Project
from data_platform.contracts.model import DatasetName, Reference
from data_platform.errors import ConfigurationError, Fault
from data_platform.transforms.input_cache import InputCache
from data_platform.transforms.lint import lint_dataset
from data_platform.transforms.query import UnreadableQuery, read_query


@dataclass(frozen=True)
class Graph:
    """The inputs of every dataset, and the datasets that its reference rules look into."""

    inputs: Mapping[DatasetName, tuple[DatasetName, ...]]
    references: Mapping[DatasetName, tuple[DatasetName, ...]]

    @cached_property
    def order(self) -> tuple[DatasetName, ...]:
        """All datasets, each after its inputs and, where that is no circle, after its references; equal ones by name.

        Raises:
            ConfigurationError: datasets read each other in a circle.
        """
        try:
            return self._sorted({n: (*self.inputs[n], *self.references.get(n, ())) for n in sorted(self.inputs)})
        except CycleError:
            pass  # references alone may run in a circle: they are then checked against the version before
        try:
            return self._sorted({name: self.inputs[name] for name in sorted(self.inputs)})
        except CycleError as error:
            circle = " → ".join(str(name) for name in error.args[1])
            raise ConfigurationError(
                f"datasets read each other in a circle: {circle}; break it with a dataset between"
            ) from error

    def _sorted(self, after: Mapping[DatasetName, tuple[DatasetName, ...]]) -> tuple[DatasetName, ...]:
        return tuple(TopologicalSorter(after).static_order())

    def downstream(self, name: DatasetName) -> tuple[DatasetName, ...]:
        """Every dataset that reads `name`, directly or not, in materialization order."""
        reached = {name}
        for candidate in self.order:
            if reached.intersection(self.inputs[candidate]):
                reached.add(candidate)
        return tuple(n for n in self.order if n in reached and n != name)


def read_graph(project: Project, *, cache: InputCache | None = None) -> Graph:
    """The graph of a project; queries are parsed, not checked. An unreadable query has no inputs: the lint says why."""
    datasets = project.datasets
    references = {
        name: tuple(sorted({r.target for r in _references(dataset) if r.target in datasets and r.target != name}))
        for name, dataset in datasets.items()
    }
    inputs = {name: inputs_of(dataset, cache=cache) for name, dataset in datasets.items()}
    if cache is not None:
        cache.save()
    return Graph(inputs, references)


def lint_project(project: Project) -> list[Fault]:
    """The faults of all queries."""
    faults = [fault for name in sorted(project.datasets) for fault in lint_dataset(project, project.datasets[name])]
    graph = read_graph(project)
    try:
        known = {name: tuple(i for i in inputs if i in graph.inputs) for name, inputs in graph.inputs.items()}
        _ = Graph(known, {}).order
    except ConfigurationError as error:
        faults.append(Fault(next(_sql_paths(project), "domains"), 1, str(error), "remove one of the reads"))
    return faults


def inputs_of(dataset: Dataset, *, cache: InputCache | None = None) -> tuple[DatasetName, ...]:
    """The datasets that a dataset's query reads; none where it cannot be read."""
    if dataset.sql_text is None:
        return ()
    known = cache.get(dataset.sql_text) if cache is not None else None
    if known is not None:
        return known
    try:
        inputs = read_query(dataset.sql_text).inputs
    except UnreadableQuery:
        return ()
    if cache is not None:
        cache.put(dataset.sql_text, inputs)
    return inputs


def _references(dataset: Dataset) -> list[Reference]:
    own = [column.reference for column in dataset.contract.columns if column.reference is not None]
    return [*own, *dataset.contract.references]


def _sql_paths(project: Project) -> Iterator[str]:
    return (str(dataset.sql_path) for dataset in project.datasets.values() if dataset.sql_path)
