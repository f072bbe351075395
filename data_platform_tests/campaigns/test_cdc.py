"""100,000 mixed operations over 10,000 keys, the collector killed 20 times: the kept table equals the source's.

`pytest -m campaign -n 0 -s data_platform_tests/campaigns/test_cdc.py`; CDC_SEED repeats a draw, CDC_OPERATIONS and
CDC_KILLS make it shorter or longer. The changes are counted by a second slot that the platform knows nothing of.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from data_platform.lakehouse.landing import LandingLog
from data_platform_tests.campaigns.cdc_workload import KEYS, Workload
from data_platform_tests.integration.connectors.cdc_shop import TABLE, cdc_shop, held_by_source, kept
from data_platform_tests.integration.connectors.postgres_server import PostgresServer, started_postgres
from data_platform_tests.kit import Kit

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = int(os.environ.get("CDC_OPERATIONS", "100000"))
KILLS = int(os.environ.get("CDC_KILLS", "20"))
_WITNESS = """
SELECT data FROM pg_logical_slot_peek_binary_changes(
    'witness', NULL, NULL, 'proto_version', '1', 'publication_names', 'data_platform_items')
"""


@pytest.mark.campaign
def test_the_kept_table_equals_the_source_after_every_kill(tmp_path: Path) -> None:
    seed = int(os.environ.get("CDC_SEED", random.randrange(1 << 30)))
    print(f"\nCDC_SEED={seed}")
    draw = random.Random(seed)
    with started_postgres() as server:
        dbname = server.new_database()
        server.execute(dbname, TABLE, f"INSERT INTO items SELECT n, 'seed', n FROM generate_series(0, {KEYS // 2}) n")
        kit = cdc_shop(tmp_path, server, dbname, max_batch_bytes=1_000_000)
        try:
            kit.ingest("items")
            server.execute(dbname, "SELECT pg_create_logical_replication_slot('witness', 'pgoutput')")
            kit.close()
            _write_and_kill(kit, Workload(server, dbname, seed), draw)
            kit.ingest("items")
            kit.materialize("curated.items")
            assert kept(kit) == held_by_source(server, dbname), f"seed {seed}"
            assert set(kit.residuals("curated.items")) == {0}
            seen = _operations_in_raw(kit)
            print(f"{sum(seen.values()):,} changes in raw: {dict(seen)}")
            assert seen == _operations_at_source(server, dbname), f"seed {seed}"
            _shuffled(kit, draw)
            assert _other(kit) == kept(kit), f"seed {seed}"
        finally:
            kit.close()


def _write_and_kill(kit: Kit, workload: Workload, draw: random.Random) -> None:
    for kill in range(KILLS):
        with _collector(kit) as process:
            _until_reading(workload, process, kit)
            with ThreadPoolExecutor(1) as pool:
                writing = pool.submit(workload.run, OPERATIONS // KILLS)
                time.sleep(draw.uniform(0, 4))
                process.send_signal(signal.SIGKILL)
                was_writing = writing.running()
                writing.result()
        print(f"kill {kill + 1}{' amid writes' if was_writing else ''}: {workload.committed:,} operations so far")
    with _collector(kit) as process:
        _until_reading(workload, process, kit)
        _stop(kit).touch()
        assert process.wait(timeout=300) == 0


def _stop(kit: Kit) -> Path:
    return kit.folder / "stop"


def _until_reading(workload: Workload, process: subprocess.Popen[bytes], kit: Kit) -> None:
    active = "SELECT active FROM pg_replication_slots WHERE slot_name = 'data_platform_items'"
    until = time.monotonic() + 120
    while workload.server.rows(workload.dbname, active) != [(True,)]:
        assert process.poll() is None, (kit.folder / "collector.log").read_text()[-2000:]
        assert time.monotonic() < until, "the collector does not read"
        time.sleep(0.1)


@contextmanager
def _collector(kit: Kit) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DATA_PLATFORM_HOME": str(kit.folder / "home"),
        "DATA_PLATFORM_DOMAINS": str(kit.folder / "domains"),
        "DATA_PLATFORM_SOURCE": str(kit.folder / "source"),
    }
    command = [sys.executable, "-m", "data_platform_tests.campaigns.cdc_process", "items", str(_stop(kit))]
    with (kit.folder / "collector.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _operations_in_raw(kit: Kit) -> Counter[str]:
    rows = kit.rows("raw.items")
    places = [row["cdc_sequence"] for row in rows]
    assert len(places) == len(set(places)), "a change came twice"
    copied = {row["cdc_sequence"] for row in rows if row["cdc_op"] == "r"}
    return Counter(row["cdc_op"] for row in rows if row["cdc_op"] != "r" and row["cdc_sequence"] >= max(copied))


def _operations_at_source(server: PostgresServer, dbname: str) -> Counter[str]:
    """Counted from the first bytes of the messages, with nothing of the platform's."""
    found: Counter[str] = Counter()
    for (data,) in server.rows(dbname, _WITNESS):
        kind = data[:1].decode()
        if kind == "U" and data[5:6] == b"K":
            found.update("dc")
        elif kind in "IUDT":
            found[{"I": "c", "U": "u", "D": "d", "T": "t"}[kind]] += 1
    return found


def _shuffled(kit: Kit, draw: random.Random) -> None:
    """Everything that was landed comes once more, as files of another source, in any order."""
    landing = LandingLog(kit.platform.lake.store, "shop", "items")
    lines: list[bytes] = []
    for manifest in landing.manifests("items"):
        for landed in manifest.objects:
            lines += (kit.folder / "home" / "store" / landed.key).read_bytes().splitlines()
    draw.shuffle(lines)
    domain = kit.folder / "domains" / "shop"
    for layer in ("raw", "curated"):
        text = (domain / layer / "items.odcs.yaml").read_text()
        text = text.replace(f"urn:shop:{layer}.items", f"urn:shop:{layer}.others").replace(
            "name: items", "name: others"
        )
        (domain / layer / "others.odcs.yaml").write_text(text)
    sql = (domain / "curated" / "items.sql").read_text()
    (domain / "curated" / "others.sql").write_text(sql.replace("raw.shop.items", "raw.shop.others"))
    kit.connectors["others"] = {"kind": "file_drop", "dataset": "raw.shop.others", "path": "others/*"}
    (domain / "connectors.yaml").write_text(yaml.safe_dump({"connectors": kit.connectors}))
    for number in range(7):
        kit.drop(f"others/{number}.ndjson", b"".join(line + b"\n" for line in lines[number::7]))
    kit.reopen()
    kit.ingest("others")
    kit.materialize("curated.others")


def _other(kit: Kit) -> dict[int, tuple[object, ...]]:
    return {row["id"]: (row["v"], row["price"]) for row in kit.rows("curated.others")}
