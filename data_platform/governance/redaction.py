"""What may be shown of a dataset's values in previews, check samples, errors and pages: only public columns.

This is the floor that holds wherever no policy has spoken. Masks by role, tokens and row filters are not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from data_platform.contracts.model import Column, Contract

if TYPE_CHECKING:
    import pandas as pd

Row: TypeAlias = Mapping[str, object]

MASK = "•••"

# What the platform itself adds and nobody's data is in. `_extra` holds unknown fields of the source and is not here.
PLATFORM_COLUMNS = frozenset({"_batch_id", "_record_no", "_ingested_at", "_late", "_event_date"})


def redact_value(column: Column, value: object) -> object:
    """The value of a public column; of any other one fixed mask.

    The mask is the same for every value, NULL included: neither length, beginning nor presence of a value shows.
    """
    return MASK if column.is_sensitive else value


def redact_row(contract: Contract, row: Row) -> Row:
    """The row with every value masked that the contract does not call public, columns it does not name included."""
    shown = _shown_columns(contract)
    return {name: value if name in shown else MASK for name, value in row.items()}


def redact_frame(contract: Contract, frame: pd.DataFrame) -> pd.DataFrame:
    """A copy of the frame in which the columns that may not be shown hold the mask only."""
    shown = _shown_columns(contract)
    redacted = frame.copy()
    for name in frame.columns:
        if name not in shown:
            redacted[name] = [MASK] * len(frame)
    return redacted


def redactor(contract: Contract) -> Callable[[Row], Row]:
    """`redact_row` for one contract, as samples and previews take it."""
    return lambda row: redact_row(contract, row)


def _shown_columns(contract: Contract) -> frozenset[str]:
    return PLATFORM_COLUMNS | {column.name for column in contract.columns if not column.is_sensitive}
