"""Datasets that end: what stands in their way, and who has to be told. Who reads whom is handed in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

from data_platform.contracts.domains import Project
from data_platform.contracts.model import Contract, DatasetName
from data_platform.contracts.places import nearest, shown_path
from data_platform.errors import Fault

SOON = timedelta(days=90)

Consumers = Mapping[DatasetName, Sequence[DatasetName]]


def sunset_faults(project: Project, *, consumers: Consumers, today: date) -> Iterator[Fault]:
    """What must not be: readers left after a sunset, replacements that do not exist.

    Args:
        project: the contracts.
        consumers: the datasets that read each dataset.
        today: the day in UTC.
    """
    for name, dataset in project.datasets.items():
        contract = dataset.contract
        ending = contract.deprecation
        if ending is None:
            continue
        path = shown_path(Path(contract.path))
        if ending.replacement and ending.replacement not in project.datasets.keys() | project.unread:
            fix = nearest(str(ending.replacement), map(str, project.datasets))
            yield Fault(path, 0, f"{name} is replaced by {ending.replacement}, which does not exist", fix)
        readers = consumers.get(name, ())
        if ending.sunset <= today and readers:
            message = f"{name} ended on {ending.sunset}, but is still read by {_told(project, readers)}"
            yield Fault(path, 0, message, _move(contract))


def sunset_reminders(project: Project, *, consumers: Consumers, today: date) -> Iterator[Fault]:
    """What comes: sunsets within 90 days with the readers that have to move, datasets that may go, and deprecated ones
    without a day. Not wrong, so nothing fails for it.
    """
    for name, dataset in project.datasets.items():
        contract, ending = dataset.contract, dataset.contract.deprecation
        path, readers = shown_path(Path(contract.path)), consumers.get(name, ())
        if ending is None:
            if contract.status == "deprecated":
                fix = "add customProperty platform.deprecation: {sunset: 'YYYY-MM-DD', replacement: ...}"
                yield Fault(path, 0, f"{name} is deprecated, but nobody knows until when it can be read", fix)
        elif ending.sunset <= today:
            if not readers:
                fix = "remove its contract and query; its table and landing stay until retention takes them"
                yield Fault(path, 0, f"{name} ended on {ending.sunset} and has no readers left", fix)
        elif readers and ending.sunset - today <= SOON:
            days = (ending.sunset - today).days
            message = f"{name} ends on {ending.sunset}, in {days} days, and is read by {_told(project, readers)}"
            yield Fault(path, 0, message, _move(contract))


def _move(contract: Contract) -> str:
    ending = contract.deprecation
    if ending is not None and ending.replacement:
        return f"let them read {ending.replacement}"
    return "let them read something else, or agree on a later sunset"


def _told(project: Project, readers: Sequence[DatasetName]) -> str:
    known = project.datasets
    return ", ".join(f"{name} ({known[name].contract.owner.team})" if name in known else str(name) for name in readers)
