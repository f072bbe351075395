"""The life of products across files: price changes, news that arrives too late, and products withdrawn again."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from data_platform.samples.planted import Drop, Fate, FileRecord
from data_platform.samples.rows import TextRow, product_row
from data_platform.samples.shop import Product

_STALE_DAYS = (2, 6, 8)  # a change older than the first file arrives
_LAUNCH_DAY, _WITHDRAWAL_DAY = 1, 3


class ProductHistory:
    """Remembers which file holds the newest state of each product."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[datetime, str]] = {}
        self._sound_rows: Counter[str] = Counter()
        self._files: dict[str, tuple[int, Counter[Fate]]] = {}
        self._samples: list[Product] = []
        self.withdrawn = 0

    def rows_of(self, index: int, file: str, products: tuple[Product, ...]) -> list[tuple[str, TextRow]]:
        """The day's changes with their extras, as rows with keys."""
        if index == 0:
            self._samples = list(products[:3])
        changes = [*products, *self._extras(index)]
        for product in changes:
            seen = self._newest.get(product.product_id)
            if seen is None or product.updated_at > seen[0]:
                self._newest[product.product_id] = (product.updated_at, file)
            self._sound_rows[file] += 1
        return [(product.product_id, product_row(product)) for product in changes]

    def _extras(self, index: int) -> list[Product]:
        if index in _STALE_DAYS:
            old = self._samples[_STALE_DAYS.index(index)]
            return [replace(old, price_cents=old.price_cents + 5, updated_at=old.updated_at - timedelta(days=9))]
        short_lived = [
            replace(self._samples[0], product_id=f"P0800{n}", name="Recalled Candle",
                    updated_at=self._samples[0].updated_at + timedelta(days=index))
            for n in (1, 2)
        ]  # fmt: skip
        if index == _LAUNCH_DAY:
            return short_lived
        if index == _WITHDRAWAL_DAY:
            self.withdrawn = len(short_lived)
            return [replace(product, change="delete") for product in short_lived]
        return []

    def note_file(self, file: str, rows: int, fates: Counter[Fate]) -> None:
        """Remembers a written file: all its rows, and the fates that defects give."""
        self._files[file] = (rows, fates)

    def records(self) -> list[FileRecord]:
        """One record per file, by the state after the last one."""
        applied = Counter(file for _, file in self._newest.values())
        return [
            FileRecord(
                dataset="raw.commerce.products", file=file, drop=Drop.MAIN, source_rows=rows,
                fates=dict(sorted((fates + Counter({
                    Fate.APPLIED: applied[file], Fate.SUPERSEDED: self._sound_rows[file] - applied[file],
                })).items())),
            )
            for file, (rows, fates) in self._files.items()
        ]  # fmt: skip
