"""The example shop of these tests, and copies of it with one text exchanged."""

from __future__ import annotations

import shutil
from pathlib import Path

SHOP = Path(__file__).parent / "shop"


def copy_of_shop(folder: Path) -> Path:
    """A copy of the shop's domain folder under `folder`."""
    return Path(shutil.copytree(SHOP, folder / "shop"))


def exchange(path: Path, old: str, new: str) -> int:
    """Exchanges `old`, which must stand in the file once, for `new`; returns the line on which it stood."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1
