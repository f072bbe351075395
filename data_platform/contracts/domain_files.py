"""A domain's own two files: `domain.yaml` (who answers and who pays) and `connectors.yaml` (where bytes come from).

The options of a connector belong to its kind and are read in `connectors`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict

from data_platform.contracts.model import DatasetName, Layer
from data_platform.contracts.odcs import NAME
from data_platform.contracts.parse_cache import ParseCache, parse
from data_platform.contracts.places import FileFaults, Place, content_of, exact, shown_path
from data_platform.contracts.shape import hold_against
from data_platform.errors import Fault

DOMAIN_FILE = "domain.yaml"
CONNECTORS_FILE = "connectors.yaml"
PERIODS = ("day", "week", "month", "quarter", "year")
AS_THEY_ARE: Mapping[Path, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a domain may cost in a period."""

    amount: Decimal
    currency: str
    period: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorEntry:
    """One source instance.

    Attributes:
        name: of the instance; unique in its domain, and the source's name in manifests.
        kind: the connector's kind, e.g. `file_drop`.
        dataset: the raw dataset that it fills.
        options: everything else that was written, for the kind to judge.
        path, line: where it is written.
    """

    name: str
    kind: str
    dataset: DatasetName
    options: Mapping[str, Any]
    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Who answers for a folder of datasets, and the sources that fill its raw ones."""

    name: str
    team: str
    path: Path
    on_call: str = ""
    cost_centre: str = ""
    description: str = ""
    budget: Budget | None = None
    connectors: tuple[ConnectorEntry, ...] = ()


class _BudgetFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    amount: int | float | None = None
    currency: str | None = None
    period: str | None = None


class _DomainFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str | None = None
    description: str | None = None
    team: str | None = None
    on_call: str | None = None
    cost_centre: str | None = None
    budget: _BudgetFile | None = None


class _ConnectorsFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    connectors: dict[str, dict[str, Any]] | None = None


def read_domain(
    folder: Path, *, cache: ParseCache | None = None, instead: Mapping[Path, bytes] = AS_THEY_ARE
) -> tuple[Domain, list[Fault]]:
    """Reads a domain folder's own files; where `domain.yaml` leaves nothing to go by, the domain is nobody's.

    Args:
        folder: the domain's.
        cache: where parsed YAML is kept; None parses anew.
        instead: bytes that are read in place of those that a file has.
    """
    top, faults = _open(folder / DOMAIN_FILE, _DomainFile, cache, instead)
    connectors, connector_faults = _connectors(folder, cache, instead)
    if top is None:
        return Domain(name=folder.name, team="", path=folder, connectors=connectors), faults + connector_faults
    name, team = folder.name, top.text("team").strip()
    if not NAME.fullmatch(name):
        top.fault(f"{name!r} cannot be a name of a domain", "use a-z, 0-9 and _, beginning with a letter")
    if top.get("name") not in (None, name):
        top.into("name").fault(f"name is {top.get('name')!r}, but the folder {name!r}", f"write name: {name}")
    for key, why in (("team", "who answers for it"), ("on_call", "who is called"), ("cost_centre", "who pays")):
        if not top.text(key).strip():
            top.missing(key, f"domain {name!r} does not say {why}", f"add {key}")
    domain = Domain(
        name=name,
        team=team,
        path=folder,
        on_call=top.text("on_call"),
        cost_centre=top.text("cost_centre"),
        description=top.text("description"),
        budget=_budget(top.into("budget")),
        connectors=connectors,
    )
    return domain, faults + top.file.faults + connector_faults


def _budget(place: Place) -> Budget | None:
    if place.value is None:
        return None
    amount, currency, period = exact(place.get("amount")), place.text("currency"), place.text("period")
    if amount is None or amount <= 0:
        place.missing("amount", "the budget has no amount above zero", "add amount: 200")
    if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        place.missing("currency", "the budget has no currency of ISO 4217", "add currency: EUR")
    if period not in PERIODS:
        place.missing("period", f"the budget has no period {period!r}", f"write one of: {', '.join(PERIODS)}")
    return Budget(amount=amount or Decimal(0), currency=currency, period=period)


def _connectors(
    folder: Path, cache: ParseCache | None, instead: Mapping[Path, bytes]
) -> tuple[tuple[ConnectorEntry, ...], list[Fault]]:
    path = folder / CONNECTORS_FILE
    if not path.exists():
        return (), []
    top, faults = _open(path, _ConnectorsFile, cache, instead)
    if top is None:
        return (), faults
    section = top.into("connectors")
    entries = [
        entry for name in section.value or () if (entry := _connector(section.into(name), folder.name)) is not None
    ]
    return tuple(entries), faults + top.file.faults


def _connector(place: Place, domain: str) -> ConnectorEntry | None:
    name = str(place.path[-1])
    if not NAME.fullmatch(name):
        place.fault(f"connector {name!r} is not a lower case name", "use a-z, 0-9 and _, beginning with a letter")
    kind, written = place.text("kind"), place.text("dataset")
    if not kind:
        place.missing("kind", f"connector {name!r} has no kind", "add kind: file_drop, or another kind")
    try:
        dataset = DatasetName.parse(written)
    except ValueError:
        dataset = None
    if dataset is None or dataset.layer is not Layer.RAW or dataset.domain != domain:
        message = f"connector {name!r} does not name a raw dataset of its domain: {written!r}"
        place.missing("dataset", message, f"write dataset: raw.{domain}.<dataset>")
        return None
    options = {key: _exact_value(value) for key, value in place.value.items() if key not in ("kind", "dataset")}
    return ConnectorEntry(
        name=name,
        kind=kind,
        dataset=dataset,
        options=MappingProxyType(options),
        path=place.file.path,
        line=place.line,
    )


def _open(
    path: Path, model: type[BaseModel], cache: ParseCache | None, instead: Mapping[Path, bytes]
) -> tuple[Place | None, list[Fault]]:
    try:
        content = instead[path] if path in instead else content_of(path)
    except OSError as error:
        return None, [Fault(shown_path(path), 0, f"cannot be read: {error.strerror}", "create it, readable")]
    file = FileFaults(shown_path(path), parse(content, hashlib.sha256(content).hexdigest(), cache=cache))
    for problem in file.document.problems:
        file.at_line(*problem)
    if (file.document.data is None and file.document.problems) or not hold_against(model, file):
        return None, file.faults
    return Place(file.document.data, (), file), []


def _exact_value(value: Any) -> Any:
    """The plain value that a kind's own model reads; numbers with a fraction stay exact."""
    if isinstance(value, dict):
        return {key: _exact_value(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_exact_value(inner) for inner in value]
    number = exact(value)
    return value if number is None or isinstance(value, int) else number
