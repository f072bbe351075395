"""Where a file stands in its repository, read from the repository's own files: no command is run, nothing is written.

Paths are relative to the repository, or to the project where there is none: events leave the machine.
"""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from data_platform.lineage.facts import SourceCode

_SCP_LIKE = re.compile(r"(?:[^@/]+@)?([^:/]+):(?!//)(.+)")  # git@host:team/project.git


@dataclass(frozen=True, slots=True)
class _WorkTree:
    root: Path
    version: str | None
    branch: str | None
    repository: str | None


def source_code(file: Path, *, project: Path) -> SourceCode:
    """Where `file` is written; without a repository around it, its place below the folder `project`."""
    file = file.resolve()
    tree = _work_tree(file.parent)
    if tree is None:
        path = _below(file, project.resolve())
        return SourceCode(url=f"file:{path}", path=path, kind="file")
    path = _below(file, tree.root)
    page = _web_page(tree.repository)
    url = f"{page}/blob/{tree.version}/{path}" if page and tree.version else f"git:{path}"
    return SourceCode(url=url, path=path, repository=tree.repository, version=tree.version, branch=tree.branch)


def _below(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name


@lru_cache(maxsize=256)
def _work_tree(folder: Path) -> _WorkTree | None:
    root = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
    if root is None:
        return None
    own = root / ".git"
    try:
        if own.is_file():  # a linked work tree, or a submodule
            own = (root / own.read_text().removeprefix("gitdir:").strip()).resolve()
        shared = own / (own / "commondir").read_text().strip() if (own / "commondir").exists() else own
        head = (own / "HEAD").read_text().strip()
        ref = head.removeprefix("ref: ") if head.startswith("ref: ") else None
        version = _commit(shared, ref) if ref else head
        return _WorkTree(root, version, ref.removeprefix("refs/heads/") if ref else None, _remote(shared / "config"))
    except (OSError, UnicodeDecodeError):
        return None


def _commit(folder: Path, ref: str) -> str | None:
    if (folder / ref).exists():
        return (folder / ref).read_text().strip()
    packed = folder / "packed-refs"
    lines = packed.read_text().splitlines() if packed.exists() else []
    return next((line.split(" ")[0] for line in lines if line.endswith(f" {ref}")), None)


def _remote(config: Path) -> str | None:
    """The address of `origin`, without user and password."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        parser.read(config)
    except configparser.Error:
        return None
    address = parser.get('remote "origin"', "url", fallback=None)
    if not address or address.startswith(("/", ".", "file:")):  # a folder of this machine
        return None
    if "://" in address:
        url = urlsplit(address)
        return urlunsplit(url._replace(netloc=url.netloc.rpartition("@")[2]))
    return address


def _web_page(repository: str | None) -> str | None:
    if repository is None:
        return None
    found = _SCP_LIKE.fullmatch(repository)
    page = f"https://{found[1]}/{found[2]}" if found and "://" not in repository else repository
    return page.removesuffix(".git") if page.startswith(("https://", "http://")) else None
