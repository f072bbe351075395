"""Who sends the outbox: the sensor, the end of commands, the collector's courier, and a person."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from data_platform.cli.main import run
from data_platform.lineage.courier import Courier
from data_platform.orchestration import lineage as sending
from data_platform.orchestration.build import definitions_of
from data_platform.orchestration.location import load_location
from data_platform.settings import load_settings
from data_platform_tests.integration.lineage.test_outages import in_catalog, outbox, ran
from data_platform_tests.kit import Kit
from data_platform_tests.lineage_backend import Backend, Mode

Type = Callable[..., tuple[int, str, str]]


def ticked(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> str:
    """One evaluation of the sensor over the kit's platform and its clock."""

    class Opened:
        def __init__(self, _: object) -> None: ...

        def __enter__(self) -> object:
            return kit.platform

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(sending, "open_platform", Opened)
    location = load_location(kit.platform.settings)
    sensor = definitions_of(location, platform=kit.platform).get_repository_def().get_sensor_def(sending.LINEAGE)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance=instance) as context:
        result = sensor(context)
    assert isinstance(result, dg.SkipReason)
    assert result.skip_message is not None
    return result.skip_message


def test_the_sensor_sends_and_says_what_it_did(kit: Kit, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    ran(kit)
    backend.mode = Mode.BUSY
    told = ticked(kit, monkeypatch)
    assert f"catalog: {len(outbox(kit))} sent; file://" in told
    assert f"{backend.url}/api/v1/lineage: 0 sent; {backend.url}/api/v1/lineage answered 503" in told
    assert ticked(kit, monkeypatch) == f"{backend.url}/api/v1/lineage: not now"
    backend.mode = Mode.WORKS
    kit.platform.delivery.drain()
    assert ticked(kit, monkeypatch) == "every sink has every event"


def test_a_courier_sends_while_a_process_runs_and_once_more_at_its_end(kit: Kit, backend: Backend) -> None:
    kit.settings["lineage_options"] = {}
    arrived = threading.Event()

    def arrive(path: str, body: str) -> tuple[int, str]:
        arrived.set()
        return 201, ""

    backend.answer = arrive
    ran(kit)
    with Courier(kit.platform.delivery, every_seconds=0.01):
        assert arrived.wait(20)
    ran(kit)
    with Courier(kit.platform.delivery, every_seconds=600):
        pass
    assert backend.bodies == outbox(kit)
    assert len(in_catalog(kit)) == 4


@pytest.fixture
def typed(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Type:
    """Commands in a project of `init`, whose lineage goes to the catalog and to the backend."""
    folder = tmp_path / "bakery"
    for name in list(os.environ):
        if name.startswith("DATA_PLATFORM_"):
            monkeypatch.delenv(name)
    for name in ("DATA_PLATFORM_DOMAINS", "DATA_PLATFORM_SOURCE"):  # `.env` exports them; taken back at the end
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATA_PLATFORM_THREADS", "2")
    monkeypatch.setenv("DATA_PLATFORM_LINEAGE", f"catalog, {backend.url}")
    monkeypatch.setenv("DATA_PLATFORM_LINEAGE_OPTIONS", json.dumps({backend.url: {"timeout_seconds": 0.2}}))
    assert run(["init", str(folder), "--domain", "bakery"]) == 0
    monkeypatch.chdir(folder)

    def type_(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return type_


def stands(typed: Type) -> tuple[int, dict[str, Any]]:
    code, out, _ = typed("lineage", "status", "--json")
    return code, {one["sink"].partition(":")[0]: one for one in json.loads(out)}


def test_a_person_sees_where_sinks_stand_and_sends(typed: Type, backend: Backend) -> None:
    backend.mode = Mode.HANGS
    code, out, _ = typed("ingest", "run", "orders", "--json")
    assert (code, json.loads(out)[0]["batch"]) == (0, "orders/1")
    code, _, told = typed("lineage", "send")
    assert code == 1
    assert "0 events sent; stopped:" in told
    code, sinks = stands(typed)
    assert code == 1
    assert sinks["catalog"]["state"] == "ok"
    events = sinks["catalog"]["delivered"]
    assert events >= 2
    assert (sinks["http"]["state"], sinks["http"]["waiting"], sinks["http"]["attempts"]) == ("failing", events, 2)
    assert "did not answer" in sinks["http"]["error"]
    code, out, _ = typed("lineage", "status")
    assert code == 1
    assert "failing" in out

    backend.mode = Mode.WORKS
    refused: list[str] = []

    def refuse_first(path: str, body: str) -> tuple[int, str]:
        refused.append(body)
        return (400, "bad") if len(refused) == 1 else (201, "")

    backend.answer = refuse_first
    code, _, told = typed("lineage", "send", "--all")
    assert code == 1
    assert f"{events - 1} event{'s' if events > 2 else ''} sent, 1 refused" in told
    code, sinks = stands(typed)
    assert (code, sinks["http"]["state"], sinks["http"]["refused"]) == (1, "refused", 1)
    code, out, _ = typed("lineage", "refused", "--json")
    (kept,) = json.loads(out)
    assert (code, kept["payload"], kept["sink"]) == (0, refused[0], f"{backend.url}/api/v1/lineage")
    assert "answered 400 Bad Request: bad" in typed("lineage", "refused")[1]
    code, out, _ = typed("lineage", "send", "--retry-refused", "--json")
    assert (code, [one["delivered"] for one in json.loads(out)]) == (0, [1])
    code, sinks = stands(typed)
    assert (code, sinks["http"]["state"], sinks["http"]["delivered"]) == (0, "ok", events)
    assert typed("lineage", "send")[2] == "every sink has every event\n"


def test_a_sink_that_cannot_be_used_fails_no_run(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_PLATFORM_LINEAGE", "catalogue")
    monkeypatch.delenv("DATA_PLATFORM_LINEAGE_OPTIONS")
    code, _, told = typed("ingest", "run", "orders")
    assert code == 0
    assert "lineage waits: DATA_PLATFORM_LINEAGE: 'catalogue' is no kind of lineage sink" in told
    code, _, told = typed("lineage", "status")
    assert code == 2
    assert "catalogue" in told


def test_the_default_is_the_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATA_PLATFORM_LINEAGE", raising=False)
    assert load_settings(home=tmp_path).lineage_sinks == ("catalog",)
