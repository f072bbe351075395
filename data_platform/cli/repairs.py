"""What `doctor --repair` does: derives lost records from what cannot be lost. Changes no data; doing it again is
harmless.

A damaged table is not repaired here: that needs a person's consent (`recover`).
"""

from __future__ import annotations

from data_platform.cli.examinations import head_of
from data_platform.contracts.model import Delivery, Layer
from data_platform.errors import PlatformError
from data_platform.lakehouse.durability import HeadKind
from data_platform.lakehouse.landing import LandingLog
from data_platform.wiring.platform import Platform


def repair_all(platform: Platform) -> list[str]:
    """Derives ledger, deliveries and positions again and finishes manifests. Returns what it did, a line each."""
    return [*_ledgers(platform), *_deliveries(platform), *_manifests(platform)]


def _ledgers(platform: Platform) -> list[str]:
    done = []
    for ref in platform.lake.tables():
        table = platform.lake.table(ref)
        if head_of(platform, table).kind is not HeadKind.OK:
            continue
        found = platform.recovery.catch_up(table)
        if found:
            done.append(f"{ref}: {found} commits recorded from the table's log")
    return done


def _deliveries(platform: Platform) -> list[str]:
    done = []
    for name, dataset in platform.project.datasets.items():
        if name.layer is not Layer.RAW:
            continue
        landing = LandingLog(platform.store, name.domain, name.name)
        for source in landing.sources():
            before = len(platform.metastore.deliveries.of(str(name), source=source))
            for manifest in landing.manifests(source):
                platform.recovery.remember(manifest, is_snapshot=dataset.contract.delivery is Delivery.SNAPSHOT)
            found = len(platform.metastore.deliveries.of(str(name), source=source)) - before
            if found:
                done.append(f"{name}: {found} deliveries of {source} remembered from its manifests")
    return done


def _manifests(platform: Platform) -> list[str]:
    done = []
    run = platform.run()
    for name in platform.project.datasets:
        if name.layer is not Layer.RAW:
            continue
        for source in LandingLog(platform.store, name.domain, name.name).sources():
            try:
                batches = platform.ingester.finish(name, source, run)
            except PlatformError as error:
                done.append(f"{name}: batches of {source} could not be finished: {error}")
                continue
            if batches:
                done.append(f"{name}: {len(batches)} landed batches of {source} committed")
    return done
