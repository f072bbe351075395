"""The evidence of a symptom in words: spans and moments as people read them. Finding it is the rules'."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from data_platform.observability.words import budget_left, duration, first_line

_SECONDS = "_seconds"
_NOTHING: tuple[object, ...] = (None, "", [], {})
_MOST_CHARACTERS = 300  # of one value


def facts(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is known, by name; what says nothing is left out."""
    return [_fact(name, value) for name, value in sorted(evidence.items()) if value not in _NOTHING]


def _fact(name: str, value: Any) -> tuple[str, str]:
    if name.endswith(_SECONDS) and isinstance(value, (int, float)):
        return name.removesuffix(_SECONDS).replace("_", " "), duration(float(value))
    if name == "budget_left" and isinstance(value, (int, float)):
        return "budget left", budget_left(float(value))
    return name.replace("_", " "), _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        value = _moment(value)
    elif isinstance(value, float):
        value = f"{value:,.6g}"
    elif isinstance(value, Mapping):
        value = ", ".join(f"{name} {inner}" for name, inner in value.items())
    elif isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    elif isinstance(value, bool):
        value = "yes" if value else "no"
    return first_line(str(value), most=_MOST_CHARACTERS)


def _moment(text: str) -> str:
    """A moment of ISO 8601 as other moments are shown; any other text as it is."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if at.tzinfo is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
