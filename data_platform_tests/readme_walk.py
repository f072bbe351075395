"""Reads the README's walk: files to write, files to append to and commands to run, in the order of the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Step:
    """One fenced block. `kind` is `file`, `append` or `run`; `target` is a path relative to the project."""

    kind: str
    target: str
    body: str


def steps(readme: Path, *, section: str) -> Iterator[Step]:
    """The steps of one section of the README."""
    text = readme.read_text(encoding="utf-8")
    body = text.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    for block in _FENCE.finditer(body):
        info = block["info"]
        placed = re.search(r"(file|append)=(\S+)", info)
        if placed:
            yield Step(placed[1], placed[2], block["body"])
        elif info.strip() == "bash":
            yield Step("run", "", block["body"])
