"""Flushing files and folders of this machine to disk. On an object store a finished request is already durable."""

from __future__ import annotations

import os
from pathlib import Path


def flush_file(path: Path) -> None:
    """Forces the file's bytes to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(path: Path) -> None:
    """Forces the folder's names to disk: a new name is only safe once its folder is."""
    flush_file(path)


def make_folder(path: Path) -> None:
    """Creates the folder and its missing parents, each of them durably."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        flush_folder(folder.parent)
