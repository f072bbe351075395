"""The delivery date that the name of a file carries, as the contract says where it stands."""

from __future__ import annotations

import re
from datetime import date
from pathlib import PurePosixPath

from data_platform.contracts.model import Contract


def delivery_date(contract: Contract, name: str) -> date | None:
    """The delivery date in a file's name; None where there is none."""
    if contract.delivery_date_pattern is None:
        return None
    found = re.search(contract.delivery_date_pattern, PurePosixPath(name).name)
    try:
        return date.fromisoformat(found.group("date")) if found else None
    except ValueError:
        return None
