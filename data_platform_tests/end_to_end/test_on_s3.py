"""The kiosk on an S3-compatible store: the same content as on disk, and the same calm when it runs again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from data_platform_tests.end_to_end.conftest import CleanRun
from data_platform_tests.end_to_end.walking import at, hashes, open_ledgers, walk
from data_platform_tests.servers import S3_BUCKET, s3_server


def test_a_store_on_s3_holds_what_a_store_on_disk_holds(clean: CleanRun, tmp_path: Path) -> None:
    with s3_server() as credentials:
        access = {
            "endpoint_url": credentials.endpoint_url,
            "region": credentials.region,
            "access_key_id": credentials.access_key_id,
            "secret_access_key": credentials.secret_access_key,
            "allow_http": True,
        }
        settings: dict[str, Any] = {"store": f"s3://{S3_BUCKET}/undisturbed", "s3": access}
        with at(clean.home_after_first, clean.first) as platform:
            expected = hashes(platform)
        with at(tmp_path / "home", clean.first, **settings) as platform:
            walk(platform)
            assert hashes(platform) == expected
            assert open_ledgers(platform) == []
            assert walk(platform) == []
            assert platform.store.read("warehouse/served.duckdb") == platform.settings.warehouse_file.read_bytes()
        assert not (tmp_path / "home" / "store").exists()
    with duckdb.connect(str(tmp_path / "home" / "warehouse" / "served.duckdb"), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM kiosk.items").fetchall() == [(4,)]
