from __future__ import annotations

from datetime import UTC, datetime, timedelta

from data_platform.metastore.deploys import DeployEntry
from data_platform.metastore.engine import Metastore

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


def test_what_the_gate_said_is_kept_in_order_until_it_is_pruned(metastore: Metastore) -> None:
    deploys = metastore.operations.deploys
    refused = DeployEntry(at=NOON, who="ann", what="served.shop.sales", is_allowed=False, reason="it burns")
    through = DeployEntry(at=NOON + timedelta(hours=1), who="ann", what="", is_allowed=True, override_ticket="OPS-7")
    deploys.append(refused)
    deploys.append(through)
    assert deploys.recent() == (through, refused)
    assert deploys.recent(limit=1) == (through,)
    assert metastore.prune(NOON + timedelta(minutes=1))["deploys"] == 1
    assert deploys.recent() == (through,)
