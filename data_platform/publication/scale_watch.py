"""Holds the numbers of a batch against those of the batches before it (`quality.scales`), while they are staged.

What was learned stands in the receipt of each raw commit, so the verdict depends on manifests and bytes alone. It is
learned anew under a new version of the contract: that is how a person says that a jump is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from data_platform.contracts.envelope_columns import envelope_columns
from data_platform.contracts.model import Column, Contract
from data_platform.contracts.types import TypeKind, quote_identifier
from data_platform.lakehouse.tables import Table
from data_platform.metastore.engine import Metastore
from data_platform.publication.receipt import CheckCount, Receipt
from data_platform.quality.scales import Jump, Scale, is_learned, judge_scale, learned

SCALE = "scale"
_LOOKED_AT = 20_000  # values of a column, spread evenly over the batch
_NUMBERS = (TypeKind.INTEGER, TypeKind.DECIMAL, TypeKind.DOUBLE)
_SPREAD, _SPAN = 2654435761, 1 << 32  # Knuth's multiplicative hash: the same rows of the same batch, always

Memory = Mapping[str, tuple[float, ...]]  # medians of the batches that were learned, oldest first, by column


@dataclass(frozen=True, slots=True)
class Watched:
    """What a batch brought: the verdict, and what is known after it."""

    check: CheckCount
    memory: Memory


def watch_scales(con: DuckDBPyConnection, contract: Contract, source: str, *, staged: str | None) -> Scales:
    """The scales of a batch's columns; `staged` selects its rows, None where it has none."""
    columns = watched_columns(contract)
    if staged is None or not columns:
        return Scales(source, {})
    ((rows,),) = con.execute(f"SELECT count(*) FROM ({staged})").fetchall()
    parts = ", ".join(f"count({size}), quantile_cont({size}, [0.25, 0.5, 0.75])" for size in map(_size, columns))
    share = f"(_record_no * {_SPREAD}) % {_SPAN} < {_SPAN * _LOOKED_AT // max(rows, _LOOKED_AT)}"
    (found,) = con.execute(f"SELECT {parts} FROM ({staged}) WHERE {share}").fetchall()
    pairs = zip(columns, found[::2], found[1::2], strict=True)
    return Scales(
        source,
        {
            column.name: Scale.of(values, quartiles, is_whole=column.type.kind is TypeKind.INTEGER)
            for column, values, quartiles in pairs
            if values
        },
    )


@dataclass(frozen=True, slots=True)
class Scales:
    """The scales of one batch of a source, by column."""

    source: str
    of: Mapping[str, Scale]

    def against(self, memory: Memory) -> Watched:
        """The verdict over all columns of which enough is known."""
        judged = {name: scale for name, scale in self.of.items() if is_learned(memory.get(name, ()), scale)}
        found = [judge_scale(name, memory[name], scale) for name, scale in judged.items()]
        jumps = {jump.column: jump for jump in found if jump is not None}
        after = dict(memory) | {
            name: learned(memory.get(name, ()), scale) for name, scale in self.of.items() if name not in jumps
        }
        return Watched(_check(self.source, judged, jumps), after)


def watched_columns(contract: Contract) -> tuple[Column, ...]:
    """Columns of measures: numbers that neither name something nor say where they come from."""
    named = {*contract.primary_key, *contract.dedupe_key, *contract.sequence}
    named |= {column.name for column in envelope_columns(contract)}
    named |= {name for reference in contract.references for name in reference.columns}
    return tuple(
        column
        for column in contract.columns
        if column.type.kind in _NUMBERS and column.scale_check and column.name not in named
        if not column.unique and column.reference is None
    )


def known_scales(contract: Contract, source: str, n: int, *, raw: Table, metastore: Metastore) -> Memory:
    """What was known after batch `n` of a source; nothing under another version of the contract."""
    if not watched_columns(contract):
        return {}
    entry = metastore.batches.get(str(contract.name), batch_id=f"{source}/{n}") if n else None
    if entry is None or entry.contract_version != contract.version:
        return {}
    try:
        logged = raw.log.commit(entry.raw_version)
    except FileNotFoundError:
        return {}  # retention has shortened the table's log
    receipt = Receipt.read(logged.metadata) if logged else None
    return receipt.batch.scales if receipt and receipt.batch else {}


def _size(column: Column) -> str:
    """SQL: the logarithm of a value's size; NULL where it has none."""
    number = f"CAST({quote_identifier(column.name)} AS DOUBLE)"
    return f"CASE WHEN isfinite({number}) AND {number} <> 0 THEN ln(abs({number})) END"


def _check(source: str, judged: Mapping[str, Scale], jumps: Mapping[str, Jump]) -> CheckCount:
    return CheckCount(
        rule=f"{SCALE}/{source}",
        kind=SCALE,
        reason="SCALE",
        severity="warn",
        verdict="failed" if jumps else "passed" if judged else "not_applicable",
        rows_examined=max((scale.values for scale in judged.values()), default=0),
        failing_rows=max((judged[name].values for name in jumps), default=0),
        engine="duckdb",
        detail="; ".join(map(str, jumps.values())),
    )
