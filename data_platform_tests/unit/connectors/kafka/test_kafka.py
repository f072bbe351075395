"""The kafka connector without a broker: options, offsets and lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("confluent_kafka", reason="needs confluent-kafka: pip install 'data-platform[ingest]'")

from data_platform.connectors.kafka.connector import Kafka
from data_platform.connectors.kafka.offsets import (
    Extent,
    from_answers,
    milliseconds_in,
    offsets_in,
    offsets_of,
    position_of,
    require_no_gap,
)
from data_platform.connectors.kafka.records import with_members
from data_platform.connectors.protocol import Place
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName
from data_platform.errors import ConfigurationError, SourceGap
from data_platform.lakehouse.landing import Identity

EXTENTS = {0: Extent(10, 20), 1: Extent(0, 5)}
SASL = {"protocol": "SASL_SSL", "mechanism": "SCRAM-SHA-512", "username": "me", "password": {"env": "NOT_SET_ANYWHERE"}}


def connector(**options: Any) -> Kafka:
    dataset = DatasetName.parse("raw.shop.orders")
    written = {"bootstrap": "one.invalid:9092,two.invalid:9092", "topic": "shop.orders"} | options
    entry = ConnectorEntry(
        name="orders", kind="kafka", dataset=dataset, options=written, path="connectors.yaml", line=7
    )
    return Kafka(entry, Place(source=Path("nowhere"), spool=Path("nowhere")))


def test_a_connector_is_made_without_a_broker_or_a_credential() -> None:
    made = connector(security=SASL)
    assert (made.version, made.identity) == ("kafka/1", Identity.POSITION)
    assert made.credential is not None
    assert made.credential.age_seconds is None
    assert connector().credential is None
    made.acknowledge({"offsets": {"0": 5}})
    made.close()
    assert not Path("nowhere").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"bootstrap": "no-port"}, "bootstrap"),
        ({"topic": "no spaces"}, "topic"),
        ({"start": "middle"}, "start"),
        ({"max_batch_records": 0}, "max_batch_records"),
        ({"linger_seconds": -1}, "linger_seconds"),
        ({"isolation": "read_uncommitted"}, "isolation"),
        ({"fields": {"headers": "h"}}, "fields.headers"),
        ({"fields": {"offset": "same", "key": "same"}}, "fields"),
        ({"security": {**SASL, "username": None}}, "security"),
        ({"security": {**SASL, "protocol": "SSL"}}, "security"),
        ({"security": {**SASL, "mechanism": "GSSAPI"}}, "security.mechanism"),
        ({"security": {**SASL, "password": "s3cret"}}, "security.password"),
    ],
)
def test_a_wrong_option_is_named_and_no_value_is_repeated(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"connectors.yaml:7.*{told}") as wrong:
        connector(**options)
    assert "s3cret" not in str(wrong.value)


def test_a_position_is_json_with_partitions_in_order() -> None:
    position = position_of({10: 1, 2: 3})
    assert json.dumps(position) == '{"offsets": {"2": 3, "10": 1}}'
    assert offsets_of(position) == {2: 3, 10: 1}
    assert offsets_of({}) == {}


@pytest.mark.parametrize("offsets", [{0: 10, 1: 0}, {0: 20, 1: 5}, {0: 15}, {}])
def test_offsets_that_the_topic_holds_are_no_gap(offsets: dict[int, int]) -> None:
    require_no_gap(offsets, EXTENTS, topic="t", source="orders")


@pytest.mark.parametrize(
    ("offsets", "told"),
    [
        ({0: 7, 1: 3}, "partition 0 no longer has the 3 offsets 7 to 9.*--from offset:0=10,1=3`"),
        ({0: 12, 1: 6}, "partition 1 ends at offset 5, but was read up to 6.*--from offset:0=12,1=0`"),
        ({0: 12, 1: 3, 4: 9}, "partition 4 is gone.*from offset 9 on.*--from offset:0=12,1=3`"),
        ({0: 0, 1: 9}, "partition 0 .*; partition 1 .*ingest replay orders --from earliest`"),
    ],
)
def test_a_gap_says_what_is_lost_and_the_command_that_accepts_it(offsets: dict[int, int], told: str) -> None:
    with pytest.raises(SourceGap, match=f"topic t: {told}"):
        require_no_gap(offsets, EXTENTS, topic="t", source="orders")


def test_offsets_are_read_as_a_person_writes_them() -> None:
    assert offsets_in("1=5,0=10", EXTENTS) == {0: 10, 1: 5}


@pytest.mark.parametrize(
    "text", ["", "0", "0=10", "0=10,1=5,2=0", "0=10,0=11", "0=9,1=5", "0=10,1=6", "0=10, 1=5", "0=-1,1=5", "0=10;1=5"]
)
def test_offsets_that_are_not_all_and_only_those_of_the_topic_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        offsets_in(text, EXTENTS)


def test_a_time_is_a_moment_with_its_zone() -> None:
    # 2026-03-01 is day 20,513 since 1970: 56 years of 365 days, 14 leap days, 31 + 28 days.
    midnight = (56 * 365 + 14 + 31 + 28) * 86_400_000
    assert milliseconds_in("2026-03-01T00:00:00Z") == midnight
    assert milliseconds_in("2026-03-01T02:00:00.5+02:00") == midnight + 500
    for text in ("2026-03-01T00:00:00", "2026-03-01", "soon"):
        with pytest.raises(ConfigurationError):
            milliseconds_in(text)


def test_where_nothing_is_as_young_as_a_time_reading_begins_at_the_end() -> None:
    assert from_answers({0: 13, 1: -1}, EXTENTS) == {0: 13, 1: 5}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(value=_VALUES, indent=st.sampled_from(["", " ", "\t "]))
def test_members_are_added_to_objects_and_to_nothing_else(value: Any, indent: str) -> None:
    line = indent + json.dumps(value).replace("{}", "{" + indent + "}")
    found = json.loads(with_members(line.encode(), b'"\\u0000added":1'))
    assert found == ({"\0added": 1} | value if isinstance(value, dict) else value)


@given(st.binary().filter(lambda line: b"\n" not in line))
def test_what_is_no_json_is_none_with_members_either(line: bytes) -> None:
    def is_json(text: bytes) -> bool:
        try:
            json.loads(text.decode())
        except ValueError:
            return False
        return True

    assert is_json(with_members(line, b'"a":1')) == is_json(line)
