"""How many rows a table has, by its changes: what a copy of it would hold after them."""

from __future__ import annotations

from dataclasses import dataclass

_STEPS = {"c": 1, "r": 1, "d": -1}


@dataclass(slots=True)
class LiveRows:
    """A running number.

    Attributes:
        rows: None where the changes were not followed from a copy, or a truncation, on.
    """

    rows: int | None = None

    def note(self, op: str) -> None:
        """Follows one change, by its Debezium operation."""
        if op == "t":
            self.rows = 0
        elif self.rows is not None:
            self.rows += _STEPS.get(op, 0)
