"""The files of a project's domains at one time: a folder, one file, or a git reference. Contracts are read when they
are asked for, so that a comparison of large projects reads only what differs and what is downstream of it.
"""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from data_platform.contracts.model import Contract, DatasetName, Layer
from data_platform.contracts.odcs import SUFFIX, ReadResult, read_contract_text
from data_platform.contracts.yaml_lines import parse_yaml
from data_platform.errors import ConfigurationError

_TABLE = re.compile(r"\b(?:raw|curated|served)\.[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_WANTED = (".yaml", ".yml", ".sql")
_LAYERS = frozenset(layer.value for layer in Layer)


@dataclass(frozen=True)
class Tree:
    """Files of domains by `<domain>/<layer>/<file>` or `<domain>/<file>`.

    Attributes:
        label: what the user typed.
        shown: the folder or path under which faults show a domain's files.
    """

    label: str
    files: Mapping[str, bytes]
    shown: Mapping[str, Path]
    _read: dict[DatasetName, ReadResult] = field(default_factory=dict, init=False)

    @cached_property
    def names(self) -> frozenset[DatasetName]:
        """Every dataset that has a contract file."""
        return frozenset(_name_of(path) for path in self.files if path.endswith(SUFFIX))

    def content(self, name: DatasetName) -> bytes:
        """The bytes of a contract."""
        return self.files[_path_of(name)]

    def read(self, name: DatasetName) -> ReadResult:
        """A contract, or its faults."""
        if name not in self._read:
            self._read[name] = read_contract_text(self.content(name), self.path(_path_of(name)))
        return self._read[name]

    def contract(self, name: DatasetName) -> Contract | None:
        """A contract without faults; None where there is none."""
        return self.read(name).contract if name in self.names else None

    def sql(self, name: DatasetName) -> str | None:
        """The query of a dataset, where it has one that is UTF-8 text."""
        content = self.files.get(_path_of(name).removesuffix(SUFFIX) + ".sql")
        return None if content is None else content.decode("utf-8", errors="replace")

    def path(self, inner: str) -> Path:
        """Where a file is shown to stand."""
        domain, _, rest = inner.partition("/")
        return self.shown.get(domain, Path(domain)) / rest

    @cached_property
    def inputs(self) -> Mapping[DatasetName, frozenset[DatasetName]]:
        """The datasets whose names stand in each query; a superset of those that it reads."""
        found = {}
        for name in self.names:
            text = (self.sql(name) or "").replace('"', "").lower()
            named = {DatasetName.parse(table) for table in _TABLE.findall(text)}
            found[name] = frozenset(named & self.names - {name})
        return found

    @cached_property
    def consumers(self) -> Mapping[DatasetName, tuple[DatasetName, ...]]:
        """The datasets that read each dataset, in order of name."""
        found: dict[DatasetName, list[DatasetName]] = {}
        for name in sorted(self.inputs):
            for read in self.inputs[name]:
                found.setdefault(read, []).append(name)
        return {name: tuple(readers) for name, readers in found.items()}


def tree_of(text: str, *, folders: Sequence[Path]) -> Tree:
    """The tree that somebody typed: an existing folder, an existing contract file, or else a git reference.

    Args:
        text: as typed.
        folders: the project's folders of domains, which a git reference is asked for.

    Raises:
        ConfigurationError: it is none of these, or there is no git.
    """
    path = Path(text)
    if path.is_file():
        return _of_file(text, path)
    if path.is_dir():
        return tree_of_folders([path], label=text)
    return _of_reference(text, folders)


def tree_of_folders(folders: Sequence[Path], *, label: str = "working tree") -> Tree:
    """The domains as they stand in folders: of domains, of a project, or of one domain."""
    files: dict[str, bytes] = {}
    shown: dict[str, Path] = {}
    for folder in folders:
        for domain in _domains(folder):
            shown.setdefault(domain.name, domain)
            for path in sorted([*domain.glob("*"), *domain.glob("*/*")]):
                if path.is_file() and path.suffix in _WANTED:
                    files.setdefault(f"{domain.name}/{path.relative_to(domain).as_posix()}", path.read_bytes())
    return Tree(label, _relevant(files), shown)


def _domains(folder: Path) -> list[Path]:
    folder = folder.resolve()
    if (folder / "domain.yaml").is_file() or any((folder / layer).is_dir() for layer in _LAYERS):
        return [folder]
    inner = folder / "domains" if (folder / "domains").is_dir() else folder
    return sorted(path for path in inner.iterdir() if path.is_dir())


def _of_file(label: str, path: Path) -> Tree:
    """One contract: its place says its name, or else `domain`, the schema's name and `platform.format` do."""
    content = path.read_bytes()
    resolved = path.resolve()
    layer, domain, stem = resolved.parent.name, resolved.parent.parent.name, path.name.removesuffix(SUFFIX)
    if layer not in _LAYERS:
        layer, domain, stem = _said(content, stem)
        return Tree(label, {f"{domain}/{layer}/{stem}{SUFFIX}": content}, {})
    inner = f"{domain}/{layer}/{stem}"
    sql = resolved.with_name(f"{stem}.sql")
    files = {f"{inner}{SUFFIX}": content, **({f"{inner}.sql": sql.read_bytes()} if sql.is_file() else {})}
    return Tree(label, files, {domain: resolved.parent.parent})


def _said(content: bytes, stem: str) -> tuple[str, str, str]:
    data = parse_yaml(content).data
    data = data if isinstance(data, dict) else {}
    custom = {
        entry.get("property"): entry.get("value")
        for entry in [*(data.get("customProperties") or []), *_objects(data, "customProperties")]
        if isinstance(entry, dict)
    }
    names = [entry.get("name") for entry in (data.get("schema") or []) if isinstance(entry, dict)]
    identity = str(data.get("id") or "").split(".")
    if "platform.format" in custom:
        layer = Layer.RAW.value
    else:
        layer = identity[0] if identity[0] in _LAYERS else Layer.CURATED.value
    return layer, str(data.get("domain") or "domain"), str(names[0] if names and names[0] else stem)


def _objects(data: dict[str, object], key: str) -> list[object]:
    schema = data.get("schema")
    found: list[object] = []
    for entry in schema if isinstance(schema, list) else []:
        inner = entry.get(key) if isinstance(entry, dict) else None
        found += inner if isinstance(inner, list) else []
    return found


def _of_reference(text: str, folders: Sequence[Path]) -> Tree:
    top = Path(_git(Path.cwd(), "rev-parse", "--show-toplevel").decode().strip())
    try:
        spoken = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}")
    except ConfigurationError as error:
        message = f"{text!r} is no folder, no contract file and no git reference; fetch it, or mend the name"
        raise ConfigurationError(message) from error
    commit = spoken.decode().strip()
    files: dict[str, bytes] = {}
    shown: dict[str, Path] = {}
    for folder in folders:
        absolute = folder.resolve()
        if not absolute.is_relative_to(top.resolve()):
            continue
        inside = absolute.relative_to(top.resolve()).as_posix()
        for path, content in _archived(top, commit, inside).items():
            domain = path.split("/")[0]
            shown.setdefault(domain, Path(inside) / domain)
            files.setdefault(path, content)
    return Tree(text, _relevant(files), shown)


def _archived(top: Path, commit: str, inside: str) -> dict[str, bytes]:
    """The files below a folder of a commit; none where the commit has no such folder."""
    if inside != "." and not _git(top, "ls-tree", "-d", commit, "--", inside):
        return {}
    packed = _git(top, "archive", "--format=tar", commit, "--", inside)
    prefix = "" if inside == "." else f"{inside}/"
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return {
            member.name.removeprefix(prefix): stream.read()
            for member in archive
            if member.isfile() and member.name.endswith(_WANTED) and (stream := archive.extractfile(member))
        }


def _git(folder: Path, *words: str) -> bytes:
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, check=False)  # noqa: S603, S607
    except OSError as error:
        raise ConfigurationError(f"git cannot be run ({error.strerror}): compare folders or files instead") from error
    if done.returncode != 0:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise ConfigurationError(f"git {words[0]} failed: {told[0] if told else 'no such reference'}")
    return done.stdout


def _relevant(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Contracts and queries in a layer's folder, and the domain's own files."""
    found = {}
    for path, content in files.items():
        parts = path.split("/")
        if len(parts) == 2 or (len(parts) == 3 and parts[1] in _LAYERS):
            found[path] = content
    return found


def _name_of(path: str) -> DatasetName:
    domain, layer, file = path.split("/")
    return DatasetName(Layer(layer), domain, file.removesuffix(SUFFIX))


def _path_of(name: DatasetName) -> str:
    return f"{name.domain}/{name.layer}/{name.name}{SUFFIX}"
