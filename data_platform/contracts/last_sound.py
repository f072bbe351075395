"""The text that each file of a project had when it was sound last, so that a fault does not take away what is known.

One JSON file in the home; it may be deleted at any time and is never trusted to be whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from data_platform.contracts.domain_files import CONNECTORS_FILE, DOMAIN_FILE
from data_platform.contracts.domains import Project
from data_platform.contracts.faulty_parts import OBJECTIVES
from data_platform.contracts.places import content_of


class LastSound:
    """The kept texts of one project."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._texts: dict[str, str] | None = None

    def texts(self) -> Mapping[str, str]:
        """The kept texts, by the path of their file."""
        if self._texts is None:
            self._texts = _load(self._file)
        return self._texts

    def keep(self, project: Project, *, faulty: Collection[str]) -> None:
        """Keeps the texts of a project's files.

        Args:
            project: as it was read.
            faulty: paths of files of which the text kept before stays.
        """
        before = self.texts()
        kept = {path: text for path, text in before.items() if path in faulty}
        now = kept | {path: text for path, text in _texts_of(project, before) if path not in faulty}
        if now == before:
            return
        self._texts = now
        aside = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        with contextlib.suppress(OSError):  # what cannot be written is still known while this process lives
            self._file.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(now), encoding="utf-8")
            aside.replace(self._file)


def _texts_of(project: Project, before: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for dataset in project.datasets.values():
        path = dataset.contract.path
        text = _text(Path(path), before.get(path), dataset.contract.sha256)
        if text is None:
            continue  # it changed after it was read: the next reading keeps it
        yield path, text
        if dataset.sql_path is not None and dataset.sql_text is not None:
            yield str(dataset.sql_path), dataset.sql_text
    for domain in project.domains:
        for file in (domain.path / DOMAIN_FILE, domain.path / CONNECTORS_FILE, *(domain.path / OBJECTIVES).glob("*")):
            with contextlib.suppress(OSError, UnicodeDecodeError):
                yield str(file), content_of(file).decode()


def _text(path: Path, before: str | None, sha256: str) -> str | None:
    """The text of which `sha256` is the digest."""
    if before is not None and hashlib.sha256(before.encode()).hexdigest() == sha256:
        return before
    try:
        content = path.read_bytes()
        return content.decode() if hashlib.sha256(content).hexdigest() == sha256 else None
    except (OSError, UnicodeDecodeError):
        return None


def _load(file: Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(path): str(text) for path, text in found.items()} if isinstance(found, dict) else {}
