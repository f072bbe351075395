"""A chart as values: what the browser paints and what the table below it says are made of the same ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line, one row of bars, or one row of a heatmap; None where nothing is known.

    Attributes:
        tone: what its colour should say, where it has something to say.
    """

    name: str
    values: Sequence[float | None]
    tone: Literal["", "good", "bad", "unknown"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A level to hold the values against."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One picture.

    Attributes:
        label: what it shows, in words.
        along: what `x` is.
        x: places on the axis; of lines moments as ISO 8601.
    """

    kind: Literal["lines", "bars", "heat"]
    label: str
    along: str
    x: Sequence[str]
    series: Sequence[Series]
    unit: str = ""
    marks: Sequence[Mark] = ()

    @property
    def spec(self) -> str:
        """What `chart.js` reads."""
        return json.dumps(asdict(self), allow_nan=False)

    @property
    def height_rem(self) -> float:
        """How high it is painted; a heatmap by its rows."""
        return min(3.2 + 1.7 * len(self.series), 24) if self.kind == "heat" else 15

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to paint."""
        return not any(value is not None for series in self.series for value in series.values)
