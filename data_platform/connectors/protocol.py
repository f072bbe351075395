"""What a connector is: something that, from a position on, yields deliveries and the next position.

What makes two deliveries the same, landing them and committing them is the loop's business (`ingest`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.domains import Project
from data_platform.errors import ConfigurationError, Fault
from data_platform.lakehouse.landing import Json

IsKnown = Callable[[str, str], bool]  # (name, sha256): whether an earlier batch already accounts for this delivery

_KINDS = {"file_drop": ("data_platform.connectors.file_drop", "FileDrop")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One file that a source offers. `name` is how the source calls it."""

    name: str
    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """All that one poll returned, ordered by name; it becomes one batch."""

    deliveries: tuple[Delivery, ...]
    position_to: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a connector works: the folder its paths are relative to, and a folder for what only saves work."""

    source: Path
    spool: Path


class Connector(Protocol):
    """One instance of a source kind."""

    version: str

    def poll(self, position: Mapping[str, Json], is_known: IsKnown) -> Poll | None:
        """What came after `position`; None when there is nothing new.

        Raises:
            SourceUnavailable: the source did not answer; poll again later from the same position.
        """
        ...

    def peek(self, is_known: IsKnown) -> tuple[str, ...]:
        """A mark of each delivery that looks new, at little cost: the same deliveries have the same marks.

        Raises:
            SourceUnavailable: the source did not answer.
        """
        ...

    def acknowledge(self, position: Mapping[str, Json]) -> None:
        """Everything up to `position` is durable."""
        ...


def connector_faults(project: Project) -> list[Fault]:
    """What is wrong with the kinds and options of a project's source instances."""
    nowhere = Place(source=Path(), spool=Path())
    faults = []
    for entry in (entry for domain in project.domains for entry in domain.connectors):
        try:
            open_connector(entry, nowhere)
        except ConfigurationError as error:
            faults.append(Fault(entry.path, entry.line, str(error), f"mend the entry {entry.name}"))
    return faults


def open_connector(entry: ConnectorEntry, place: Place) -> Connector:
    """The connector that an entry of `connectors.yaml` describes.

    Raises:
        ConfigurationError: the kind or an option is unknown.
    """
    if entry.kind not in _KINDS:
        raise ConfigurationError(
            f"connector {entry.name}: kind {entry.kind!r} is unknown; use one of {', '.join(_KINDS)}"
        )
    module, kind = _KINDS[entry.kind]
    return cast(Connector, getattr(import_module(module), kind)(entry, place))
