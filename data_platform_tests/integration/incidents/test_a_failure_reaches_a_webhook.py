"""From a delivery that cannot be read to the webhook of the team on call, with the real commands and their defaults."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from data_platform_tests.integration.incidents.webhooks import webhook_server
from data_platform_tests.kit import Kit

_PROGRAM = "from data_platform.cli.main import main; main()"


def test_a_failure_in_raw_reaches_the_webhook_as_one_incident(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit.raw("orders", ["id string key", "amount decimal(10,2)"])
    kit.close()
    routes = tmp_path / "routes.yaml"
    routes.write_text("teams: {'#shop': {channels: [hook]}}\nchannels: {hook: {webhook: '${SHOP_HOOK}'}}\n")
    with webhook_server() as hook:
        environment = {
            **os.environ,
            "DATA_PLATFORM_HOME": str(tmp_path / "home"),
            "DATA_PLATFORM_DOMAINS": str(tmp_path / "domains"),
            "DATA_PLATFORM_SOURCE": str(tmp_path / "source"),
            "DATA_PLATFORM_ROUTES": str(routes),
            "SHOP_HOOK": f"{hook.address}?token=s3cret",
        }
        log = (tmp_path / "watch.log").open("wb")
        watch = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, "watch"], env=environment, stdout=log, stderr=log, cwd=tmp_path
        )
        try:
            kit.drop("orders/1.csv", b"\x00\xff\xfe not a table \x00")
            began = time.monotonic()
            ingest = [sys.executable, "-c", _PROGRAM, "ingest", "run", "orders"]
            subprocess.run(ingest, env=environment, capture_output=True, check=False, cwd=tmp_path)
            while not hook.bodies:
                assert watch.poll() is None, (tmp_path / "watch.log").read_text()
                assert time.monotonic() - began < 170, (tmp_path / "watch.log").read_text()
                time.sleep(0.1)
            seconds = time.monotonic() - began
            listed = subprocess.run(
                [sys.executable, "-c", _PROGRAM, "incident", "list"],
                env=environment, capture_output=True, text=True, check=False, cwd=tmp_path,
            )  # fmt: skip
        finally:
            watch.terminate()
            watch.wait(60)
            log.close()
        print(f"from the command to the webhook: {seconds:.1f} s")
        assert [(body["kind"], body["alert"], body["cause"]) for body in hook.bodies] == [
            ("opened", "files_rejected", "raw.shop.orders")
        ]
        assert listed.returncode == 1
        assert "files_rejected" in listed.stdout or "cannot be read" in listed.stdout
        kept = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
        assert b"s3cret" not in kept + (tmp_path / "watch.log").read_bytes()
