"""One record as one line: what it says, what it is about, and nothing that must not leave the process.

Secrets are masked by the name of what holds them and by their value; values of data do not get in, because neither the
text of foreign errors nor local variables are written. The line's schema is `line.schema.json`.
"""

from __future__ import annotations

import logging
import os
import re
import traceback
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from data_platform.errors import PlatformError
from data_platform.observability.logs.about import under_way

MASK = "•••"
_MOST_CHARACTERS = 2_000  # of one text
_MOST_FRAMES = 30
_LEAST_SECRET = 6  # shorter values would mask words that are no secrets
_SENSITIVE = r"pass(?:word|wd|phrase)?|secret\w*|token|api[_-]?key|access[_-]?key\w*|authorization|credential|cookie"
_SECRET_KEY = re.compile(rf"(?i).*(?:{_SENSITIVE})")
_ASSIGNED = re.compile(rf"(?i)\b(\w*(?:{_SENSITIVE}))([\"']?\s*[=:]\s*[\"']?)(?:(?:bearer|basic)\s+)?[^\s,;&\"']+")
_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@]+@")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineWriter:
    """Composes lines.

    Attributes:
        code_version: of the platform, on every line.
        secrets: values that no line may hold, wherever they turn up.
    """

    code_version: str
    secrets: Collection[str] = ()
    _hidden: re.Pattern[str] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        values = sorted({one for one in self.secrets if len(one) >= _LEAST_SECRET}, key=len, reverse=True)
        if values:
            object.__setattr__(self, "_hidden", re.compile("|".join(map(re.escape, values))))

    @staticmethod
    def encode(fields: Mapping[str, Any]) -> bytes:
        """A line's keys as JSON with a newline at its end."""
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """The line's keys; those that nothing is known for are left out."""
        event = getattr(record, "event", None)
        facts: Mapping[str, Any] = getattr(record, "facts", {})
        found: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "event": self._plain(event if isinstance(event, str) else record.getMessage()),
            **under_way(),
            "code_version": self.code_version,
            "logger": record.name,
            "process": os.getpid(),
        }
        if facts:
            found["facts"] = {str(name): self._fact(str(name), value) for name, value in facts.items()}
        if record.exc_info and record.exc_info[1] is not None:
            found["exception"] = self._exception(record.exc_info[1])
        return found

    def _fact(self, name: str, value: Any) -> Any:
        if _SECRET_KEY.match(name):
            return MASK
        if value is None or isinstance(value, bool | int | float):
            return value if not isinstance(value, int) or abs(value) < 1 << 63 else str(value)
        return self._plain(str(value))

    def _plain(self, text: str) -> str:
        text = text.encode("utf-8", "backslashreplace").decode()
        if self._hidden is not None:
            text = self._hidden.sub(MASK, text)
        text = _IN_ADDRESS.sub(f"{MASK}@", _ASSIGNED.sub(rf"\1\2{MASK}", _BEARER.sub(rf"\1 {MASK}", text)))
        return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "…"

    def _exception(self, error: BaseException) -> dict[str, Any]:
        """Its kind and where it was raised. What it says only where the platform says it: others quote data."""
        frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
        told = self._plain(str(error).splitlines()[0]) if isinstance(error, PlatformError) and str(error) else ""
        return {
            "type": type(error).__name__,
            **({"message": told} if told else {}),
            "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
        }
