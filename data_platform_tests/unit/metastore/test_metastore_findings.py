from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from data_platform.metastore.catalog_findings import FindingEntry, ScanEntry
from data_platform.metastore.engine import Metastore

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
SCAN = ScanEntry(
    started_at=NOON,
    ended_at=NOON + timedelta(seconds=3),
    discovered=8,
    cataloged=6,
    managed=5,
    drifted=1,
    unmanaged=2,
    missing=1,
    undecided=4,
)


def finding(name: str, standing: str = "unmanaged", **more: object) -> FindingEntry:
    line = FindingEntry(
        name=name,
        kind="delta",
        place=f"tables/{name}",
        dataset_namespace="data_platform",
        dataset_name=name,
        standing=standing,
        differences=({"kind": "no_contract", "subject": "", "expected": "", "found": ""},),
        fingerprint="f1",
        version=3,
        rows=None,
        size_bytes=1 << 40,
        first_seen_at=NOON,
        changed_at=NOON,
        last_seen_at=NOON,
    )
    return replace(line, **more)  # type: ignore[arg-type]


def test_the_newest_scan_is_the_one_recorded_last(metastore: Metastore) -> None:
    scans = metastore.catalog.scans
    assert scans.latest() is None
    scans.record(SCAN)
    scans.record(replace(SCAN, discovered=0, cataloged=0))
    newest = scans.latest()
    assert newest is not None
    assert newest.coverage == 1.0  # nothing is there, so nothing is uncovered
    assert replace(SCAN).coverage == 0.75
    assert metastore.prune(NOON + timedelta(days=1))["catalog_scans"] == 1
    assert scans.latest() == newest


def test_a_finding_is_replaced_but_stays_first_seen_when_it_was(metastore: Metastore) -> None:
    findings = metastore.catalog.findings
    findings.put([finding("curated.shop.a"), finding("x/y")])
    later = NOON + timedelta(hours=1)
    again = finding("x/y", first_seen_at=later, last_seen_at=later, version=4, decision="accepted", decided_at=later)
    findings.put([again])
    assert findings.of("x/y") == replace(again, first_seen_at=NOON)
    assert [one.name for one in findings.all()] == ["curated.shop.a", "x/y"]
    findings.remove(["x/y", "nothing"])
    assert findings.of("x/y") is None


def test_what_is_open_is_neither_managed_nor_accepted(metastore: Metastore) -> None:
    findings = metastore.catalog.findings
    lines = [
        finding("a", "managed"),
        finding("b"),
        finding("c", "drifted", decision="accepted"),
        finding("d", "missing", decision="rejected"),
    ]
    findings.put(lines)
    assert [one.name for one in findings.all(only_open=True)] == ["b", "d"]
    assert [one.name for one in lines if one.is_open] == ["b", "d"]
    assert findings.counts() == {
        ("managed", ""): 1, ("unmanaged", ""): 1, ("drifted", "accepted"): 1, ("missing", "rejected"): 1,
    }  # fmt: skip
