"""What people asked not to be told about. Loss of data and breaches are told whatever they asked."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from data_platform.contracts.domains import Project
from data_platform.contracts.model import Layer
from data_platform.errors import ConfigurationError
from data_platform.incidents.causes import Cause
from data_platform.incidents.model import NEVER_SUPPRESSED, Alert, Symptom
from data_platform.metastore.suppressions import SuppressionEntry

LONGEST = timedelta(days=7)
_KINDS = "a dataset, a domain, a connector as DATASET/SOURCE, an alert, or the beginning of names as served.shop.*"
_NEAR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a scope may name.

    Attributes:
        datasets: the domain of each.
        connectors: `<dataset>/<source>`.
    """

    datasets: Mapping[str, str]
    connectors: Sequence[str] = ()

    @property
    def domains(self) -> frozenset[str]:
        """Those that have a dataset."""
        return frozenset(self.datasets.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A scope, and what it covers now. What is below that follows it.

    Attributes:
        alerts: that are held back for the datasets and connectors, or everywhere where there are none.
    """

    text: str
    datasets: tuple[str, ...] = ()
    connectors: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()

    def __str__(self) -> str:
        held = f"{len(self.alerts)} alert{'s' * (len(self.alerts) != 1)}"
        if not self.datasets and not self.connectors:
            return f"{held} ({', '.join(self.alerts)}) of everything"
        where = [
            f"{len(names)} {word}{'s' * (len(names) != 1)}"
            for word, names in (("dataset", self.datasets), ("connector", self.connectors))
            if names
        ]
        return f"{held} of {' and '.join(where)}"


def names_of(project: Project) -> Names:
    """The names of a project."""
    return Names(
        datasets={str(name): name.domain for name in project.datasets},
        connectors=tuple(f"{one.dataset}/{one.name}" for domain in project.domains for one in domain.connectors),
    )


def scope_of(text: str, names: Names) -> Scope:
    """What a scope covers.

    Raises:
        ConfigurationError: it names nothing that there is, what is never suppressed, or everything.
    """
    text = text.strip()
    told = tuple(alert.value for alert in Alert if alert not in NEVER_SUPPRESSED)
    if text in NEVER_SUPPRESSED:
        raise ConfigurationError(f"{text} is told whatever is suppressed; take it with `incident ack`")
    if text in told:
        return Scope(text=text, alerts=(text,))
    if text in names.connectors:
        return Scope(text=text, connectors=(text,), alerts=told)
    _check_pattern(text, names)
    covered = tuple(one for one in names.datasets if _is_named(one, text) or names.datasets[one] == text)
    if not covered:
        raise ConfigurationError(f"there is no {text!r}: {_near(text, names)}")
    if len(covered) == len(names.datasets) > 1:
        raise ConfigurationError(
            f"{text!r} covers everything, all {len(covered)} datasets; name what the work is about: {_KINDS}"
        )
    connectors = tuple(one for one in names.connectors if one.partition("/")[0] in covered)
    return Scope(text=text, datasets=covered, connectors=connectors, alerts=told)


def covers_symptom(suppressions: Sequence[SuppressionEntry], symptom: Symptom, *, domain: str) -> bool:
    """Whether one of them names what a symptom is about."""
    names = (symptom.subject, symptom.dataset, symptom.alert.value)
    return symptom.alert not in NEVER_SUPPRESSED and any(_covers(one, names, domain) for one in suppressions)


def covers_cause(suppressions: Sequence[SuppressionEntry], cause: Cause) -> bool:
    """Whether one of them names a cause: then it covers what follows from it, too."""
    return any(_covers(one, (cause.key, cause.dataset), cause.domain) for one in suppressions)


def checked(entry: SuppressionEntry) -> SuppressionEntry:
    """A suppression as it may be declared.

    Raises:
        ConfigurationError: it has no ticket or no near end.
    """
    if not entry.ticket.strip():
        raise ConfigurationError("a suppression needs the ticket of the planned work: --ticket SHOP-412")
    if not timedelta(0) < entry.expires_at - entry.starts_at <= LONGEST:
        raise ConfigurationError(
            f"a suppression ends in the future and lasts at most {LONGEST.days} days; declare it again if need be"
        )
    return replace(entry, ticket=entry.ticket.strip())


def _check_pattern(text: str, names: Names) -> None:
    """A pattern is the whole beginning `<layer>.<domain>.` of names, perhaps more, and a star at its end."""
    if not set(text) & set("*?[]!"):
        return
    layer, _, rest = text.removesuffix("*").partition(".")
    domain, dot, more = rest.partition(".")
    is_known = layer in {one.value for one in Layer} and domain in names.domains and dot == "."
    if not text.endswith("*") or not is_known or set(more) & set("*?[]!"):
        raise ConfigurationError(
            f"the scope {text!r} is no pattern that is taken: only a star at the end, after a layer and a domain, as "
            f"served.{min(names.domains, default='shop')}.*; otherwise {_KINDS}"
        )


def _near(text: str, names: Names) -> str:
    known = [*names.datasets, *names.domains, *names.connectors, *Alert]
    ends = {name.rpartition(".")[2]: name for name in names.datasets}
    close = difflib.get_close_matches(text, known, n=_NEAR, cutoff=0.6)
    close += [ends[end] for end in difflib.get_close_matches(text, ends, n=_NEAR, cutoff=0.6)]
    return f"write {' or '.join(dict.fromkeys(close))}" if close else f"name {_KINDS}"


def _covers(suppression: SuppressionEntry, names: Sequence[str], domain: str) -> bool:
    scope = suppression.scope
    return (domain != "" and scope == domain) or any(name and _is_named(name, scope) for name in names)


def _is_named(name: str, scope: str) -> bool:
    return name.startswith(scope[:-1]) if scope.endswith("*") else name == scope
