"""The same way with the store on S3: Dagster's own S3 resource sees what the platform uploaded."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.orchestration.instance import open_instance
from data_platform.orchestration.launch import run_all
from data_platform.orchestration.warehouse import WAREHOUSE
from data_platform.publication.warehouse import STORE_KEY
from data_platform.settings import S3Settings
from data_platform.wiring.platform import open_platform
from data_platform_tests.integration.orchestration.shop import drop, shop
from data_platform_tests.kit import Kit
from data_platform_tests.servers import S3_BUCKET, s3_server


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # botocore's own
def test_the_warehouse_file_is_in_the_bucket_with_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kit = shop(Kit(tmp_path))
    drop(kit, "a.csv", ("A1", "2026-03-01", "10"))
    with s3_server() as server:
        s3 = S3Settings(
            endpoint_url=server.endpoint_url,
            region=server.region,
            access_key_id=server.access_key_id,
            secret_access_key=SecretStr(str(server.secret_access_key)),
            allow_http=True,
        )
        settings = kit.platform.settings.model_copy(update={"store": f"s3://{S3_BUCKET}/shop", "s3": s3})
        kit.close()
        summary = run_all(settings)
        assert (summary.failed, summary.skipped) == ((), ())
        with open_instance(settings) as instance:
            record = instance.event_log_storage.get_latest_asset_check_execution_by_key(
                [dg.AssetCheckKey(dg.AssetKey(["warehouse", "served"]), "uploaded")]
            )
        with open_platform(settings) as platform:
            platform.slis.measure(platform.clock.now())
            turn = platform.own_publishing.turn(platform.run())
            assert {"served.platform.sli_values", "served.shop.totals"} <= turn.file.versions.keys()
            assert turn.file.rebuilt
            assert platform.store.size(STORE_KEY) == turn.file.file.stat().st_size
            values = TableRef(Zone.SERVED, "platform", "sli_values")
            assert platform.upkeep.tend(values).checkpoint == 1
        assert WAREHOUSE not in run_all(settings).succeeded  # the file has them already
    [check] = record.values()
    assert check.status.value == "SUCCEEDED"
