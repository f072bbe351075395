"""What people asked not to be told about. Loss of data and breaches are told whatever they asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from data_platform.errors import ConfigurationError
from data_platform.incidents.causes import Cause
from data_platform.incidents.model import NEVER_SUPPRESSED, Symptom
from data_platform.metastore.suppressions import SuppressionEntry

LONGEST = timedelta(days=14)


def covers_symptom(suppressions: Sequence[SuppressionEntry], symptom: Symptom, *, domain: str) -> bool:
    """Whether one of them names what a symptom is about."""
    names = (symptom.subject, symptom.dataset)
    return symptom.alert not in NEVER_SUPPRESSED and any(_covers(one, names, domain) for one in suppressions)


def covers_cause(suppressions: Sequence[SuppressionEntry], cause: Cause) -> bool:
    """Whether one of them names a cause: then it covers what follows from it, too."""
    return any(_covers(one, (cause.key, cause.dataset), cause.domain) for one in suppressions)


def suppression(
    *, ticket: str, scope: str, starts_at: datetime, lasts: timedelta, who: str, reason: str = ""
) -> SuppressionEntry:
    """A suppression as it may be declared.

    Raises:
        ConfigurationError: it has no ticket, no scope, covers everything, or has no near end.
    """
    if not ticket.strip():
        raise ConfigurationError("a suppression needs the ticket of the planned work: --ticket SHOP-412")
    if not scope.strip() or not scope.strip("*?.[]!"):
        raise ConfigurationError("a suppression needs a scope: a dataset, a domain, or a pattern as served.shop.*")
    if not timedelta(0) < lasts <= LONGEST:
        raise ConfigurationError(f"a suppression lasts at most {LONGEST.days} days; declare it again if need be")
    return SuppressionEntry(
        ticket=ticket.strip(),
        scope=scope.strip(),
        starts_at=starts_at,
        expires_at=starts_at + lasts,
        who=who,
        reason=reason,
    )


def _covers(suppression: SuppressionEntry, names: Sequence[str], domain: str) -> bool:
    scope = suppression.scope
    return (domain != "" and scope == domain) or any(name and fnmatchcase(name, scope) for name in names)
