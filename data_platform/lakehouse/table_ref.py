"""The name and the place of one Delta table in the store. Opening it is in `tables`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from data_platform.contracts.model import DatasetName


class Zone(StrEnum):
    """The folders below `tables/` (ARCHITECTURE, where data lives)."""

    RAW = "raw"
    REJECTED = "rejected"
    CURATED = "curated"
    HELD = "held"
    DECISIONS = "decisions"
    SERVED = "served"


@dataclass(frozen=True, slots=True, order=True)
class TableRef:
    """One table: `tables/<zone>/<domain>/<name>`."""

    zone: Zone
    domain: str
    name: str

    @property
    def path(self) -> str:
        """The table's folder, relative to the store."""
        return f"tables/{self.zone.value}/{self.domain}/{self.name}"

    def __str__(self) -> str:
        return f"{self.zone.value}.{self.domain}.{self.name}"

    @classmethod
    def of(cls, name: DatasetName, zone: Zone | None = None) -> TableRef:
        """The table of a dataset, or the one that it has in another zone."""
        return cls(zone or Zone(name.layer.value), name.domain, name.name)

    @classmethod
    def parse(cls, text: str) -> TableRef:
        """Reads `zone.domain.name`.

        Raises:
            ValueError: there are not three parts, or the first is not a zone.
        """
        parts = text.split(".")
        if len(parts) != 3:
            raise ValueError(f"{text!r} is not <zone>.<domain>.<table>")
        return cls(Zone(parts[0]), parts[1], parts[2])
