"""What the code location was loaded from: settings, project and graph. Definitions and runs see the same project, even
if its files change while the code server runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import dagster as dg

from data_platform.contracts.domains import Dataset, Project, discover
from data_platform.contracts.model import DatasetName, Layer
from data_platform.contracts.parse_cache import ParseCache
from data_platform.settings import Settings
from data_platform.transforms.graph import Graph, read_graph
from data_platform.transforms.input_cache import InputCache
from data_platform.transforms.recipe import is_by_day


@dataclass(frozen=True)
class Location:
    """A loaded project. Loading parses; nothing is opened and, but for the parse caches, nothing is written."""

    settings: Settings
    project: Project
    graph: Graph

    @cached_property
    def dependencies(self) -> Mapping[DatasetName, tuple[DatasetName, ...]]:
        """What each dataset comes after: its inputs, and the targets of its references where that makes no circle.

        A reference is judged against the newest published version, so its target should be made first.
        """
        known = self.project.datasets
        found = {name: [i for i in self.graph.inputs[name] if i in known] for name in self.graph.order if name in known}
        for name in found:
            for target in self.graph.references.get(name, ()):
                if target in found and target not in found[name] and not _reaches(found, target, name):
                    found[name].append(target)
        return {name: tuple(sorted(after)) for name, after in found.items()}

    @cached_property
    def order(self) -> tuple[DatasetName, ...]:
        """All datasets, each after its dependencies."""
        return Graph(self.dependencies, {}).order

    def of_layer(self, *layers: Layer, domain: str | None = None) -> tuple[Dataset, ...]:
        """The datasets of some layers, and of one domain if it is named, in order of name."""
        datasets = self.project.datasets.values()
        return tuple(d for d in datasets if d.name.layer in layers and domain in (None, d.name.domain))

    def is_by_day(self, name: DatasetName) -> bool:
        """Whether the dataset has Dagster partitions."""
        return is_by_day(self.project.dataset(name))


def load_location(settings: Settings) -> Location:
    """Parses the project that the settings describe.

    Raises:
        FaultyProject: with every fault of every file.
    """
    folder = settings.home / "cache"
    project = discover(settings.domains, cache=ParseCache(folder / "contracts"))
    return Location(settings, project, read_graph(project, cache=InputCache(folder / "inputs.json")))


def asset_key(name: DatasetName) -> dg.AssetKey:
    """`layer/domain/dataset`."""
    return dg.AssetKey(list(name.key))


def _reaches(dependencies: Mapping[DatasetName, list[DatasetName]], start: DatasetName, goal: DatasetName) -> bool:
    waiting, seen = [start], {start}
    while waiting:
        here = waiting.pop()
        if here == goal:
            return True
        ahead = [name for name in dependencies.get(here, ()) if name not in seen]
        seen.update(ahead)
        waiting += ahead
    return False
