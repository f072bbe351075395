"""A source that is away for a minute while the collector runs, and a burst of ten times the steady rate."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from data_platform.clock import SystemClock
from data_platform.connectors.collector import Collector
from data_platform_tests.integration.connectors.conftest import kafka_broker, postgres_server
from data_platform_tests.integration.connectors.push_kit import NDJSON, ROOT, TOKEN
from data_platform_tests.integration.connectors.rigs import HttpPushRig, KafkaRig, PostgresCdcRig, Rig, line, rigs

__all__ = ["kafka_broker", "postgres_server"]  # fixtures
pytestmark = pytest.mark.campaign

AWAY_SECONDS = float(os.environ.get("AWAY_SECONDS", "60"))
BURST_SECONDS = float(os.environ.get("BURST_SECONDS", "60"))
STEADY_BATCHES = 5  # of 100 events a second
MEMORY_BYTES = 700 << 20


@pytest.fixture(params=[KafkaRig, PostgresCdcRig], ids=lambda kind: kind.kind)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    yield from rigs(request.param, tmp_path, request)


def test_a_source_that_is_away_for_a_minute_loses_and_doubles_nothing(rig: Rig) -> None:
    rig.kit.clock = SystemClock()  # type: ignore[assignment]
    platform = rig.open().platform
    rig.send(range(1, 11))
    collector = Collector(
        ingester=platform.ingester,
        entries=[rig.kit.entry("items")],
        run=platform.run(),
        on_batches=lambda _entry, _batches: None,
        upkeep=platform.upkeep,
    )
    collector.start()
    try:
        until(lambda: len(rig.arrived()) == 10, 60)
        rig.down()
        time.sleep(AWAY_SECONDS)
        beat = platform.metastore.heartbeats.of("raw.shop.items", source="items")
        assert beat is not None
        assert beat.phase == "failed"
        rig.up()
        rig.send(range(11, 31))
        until(lambda: len(rig.arrived()) >= 30, 120)
    finally:
        assert collector.stop()
    assert Counter(rig.arrived()) == Counter(rig.held())
    beat = platform.metastore.heartbeats.of("raw.shop.items", source="items")
    assert beat is not None
    assert beat.phase == "stopped"


def test_a_burst_of_ten_times_the_steady_rate_is_drained_within_its_memory(tmp_path: Path) -> None:
    rig = HttpPushRig(tmp_path)
    Rig.open(rig)
    (tmp_path / "workspace.yaml").touch()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DATA_PLATFORM_HOME": str(tmp_path / "home"),
        "DATA_PLATFORM_DOMAINS": str(tmp_path / "domains"),
        "DATA_PLATFORM_SOURCE": str(tmp_path / "source"),
        "DATA_PLATFORM_MEMORY_LIMIT": "300MB",
    }
    command = [sys.executable, "-m", "data_platform_tests.campaigns.command_line", "ingest", "start", "--port", "0"]
    log = tmp_path / "collector.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=output)
    try:
        port = int(until(lambda: _port(log), 60))
        sent, refused, peak = 0, 0, 0
        watched = psutil.Process(process.pid)
        for batches, seconds in ((STEADY_BATCHES, 5.0), (10 * STEADY_BATCHES, BURST_SECONDS), (STEADY_BATCHES, 5.0)):
            taken, not_taken, highest = _send(port, sent, batches, seconds, watched)
            sent, refused, peak = sent + taken, refused + not_taken, max(peak, highest)
        began = time.monotonic()
        until(lambda: _rows(rig) >= sent, 300)
        drained = time.monotonic() - began
    finally:
        process.terminate()
        assert process.wait(60) == 0
    print(f"{sent:,} events, {refused} batches refused, peak {peak / 2**20:.0f} MiB, drained after {drained:.0f} s")
    assert Counter(rig.arrived()) == Counter(range(sent))
    assert peak < MEMORY_BYTES


def _send(port: int, first: int, batches: int, seconds: float, watched: psutil.Process) -> tuple[int, int, int]:
    """Sends batches of 100 at a rate; events accepted, batches refused, and the collector's highest resident size."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    accepted, refused, highest = 0, 0, 0
    began = time.monotonic()
    for number in range(int(batches * seconds)):
        time.sleep(max(0.0, began + number / batches - time.monotonic()))
        ids = range(first + accepted, first + accepted + 100)
        body = "".join(line(one, {}) + "\n" for one in ids).encode()
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": NDJSON}
        connection.request("POST", "/ingest/items", body, headers)
        response = connection.getresponse()
        response.read()
        accepted, refused = (accepted + 100, refused) if response.status == 202 else (accepted, refused + 1)
        if number % 20 == 0:
            highest = max(highest, watched.memory_info().rss)
    connection.close()
    return accepted, refused, highest


def _rows(rig: Rig) -> int:
    rig.kit.reopen()
    batches = rig.kit.platform.metastore.batches.of("raw.shop.items")
    return sum(batch.raw_rows for batch in batches)


def _port(log: Path) -> str | None:
    found = [text for text in log.read_text().splitlines() if "takes events at" in text]
    return found[0].split("127.0.0.1:")[1].split("/")[0] if found else None


def until(ask: Callable[[], Any], seconds: float) -> Any:
    """Asks until the answer is true."""
    end = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.5)
    return found
