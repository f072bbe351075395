"""The scan as Dagster shows it: a run that fails where something is to be settled, and holds up nothing."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pyarrow as pa
from deltalake import write_deltalake

from data_platform.orchestration.build import definitions_of
from data_platform_tests.integration.orchestration.shop import Shop, drop


def scanned(shop: Shop) -> dg.ExecuteInProcessResult:
    job = definitions_of(shop.location, platform=shop.kit.platform).resolve_job_def("catalog_scan")
    return job.execute_in_process(
        instance=shop.instance,
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )


def told(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The metadata of the failed step."""
    (event,) = result.filter_events(lambda one: one.is_step_failure)
    user_data = event.step_failure_data.user_failure_data
    assert user_data is not None
    return {"description": user_data.description, **{name: one.value for name, one in user_data.metadata.items()}}


def test_a_foreign_table_fails_the_scan_and_no_other_run(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10.00"))
    assert shop.run("raw.orders").success
    assert scanned(shop).success
    store = shop.kit.platform.settings.store
    write_deltalake(f"{store}/tables/curated/shop/extract", pa.table({"id": [1]}))
    result = scanned(shop)
    assert not result.success
    assert told(result)["to_settle"] == {"curated.shop.extract": "unmanaged"}
    assert told(result)["coverage"] == 0.5
    assert "curated.shop.extract (unmanaged)" in str(told(result)["description"])
    drop(shop.kit, "b.csv", ("A2", "2026-03-01", "10.00"))
    assert shop.run("raw.orders").success
