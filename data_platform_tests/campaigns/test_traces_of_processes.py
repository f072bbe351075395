"""Steps in processes of their own, as the multiprocess executor runs them, are in one trace with batch and run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from data_platform.contracts.days import DayRange
from data_platform.observability.logs.reading import lines_of
from data_platform.observability.tracing.context import run_span_id, trace_id_of
from data_platform.orchestration.partitions import range_tags
from data_platform_tests.integration.orchestration.shop import drop, shop
from data_platform_tests.kit import Kit

pytestmark = pytest.mark.campaign
DAY = DayRange.of(date(2026, 3, 1), date(2026, 3, 1))
_MULTIPROCESS = """
import dagster as dg, json, sys
from data_platform.orchestration.build import build_definitions
from data_platform.settings import load_settings

def job():
    return build_definitions(load_settings()).resolve_job_def("everything")

if __name__ == "__main__":
    with dg.DagsterInstance.get() as instance:
        keys = [dg.AssetKey(["curated", "shop", "orders"]), dg.AssetKey(["served", "shop", "totals"])]
        with dg.execute_job(dg.reconstructable(job), instance=instance, asset_selection=keys, tags=json.loads(sys.argv[1])) as run:
            print(run.run_id, run.success)
"""


def test_steps_in_processes_of_their_own_are_in_one_trace(tmp_path: Path) -> None:
    kit = shop(Kit(tmp_path))
    drop(kit, "a.csv", ("A1", "2026-03-01", "10"))
    kit.ingest("orders")
    kit.platform.tracer.close()
    batch = kit.platform.metastore.batches.of("raw.shop.orders")[0]
    script, home = kit.folder / "many.py", kit.folder / "dagster"
    script.write_text(_MULTIPROCESS)
    home.mkdir()
    settings = {
        "HOME": kit.platform.settings.home,
        "DOMAINS": kit.folder / "domains",
        "SOURCE": kit.folder / "source",
        "EXECUTION": "multiprocess",
    }
    place = {f"DATA_PLATFORM_{name}": str(value) for name, value in settings.items()}
    done = subprocess.run(
        [sys.executable, str(script), json.dumps({"traceparent": batch.traceparent, **range_tags(DAY)})],
        env={**os.environ, **place, "DAGSTER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    run_id, success = done.stdout.split()[-2:]
    assert success == "True"
    found = kit.platform.metastore.operations.spans.of_trace(trace_id_of(batch.traceparent))
    steps = [span for span in found if span.name == "step"]
    assert [span.dataset for span in steps] == ["curated.shop.orders", "served.shop.totals"]
    assert {span.parent_id for span in steps} == {run_span_id(run_id)}
    assert len({line.trace_id for line in lines_of(kit.platform.settings.home, run_id=run_id)}) == 1
    kit.close()
