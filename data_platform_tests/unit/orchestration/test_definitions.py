"""The code location of the sample domain: a snapshot of what people see, and what loading it may touch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from data_platform.orchestration.build import build_definitions
from data_platform.orchestration.specs import tag_text
from data_platform.settings import load_settings

SNAPSHOT = Path(__file__).with_name("commerce.json")  # UPDATE_SNAPSHOTS=1 pytest … writes it anew


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build_definitions(load_settings(home=tmp_path_factory.mktemp("home")))


def shown(definitions: dg.Definitions) -> dict[str, Any]:
    graph = definitions.resolve_asset_graph()
    repository = definitions.get_repository_def()
    assets = {}
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        assets[key.to_user_string()] = {
            "after": sorted(parent.to_user_string() for parent in node.parent_keys),
            "checks": {
                check.name: "blocking" if graph.get_check_spec(check).blocking else "shown"
                for check in sorted(node.check_keys, key=lambda check: check.name)
            },
            "group": node.group_name,
            "kinds": sorted(node.kinds),
            "owners": sorted(node.owners),
            "partitioned": node.partitions_def is not None,
            "pools": sorted(node.pools or ()),
        }
    jobs = {
        job.name: sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
        for job in repository.get_all_jobs()
        if not job.name.startswith("__")
    }
    return {
        "assets": assets,
        "jobs": jobs,
        "schedules": {s.name: [s.cron_schedule, s.default_status.value] for s in repository.schedule_defs},
        "sensors": {s.name: s.default_status.value for s in repository.sensor_defs},
    }


def test_keys_checks_jobs_schedules_and_sensors_are_as_people_know_them(definitions: dg.Definitions) -> None:
    found = shown(definitions)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    assert found == json.loads(SNAPSHOT.read_text())


def test_dagster_accepts_the_definitions(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_an_asset_carries_the_columns_of_its_contract(definitions: dg.Definitions) -> None:
    node = definitions.resolve_asset_graph().get(dg.AssetKey(["curated", "commerce", "orders"]))
    columns = {column.name: column for column in node.metadata["dagster/column_schema"].columns}
    assert columns["order_id"].constraints.unique
    assert not columns["order_id"].constraints.nullable
    assert columns["customer_id"].tags == {"classification": "internal"}
    assert columns["total_amount"].type == "DECIMAL(18, 2)"
    assert node.metadata["dagster/table_name"] == "curated.commerce.orders"


def test_all_partitioned_assets_share_one_set_of_days(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    sets = {graph.get(key).partitions_def for key in graph.get_all_asset_keys()} - {None}
    assert len(sets) == 1
    assert next(iter(sets)).has_partition_key("2026-03-01")  # type: ignore[union-attr]


def test_loading_opens_nothing_and_leaves_only_the_parse_cache(tmp_path: Path) -> None:
    code = """
import sys
import dagster as dg
from data_platform.definitions import defs
dg.Definitions.validate_loadable(defs())
print(sorted({"pandas", "polars", "pandera", "boto3"} & set(sys.modules)))
"""
    package = Path(__file__).parents[3]
    environment = {**os.environ, "DATA_PLATFORM_HOME": str(tmp_path / "home"), "PYTHONPATH": str(package)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["cache"]


def test_multiprocess_is_one_word_of_the_settings(tmp_path: Path) -> None:
    one = build_definitions(load_settings(home=tmp_path))
    many = build_definitions(load_settings(home=tmp_path, execution="multiprocess"))
    assert one.executor is dg.in_process_executor
    assert isinstance(many.executor, dg.ExecutorDefinition)
    assert many.executor.name == "multiprocess"


@pytest.mark.parametrize(
    ("text", "tag"), [("Commerce Data", "Commerce-Data"), ("a/b:c", "a-b-c"), ("x" * 70, "x" * 63)]
)
def test_any_text_becomes_a_tag_that_dagster_admits(text: str, tag: str) -> None:
    assert tag_text(text) == tag
    dg.AssetSpec("one", tags={"key": tag})
