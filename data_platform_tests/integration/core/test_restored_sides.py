"""A side table that is taken back, or read at the version that its table names, is looked at before it is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_platform.cli.main import run
from data_platform.errors import DamagedTable
from data_platform.lakehouse.delta_log import entry_key
from data_platform.lakehouse.table_ref import Zone
from data_platform.lakehouse.tables import Table
from data_platform.publication.publish import side_transaction
from data_platform_tests.integration.core.orders import deliver, orders
from data_platform_tests.kit import Kit, at


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    """A publish that died between its side table and its table: the side's head replaced a file that is named."""
    one = Kit(tmp_path)
    orders(one)
    deliver(one, "a.csv", ("A1", at("2026-03-02"), "1.00", ""), ("C1", at("2026-03-02"), "-2.00", ""))
    one.materialize("curated.orders")
    deliver(one, "b.csv", ("E1", at("2026-03-02"), "-1.00", ""))
    with pytest.MonkeyPatch.context() as patch:
        original = Table.commit

        def commit(self: Table, *args: Any, **kwargs: Any) -> Any:
            if self.ref.zone is Zone.CURATED:
                raise RuntimeError("gone")
            return original(self, *args, **kwargs)

        patch.setattr(Table, "commit", commit)
        with pytest.raises(RuntimeError):
            one.materialize("curated.orders")
    yield one
    one.close()


def side(kit: Kit) -> Table:
    return kit.table("curated.orders", Zone.HELD)


def named(kit: Kit) -> int:
    found = kit.table("curated.orders").snapshot().transaction(side_transaction(side(kit).ref))
    assert found is not None
    return found


def replaced(kit: Kit) -> Path:
    """The file that the named version has and the head has not."""
    head = {file.path for file in side(kit).snapshot().files}
    (gone,) = {file.path for file in side(kit).snapshot(named(kit)).files} - head
    path = side(kit).store.local_path(gone)
    assert path is not None
    return path


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def rot(kit: Kit) -> None:
    """Changes the log entry of the named version."""
    entry = side(kit).store.local_path(entry_key(named(kit)))
    assert entry is not None
    text = entry.read_bytes()
    entry.write_bytes(text.replace(b'"dataChange":true', b'"dataChange":false'))
    assert entry.read_bytes() != text


def restored(kit: Kit) -> int:
    """Restores the side table and dies before the publish."""
    main = kit.table("curated.orders").snapshot()
    return kit.platform.heads.side_for_writing(side(kit), main).version


@pytest.mark.parametrize("fault", ["missing", "cut"])
def test_a_version_that_has_lost_a_file_is_not_restored(kit: Kit, fault: str) -> None:
    path, head = replaced(kit), side(kit).version()
    if fault == "missing":
        path.unlink()
    else:
        cut(path)
    with pytest.raises(DamagedTable, match=r"cannot be restored.*data-platform recover"):
        kit.materialize("curated.orders")
    assert side(kit).version() == head


def test_a_restored_head_that_nobody_acknowledged_is_decoded_before_it_is_built_on(kit: Kit) -> None:
    path, before = replaced(kit), side(kit).version()
    assert restored(kit) == before + 1
    cut(path)
    with pytest.raises(DamagedTable, match="cannot be restored"):
        kit.materialize("curated.orders")
    assert list((path.parent).rglob("_damaged/*.json"))  # the restored head is torn, and set aside


def test_a_restored_head_is_built_on_and_what_is_named_stays_readable(kit: Kit) -> None:
    before = kit.held("curated.orders")
    restored(kit)
    assert kit.held("curated.orders") == before
    kit.materialize("curated.orders")
    assert sorted(row["batch_id"] for row in kit.held("curated.orders")) == ["orders/1", "orders/2"]


@pytest.mark.parametrize("fault", ["missing file", "other digest"])
def test_the_command_that_the_error_names_derives_the_side_table_again(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "missing file":
        replaced(kit).unlink()
    else:
        rot(kit)
    with pytest.raises(DamagedTable):
        kit.materialize("curated.orders")
    kit.close()
    for name in ("home", "domains", "source"):
        monkeypatch.setenv(f"DATA_PLATFORM_{name.upper()}", str(kit.folder / name))
    monkeypatch.setenv("DATA_PLATFORM_THREADS", "2")
    assert run(["recover", "held.shop.orders", "--yes"]) == 0
    assert sorted(row["batch_id"] for row in kit.held("curated.orders")) == ["orders/1", "orders/2"]
    assert [row["order_id"] for row in kit.rows("curated.orders")] == ["A1"]


def test_a_named_version_with_another_digest_is_read_by_nobody(kit: Kit) -> None:
    rot(kit)
    with pytest.raises(DamagedTable, match="not the acknowledged digest"):
        kit.held("curated.orders")


@pytest.mark.parametrize("fault", ["missing", "cut"])
def test_a_named_version_that_the_ledger_does_not_know_is_read_only_if_its_files_are_whole(
    kit: Kit, fault: str
) -> None:
    version, path = named(kit), replaced(kit)
    kit.close()
    for file in (kit.folder / "home").glob("metastore.db*"):
        file.unlink()
    assert len(kit.held("curated.orders")) == 1
    path.unlink() if fault == "missing" else cut(path)
    with pytest.raises(DamagedTable, match=f"version {version} is torn"):
        kit.held("curated.orders")
