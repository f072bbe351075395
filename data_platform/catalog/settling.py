"""Gathered facts against what the catalog knows: newer ones are written, and what follows from them is derived again.

One object for one batch, inside its transaction. Runs and outputs come first: edges and cards are derived from them.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from data_platform.catalog.deriving import CARD_FACETS, card_of, columns_of, document_of
from data_platform.catalog.edges import derive_edges
from data_platform.catalog.event import NO_JOB, Key
from data_platform.catalog.gathering import ENDED, Gathered, RunFact
from data_platform.metastore.catalog import CatalogStore
from data_platform.metastore.catalog_derived import Card, CatalogDerived, ColumnLine
from data_platform.metastore.catalog_facts import (
    CatalogFacts,
    FacetLine,
    HistoryLine,
    OutputLine,
    RunLine,
    VersionLine,
)
from data_platform.metastore.catalog_search import Document
from data_platform.metastore.catalog_tables import DATASETS, JOBS
from data_platform.metastore.database import Transaction

_NEW_DATASET: dict[str, Any] = {
    **dict.fromkeys(("description", "tier", "contract_id", "contract_version", "status"), ""),
    **dict.fromkeys(("reads", "writes", "readers"), 0),
    **dict.fromkeys(("owners", "tags"), ()),
    "standing": "stub",
    "first_seen_at": datetime(9999, 1, 1, tzinfo=UTC),  # widened before the transaction ends
    "last_seen_at": datetime(1, 1, 1, tzinfo=UTC),
}


class Settling:
    """Settles one batch."""

    def __init__(self, store: CatalogStore, gathered: Gathered, tx: Transaction) -> None:
        self._store, self._gathered, self._tx = store, gathered, tx
        self._facts, self._derived = CatalogFacts(tx), CatalogDerived(tx)
        self._datasets, new = self._facts.ids(DATASETS, gathered.datasets, _NEW_DATASET)
        self._jobs = {**self._facts.ids(JOBS, gathered.jobs, {})[0], NO_JOB: 0}
        self._told = {self._datasets[key] for key in new}  # datasets whose card is to be derived again
        self._traced: set[tuple[int, int]] = set()  # (job, dataset) whose edges are
        self._retraced: set[tuple[int, int]] = set()  # those whose lineage facets changed
        self._reads: Counter[int] = Counter()
        self._writes: Counter[int] = Counter()

    def settle(self) -> None:
        """Writes what is new."""
        reread = self._settle_runs()
        outputs = self._settle_outputs(reread)
        self._settle_facets(outputs)
        self._settle_history()
        self._settle_versions()
        seen = ((self._datasets[key], span) for key, span in self._gathered.datasets.items())
        self._derived.touch({one: (*span, self._reads[one], self._writes[one]) for one, span in seen})
        derive_edges(self._facts, self._derived, traced=self._traced, retraced=self._retraced)
        self._derive_cards()

    def _settle_runs(self) -> set[str]:
        """The ids of known runs that read more datasets than was known, or turn out to write several."""
        known = self._facts.runs(self._gathered.runs)
        lines, reread = [], set()
        for run_id, fact in self._gathered.runs.items():
            before = known.get(run_id)
            line = _merged(self._run(run_id, fact), before)
            if line == before:
                continue
            lines.append(line)
            read = {one for one, _ in line.inputs} - {one for one, _ in (before.inputs if before else ())}
            written = set(line.outputs) - set(before.outputs if before else ())
            self._reads.update(read)
            self._writes.update(written)
            if before and (read or (written and len(line.outputs) > 1)):
                reread.add(run_id)
        self._facts.put_runs(lines)
        return reread

    def _run(self, run_id: str, fact: RunFact) -> RunLine:
        rank, at, event_id = fact.decided
        return RunLine(
            run_id=run_id,
            job_id=self._jobs[fact.job],
            rank=rank,
            state=fact.state,
            state_at=at,
            state_event=event_id,
            started_at=fact.started_at,
            ended_at=at if rank == ENDED else None,
            error=fact.error,
            parent_run_id=fact.parent_run_id,
            inputs=tuple((self._datasets[key], version) for key, version in fact.inputs),
            outputs=tuple(self._datasets[key] for key in fact.outputs),
        )

    def _settle_outputs(self, reread: set[str]) -> dict[tuple[int, int], OutputLine]:
        facts = {(self._jobs[job], self._datasets[key]): fact for (job, key), fact in self._gathered.outputs.items()}
        known = self._facts.outputs(datasets={dataset for _, dataset in facts}, runs=reread)
        lines = []
        for (job, dataset), fact in facts.items():
            before = known.get((job, dataset))
            if before is None:
                self._told.add(dataset)
            if before is not None and (before.event_time, before.event_id) >= fact.stamp:
                continue
            inputs = tuple(sorted(self._datasets[key] for key in fact.inputs))
            lines.append(
                OutputLine(
                    job_id=job,
                    dataset_id=dataset,
                    event_time=fact.stamp[0],
                    event_id=fact.stamp[1],
                    run_id=fact.run_id,
                    inputs=inputs,
                )
            )
            self._traced.add((job, dataset))
        self._facts.put_outputs(lines)
        self._traced.update(place for place, line in known.items() if line.run_id in reread)
        return self._facts.outputs(datasets={dataset for _, dataset in facts})

    def _settle_facets(self, outputs: dict[tuple[int, int], OutputLine]) -> None:
        by_kind: dict[str, list[tuple[int, str, FacetLine]]] = {}
        place_of = {line.id: place for place, line in outputs.items()}
        for (kind, subject, name), fact in self._gathered.facets.items():
            one = self._subject(kind, subject, outputs)
            line = FacetLine(
                kind=kind,
                subject_id=one,
                name=name,
                event_time=fact.stamp[0],
                event_id=fact.stamp[1],
                digest=fact.digest,
                body=fact.body,
            )
            by_kind.setdefault(kind, []).append((one, name, line))
        newer = []
        for kind, lines in by_kind.items():
            known = {(f.subject_id, f.name): f for f in self._facts.facets(kind, {one for one, _, _ in lines})}
            for one, name, line in lines:
                before = known.get((one, name))
                if before is not None and (before.event_time, before.event_id) >= (line.event_time, line.event_id):
                    continue
                newer.append(line)
                if before is None or before.digest != line.digest:
                    self._note_change(kind, one, name, is_new=not (before and before.digest and line.digest))
                    if kind == "written":
                        self._retraced.add(place_of[one])
        self._facts.put_facets(newer)

    def _subject(self, kind: str, subject: Any, outputs: dict[tuple[int, int], OutputLine]) -> int:
        if kind == "job":
            return self._jobs[subject]
        if kind == "written":
            return outputs[self._jobs[subject[0]], self._datasets[subject[1]]].id
        return self._datasets[subject]

    def _note_change(self, kind: str, subject: int, name: str, *, is_new: bool) -> None:
        if kind == "dataset" and (is_new or name in CARD_FACETS):
            self._told.add(subject)

    def _settle_history(self) -> None:
        facts = {(self._datasets[key], name, told): fact for (key, name, told), fact in self._gathered.history.items()}
        known = self._facts.history({dataset for dataset, *_ in facts})
        self._facts.put_history(
            HistoryLine(dataset_id=one, name=name, digest=digest, event_time=at, event_id=event_id, body=body)
            for (one, name, digest), ((at, event_id), body) in facts.items()
            if (one, name, digest) not in known or (at, event_id) < known[one, name, digest]
        )

    def _settle_versions(self) -> None:
        facts = {(self._datasets[key], version): fact for (key, version), fact in self._gathered.versions.items()}
        known = self._facts.versions({one for one, _ in facts}, {version for _, version in facts})
        lines = []
        for (one, version), fact in facts.items():
            before = known.get((one, version))
            if before is not None and (before.event_time, before.event_id) >= fact.stamp:
                continue
            lines.append(
                VersionLine(
                    dataset_id=one,
                    version=version,
                    event_time=fact.stamp[0],
                    event_id=fact.stamp[1],
                    run_id=fact.run_id,
                    contract_version=fact.contract_version,
                    rows=fact.rows,
                    size_bytes=fact.size_bytes,
                    files=fact.files,
                )
            )
        self._facts.put_versions(lines)

    def _derive_cards(self) -> None:
        keys: dict[int, Key] = {one: key for key, one in self._datasets.items()}
        facets: dict[int, dict[str, Any]] = {}
        for line in self._facts.facets("dataset", self._told, bodies=True):
            if line.body is not None:
                told = json.loads(line.body) if line.name in CARD_FACETS else {}
                facets.setdefault(line.subject_id, {})[line.name] = told
        written = {dataset for _, dataset in self._facts.outputs(datasets=self._told)}
        cards: dict[int, Card] = {}
        columns: list[ColumnLine] = []
        documents: dict[int, Document] = {}
        for one in sorted(self._told):
            has = facets.get(one, {})
            cards[one] = card_of(keys[one], has, is_written=one in written)
            its = columns_of(one, has)
            columns.extend(its)
            documents[one] = document_of(keys[one], cards[one], its)
        self._derived.put_cards(cards)
        self._derived.put_columns(cards, columns)
        self._store.search.index(documents, tx=self._tx)


def _merged(line: RunLine, before: RunLine | None) -> RunLine:
    """Both lines of one run as one: inputs and outputs together, the state of the event that decides."""
    if before is None:
        return RunLine(
            **{**_fields(line), "inputs": tuple(sorted(line.inputs)), "outputs": tuple(sorted(line.outputs))}
        )
    is_newer = (line.rank, line.state_at, line.state_event) > (before.rank, before.state_at, before.state_event)
    together = {
        "started_at": min(line.started_at, before.started_at),
        "parent_run_id": max(line.parent_run_id, before.parent_run_id),
        "inputs": tuple(sorted({*line.inputs, *before.inputs})),
        "outputs": tuple(sorted({*line.outputs, *before.outputs})),
    }
    return RunLine(**{**_fields(line if is_newer else before), **together})


def _fields(line: RunLine) -> dict[str, Any]:
    return {name: getattr(line, name) for name in RunLine.__dataclass_fields__}
