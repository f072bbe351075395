"""Semantic versions of contracts: the step that was made, against the step that the changes need.

A minor version adds nullable columns; a major one is a new table `<dataset>_v2` beside the old (ARCHITECTURE, 4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from data_platform.contracts.compatibility_verdicts import Change, Step
from data_platform.contracts.model import Contract, DatasetName

UNRELIED = ("proposed", "draft")  # statuses under which nobody may rely on a contract yet
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_MAJOR_NAME = re.compile(r"(?P<stem>.+)_v(?P<major>[2-9]|[1-9][0-9]+)")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """The three numbers of a version; what follows a hyphen or plus is left out."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Reads `1.2.3`.

        Raises:
            ValueError: the text does not begin with three numbers.
        """
        found = _VERSION.match(text)
        if found is None:
            raise ValueError(f"{text!r} is no semantic version")
        return cls(*map(int, found.groups()))


def step_made(base: str, head: str) -> Step | None:
    """The step from one version to another; None where it goes backwards."""
    was, now = Version.parse(base), Version.parse(head)
    if now < was:
        return None
    if now.major > was.major:
        return Step.MAJOR
    if now.minor > was.minor:
        return Step.MINOR
    return Step.PATCH if base != head else Step.NONE


def step_needed(base: Contract, changes: Iterable[Change]) -> Step:
    """The step that the changes need. Before 1.0.0, and while nobody may rely on a contract, a minor one is enough."""
    needed = max((change.step for change in changes), key=lambda step: step.rank, default=Step.NONE)
    is_unrelied = base.status in UNRELIED or Version.parse(base.version).major == 0
    return Step.MINOR if needed is Step.MAJOR and is_unrelied else needed


def stem_of(name: DatasetName) -> tuple[str, int]:
    """The name that all major versions of a dataset share, and the major version: `orders_v2` is 2 of `orders`."""
    found = _MAJOR_NAME.fullmatch(name.name)
    return (found["stem"], int(found["major"])) if found else (name.name, 1)


def table_of_major(name: DatasetName, version: str) -> DatasetName:
    """The table of a major version of a dataset."""
    stem, own = stem_of(name)
    major = max(own, Version.parse(version).major)
    return DatasetName(name.layer, name.domain, stem if major < 2 else f"{stem}_v{major}")
