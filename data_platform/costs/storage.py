"""Meters what the store holds: every object, in the line of the place it lies in. It changes nothing in the store.

What counts is what lies there, not what a newest version names: replaced files, logs and what was moved out of the way
take room too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from data_platform.clock import Clock
from data_platform.contracts.domains import Project
from data_platform.contracts.model import DatasetName, Layer
from data_platform.costs.ownership import ownership_of
from data_platform.costs.prices import LANDING, OTHER
from data_platform.lakehouse.object_store import ObjectStore
from data_platform.lakehouse.table_ref import Zone
from data_platform.metastore.engine import Metastore
from data_platform.metastore.storage_meters import StorageMeterEntry

_TABLES = "tables"
_RAW_ZONES = (Zone.RAW, Zone.REJECTED)
_ZONES = frozenset(zone.value for zone in Zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageMeter:
    """Meters one store for one project."""

    store: ObjectStore
    project: Project
    metastore: Metastore
    clock: Clock

    def meter(self) -> tuple[StorageMeterEntry, ...]:
        """Writes what every place holds today; a second time on one day replaces the first.

        Raises:
            SourceUnavailable: the store did not answer; what was written before stays.
        """
        now = self.clock.now()
        sizes: Counter[str] = Counter()
        files: Counter[str] = Counter()
        for key, size in _objects(self.store, ""):
            place = _place(key)
            sizes[place] += size
            files[place] += 1
        lines = []
        for place in sorted(files):
            zone, dataset = self._whose(place)
            owned = ownership_of(self.project, dataset)
            lines.append(
                StorageMeterEntry(
                    place=place,
                    metered_on=now.date(),
                    zone=zone,
                    dataset=dataset,
                    owner=owned.owner,
                    cost_centre=owned.cost_centre,
                    tags=owned.tags,
                    size_bytes=sizes[place],
                    files=files[place],
                    metered_at=now,
                )
            )
        self.metastore.operations.storage_meters.replace(now.date(), lines)
        return tuple(lines)

    def _whose(self, place: str) -> tuple[str, str]:
        """The zone of a place and the dataset that answers for it; the place itself where none does."""
        parts = place.split("/")
        if len(parts) == 3 and parts[0] == LANDING:
            return LANDING, str(DatasetName(Layer.RAW, parts[1], parts[2]))
        if len(parts) != 4:
            return OTHER, place
        zone, domain, name = Zone(parts[1]), parts[2], parts[3]
        if zone.value in set(Layer):
            return zone.value, str(DatasetName(Layer(zone.value), domain, name))
        layers = (Layer.RAW,) if zone in _RAW_ZONES else (Layer.CURATED, Layer.SERVED)
        names = [DatasetName(layer, domain, name) for layer in layers]
        return zone.value, str(next((one for one in names if one in self.project.datasets), names[0]))


def _place(key: str) -> str:
    """Where an object's bytes are counted: its table, its dataset's landing area, or the folder at the top."""
    parts = key.split("/")
    if parts[0] == LANDING and len(parts) > 3:
        return "/".join(parts[:3])
    if parts[0] == _TABLES and len(parts) > 4 and parts[1] in _ZONES:
        return "/".join(parts[:4])
    return parts[0]


def _objects(store: ObjectStore, folder: str) -> Iterator[tuple[str, int]]:
    """Every object of a folder and below, with its size."""
    within = f"{folder}/" if folder else ""
    for name, size in store.objects(folder).items():
        yield within + name, size
    for name in store.folders(folder):
        yield from _objects(store, within + name)
