"""`check prod` on the project that `init` writes: what it lacks is named, and once it is there the answer changes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from data_platform.cli.environment import platform_here
from data_platform.cli.main import run
from data_platform.cli.refresh import refresh

DATASET = "served.bakery.daily_sales"
CONTRACT = Path("domains/bakery/served/daily_sales.odcs.yaml")


@pytest.fixture
def bakery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("DATA_PLATFORM_"):
            monkeypatch.delenv(name)
    for name in ("DATA_PLATFORM_DOMAINS", "DATA_PLATFORM_SOURCE"):  # `.env` exports them; taken back at the end
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    folder = tmp_path / "bakery"
    assert run(["init", str(folder), "--domain", "bakery"]) == 0
    monkeypatch.chdir(folder)
    return folder


def lacking(capsys: pytest.CaptureFixture[str]) -> tuple[int, set[str]]:
    capsys.readouterr()
    code = run(["check", "prod", DATASET, "--json"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["is_ready"] is (code == 0)
    assert all(one["next"] for one in told["findings"] if one["state"] != "ok")
    return code, {one["area"] for one in told["findings"] if one["state"] != "ok"}


def test_what_a_dataset_lacks_blocks_its_promotion_until_it_is_there(
    bakery: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lacking(capsys) == (1, {"alert route", "cost tags", "evidence"})

    run(["ingest", "run", "orders"])
    with platform_here() as platform:
        refresh(platform, set(platform.graph.order), platform.run())
    assert lacking(capsys) == (1, {"alert route", "cost tags"})

    (bakery / "routes.yaml").write_text(
        "platform: {channels: [desk]}\nchannels: {desk: {webhook: http://127.0.0.1:9/}}\n"
    )
    monkeypatch.setenv("DATA_PLATFORM_ROUTES", str(bakery / "routes.yaml"))
    assert lacking(capsys) == (1, {"cost tags"})

    text = (bakery / CONTRACT).read_text()
    tagged = text + "  - {property: platform.cost_tags, value: {product: bakery}}\n"
    (bakery / CONTRACT).write_text(tagged)
    assert lacking(capsys) == (0, set())

    (bakery / CONTRACT).write_text(tagged + "  - {property: platform.tier, value: gold}\n")
    assert "runbook" in lacking(capsys)[1]
    (bakery / "domains/bakery/runbooks").mkdir()
    (bakery / "domains/bakery/runbooks/data_loss.md").write_text("# data_loss\n")
    assert "runbook" not in lacking(capsys)[1]


def test_a_promise_that_is_taken_out_of_the_contract_is_missed(
    bakery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (bakery / CONTRACT).read_text()
    (bakery / CONTRACT).write_text(text.replace("  - {property: latency, value: 8, unit: h}\n", ""))
    assert "objective freshness" in lacking(capsys)[1]
