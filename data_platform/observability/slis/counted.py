"""Things that happen: how many were good, bad or unknown since the last measurement, and the share of the good ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.slis.moment import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What happened to one subject. Unknown things are no part of the share."""

    good: float
    bad: float
    unknown: float = 0
    provenance: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


def good_share(moment: Moment, sli: str, *, subject: str, counted: Counted) -> SliValueEntry:
    """The value: good of good and bad, from 0 to 1; None where there was neither."""
    judged = counted.good + counted.bad
    return SliValueEntry(
        sli=sli,
        subject=subject,
        measured_at=moment.now,
        value=counted.good / judged if judged else None,
        good=float(counted.good),
        bad=float(counted.bad),
        unknown=float(counted.unknown),
        provenance=counted.provenance,
        evidence=dict(counted.evidence),
    )
