"""From counts in windows to a standing: ratio, budget, burn rates, state. Nothing here reads or writes.

What is unknown is neither good nor bad; where more is unknown than known, nothing is said, unless even the best outcome
of the unknown would break the objective. A burn alarms where it is seen in a short and in a long window (SRE Workbook,
chapter 5, multiwindow multi-burn-rate alerts): the long one keeps a burst from alarming, the short one ends the alarm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from data_platform.metastore.objective_samples import Sums
from data_platform.metastore.objective_tables import ObjectiveState

BURN_WINDOWS: Mapping[str, timedelta] = {
    "5m": timedelta(minutes=5),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "3d": timedelta(days=3),
}
FAST, SLOW = "fast", "slow"
# short window, long window, the rate above which both must be, and what that is
PAIRS = (("5m", "1h", 14.4, FAST), ("30m", "6h", 6.0, FAST), ("6h", "3d", 2.0, SLOW))
ENDS_BELOW = 0.75  # of the rate that began it: a burn at the limit does not begin and end all the time
REFILLED = 0.05  # of the budget, before what was spent is spent no more
LEAST_KNOWN = 0.5  # share of the evidence that must be known
LEAST_BAD = 2.0  # events in the long window: one failure alone is no rate
_EPSILON = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was counted: in the objective's window, and in each burn window (good, bad, unknown).

    Attributes:
        are_seconds: of a state that lasts. A window that was watched for a part only is then held against its whole
            length: a minute of failure in the first five of a watch is no hour of it.
    """

    window: Sums
    recent: Mapping[str, Sums]
    are_seconds: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an objective stands; see `metastore.objectives`."""

    state: ObjectiveState
    ratio: float | None
    budget_left: float | None
    burn: Mapping[str, float | None]
    burning: str


def judge(counts: Counts, target: float, *, before: ObjectiveState | None, was_burning: str) -> Standing:
    """The standing now, given the one before."""
    good, bad, unknown = counts.window
    known = good + bad
    burn = {name: burn_rate(counts.recent.get(name, (0, 0, 0)), target) for name in BURN_WINDOWS}
    burning = _burning(counts, burn, target, was_burning)
    if known <= 0:
        return Standing(state=ObjectiveState.UNKNOWN, ratio=None, budget_left=None, burn=burn, burning="")
    left = 1 - bad / (known * (1 - target))
    if before is ObjectiveState.SPENT:
        is_spent = left < REFILLED
    else:
        is_spent = left <= _EPSILON
    is_sure = bad >= (known + unknown) * (1 - target) - _EPSILON  # even if all that is unknown were good
    if is_spent and (is_sure or _is_known(counts)):
        state = ObjectiveState.SPENT
    elif not _is_known(counts):
        state = ObjectiveState.UNKNOWN
    else:
        state = ObjectiveState.BURNING if burning else ObjectiveState.MET
    return Standing(state=state, ratio=good / known, budget_left=left, burn=burn, burning=burning)


def burn_rate(sums: Sums, target: float) -> float | None:
    """How many times faster than the target allows events are bad; None where nothing is known."""
    good, bad, _ = sums
    known = good + bad
    return round(bad / known / (1 - target), 6) if known > 0 else None


def _is_known(counts: Counts) -> bool:
    good, bad, unknown = counts.window
    hour = counts.recent.get("1h", (0, 0, 0))
    is_blind = hour[2] > 0 and hour[0] + hour[1] <= 0  # a source that fell silent is not kept up by its past
    return (good + bad) >= (good + bad + unknown) * LEAST_KNOWN and not is_blind


def _burning(counts: Counts, burn: Mapping[str, float | None], target: float, was_burning: str) -> str:
    order = (FAST, SLOW)
    for kind in order:
        # what burns already goes on until it is clearly slower; a worse kind begins at its full rate
        has_begun = was_burning != "" and order.index(was_burning) <= order.index(kind)
        for short, long, rate, pair_kind in PAIRS:
            limit = rate * ENDS_BELOW if has_begun else rate
            if pair_kind == kind and _above(burn[short], limit) and _above(burn[long], limit):
                bad = counts.recent.get(long, (0.0, 0.0, 0.0))[1]
                least = limit * (1 - target) * BURN_WINDOWS[long].total_seconds() if counts.are_seconds else LEAST_BAD
                if bad >= least - _EPSILON:
                    return kind
    return ""


def _above(rate: float | None, limit: float) -> bool:
    return rate is not None and rate > limit
