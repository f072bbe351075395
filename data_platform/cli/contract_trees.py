"""The files of a project's domains at one time: a folder, one file, or a git reference. Contracts are read when they
are asked for, so that a comparison of large projects reads only what differs and what is downstream of it.
"""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
        file: the one file that the tree was made of, if it was.
    """

    label: str
    files: Mapping[str, bytes]
    shown: Mapping[str, Path]
    file: Path | None = None
    _read: dict[DatasetName, ReadResult] = field(default_factory=dict, init=False)

    @cached_property
    def names(self) -> frozenset[DatasetName]:
        """Every dataset that has a contract file."""
        return frozenset(_name_of(path) for path in self.files if path.endswith(SUFFIX) and path.count("/") == 2)

    def content(self, name: DatasetName) -> bytes:
        """The bytes of a contract."""
        return self.files[_path_of(name)]

    def read(self, name: DatasetName) -> ReadResult:
        """A contract, or its faults."""
        if name not in self._read:
            result = read_contract_text(self.content(name), self.path(_path_of(name)))
            if self.file is not None:  # its name stands in the file, not in its place
                faults = tuple(replace(fault, path=str(self.file)) for fault in result.faults)
                result = replace(result, faults=faults)
            self._read[name] = result
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
    def named(self) -> Mapping[DatasetName, frozenset[DatasetName]]:
        """The datasets whose names stand in each query, there or not; a superset of those that it reads."""
        texts = {name: (self.sql(name) or "").replace('"', "").lower() for name in self.names}
        return {name: frozenset(map(DatasetName.parse, _TABLE.findall(text))) for name, text in texts.items()}

    @cached_property
    def inputs(self) -> Mapping[DatasetName, frozenset[DatasetName]]:
        """Those of them that have a contract."""
        return {name: (named & self.names) - {name} for name, named in self.named.items()}

    @cached_property
    def consumers(self) -> Mapping[DatasetName, tuple[DatasetName, ...]]:
        """The datasets that read each dataset, in order of name."""
        found: dict[DatasetName, list[DatasetName]] = {}
        for name in sorted(self.inputs):
            for read in self.inputs[name]:
                found.setdefault(read, []).append(name)
        return {name: tuple(readers) for name, readers in found.items()}


def trees_of(base: str, head: str | None, *, folders: Sequence[Path]) -> tuple[Tree, Tree]:
    """The two trees that somebody typed. Of two git references, the first is taken where the second left it, so that
    what came to it since is not taken for a change; without `head` the folders as they are now count as HEAD.

    Raises:
        ConfigurationError: as `tree_of`.
    """
    if _is_path(base) or (head is not None and _is_path(head)):
        older = tree_of(base, folders=folders)
    else:
        older = _of_reference(base, folders, seen_from="HEAD" if head is None else head)
    return older, tree_of_folders(folders) if head is None else tree_of(head, folders=folders)


def tree_of(text: str, *, folders: Sequence[Path]) -> Tree:
    """The tree that somebody typed: an existing folder, an existing contract file, or else a git reference.

    Args:
        text: as typed.
        folders: the project's folders of domains, which a git reference is asked for.

    Raises:
        ConfigurationError: it is none of these, it is a folder without contracts, or there is no git.
    """
    path = Path(text)
    if not _is_path(text):
        return _of_reference(text, folders)
    if path.is_file():
        return _of_file(text, path)
    tree = tree_of_folders([path], label=text)
    if not tree.names:
        raise ConfigurationError(
            f"{text} is a folder without contracts, so there is nothing to compare; for a git reference of that name "
            f"write heads/{text}"
        )
    return tree


def _is_path(text: str) -> bool:
    if not text.strip():
        raise ConfigurationError("an empty text names no contracts: give a git reference, a folder or a contract file")
    return Path(text).exists()


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
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is no folder of domains: DATA_PLATFORM_DOMAINS says where they are")
    if (folder / "domain.yaml").is_file() or any((folder / layer).is_dir() for layer in _LAYERS):
        return [folder]
    inner = folder / "domains" if (folder / "domains").is_dir() else folder
    return sorted(path for path in inner.iterdir() if path.is_dir())


def _of_file(label: str, path: Path) -> Tree:
    """One contract: its place says its name, or else `domain`, the schema's name and `platform.format` do."""
    if path.suffix not in (".yaml", ".yml"):
        raise ConfigurationError(f"{path} is no contract: those are YAML files, mostly named *{SUFFIX}")
    content = path.read_bytes()
    resolved = path.resolve()
    layer, domain, stem = resolved.parent.name, resolved.parent.parent.name, path.name.removesuffix(SUFFIX)
    if layer not in _LAYERS:
        layer, domain, stem = _said(content, stem)
        return Tree(label, {f"{domain}/{layer}/{stem}{SUFFIX}": content}, {}, file=path)
    inner = f"{domain}/{layer}/{stem}"
    sql = resolved.with_name(f"{stem}.sql")
    files = {f"{inner}{SUFFIX}": content, **({f"{inner}.sql": sql.read_bytes()} if sql.is_file() else {})}
    return Tree(label, files, {domain: resolved.parent.parent}, file=path)


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


def _of_reference(text: str, folders: Sequence[Path], *, seen_from: str | None = None) -> Tree:
    top = Path(_git(Path.cwd(), "rev-parse", "--show-toplevel").decode().strip()).resolve()
    commit, label = _commit(top, text), text
    inside = [folder for folder in map(Path.resolve, folders) if folder.is_relative_to(top)]
    if not inside:
        named = ", ".join(map(str, folders))
        raise ConfigurationError(f"the domains ({named}) are not in the git repository {top}: run this in theirs")
    if seen_from is not None:
        began = _parting(top, commit, _commit(top, seen_from))
        commit, label = (commit, text) if began == commit else (began, f"{text} at {began[:9]}")
    files: dict[str, bytes] = {}
    shown: dict[str, Path] = {}
    for folder in inside:
        for path, content in _committed(top, commit, folder.relative_to(top).as_posix()).items():
            domain = path.split("/")[0]
            shown.setdefault(domain, folder.relative_to(top) / domain)
            files.setdefault(path, content)
    return Tree(label, _relevant(files), shown)


def _commit(top: Path, text: str) -> str:
    try:
        found = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}")
    except ConfigurationError as error:
        message = f"{text!r} is no folder, no contract file and no git reference; fetch it, or mend the name"
        raise ConfigurationError(message) from error
    return found.decode().strip()


def _parting(top: Path, base: str, head: str) -> str:
    """The commit at which the head left the base; the base itself where none is known, as in a shallow clone."""
    try:
        return _git(top, "merge-base", base, head).decode().strip()
    except ConfigurationError:
        return base


def _committed(top: Path, commit: str, inside: str) -> dict[str, bytes]:
    """The files below a folder of a commit, whatever attributes say of exports; none where it has no such folder."""
    listed = _git(top, "ls-tree", "-r", "-z", commit, "--", inside).decode("utf-8", "surrogateescape")
    entries = [line.partition("\t") for line in listed.split("\0") if line]
    prefix = "" if inside == "." else f"{inside}/"
    objects = {
        path.removeprefix(prefix): facts.split()[2]
        for facts, _, path in entries
        if facts.split()[1] == "blob" and path.endswith(_WANTED)
    }
    asked = "".join(f"{one}\n" for one in objects.values()).encode()
    answers = io.BytesIO(_git(top, "cat-file", "--batch", given=asked))
    found = {}
    for path in objects:
        size = int(answers.readline().split()[2])
        found[path] = answers.read(size)
        answers.read(1)
    return found


def _git(folder: Path, *words: str, given: bytes = b"") -> bytes:
    try:
        done = subprocess.run(["git", *words], cwd=folder, input=given, capture_output=True, check=False)  # noqa: S603, S607
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
