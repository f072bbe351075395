"""The three sources of F7: a stream that is pushed to, a bucket, and a folder that has a cadence."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import yaml

from data_platform.cli.gamedays.bucket import Bucket
from data_platform.cli.gamedays.scene import DOMAIN, Scene
from data_platform.cli.ingest import sources as sources_of
from data_platform.connectors.collector import Collector
from data_platform.connectors.heartbeat import BEAT_SECONDS
from data_platform.connectors.heartbeat_map import heartbeat_map
from data_platform.connectors.http_push.connector import open_push_source
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.errors import PlatformError
from data_platform.serving.collector import collector_app
from data_platform.serving.server import serve

EXPECT_EVERY = timedelta(seconds=30)
_NAMES = ("clicks", "partner", "stock")
_SECRETS = ("GAMEDAY_TOKEN", "GAMEDAY_SECRET")  # variables of the environment
_POLL_SECONDS = 5.0
_TAKEN_WITHIN_SECONDS = 20.0


@dataclass(slots=True, kw_only=True)
class Sources:
    """The sources under way."""

    scene: Scene
    bucket: Bucket
    url: str
    collector: Collector
    _sent: Counter[str] = field(default_factory=Counter)

    def send_click(self) -> None:
        """Pushes one event, as a sender does."""
        self._sent["clicks"] += 1
        line = json.dumps({"id": f"c{self._sent['clicks']}", "at": self.scene.clock.now().isoformat()})
        headers = {"authorization": "Bearer gameday", "content-type": "application/x-ndjson"}
        request = urllib.request.Request(self.url, data=f"{line}\n".encode(), headers=headers)  # noqa: S310  loopback
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310  loopback
            pass

    def deliver_stock(self) -> None:
        """Puts one more file into the folder."""
        folder = self.scene.folder / "data" / "stock"
        folder.mkdir(parents=True, exist_ok=True)
        self._sent["stock"] += 1
        number = self._sent["stock"]
        (folder / f"stock_{number}.csv").write_text(f"id,at\ns{number},{self.scene.clock.now().isoformat()}\n")

    def poll(self) -> None:
        """Runs the two batch sources once, as their schedules do; a source that fails says so by its heartbeat."""
        platform = self.scene.platform
        for entry in sources_of(platform):
            if entry.name in ("partner", "stock"):
                try:
                    platform.ingester.ingest(entry, platform.run(job="gameday"))
                except PlatformError:
                    continue

    def poll_until_taken(self) -> bool:
        """Polls until each of the pushed and delivered records is in raw; whether that came in time."""
        ends = time.monotonic() + _TAKEN_WITHIN_SECONDS
        while time.monotonic() < ends:
            self.poll()
            totals = self.scene.platform.metastore.batches.totals()
            taken = {name: totals.get((f"raw.{DOMAIN}.{name}", name), (0, 0, 0))[1] for name in self._sent}
            if taken == self._sent:
                return True
            time.sleep(0.5)
        return False

    def keep_stock_alive(self) -> None:
        """What goes on while time is skipped: the folder has something whenever it should."""
        self.deliver_stock()
        self.poll()

    def diagnoses(self) -> dict[str, str]:
        """How each source stands, in the words of the heartbeat map."""
        platform = self.scene.platform
        entries = [entry for entry in sources_of(platform) if entry.name in _NAMES]
        found = heartbeat_map(entries, platform.metastore, self.scene.clock.now(), place=platform.ingester.place)
        return {each.entry.name: str(each.diagnosis.state) for each in found}

    def diagnoses_once(self, is_so: Callable[[Collection[str]], bool]) -> dict[str, str]:
        """The diagnoses as soon as they are as wanted, or as they are after two beats of a heart; work goes on."""
        ends = time.monotonic() + 2 * BEAT_SECONDS
        while not is_so((found := self.diagnoses()).values()) and time.monotonic() < ends:
            self.keep_stock_alive()
            time.sleep(0.5)
        return found

    def reset_breakers(self) -> None:
        """Lets sources that failed again and again be asked at once, as the runbook says where the cause is mended."""
        for breaker in self.scene.platform.metastore.operations.breakers.all():
            self.scene.platform.breakers.reset(breaker.name, who="gameday")

    def wait(self) -> None:
        """Until the next poll."""
        time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Ends the stream in order."""
        self.collector.stop()


@contextmanager
def write_sources(scene: Scene) -> Iterator[Sources]:
    """Adds the sources to the scene's project and starts the stream."""
    with ExitStack() as stack:
        bucket = stack.enter_context(Bucket())
        _write(scene, bucket.url)
        stack.enter_context(_secrets())
        scene.reopen()
        platform = scene.platform
        entry = _entry(scene, "clicks")
        source = open_push_source(entry, platform.ingester.place)
        stack.callback(source.spool.close)
        server = serve(collector_app([source]), port=0)
        stack.callback(server.stop)
        collector = Collector(
            ingester=platform.ingester,
            entries=[entry],
            run=platform.run(job="gameday"),
            on_batches=lambda _entry, _batches: None,
            upkeep=platform.upkeep,
        )
        collector.start()
        stack.callback(collector.stop)
        url = f"http://127.0.0.1:{server.port}{source.path}"
        yield Sources(scene=scene, bucket=bucket, url=url, collector=collector)


def _entry(scene: Scene, name: str) -> ConnectorEntry:
    return next(entry for entry in sources_of(scene.platform) if entry.name == name)


@contextmanager
def _secrets() -> Iterator[None]:
    """The secrets of the scene's own servers, in the environment for as long as the play lasts."""
    os.environ.update(dict.fromkeys(_SECRETS, "gameday"))
    try:
        yield
    finally:
        for name in _SECRETS:
            os.environ.pop(name, None)


def _write(scene: Scene, bucket_url: str) -> None:
    domain = scene.folder / "domains" / DOMAIN
    connectors = yaml.safe_load((domain / "connectors.yaml").read_text())
    cadence = {"expect_every": f"PT{EXPECT_EVERY.total_seconds():.0f}S"}
    connectors["connectors"] |= {
        "clicks": {
            "kind": "http_push",
            "dataset": f"raw.{DOMAIN}.clicks",
            "token": {"env": "GAMEDAY_TOKEN"},
            "accepts": ["ndjson"],
            # nobody clicks all the time: that its loop comes round is what is expected
            **cadence,
            "expect_rows": 0,
        },
        "partner": {
            "kind": "file_drop",
            "dataset": f"raw.{DOMAIN}.partner",
            "path": "s3://gameday/partner/*.csv",
            "s3": {
                "access_key_id": "gameday",
                "secret_access_key": {"env": "GAMEDAY_SECRET"},
                "endpoint_url": bucket_url,
                "region": "us-east-1",
                "allow_http": True,
            },
        },
        "stock": {"kind": "file_drop", "dataset": f"raw.{DOMAIN}.stock", "path": "stock/*.csv", **cadence},
    }
    (domain / "connectors.yaml").write_text(yaml.safe_dump(connectors))
    formats = {"clicks": {"kind": "ndjson"}, "partner": {"kind": "csv"}, "stock": {"kind": "csv"}}
    for name in _NAMES:
        (domain / "raw" / f"{name}.odcs.yaml").write_text(yaml.safe_dump(_contract(name, formats[name])))


def _contract(name: str, file_format: dict[str, Any]) -> dict[str, Any]:
    at = {"name": "at", "logicalType": "timestamp", "logicalTypeOptions": {"timezone": True}}
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"raw.{DOMAIN}.{name}",
        "version": "1.0.0",
        "status": "active",
        "domain": DOMAIN,
        "team": {"name": "Gameday", "members": [{"username": "gameday@example.com", "role": "Owner"}]},
        "schema": [{"name": name, "properties": [{"name": "id", "logicalType": "string", "required": True}, at]}],
        "customProperties": [
            {"property": "platform.format", "value": file_format},
            {"property": "platform.tier", "value": "gold"},
        ],
    }
