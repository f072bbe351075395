"""One OpenLineage event as values, whoever sent it. Reading JSON is in `reading`, keeping it in `intake`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

Key: TypeAlias = tuple[str, str]  # (namespace, name) of a dataset or a job
Stamp: TypeAlias = tuple[datetime, str]  # (event time, event id): the greater one wins

NO_JOB: Key = ("", "")
WHOLE = ""  # the column that stands for all of a dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An event that cannot be taken.

    Attributes:
        code: the kind of fault, e.g. `MISSING`, `NOT_DATE_TIME`.
        pointer: where it is, as a JSON pointer (RFC 6901); empty for the whole text.
    """

    code: str
    pointer: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """An event that is in the catalog; `is_repeat` if it was there before."""

    event_id: str
    is_repeat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetMention:
    """A dataset as one event names it.

    Attributes:
        facets: by name, as they came.
        io_facets: the input or output facets.
    """

    key: Key
    facets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    io_facets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event.

    Attributes:
        kind: `run`, `job` or `dataset`.
        datasets: those of a dataset event; mentioned neither as input nor as output.
        payload: the text as it came.
    """

    event_id: str
    kind: str
    event_type: str | None
    at: datetime
    producer: str
    payload: str
    run_id: str | None = None
    run_facets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    job: Key = NO_JOB
    job_facets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    inputs: tuple[DatasetMention, ...] = ()
    outputs: tuple[DatasetMention, ...] = ()
    datasets: tuple[DatasetMention, ...] = ()

    @property
    def stamp(self) -> Stamp:
        """What newest-wins compares."""
        return (self.at, self.event_id)
