"""Whether a column's numbers are still as large as they were: a source that changes its unit changes all of them alike.

Of a batch only the quartiles of the logarithm of its values are looked at, of those before it only the medians. A
column that jumps about is given as much room as it takes; one that stands still shows even a mile for a kilometre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, log1p, sqrt

MEMORY = 16  # batches that are remembered of each column
LEARNED = 8  # of them are needed before a batch is judged
ENOUGH = 30  # values, for a batch to be judged or learned from
_JUMP = log(5)  # what no unit explains is told from here on
_NEAR = 0.05  # how far, in logarithms, a jump may lie from a unit's ratio
_MEDIAN_ERROR = 1.2533 / 1.349  # standard error of a median by the distance of the quartiles, times sqrt(n)
# The likely first: thousands, percents, seconds to days, dozens, binary; mile, inch, foot, pound, ounce, gallon, m/s.
_RATIOS = (
    1e3, 100.0, 60.0, 3600.0, 10.0, 1e6, 1e9, 24.0, 86_400.0, 8.64e7, 1440.0, 12.0, 1e4, 1024.0, 1_048_576.0,
    1.609344, 2.54, 25.4, 3.28084, 39.3701, 2.204623, 453.592, 28.3495, 3.785412, 4.54609, 3.6,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the values of one column of one batch are.

    Attributes:
        values: how many were looked at: those that are neither missing nor 0.
        low, middle, high: quartiles of the natural logarithm of their size.
        step: by how much, in logarithms, the middle moves where one value in the middle is the next whole number.
    """

    values: int
    low: float
    middle: float
    high: float
    step: float = 0.0

    @classmethod
    def of(cls, values: int, quartiles: Sequence[float], *, is_whole: bool) -> Scale:
        """The scale of a column; `is_whole` where it can hold whole numbers only."""
        low, middle, high = quartiles
        return cls(values, low, middle, high, log1p(exp(-middle)) if is_whole else 0.0)

    @property
    def error(self) -> float:
        """Standard error of the middle."""
        return _MEDIAN_ERROR * (self.high - self.low) / sqrt(self.values)


@dataclass(frozen=True, slots=True)
class Jump:
    """A column whose values are not as large as they were.

    Attributes:
        factor: how many times as large they are.
        unit: the ratio of units that this may be; None where it is near to none.
        batches: with how many batches it was compared.
    """

    column: str
    factor: float
    unit: float | None
    batches: int

    def __str__(self) -> str:
        ratio = f", which may be another unit (ratio {self.unit:g})" if self.unit else ""
        size, side = (self.factor, "large") if self.factor >= 1 else (1 / self.factor, "small")
        return f"{self.column}: {size:,.3g} times as {side} as in the {self.batches} batches before{ratio}"


def judge_scale(column: str, before: Sequence[float], now: Scale) -> Jump | None:
    """The jump of a column's values, if there is one; `before` holds the medians of the batches that were learned."""
    distance = now.middle - sorted(before)[len(before) // 2]
    room = max(before) - min(before) + 6 * now.error + now.step
    least, most = sorted(abs(now.middle - end) for end in (min(before), max(before)))
    near = _NEAR + 3 * now.error
    unit = next((ratio for ratio in _RATIOS if least - near <= log(ratio) <= most + near), None)
    if abs(distance) > max(_JUMP, 2 * room) or (unit is not None and abs(distance) > max(log(1.5), 3 * room)):
        return Jump(column, exp(distance), unit, len(before))
    return None


def is_learned(before: Sequence[float], now: Scale) -> bool:
    """Whether enough is known to judge a batch."""
    return now.values >= ENOUGH and len(before) >= LEARNED


def learned(before: Sequence[float], now: Scale) -> tuple[float, ...]:
    """The medians with the one of a batch that did not jump; what jumped is not learned from, so it goes on failing."""
    return tuple([*before, round(now.middle, 4)][-MEMORY:]) if now.values >= ENOUGH else tuple(before)
