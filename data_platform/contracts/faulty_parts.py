"""Whose files have faults: a fault names a file, and the file says which dataset or domain it belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from data_platform.contracts.model import DatasetName, Layer
from data_platform.contracts.odcs import SUFFIX
from data_platform.errors import Fault

PROJECT = "project"  # has what belongs to no domain: an entry of the path list
OBJECTIVES = "objectives"
_LAYERS = frozenset(str(layer) for layer in Layer)
_SQL = ".sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyPart:
    """A dataset, a domain or the project, with everything that is wrong with its files.

    Attributes:
        dataset: None where it is a domain or the project.
        domain: the dataset's, or the one that it is; empty for the project.
        faults: never none, in order of file and line.
    """

    dataset: DatasetName | None
    domain: str
    faults: tuple[Fault, ...]

    @property
    def name(self) -> str:
        """`<layer>.<domain>.<dataset>`, the domain's name, or `project`."""
        return str(self.dataset) if self.dataset is not None else self.domain or PROJECT

    @property
    def files(self) -> tuple[str, ...]:
        """Its faulty files, by name."""
        return tuple(sorted({fault.path for fault in self.faults}))


def parts_of(faults: Iterable[Fault]) -> tuple[FaultyPart, ...]:
    """One part for each dataset or domain with faults, by name."""
    found: dict[tuple[DatasetName | None, str], set[Fault]] = {}
    for fault in faults:
        found.setdefault(_owner(fault), set()).add(fault)
    parts = (FaultyPart(dataset=of[0], domain=of[1], faults=tuple(sorted(its))) for of, its in found.items())
    return tuple(sorted(parts, key=lambda part: part.name))


def dataset_of(path: Path) -> DatasetName | None:
    """The dataset that a contract or a query belongs to by its place; None for any other file."""
    stem = path.name.removesuffix(SUFFIX).removesuffix(_SQL)
    if stem == path.name or path.parent.name not in _LAYERS:
        return None
    return DatasetName(Layer(path.parent.name), path.parent.parent.name, stem)


def _owner(fault: Fault) -> tuple[DatasetName | None, str]:
    """The dataset and the domain that a fault belongs to."""
    path = Path(fault.path).absolute()  # faults show paths as they are seen from the working directory
    dataset = dataset_of(path)
    if dataset is not None:
        return dataset, dataset.domain
    if path.suffix not in (".yaml", ".yml"):
        return None, ""
    is_inside = path.parent.name in {*_LAYERS, OBJECTIVES}
    return None, (path.parent.parent if is_inside else path.parent).name
