"""Control totals: files beside the deliveries that say how many records each of them has. They are no data themselves.

A totals file is JSON: `{"a.csv": 120, "b.csv": 30}`, the same below a key `files`, or `{"file": "a.csv", "rows": 120}`.
Names are relative to the folder of the totals file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from data_platform.connectors.file_drop.places import DroppedFile, FilePlace
from data_platform.connectors.protocol import Promise
from data_platform.metastore.source_counts import MANIFEST
from data_platform.observability.logs.logger import get_logger

_KEPT_IN_VIEW = timedelta(days=3)  # an older one was held against what arrived long ago
_LARGEST_BYTES = 1 << 20
_LOG = get_logger(__name__)


def promises(place: FilePlace, now: datetime) -> Iterator[Promise]:
    """What the totals files of the last days say; one that cannot be read is logged and says nothing.

    Raises:
        SourceUnavailable: the place cannot be read.
    """
    for file in place.files():
        said_at = datetime.fromtimestamp(file.modified_at, UTC)
        if now - said_at > _KEPT_IN_VIEW:
            continue
        for name, rows in _read(place, file).items():
            folder = PurePosixPath(file.name).parent
            yield Promise(
                partition=f"file:{(folder / name).as_posix()}",
                rows=rows,
                provenance=MANIFEST,
                confidence=1.0,
                said_at=min(said_at, now),
            )


def _read(place: FilePlace, file: DroppedFile) -> Mapping[str, int]:
    if file.size_bytes > _LARGEST_BYTES:
        _LOG.warning("control totals are too large to be read", file=file.name, size_bytes=file.size_bytes)
        return {}
    delivery = place.take(file, None)
    if delivery is None:
        return {}
    try:
        return _totals(json.loads(delivery.path.read_bytes()))
    except (OSError, ValueError) as error:
        _LOG.warning("control totals cannot be read", file=file.name, error=str(error))
        return {}
    finally:
        if delivery.is_spooled:
            delivery.path.unlink(missing_ok=True)


def _totals(said: Any) -> Mapping[str, int]:
    if not isinstance(said, dict):
        raise ValueError("not a JSON object")
    found = {said["file"]: said.get("rows")} if "file" in said else said.get("files", said)
    if not isinstance(found, dict) or not all(_is_count(rows) for rows in found.values()):
        raise ValueError("it does not say a whole number of records for each file")
    return {str(name): int(rows) for name, rows in found.items()}


def _is_count(rows: object) -> bool:
    return isinstance(rows, int) and not isinstance(rows, bool) and rows >= 0
