"""Checkpoints of a Delta log. They only save time: the JSON entries are all kept, so a damaged one is set aside."""

from __future__ import annotations

import json
import logging
import re

import pyarrow as pa
import pyarrow.parquet as pq

from data_platform.lakehouse.delta_log import FOLDER, DeltaLog
from data_platform.lakehouse.flushing import flush_file, flush_folder
from data_platform.lakehouse.object_store import ObjectStore

_HINT = f"{FOLDER}/_last_checkpoint"
_CHECKPOINT = re.compile(rf"{FOLDER}/(\d{{20}})\.checkpoint.*\.parquet")
_log = logging.getLogger(__name__)


def flush(store: ObjectStore) -> None:
    """Flushes the newest checkpoint and the hint that names it."""
    newest = [key for key in store.list(FOLDER) if _CHECKPOINT.fullmatch(key)][-1:]
    for key in (*newest, _HINT):
        path = store.local_path(key)
        if path is not None and path.exists():
            flush_file(path)
            flush_folder(path.parent)


def set_aside_damaged(store: ObjectStore, log: DeltaLog) -> bool:
    """Moves unreadable checkpoints and a hint that names none to `_damaged/`; False if there is nothing to move, or
    the JSON log does not reach back to version 0, so that a checkpoint is all there is.
    """
    versions = log.versions()
    if versions != list(range(len(versions))):
        return False
    checkpoints = [key for key in store.list(FOLDER) if _CHECKPOINT.fullmatch(key)]
    damaged = [key for key in checkpoints if not _is_readable(store, key)]
    sound = {int(match[1]) for key in checkpoints if key not in damaged and (match := _CHECKPOINT.fullmatch(key))}
    if store.exists(_HINT) and _hinted(store) not in sound:
        damaged.append(_HINT)
    for key in damaged:
        _log.warning("set aside a damaged checkpoint: %s", store.uri(key))
        store.put_if_absent(f"_damaged/{key.rsplit('/', 1)[1]}", store.read(key))
        store.delete(key)
    return bool(damaged)


def _is_readable(store: ObjectStore, key: str) -> bool:
    try:
        with store.open(key) as file:
            for _ in pq.ParquetFile(file).iter_batches():
                pass
    except (pa.ArrowException, OSError):
        return False
    return True


def _hinted(store: ObjectStore) -> int | None:
    try:
        return int(json.loads(store.read(_HINT))["version"])
    except (ValueError, KeyError, TypeError):
        return None
