"""`<domain>/waivers.yaml`: changes of contracts that somebody lets pass without a major version, for a reason and until
a day. Which changes there are is found in `compatibility`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from data_platform.contracts.compatibility_verdicts import Change
from data_platform.contracts.literals import calendar_date
from data_platform.contracts.model import DatasetName
from data_platform.contracts.parse_cache import parse
from data_platform.contracts.places import FileFaults, Place, shown_path
from data_platform.contracts.shape import hold_against
from data_platform.errors import Fault

FILE = "waivers.yaml"
_KEYS = ("dataset", "change", "reason", "who", "expires")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One change that may pass.

    Attributes:
        change: a kind (`column_removed`), or a kind and its subject (`column_removed:note`).
        expires: the last day on which it holds.
    """

    dataset: DatasetName
    change: str
    reason: str
    who: str
    expires: date
    path: str
    line: int

    def covers(self, dataset: DatasetName, change: Change) -> bool:
        """Whether the waiver speaks of this change."""
        return self.dataset == dataset and self.change in (change.kind, change.key)


class _WaiversFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    waivers: list[dict[str, Any]] | None = None


def read_waivers(path: Path, *, today: date) -> tuple[tuple[Waiver, ...], list[Fault]]:
    """The waivers of a file in a domain's folder, and every fault; expired ones are faults. No file, no waivers."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return (), []
    except OSError as error:
        return (), [Fault(shown_path(path), 0, f"cannot be read: {error.strerror}", "make it readable")]
    return read_waivers_text(content, path, today=today)


def read_waivers_text(content: bytes, path: Path, *, today: date) -> tuple[tuple[Waiver, ...], list[Fault]]:
    """The waivers of a file's bytes, as if they stood in `<domain>/waivers.yaml`."""
    file = FileFaults(shown_path(path), parse(content, hashlib.sha256(content).hexdigest(), cache=None))
    for problem in file.document.problems:
        file.at_line(*problem)
    if file.document.problems or not hold_against(_WaiversFile, file):
        return (), file.faults
    entries = Place(file.document.data, (), file).items("waivers")
    found = [_waiver(entry, path.parent.name, today) for entry in entries]
    return tuple(waiver for waiver in found if waiver is not None), file.faults


def _waiver(place: Place, domain: str, today: date) -> Waiver | None:
    place.refuse_unknown(_KEYS, "a waiver")
    for key in _KEYS:
        if not place.text(key).strip():
            place.missing(key, f"a waiver has no {key}", f"add {key}")
    expires = calendar_date(place.text("expires"))
    if place.has("expires") and expires is None:
        place.into("expires").fault(f"expires {place.get('expires')!r} is no day", "write YYYY-MM-DD")
    try:
        dataset = DatasetName.parse(place.text("dataset"))
    except ValueError:
        dataset = None
    if place.has("dataset") and (dataset is None or dataset.domain != domain):
        message = f"a waiver names no dataset of domain {domain!r}: {place.get('dataset')!r}"
        place.into("dataset").fault(message, f"write <layer>.{domain}.<dataset>")
    if expires is not None and expires < today:
        message = f"the waiver of {place.text('change')!r} for {place.text('dataset')} expired on {expires}"
        place.into("expires").fault(message, "make the change whole with a major version, or agree on a later day")
    texts = [place.text(key).strip() for key in ("change", "reason", "who")]
    if dataset is None or expires is None or expires < today or not all(texts):
        return None
    return Waiver(
        dataset=dataset,
        change=texts[0],
        reason=texts[1],
        who=texts[2],
        expires=expires,
        path=place.file.path,
        line=place.line,
    )
