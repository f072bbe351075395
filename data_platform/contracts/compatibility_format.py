"""How bytes are read, before and after: it concerns deliveries, and readers only where values come out otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from data_platform.contracts.compatibility_verdicts import BREAKING, COMPATIBLE, RISKY, Change, Effect
from data_platform.contracts.model import Contract, FileFormat

_ASCII = frozenset({"ascii", "us-ascii"})
_READ_ALIKE = Effect(COMPATIBLE, COMPATIBLE, "deliveries are read as before")
_REFUSED = Effect(COMPATIBLE, BREAKING, "deliveries of before are no longer read, or are read otherwise")


def format_changes(base: Contract, head: Contract) -> Iterator[Change]:
    """One change for each key of `platform.format` that differs; of two kinds only the kind is told."""
    was, now = base.format, head.format
    if was is None or now is None or was == now:
        return
    names = ["kind"] if was.kind is not now.kind else [field.name for field in fields(FileFormat)]
    for name in names:
        before, after = getattr(was, name), getattr(now, name)
        if before != after:
            effect = _effect(name, before, after)
            yield Change(
                kind="format_changed",
                subject=name,
                before=repr(before) if isinstance(before, str) and name != "kind" else str(before),
                after=repr(after) if isinstance(after, str) and name != "kind" else str(after),
                readers=effect.readers,
                writers=effect.writers,
                reason=effect.reason,
            )


def _effect(name: str, before: object, after: object) -> Effect:
    if name.startswith("max_"):
        return _limit(before, after)
    match name:
        case "encoding":
            return _encoding(str(before), str(after))
        case "null_marker":
            return Effect(RISKY, BREAKING, "what was NULL is text or a fault now, or the other way round")
        case "comment":
            return _comment(before)
        case "skip_blank_lines":
            return _READ_ALIKE if after else Effect(COMPATIBLE, BREAKING, "blank lines are rejected records now")
        case "coerce":
            return _READ_ALIKE if after else Effect(COMPATIBLE, BREAKING, "values of another JSON type are rejected")
        case _:
            return _REFUSED


def _limit(before: object, after: object) -> Effect:
    if isinstance(before, int) and isinstance(after, int) and after > before:
        return _READ_ALIKE
    return Effect(COMPATIBLE, RISKY, "deliveries above the lower limit are rejected")


def _encoding(before: str, after: str) -> Effect:
    was, now = before.lower().replace("_", "-"), after.lower().replace("_", "-")
    if was == now or was in _ASCII:
        return _READ_ALIKE  # every encoding that text files use holds ASCII as it is, but for UTF-16 and UTF-32
    return Effect(RISKY, BREAKING, "the same bytes are other characters")


def _comment(before: object) -> Effect:
    if before is None:
        return Effect(COMPATIBLE, RISKY, "records that begin with the character are no longer read")
    return Effect(COMPATIBLE, BREAKING, "lines that were comments are records now")
