"""Event time, lateness and service levels of two contracts against each other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from data_platform.contracts.compatibility_values import bound_effect
from data_platform.contracts.compatibility_verdicts import (
    BREAKING,
    COMPATIBLE,
    NO_EFFECT,
    RISKY,
    Change,
    Effect,
)
from data_platform.contracts.model import Contract

Difference = tuple[str, object, object, Effect | None]


def time_changes(base: Contract, head: Contract) -> Iterator[Change]:
    """Changes of when rows count, how long they may be late, and what is promised."""
    was, now = base.event_time_range, head.event_time_range
    differences: list[Difference] = [
        ("watermark_changed", base.watermark, head.watermark, _watermark(base, head)),
        ("allowed_lateness_changed", base.allowed_lateness, head.allowed_lateness, _lateness(base, head)),
        ("not_before_changed", was.not_before, now.not_before, _edge(was.not_before, now.not_before, is_lower=True)),
        ("max_ahead_changed", was.max_ahead, now.max_ahead, _edge(was.max_ahead, now.max_ahead, is_lower=False)),
        *_service_level(base, head),
    ]
    for kind, before, after, effect in differences:
        if effect is not None:
            yield Change(
                kind=kind,
                subject="",
                before="" if before is None else str(before),
                after="" if after is None else str(after),
                readers=effect.readers,
                writers=effect.writers,
                reason=effect.reason,
            )


def _watermark(base: Contract, head: Contract) -> Effect | None:
    if base.watermark == head.watermark:
        return None
    if base.watermark is None:
        return Effect(RISKY, RISKY, "rows move from the day of their receipt to that of their event time")
    if head.watermark is None:
        return Effect(BREAKING, COMPATIBLE, "rows move to the day of their receipt, and freshness cannot be told")
    return Effect(BREAKING, RISKY, "every row's day, lateness and freshness go by another column")


def _lateness(base: Contract, head: Contract) -> Effect | None:
    if base.allowed_lateness == head.allowed_lateness:
        return None
    if head.allowed_lateness > base.allowed_lateness:
        return Effect(RISKY, COMPATIBLE, "a day is complete later, and changes for longer")
    return Effect(RISKY, BREAKING, "rows that were in time are held back as late")


def _edge(was: Any, now: Any, *, is_lower: bool) -> Effect | None:
    return bound_effect(was, now, is_lower=is_lower)


def _service_level(base: Contract, head: Contract) -> Iterator[Difference]:
    was, now = base.service_level, head.service_level
    for name, before, after in (
        ("latency", was.latency, now.latency),
        ("frequency", was.frequency, now.frequency),
    ):
        yield f"{name}_changed", before, after, _promised_length(before, after, name)
    yield "retention_changed", was.retention, now.retention, _retention(was.retention, now.retention)
    percents = (was.availability_percent, now.availability_percent)
    if percents[0] != percents[1]:
        is_weaker = percents[1] is None or (percents[0] is not None and percents[1] < percents[0])
        weaker = Effect(RISKY, COMPATIBLE, "less availability is promised")
        yield "availability_changed", *percents, weaker if is_weaker else NO_EFFECT


def _promised_length(was: timedelta | None, now: timedelta | None, name: str) -> Effect | None:
    if was == now:
        return None
    if now is None or (was is not None and now > was):
        return Effect(RISKY, COMPATIBLE, f"a weaker {name} is promised: data may come later")
    return Effect(COMPATIBLE, RISKY, f"a stronger {name} is promised: sources and runs have to keep up")


def _retention(was: timedelta | None, now: timedelta | None) -> Effect | None:
    if was == now:
        return None
    if now is None or (was is not None and now > was):
        return Effect(COMPATIBLE, COMPATIBLE, "rows are kept longer")
    return Effect(BREAKING, COMPATIBLE, "older rows are removed")
