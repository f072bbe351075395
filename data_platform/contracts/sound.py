"""The sound part of a project, for those who only watch and show: a fault of one file must not blind them to the rest.

A dataset or a domain's file that has a fault is read as it was when it was sound last, where that is known. Whoever
writes data reads the project with `domains.discover`, which refuses it whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data_platform.contracts.domain_files import AS_THEY_ARE, CONNECTORS_FILE, DOMAIN_FILE
from data_platform.contracts.domains import SQL_SUFFIX, Project, read_project
from data_platform.contracts.faulty_parts import OBJECTIVES, FaultyPart, parts_of
from data_platform.contracts.last_sound import LastSound
from data_platform.contracts.model import DatasetName, Layer
from data_platform.contracts.odcs import SUFFIX
from data_platform.contracts.parse_cache import ParseCache
from data_platform.errors import Fault

Signature = frozenset[tuple[str, int, int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundProject:
    """What can be worked with.

    Attributes:
        project: without what is faulty, or with what it was when it was sound last.
        faults: every fault of every file as it is now.
        instead: what is read in place of what faulty files hold now, by file.
    """

    project: Project
    faults: tuple[Fault, ...] = ()
    instead: Mapping[Path, bytes] = field(default_factory=lambda: AS_THEY_ARE)

    @property
    def parts(self) -> tuple[FaultyPart, ...]:
        """Whose files have faults."""
        return parts_of(self.faults)

    @property
    def files(self) -> tuple[str, ...]:
        """The faulty files, by name."""
        return tuple(sorted({fault.path for fault in self.faults}))


class SoundReader:
    """Reads the sound part of a project, and again whenever a file changed."""

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        cache: ParseCache,
        kept: LastSound,
        further: Callable[[Project], Iterable[Fault]] = lambda _project: (),
    ) -> None:
        """`further` finds faults that only the readers of queries, options and objectives can see."""
        self._paths = tuple(map(Path, paths))
        self._cache = cache
        self._kept = kept
        self._further = further
        self._signature: Signature = frozenset()
        self._known: SoundProject | None = None

    @property
    def known(self) -> SoundProject:
        """What was read last; read now if nothing was."""
        if self._known is None:
            self.look()
        assert self._known is not None
        return self._known

    def look(self) -> bool:
        """Reads the project if its files are not those that were read; whether anything is different now."""
        signature = signature_of(self._paths)
        if self._known is not None and signature == self._signature:
            return False
        before, self._known = self._known, self._read()
        self._signature = signature  # taken before the reading: what changes meanwhile is read at the next look
        return self._known != before

    def _read(self) -> SoundProject:
        project, faults = read_project(self._paths, cache=self._cache)
        faults = sorted({*faults, *self._further(project)})
        files = set(self._files_of(project, parts_of(faults)))
        instead = {Path(path): text.encode() for path, text in self._kept.texts().items() if path in files}
        self._kept.keep(project, faulty=files)
        if instead:
            project, _ = read_project(self._paths, cache=self._cache, instead=instead)
        return SoundProject(project=project, faults=tuple(faults), instead=instead)

    def _files_of(self, project: Project, parts: Iterable[FaultyPart]) -> Iterator[str]:
        """The files that are read as they were last: a dataset's contract and query belong together."""
        folders = {domain.name: domain.path for domain in project.domains}
        for part in parts:
            if part.dataset is not None:
                yield from self._pair_of(part.dataset)
            elif part.domain in folders:
                folder = folders[part.domain]
                files = (Path(file).absolute() for file in part.files)
                yield from (
                    str(folder / OBJECTIVES / file.name if file.parent.name == OBJECTIVES else folder / file.name)
                    for file in files
                )

    def _pair_of(self, name: DatasetName) -> Iterator[str]:
        for path in self._paths:
            place = path / name.domain / name.layer.value
            yield from (str(place / f"{name.name}{suffix}") for suffix in (SUFFIX, SQL_SUFFIX))


def signature_of(paths: Iterable[Path]) -> Signature:
    """What every file that a project is read from looks like from outside: when it was changed, and its size."""
    return frozenset(_seen(file) for path in paths for file in _files(path))


def _files(path: Path) -> Iterator[Path]:
    folders = [folder for folder in _listed(path) if folder.is_dir()]
    for folder in folders:
        yield from (folder / DOMAIN_FILE, folder / CONNECTORS_FILE)
        for inner in (*(layer.value for layer in Layer), OBJECTIVES):
            yield from _listed(folder / inner)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _seen(file: Path) -> tuple[str, int, int, int]:
    try:
        stat = file.stat()
    except OSError:
        return str(file), -1, -1, -1
    return str(file), stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size
