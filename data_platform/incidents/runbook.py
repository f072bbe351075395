"""Runbooks: what to do about each alert, as Markdown. A domain's own, in `runbooks/` of its folder, wins.

Lines of a `sh` block are commands. Those under `## Diagnose` and `## Verify` only look: they can be run by a machine.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data_platform.contracts.places import nearest
from data_platform.errors import ConfigurationError

SHIPPED = Path(__file__).parent / "runbooks"
SECTIONS = ("Symptom", "Impact", "Diagnose", "Mitigate", "Verify", "Escalate")
LOOKING = ("Diagnose", "Verify")
PROGRAM = "data-platform"
_PLACEHOLDER = re.compile(r"\b[A-Z][A-Z_]+\b|<[^>]+>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command of a runbook.

    Attributes:
        is_complete: whether it names everything; otherwise a person has to fill it in (DATASET, ID …).
    """

    section: str
    command: str

    @property
    def words(self) -> list[str]:
        """As a shell would split it."""
        return shlex.split(self.command)

    @property
    def is_complete(self) -> bool:
        """Whether nothing has to be filled in."""
        return _PLACEHOLDER.search(self.command) is None

    @property
    def is_safe(self) -> bool:
        """Whether a machine may run it: it only looks, and is a command of the platform."""
        return self.section in LOOKING and self.is_complete and self.words[:1] == [PROGRAM]


def runbook_of(alert: str, domain_folder: str = "") -> str:
    """The path of an alert's runbook."""
    if domain_folder and (own := Path(domain_folder) / f"{alert}.md").is_file():
        return str(own)
    return f"data_platform/incidents/runbooks/{alert}.md"


def names(folders: Iterable[Path] = ()) -> Iterator[tuple[str, Path]]:
    """Every runbook with its file: the platform's, then those of the folders."""
    for folder in (SHIPPED, *folders):
        yield from ((path.stem, path) for path in sorted(folder.glob("*.md")))


def read(name: str, folder: Path | None = None) -> str:
    """The text of a runbook, of a domain's folder where that has one.

    Raises:
        ConfigurationError: there is none of that name.
    """
    name = name.replace("-", "_")
    for place in (folder, SHIPPED):
        if place is not None and (path := place / f"{name}.md").is_file():
            return path.read_text(encoding="utf-8")
    raise ConfigurationError(f"there is no runbook {name!r}; {nearest(name, (known for known, _ in names()))}")


def steps(text: str) -> Iterator[Step]:
    """The commands of a runbook, in order."""
    section, is_code = "", False
    for line in text.splitlines():
        if line.startswith("```"):
            is_code = line.strip() == "```sh"
        elif is_code and line.strip() and not line.lstrip().startswith("#"):
            yield Step(section=section, command=line.strip())
        elif line.startswith("## "):
            section = line.removeprefix("## ").strip()
