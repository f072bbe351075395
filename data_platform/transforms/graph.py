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
        circle = _circle(self.inputs)
        if circle:
            raise ConfigurationError(_in_words(circle))
        return self._sorted({name: self.inputs[name] for name in sorted(self.inputs)})

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


def sound_part(graph: Graph) -> Graph:
    """The same graph without what is not there, and where datasets that read each other in a circle read nothing: for
    those who only look at it.
    """
    inputs = {name: tuple(one for one in read if one in graph.inputs) for name, read in graph.inputs.items()}
    while circle := _circle(inputs):
        inputs |= dict.fromkeys(circle, ())
    return Graph(inputs, graph.references)


def query_faults(project: Project, *, cache: InputCache | None = None) -> list[Fault]:
    """The faults of queries that cannot be read, or that read what is not there or themselves in a circle.

    What else a query must not do keeps nobody from watching: that is found by `lint_project`, which takes longer.
    """
    inputs = {name: inputs_of(dataset, cache=cache) for name, dataset in project.datasets.items()}
    there = project.datasets.keys() | project.unread
    computed = {name: dataset for name, dataset in project.datasets.items() if dataset.sql_text is not None}
    suspect = [name for name in computed if not inputs[name] or not there.issuperset(inputs[name])]
    faults = [fault for name in suspect for fault in lint_dataset(project, computed[name])]
    return [*faults, *_circle_faults(project, inputs)]


def lint_project(project: Project) -> list[Fault]:
    """The faults of all queries."""
    faults = [fault for name in sorted(project.datasets) for fault in lint_dataset(project, project.datasets[name])]
    return [*faults, *_circle_faults(project, read_graph(project).inputs)]


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


def _circle_faults(project: Project, inputs: Mapping[DatasetName, tuple[DatasetName, ...]]) -> Iterator[Fault]:
    circle = _circle({name: tuple(one for one in read if one in inputs) for name, read in inputs.items()})
    if circle:
        path = next(str(dataset.sql_path) for name in circle if (dataset := project.datasets[name]).sql_path)
        yield Fault(path, 1, _in_words(circle), "remove one of the reads")


def _circle(inputs: Mapping[DatasetName, tuple[DatasetName, ...]]) -> tuple[DatasetName, ...]:
    """Datasets that read each other in a circle, the first again at the end; none where there is no circle."""
    try:
        TopologicalSorter({name: inputs[name] for name in sorted(inputs)}).prepare()
    except CycleError as error:
        return tuple(error.args[1])
    return ()


def _in_words(circle: tuple[DatasetName, ...]) -> str:
    names = " → ".join(map(str, circle))
    return f"datasets read each other in a circle: {names}; break it with a dataset between"
