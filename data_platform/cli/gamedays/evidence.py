"""The record of a game day: what was done, what was seen, when, and whether it was what should be seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from data_platform.clock import Clock
from data_platform.wiring.machine import code_version


class Stage(StrEnum):
    """Where in the course of a failure something was seen."""

    BEFORE = "before"
    INJECTED = "injected"
    PROTECTED = "protected"  # consumers still read the last good version
    DETECTED = "detected"
    ROUTED = "routed"
    MITIGATED = "mitigated"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the record. `is_met` is None where nothing was expected, as of an injection."""

    at: datetime
    stage: Stage
    what: str
    is_met: bool | None
    facts: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Evidence:
    """A record under way."""

    name: str
    title: str
    clock: Clock
    entries: list[Entry] = field(default_factory=list)

    def note(self, stage: Stage, what: str, **facts: Any) -> None:
        """Puts on record what was done."""
        self.entries.append(Entry(at=self.clock.now(), stage=stage, what=what, is_met=None, facts=facts))

    def expect(self, stage: Stage, what: str, is_met: bool, **facts: Any) -> None:
        """Puts on record whether what should be seen was seen."""
        self.entries.append(Entry(at=self.clock.now(), stage=stage, what=what, is_met=is_met, facts=facts))

    @property
    def is_met(self) -> bool:
        """Whether something was expected, and all of it was seen."""
        judged = [entry.is_met for entry in self.entries if entry.is_met is not None]
        return bool(judged) and all(judged)

    def write(self, folder: Path) -> Path:
        """Writes `<date>-<name>.json`, with a digest of its own content, and the same for people as `.md`."""
        folder.mkdir(parents=True, exist_ok=True)
        body = {
            "gameday": self.name,
            "title": self.title,
            "is_met": self.is_met,
            "platform": code_version(),
            "entries": [{**asdict(entry), "at": entry.at.isoformat()} for entry in self.entries],
        }
        text = json.dumps(body, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()
        path = folder / f"{self.entries[0].at:%Y-%m-%dT%H%M%SZ}-{self.name}.json"
        path.write_text(json.dumps({**body, "sha256": digest}, indent=2, default=str) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(_page(self, digest), encoding="utf-8")
        return path


def _page(evidence: Evidence, digest: str) -> str:
    verdict = "met" if evidence.is_met else "NOT met"
    lines = [f"# {evidence.name}: {evidence.title}", "", f"Everything expected was {verdict}. sha256 `{digest}`", ""]
    return "\n".join([*lines, *_table(evidence.entries)]) + "\n"


def _table(entries: Sequence[Entry]) -> list[str]:
    marks = {None: "", True: "yes", False: "**no**"}
    head = ["| time (UTC) | stage | what | seen | facts |", "|---|---|---|---|---|"]
    return head + [
        f"| {entry.at:%H:%M:%S} | {entry.stage} | {entry.what} | {marks[entry.is_met]} | {_facts(entry.facts)} |"
        for entry in entries
    ]


def _facts(facts: dict[str, Any]) -> str:
    return "; ".join(f"{name} {value}" for name, value in facts.items()).replace("|", "\\|").replace("\n", " ")
