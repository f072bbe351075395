"""The estate of the fault episodes: who owns what, and what is made of what. Also the checks that their reader shares.

The world before anything happens; what then happens is read in `episodes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

_SPAN = re.compile(r"(\d+)([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Keys(NamedTuple):
    """The keys that a mapping must and may have, apart by blanks."""

    needed: str
    optional: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """The one source instance of a raw dataset; `expect_every` is None where no rows are promised."""

    source: str
    kind: str
    expect_every: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One dataset; `frequency` is None where a stream feeds it, `latency` how old its newest event may be."""

    name: str
    tier: str
    latency: timedelta
    frequency: timedelta | None
    inputs: tuple[str, ...]
    connector: Connector | None

    @property
    def domain(self) -> str:
        """The middle of its name."""
        return self.name.split(".")[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """What exists before anything happens.

    Attributes:
        platform: the address of the platform team.
        on_call: the address of each domain's owner; None where it has none.
        teams: of each domain; empty where it has none.
        components: causes that are no dataset.
        families: generated datasets by family, part of the estate in the episodes that name it.
        clockwork: in minutes, what the expectations assume (`grace`, `retry`, `recovery`, …).
    """

    starts_at: datetime
    platform: str
    on_call: Mapping[str, str | None]
    teams: Mapping[str, str]
    components: tuple[str, ...]
    datasets: Mapping[str, Dataset]
    families: Mapping[str, tuple[Dataset, ...]]
    clockwork: Mapping[str, float]

    def with_families(self, families: Iterable[str]) -> dict[str, Dataset]:
        """Every dataset where these families exist too, inputs before what is derived from them."""
        generated = (dataset for family in families for dataset in self.families[family])
        return {**self.datasets, **{dataset.name: dataset for dataset in generated}}

    def places(self) -> frozenset[str]:
        """Everything that may be a cause: datasets, `<dataset>/<source>`, domains and components."""
        sources = (f"{each.name}/{each.connector.source}" for each in self.datasets.values() if each.connector)
        return frozenset((*self.datasets, *sources, *self.on_call, *self.components))

    def owner_of(self, cause: str) -> str:
        """The address that has to hear of a cause."""
        dataset = self.datasets.get(cause.split("/")[0])
        return self.on_call.get(dataset.domain if dataset else cause) or self.platform


def read_estate(written: dict[str, Any], clockwork: dict[str, float]) -> Estate:
    """The estate as the table says.

    Raises:
        ValueError: it contradicts itself.
    """
    check_keys("estate", written, Keys("starts_at platform domains components datasets families"))
    check_keys("clockwork", clockwork, Keys("grace retry recovery damping escalate_page escalate_ticket"))
    for name, domain in written["domains"].items():
        check_keys(name, domain, Keys("", "team on_call"))
    datasets = {name: _dataset(name, each) for name, each in written["datasets"].items()}
    known: set[str] = set()
    for dataset in datasets.values():
        check(known.issuperset(dataset.inputs), f"{dataset.name}: inputs {dataset.inputs} are not named before it")
        check(dataset.domain in written["domains"], f"{dataset.name}: unknown domain")
        known.add(dataset.name)
    families = {name: tuple(_family(name, each)) for name, each in written["families"].items()}
    check(known.issuperset(i for each in families.values() for i in each[0].inputs), "a family has unknown inputs")
    return Estate(
        starts_at=datetime.fromisoformat(written["starts_at"]),
        platform=written["platform"],
        on_call={name: domain.get("on_call") for name, domain in written["domains"].items()},
        teams={name: domain.get("team", "") for name, domain in written["domains"].items()},
        components=tuple(written["components"]),
        datasets=datasets,
        families=families,
        clockwork=clockwork,
    )


def _dataset(name: str, written: dict[str, Any]) -> Dataset:
    check_keys(name, written, Keys("tier latency", "frequency inputs connector"))
    check(written["tier"] in ("gold", "silver", "bronze"), f"{name}: unknown tier {written['tier']}")
    check(name.startswith("raw.") == ("connector" in written) != ("inputs" in written), f"{name}: inputs or connector")
    frequency = written.get("frequency")
    connector = written.get("connector")
    if connector is not None:
        check_keys(name, connector, Keys("source kind", "expect_every"))
        every = connector.get("expect_every")
        connector = Connector(
            source=connector["source"], kind=connector["kind"], expect_every=every and _span(name, every)
        )
    return Dataset(
        name=name,
        tier=written["tier"],
        latency=_span(name, written["latency"]),
        frequency=frequency and _span(name, frequency),
        inputs=tuple(written.get("inputs", ())),
        connector=connector,
    )


def _family(name: str, written: dict[str, Any]) -> Iterable[Dataset]:
    check_keys(name, written, Keys("count name tier frequency latency inputs", "is_chain"))
    each = {key: written[key] for key in ("tier", "frequency", "latency", "inputs")}
    for n in range(1, written["count"] + 1):
        dataset = _dataset(written["name"].format(n=n), each)
        yield dataset
        if written.get("is_chain"):
            each = {**each, "inputs": [dataset.name]}


def _span(where: str, text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{where}: {text!r} is no span such as 30m, 1h or 1d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def check_keys(where: str, written: Mapping[str, Any], keys: Keys) -> None:
    """Whether a mapping has what it needs and nothing unknown."""
    needed, known = set(keys.needed.split()), {*keys.needed.split(), *keys.optional.split()}
    check(needed <= set(written) <= known, f"{where}: has {sorted(written)}, needs {sorted(needed)} of {sorted(known)}")


def check(is_right: object, message: str) -> None:
    """A fault unless it is right."""
    if not is_right:
        raise ValueError(message)
