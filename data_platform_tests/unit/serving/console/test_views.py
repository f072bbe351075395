"""What asks for attention is told with the first thing that is wrong, and with every reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from data_platform.metastore.catalog_reads import DatasetLine
from data_platform.serving.console.views import _wanting

AT = datetime(2026, 3, 1, tzinfo=UTC)


def line(standing: str, *, sunset: str | None = None, found: str | None = None) -> DatasetLine:
    return DatasetLine(
        id=1, namespace="data_platform", name="served.shop.totals", standing=standing, description="", tier="",
        owners=(), tags=(), contract_id="", contract_version="", status="", sunset=sunset, found=found, reads=0,
        writes=0, readers=0, first_seen_at=AT, last_seen_at=AT,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "standing", "why"),
    [
        (line("managed", sunset="2026-06-30"), "deprecated", "goes on 2026-06-30"),
        (line("external", sunset="2026-06-30"), "deprecated", "goes on 2026-06-30"),
        (line("unmanaged"), "unmanaged", "no contract describes it"),
        (line("drifted"), "drifted", "changed outside the platform"),
        (line("drifted", found="column added x"), "drifted", "column added x"),
        (line("drifted", sunset="2026-06-30"), "drifted", "changed outside the platform; goes on 2026-06-30"),
        (line("unmanaged", sunset="2026-06-30"), "unmanaged", "no contract describes it; goes on 2026-06-30"),
    ],
)
def test_the_chip_and_the_reason_say_the_same(one: DatasetLine, standing: str, why: str) -> None:
    told = _wanting(one)
    assert (told["standing"], told["why"]) == (standing, why)
