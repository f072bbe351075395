from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import BinaryIO

import pytest

from data_platform.errors import FatalError, TamperedObject
from data_platform.lakehouse.landing import LandedObject, LandingLog, Manifest, SkippedDelivery
from data_platform.lakehouse.local_store import LocalStore

MOMENT = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)


def manifest(n: int = 1, **changes: object) -> Manifest:
    whole = Manifest(
        dataset="raw.commerce.orders",
        source="till 1/ü",
        n=n,
        objects=(
            LandedObject(
                name="é.csv", key="k", sha256="s", size_bytes=3, extension="csv", delivery_date=date(2024, 5, 1)
            ),
            LandedObject(name="b", key="k2", sha256="s2", size_bytes=0, source_schema=("id", "at")),
        ),
        position_from={},
        position_to={"file": "b", "nested": [1, 2.5, None, True]},
        received_at=MOMENT,
        connector_version="1",
        contract_version="1.0.0",
        contract_sha256="c",
        skipped=(SkippedDelivery(name="again.csv", sha256="s", first_batch="till 1/ü/1"),),
        watermark_before=MOMENT - timedelta(days=1),
        published_event_dates=((date(2024, 1, 1), date(2024, 1, 31)),),
    )
    return dataclasses.replace(whole, **changes)


@pytest.fixture
def log(tmp_path: Path) -> LandingLog:
    return LandingLog(LocalStore(str(tmp_path)), "commerce", "orders")


def test_a_manifest_survives_its_json_and_the_json_is_canonical() -> None:
    text = manifest().to_json()
    assert Manifest.from_json(text) == manifest()
    assert Manifest.from_json(text).to_json() == text
    plain = json.loads(text)
    assert list(plain) == sorted(plain)
    assert b" " not in text.replace(b"till 1", b"")
    assert plain["received_at"] == "2024-05-01T12:30:00Z"
    assert manifest().sha256 == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"n": "1"}, "n"),
        ({"n": 0}, "start at 1"),
        ({"received_at": "2024-05-01T12:30:00"}, "UTC"),
        ({"objects": [{"name": "a", "key": "k", "sha256": "s", "size_bytes": 1, "color": 1}]}, "objects.0.color"),
        ({"objects": [{"name": "a"}]}, "objects.0.key"),
    ],
)
def test_a_manifest_with_a_wrong_key_or_value_is_refused_by_name(change: dict[str, object], named: str) -> None:
    plain = json.loads(manifest().to_json()) | change
    with pytest.raises(FatalError, match=named):
        Manifest.from_json(json.dumps(plain).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff"])
def test_a_torn_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(FatalError, match="restore it"):
        Manifest.from_json(data)


def test_times_that_are_not_utc_are_refused() -> None:
    with pytest.raises(ValueError, match="UTC"):
        manifest(received_at=MOMENT.astimezone(timezone(timedelta(hours=2))))


def test_landed_bytes_are_found_under_their_digest(log: LandingLog, tmp_path: Path) -> None:
    source = tmp_path / "in.CSV"
    source.write_bytes(b"a,b\n1,2\n")
    landed = log.land(source, "folder/in.CSV.gz", delivery_date=date(2024, 5, 1))
    sha256 = hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert landed.key == f"landing/commerce/orders/objects/{sha256}.csv.gz"
    assert (landed.sha256, landed.size_bytes, landed.extension) == (sha256, 8, "csv.gz")
    assert log.land(b"a,b\n1,2\n", "folder/in.CSV.gz", delivery_date=date(2024, 5, 1)) == landed
    log.verify(landed)


@pytest.mark.parametrize(
    ("name", "extension"),
    [("a", ""), (".hidden/x", ""), ("a.", ""), ("a.c/v", ""), ("a.tar.gz", "tar.gz"), ("a.b.csv", "csv"), ("a.ü", "")],
)
def test_only_a_plain_extension_is_kept(log: LandingLog, name: str, extension: str) -> None:
    assert log.land(b"1", name).extension == extension


def test_tampering_names_the_object(log: LandingLog, tmp_path: Path) -> None:
    landed = log.land(b"original", "a.csv")
    path = tmp_path / landed.key
    path.chmod(0o644)
    path.write_bytes(b"0riginal")
    with pytest.raises(TamperedObject, match=r"a.csv.*no longer has the digest"):
        log.verify(landed)
    path.unlink()
    with pytest.raises(TamperedObject, match=r"a.csv.*is missing"):
        log.verify(landed)


def test_bytes_just_written_are_spared_one_reading_and_no_more(
    log: LandingLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    opened = LocalStore.open

    def watched(self: LocalStore, key: str) -> BinaryIO:
        read.append(key)
        return opened(self, key)

    monkeypatch.setattr(LocalStore, "open", watched)
    landed = log.land(b"original", "a.csv")
    log.verify(landed)
    assert read == []
    log.verify(landed)
    assert read == [landed.key]
    other = LandingLog(LocalStore(str(tmp_path)), "commerce", "orders")
    other.land(b"original", "a.csv")  # was there before: nobody knows what it holds now
    other.verify(landed)
    assert read == [landed.key] * 2


def test_a_number_is_given_to_one_manifest_only_and_none_is_left_out(log: LandingLog) -> None:
    assert log.last_number("till 1/ü") == 0
    with pytest.raises(FatalError, match="manifest 1 does not exist"):
        log.append(manifest(2))
    for n in range(1, 12):
        assert log.append(manifest(n))
    assert not log.append(manifest(11, connector_version="2"))
    assert log.read("till 1/ü", 11).connector_version == "1"
    assert log.last_number("till 1/ü") == 11
    assert [found.n for found in log.manifests("till 1/ü", 9)] == [9, 10, 11]
    assert log.sources() == ["till 1/ü"]


def test_manifests_lie_under_twenty_digits(log: LandingLog, tmp_path: Path) -> None:
    log.append(manifest(source="till"))
    assert (tmp_path / "landing/commerce/orders/batches/till/00000000000000000001.json").is_file()


def test_a_missing_or_exchanged_manifest_stops_the_reader(log: LandingLog, tmp_path: Path) -> None:
    for n in (1, 2, 3):
        log.append(manifest(n, source="till"))
    folder = tmp_path / "landing/commerce/orders/batches/till"
    (folder / f"{2:020}.json").replace(tmp_path / "away")
    with pytest.raises(FatalError, match=r"till/2 of raw.commerce.orders is missing"):
        list(log.manifests("till"))
    (folder / f"{2:020}.json").write_bytes((folder / f"{3:020}.json").read_bytes())
    with pytest.raises(FatalError, match="says it is till/3"):
        list(log.manifests("till"))


def test_another_datasets_manifest_is_refused(log: LandingLog) -> None:
    with pytest.raises(FatalError, match="does not belong"):
        log.append(manifest(dataset="raw.commerce.customers"))


def test_contract_texts_are_kept_by_digest_and_checked(log: LandingLog, tmp_path: Path) -> None:
    sha256 = log.keep_contract(b"version: 1.0.0\n")
    assert log.keep_contract(b"version: 1.0.0\n") == sha256
    assert log.contract(sha256) == b"version: 1.0.0\n"
    path = tmp_path / f"landing/commerce/orders/contracts/{sha256}.yaml"
    path.chmod(0o644)
    path.write_bytes(b"version: 9.0.0\n")
    with pytest.raises(TamperedObject, match=sha256):
        log.contract(sha256)
