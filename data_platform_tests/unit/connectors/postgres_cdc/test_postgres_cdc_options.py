from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data_platform.connectors.kinds import Pace, open_connector, pace_of
from data_platform.connectors.postgres_cdc.connector import PostgresCdc
from data_platform.connectors.protocol import Place
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName
from data_platform.errors import ConfigurationError

GIVEN = {"host": "db.example.com", "dbname": "shop", "user": "platform", "table": "public.orders"}
NOWHERE = Place(source=Path(), spool=Path())


def entry(name: str = "orders", **options: Any) -> ConnectorEntry:
    dataset = DatasetName.parse("raw.shop.orders")
    given = {key: value for key, value in (GIVEN | options).items() if value is not None}
    return ConnectorEntry(
        name=name, kind="postgres_cdc", dataset=dataset, options=given, path="connectors.yaml", line=7
    )


def test_an_entry_is_a_stream_and_is_opened_without_a_connection() -> None:
    connector = open_connector(entry(password={"env": "SHOP_DB_PASSWORD"}), NOWHERE)
    assert isinstance(connector, PostgresCdc)
    assert connector.credential is not None
    assert pace_of(entry()) is Pace.STREAM
    connector.close()


def test_a_database_that_asks_for_no_password_needs_none() -> None:
    assert PostgresCdc(entry(), NOWHERE).credential is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"host": None}, "host: Field required"),
        ({"table": "orders"}, "table: "),
        ({"slot": "Not-Allowed"}, "slot: "),
        ({"sslmode": "maybe"}, "sslmode: "),
        ({"snapshot_rows": 0}, "snapshot_rows: "),
        ({"pasword": {"env": "X"}}, "pasword: Extra inputs"),
        ({"password": {}}, "password: .*exactly one of env, file, command"),
    ],
)
def test_a_wrong_option_is_named_with_its_file_and_line(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"connectors\.yaml:7.*{says}"):
        PostgresCdc(entry(**options), NOWHERE)


def test_a_secret_in_the_wrong_place_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as raised:
        PostgresCdc(entry(password="hunter2"), NOWHERE)
    assert "hunter2" not in str(raised.value)


def test_a_name_too_long_for_a_slot_asks_for_a_shorter_one() -> None:
    with pytest.raises(ConfigurationError, match=r"connectors\.yaml:7.*too long for PostgreSQL"):
        PostgresCdc(entry("o" * 60), NOWHERE)
    PostgresCdc(entry("o" * 60, slot="short", publication="short"), NOWHERE)


def test_the_only_way_back_is_a_new_copy() -> None:
    connector = PostgresCdc(entry(), NOWHERE)
    assert connector.position_at("snapshot") == {}
    with pytest.raises(ConfigurationError, match="--from snapshot"):
        connector.position_at("earliest")
