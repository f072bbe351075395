"""How long batches waited from their receipt until readers could see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from data_platform.metastore.batches import BatchEntry


def waits(batches: Iterable[BatchEntry], published: Sequence[tuple[int, datetime]]) -> Iterator[float]:
    """Seconds from each batch's receipt until a publish first read a raw version that holds it.

    Args:
        batches: of one source.
        published: raw version read and time of each publish of one dataset, in order of time.
    """
    for batch in batches:
        seen = next((at for version, at in published if version >= batch.raw_version), None)
        if seen is not None:
            yield max(0.0, (seen - batch.received_at).total_seconds())
