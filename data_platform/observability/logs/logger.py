"""Loggers that take facts beside a sentence: `log.warning("a source is in trouble", source="orders")`.

They are the standard library's underneath, so that lines of libraries and of the platform go the same way. `error` is
for what nobody expected: whatever the platform raises on purpose is at most a warning.
"""

from __future__ import annotations

import logging
from typing import Any

import structlog
from structlog.stdlib import BoundLogger, filter_by_level
from structlog.typing import EventDict, WrappedLogger

RUNS = "data_platform.runs"  # what runs did, for files alone: people are told of it by commands and pages


def get_logger(name: str) -> BoundLogger:
    """The logger of a module."""
    logger: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name), processors=[filter_by_level, _as_record], wrapper_class=BoundLogger
    )
    return logger


def _as_record(_logger: WrappedLogger, _method: str, facts: EventDict) -> dict[str, Any]:
    """The standard library's arguments: the sentence with its facts for people, both apart for files."""
    event, error = str(facts.pop("event")), facts.pop("exc_info", None)
    told = ", ".join(f"{name}={value}" for name, value in facts.items())
    text = f"{event} ({told})" if told else event
    return {"msg": text, "exc_info": error, "extra": {"event": event, "facts": dict(facts)}}
