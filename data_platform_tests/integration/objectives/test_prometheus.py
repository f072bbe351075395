"""A real Prometheus over a real platform: it scrapes, evaluates our rules, and every panel of the dashboards has data."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_platform.metastore.runs import RunEntry
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.metastore.tables import RunState
from data_platform.observability.prometheus.dashboards import DASHBOARDS
from data_platform.observability.prometheus.rules import rules_document
from data_platform.serving.app import platform_app
from data_platform.serving.server import serve
from data_platform_tests.kit import Kit

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is not installed (Debian: prometheus)"
)
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str

    def ask(self, query: str) -> Any:
        """The result of an instant query; a query that does not parse is an error."""
        address = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)["data"]["result"]

    def until(self, query: str) -> Any:
        """The result as soon as there is one."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                found = self.ask(query)
            except (ConnectionError, urllib.error.URLError) as error:
                if isinstance(error, urllib.error.HTTPError) and error.code == 400:
                    raise AssertionError(f"{query}: {error.read().decode()}") from error
                found = None
            if found:
                return found
            assert time.monotonic() < deadline, f"no data: {query}"
            time.sleep(0.2)


@pytest.fixture
def port(shop: Kit) -> Iterator[int]:
    platform = shop.platform
    shop.drop("orders/a.csv", "id,amount\n1,2\nx,3\n")
    shop.ingest("orders")
    for name in ("curated.orders", "served.sales"):
        shop.materialize(name)
    failed = RunEntry(run_id="f", dataset="served.shop.sales", started_at=shop.clock.now(), ended_at=shop.clock.now(),
                      state=RunState.FAILED, seconds=1.0)  # fmt: skip
    platform.metastore.runs.record([failed])
    platform.scanner.scan()
    watched(shop)
    server = serve(platform_app(platform), port=0)
    yield server.port
    server.stop()


def watched(shop: Kit) -> None:
    """One turn of the watch, in which something was good and something bad of each indicator."""
    shop.clock.advance(timedelta(minutes=1))
    now, values = shop.clock.now(), shop.platform.metastore.operations.sli_values
    for sli, subject in (("freshness", "served.shop.sales"), ("pipeline_success", "served.shop.sales")):
        entry = SliValueEntry(sli=sli, subject=subject, measured_at=now, value=1.0, good=8, bad=2, provenance="test")
        assert values.append([entry], sli=sli, after=values.cursor(sli))
    shop.platform.objectives.evaluate(now)


@pytest.fixture
def prometheus(shop: Kit, port: int, tmp_path: Path) -> Iterator[Prometheus]:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    rules = rules_document(shop.platform.objectives.all)
    for group in rules["groups"]:
        group["interval"] = "1s"
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    jobs = [{"job_name": "data_platform", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}]
    settings = {"global": {"scrape_interval": "1s"}, "rule_files": ["rules.yaml"], "scrape_configs": jobs}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={address}",
               "--enable-feature=exemplar-storage", "--log.level=error"]  # fmt: skip
    with (folder / "log").open("wb") as log, subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as process:
        yield Prometheus(f"http://{address}")
        process.terminate()
        process.wait(20)


def test_every_panel_of_every_dashboard_has_data_and_rules_say_what_the_platform_says(
    shop: Kit, prometheus: Prometheus
) -> None:
    prometheus.until("count_over_time(data_platform_build_info[1m]) >= 2")
    watched(shop)
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            for query in panel.queries.values():
                assert prometheus.until(query.replace("$domain", ".*").replace("$dataset", ".*")), panel.title
    (success,) = prometheus.until('sli:pipeline_success:ratio7d{objective="pipeline_success.platform"}')
    assert float(success["value"][1]) == pytest.approx(0.8)  # eight of ten, by the counters' growth
    # 20 % are bad where 0.5 % may be: forty times too fast, here as there
    standing = shop.platform.metastore.operations.objectives.get("freshness.served.shop.sales")
    assert standing is not None
    (burn,) = prometheus.until('objective:burn:rate1h{objective="freshness.served.shop.sales"}')
    assert float(burn["value"][1]) == pytest.approx(standing.burn["1h"]) == pytest.approx(40.0)
    (alert,) = prometheus.until('ALERTS{alertname="slo_fast_burn",objective="freshness.served.shop.sales"}')
    assert (alert["metric"]["severity"], alert["metric"]["owner"]) == ("page", "Shop")
    assert prometheus.ask('up{job="data_platform"} == 0') == []
