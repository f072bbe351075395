"""What the topic held between the positions of batches, against what those batches brought.

A batch from one position to another took so many offsets. Where it brought as many records, each offset was one, and
nothing can be missing. Where it brought fewer, the others are markers of transactions, compacted away or lost: the
brokers are asked for these offsets again (`recount`). Records behind the position are waited for, and not missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from data_platform.connectors.kafka.offsets import Extent, offsets_of
from data_platform.connectors.kafka.recount import Spans
from data_platform.connectors.protocol import OF_OFFSETS, Promise, Taken, TakenBatch
from data_platform.lakehouse.landing import Json, Manifest
from data_platform.metastore.source_counts import SOURCE

_RANGE, _BATCH = "batches:", "batch:"
_FEW = 100  # offsets that the markers of one poll may have


@dataclass(slots=True, kw_only=True)
class PositionCounts:
    """One look at what was taken since the look before.

    Attributes:
        extents: asks what the topic holds now.
        recount: asks how many records lie in spans of offsets; None where the topic has lost some of them.
        most_records: how many offsets are read again at most.
    """

    taken: Taken
    source: str
    now: datetime
    extents: Callable[[], Mapping[int, Extent]]
    recount: Callable[[Spans], int | None]
    most_records: int

    def promises(self) -> list[Promise]:
        """What was to come with each row of batches, and what was skipped between two of them."""
        return list({one.partition: one for one in self._found()}.values())

    def _found(self) -> Iterator[Promise]:
        first = self._counted() + 1
        if self.taken.last < first:
            return
        run: list[TakenBatch] = []
        for batch in self.taken.batches(first):
            is_jump = not batch.rows and self._is_jump(batch.n)
            if batch.is_counted and not is_jump:
                run.append(batch)
                continue
            yield from self._of(run)
            run = []
            if is_jump:
                yield from self._skipped(batch.n)
        yield from self._of(run)
        yield from self._read_after_all()

    def _of(self, run: list[TakenBatch]) -> Iterator[Promise]:
        """Batches that follow each other: proven as a whole where that is possible, else in halves."""
        if not run:
            return
        spans = self._spans(run[0].n, run[-1].n)
        rows, width = sum(batch.rows for batch in run), _width(spans)
        expected: int | None = None
        if rows == width:
            expected = width
        elif width <= self.most_records:
            self.most_records -= width
            expected = self.recount(spans)
        elif len(run) > 1 and self.most_records:
            yield from self._of(run[len(run) // 2 :])
            yield from self._of(run[: len(run) // 2])
        if expected is not None:
            yield self._promise(f"{_RANGE}{self.source}/{run[0].n}-{run[-1].n}", expected, arrived=rows)

    def _is_jump(self, n: int) -> bool:
        """Whether a batch without records is a person's choice of another position, and not the markers of an idle
        topic.
        """
        manifest = self.taken.manifest(n)
        before, after = offsets_of(manifest.position_from), offsets_of(manifest.position_to)
        is_back = any(after.get(p, 0) < offset for p, offset in before.items())
        return not before or is_back or self._name(n) in self.taken.said or _width(self._spans(n, n)) > _FEW

    def _skipped(self, n: int) -> Iterator[Promise]:
        """What somebody chose to go on behind: what the topic still has of it is counted, up to a bound."""
        if not self.taken.manifest(n).position_from:
            return  # nothing was promised before the first batch
        told, spans = self.taken.said.get(self._name(n)), self._spans(n, n)
        extents = self.extents() if spans else {}
        there = _within({p: (max(first, _low(extents, p)), end) for p, (first, end) in spans.items()})
        kept = (self.recount(_newest(there, self.most_records)) or 0) if there and self.most_records else 0
        # Offsets that are gone were records only if reading stopped because of them: that was told at the time.
        gone = 0 if told is None else min(told.rows, _width(spans) - _width(there))
        if kept or told is not None:
            yield self._promise(self._name(n), kept + gone, arrived=0, confidence=OF_OFFSETS if gone else 1.0)

    def _read_after_all(self) -> Iterator[Promise]:
        """What was missing is so no longer once somebody went back before it and reading has passed it again."""
        open_ones = [one for one in self.taken.said.values() if one.arrived is not None and one.arrived < one.rows]
        here = offsets_of(self.taken.manifest(self.taken.last).position_to) if open_ones else {}
        for one in open_ones:
            first, last = _numbers(one.partition)
            batches = self.taken.batches(first)
            if not batches or batches[0].n != first:
                continue
            spans = self._spans(first, last)
            later = [self.taken.manifest(batch.n) for batch in batches if batch.n > last and not batch.rows]
            is_passed = all(here.get(p, 0) >= end for p, (_, end) in spans.items())
            was_no_gap = one.partition.startswith(_BATCH) and batches[0].rows > 0
            if was_no_gap or (is_passed and any(_is_before(manifest, spans) for manifest in later)):
                yield self._promise(one.partition, one.rows, arrived=one.rows)

    def _spans(self, first: int, last: int) -> dict[int, tuple[int, int]]:
        """The offsets that batches passed, by partition; of the very first one, those from its first records on."""
        begins = self.taken.manifest(first)
        before: dict[int, int] | None = offsets_of(begins.position_from) if begins.position_from else None
        ends = offsets_of(self.taken.manifest(last).position_to)
        if before is None:
            before = offsets_of(begins.position_to) | {
                int(one.source_partition): _first_offset(one.name) for one in begins.objects
            }
        return {p: (before.get(p, 0), end) for p, end in sorted(ends.items()) if before.get(p, 0) < end}

    def _counted(self) -> int:
        """The last batch that an earlier look was about."""
        return max((_numbers(name)[1] for name in self.taken.said if name.startswith(_RANGE)), default=0)

    def _name(self, n: int) -> str:
        return f"{_BATCH}{self.source}/{n}"

    def _promise(self, name: str, rows: int, *, arrived: int, confidence: float = 1.0) -> Promise:
        return Promise(
            partition=name, rows=rows, provenance=SOURCE, confidence=confidence, said_at=self.now, arrived=arrived
        )


def lost(position: Mapping[str, Json], extents: Mapping[int, Extent]) -> int:
    """Offsets after a position that the topic has no more; those of a partition that is gone or was cut are unknown."""
    offsets = offsets_of(position)
    return sum(max(0, extents[p].low - offset) for p, offset in offsets.items() if p in extents)


def _within(spans: Spans) -> dict[int, tuple[int, int]]:
    return {p: (first, end) for p, (first, end) in spans.items() if first < end}


def _newest(spans: Spans, most: int) -> dict[int, tuple[int, int]]:
    """The end of each span, so that all of them together are no more than `most`, as nearly as that can be shared."""
    each = max(1, most // max(1, len(spans)))
    return {p: (max(first, end - each), end) for p, (first, end) in spans.items()}


def _width(spans: Spans) -> int:
    return sum(end - first for first, end in spans.values())


def _low(extents: Mapping[int, Extent], partition: int) -> int:
    return extents[partition].low if partition in extents else 1 << 62


def _numbers(name: str) -> tuple[int, int]:
    """The first and the last batch that a promise is about."""
    first, _, last = name.rpartition("/")[2].partition("-")
    return int(first), int(last or first)


def _is_before(manifest: Manifest, spans: Spans) -> bool:
    """Whether reading went on from before all of it."""
    ends = offsets_of(manifest.position_to)
    return all(ends.get(p, 0) <= first for p, (first, _) in spans.items())


def _first_offset(name: str) -> int:
    """Of a delivery's name, `<topic>/<partition>/<first>-<last>.ndjson`."""
    return int(name.rpartition("/")[2].partition("-")[0])
