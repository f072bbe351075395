"""What people decide about what a scan found: accepted, it is known and alarms no more until it changes; rejected, it
has to go. Nothing is ever deleted: what goes is moved to an area of the store that scans know by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from data_platform.catalog.discovery import ForeignCommit, Standing
from data_platform.catalog.scanning import Scanner, moment_after
from data_platform.catalog.telling import facts_of, gone_facts
from data_platform.errors import ConfigurationError
from data_platform.lakehouse.inventory import REJECTED_AREA
from data_platform.metastore.catalog_findings import ACCEPTED, REJECTED, FindingEntry
from data_platform.metastore.commits import CommitEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person says, and who that is."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Settles findings of the newest scan."""

    scanner: Scanner

    def finding(self, name: str) -> FindingEntry:
        """What the newest scan found a table to be, by its name or place.

        Raises:
            ConfigurationError: it found no such table.
        """
        findings = self.scanner.metastore.catalog.findings
        for typed in (name, f"./{name}", name.replace("/", ".")):
            if (found := findings.of(typed)) is not None:
                return found
        raise ConfigurationError(
            f"the newest scan found no table {name!r}; run `data-platform catalog scan`, then "
            "`data-platform catalog findings` lists what it found"
        )

    def accept(self, finding: FindingEntry, decision: Decision) -> tuple[FindingEntry, Sequence[ForeignCommit]]:
        """Keeps a table as it is now. Versions that others wrote are acknowledged, so that they are read and built on.

        Returns:
            the finding as it is from now on, and the versions that were acknowledged.
        """
        _require_open(finding)
        versions = self.scanner.foreign(finding) if finding.standing == Standing.DRIFTED else ()
        self._acknowledge(finding, versions, decision)
        return self._decided(finding, ACCEPTED, decision), versions

    def reject(self, finding: FindingEntry, decision: Decision) -> FindingEntry:
        """Notes that a table has to go, or to be as it was; until then it goes on alarming."""
        _require_open(finding)
        return self._decided(finding, REJECTED, decision)

    def move_away(self, finding: FindingEntry) -> str:
        """Moves a table in the store out of the way; returns its new place.

        Raises:
            ConfigurationError: a contract describes it, so that it is not for moving.
        """
        if finding.standing != Standing.UNMANAGED and finding.kind == "delta":
            raise ConfigurationError(f"{finding.name} has a contract: it is taken back to what was recorded, not moved")
        at = self.scanner.clock.now()
        place = f"{REJECTED_AREA}/{at:%Y%m%dT%H%M%S%fZ}/{finding.place}"
        self.scanner.lake.store.move(finding.place, place)
        self.renew(finding)
        return place

    def renew(self, finding: FindingEntry) -> FindingEntry | None:
        """Looks at one table again and keeps what it is now; None where it is gone."""
        scanner, now = self.scanner, self.scanner.clock.now()
        judged = scanner.look_again(finding)
        with scanner.metastore.transaction() as tx:
            if judged is None:
                scanner.metastore.catalog.findings.remove([finding.name], tx=tx)
                scanner.recorder.discovered([gone_facts(finding, moment_after(finding, now))], tx=tx)
                return None
            line = scanner.entry(judged, finding, now)
            scanner.metastore.catalog.findings.put([line], tx=tx)
            if line.fingerprint != finding.fingerprint:
                scanner.recorder.discovered([facts_of(line, judged, scanner.lake.store.root, line.changed_at)], tx=tx)
        return line

    def _decided(self, finding: FindingEntry, word: str, decision: Decision) -> FindingEntry:
        scanner, now = self.scanner, self.scanner.clock.now()
        judged = scanner.look_again(finding)
        if judged is None:
            raise ConfigurationError(f"{finding.name} is no longer there; run `data-platform catalog scan`")
        found = scanner.entry(judged, finding, now)
        at = moment_after(found, now)
        line = replace(
            found,
            decision=word,
            decided_by=decision.by,
            reason=decision.reason,
            decided_at=at,
        )
        with scanner.metastore.transaction() as tx:
            scanner.metastore.catalog.findings.put([line], tx=tx)
            scanner.recorder.discovered([facts_of(line, judged, scanner.lake.store.root, at)], tx=tx)
        return line

    def _acknowledge(self, finding: FindingEntry, versions: Sequence[ForeignCommit], decision: Decision) -> None:
        now = self.scanner.clock.now()
        self.scanner.metastore.commits.record(
            CommitEntry(
                table=finding.name.replace(".", "/"),
                version=commit.version,
                digest=commit.digest,
                rows=finding.rows or 0 if commit.version == finding.version else 0,
                files=0,
                size_bytes=0,
                run_id=None,
                committed_at=now,
                metadata={"accepted_by": decision.by, "reason": decision.reason},
            )
            for commit in versions
        )


def _require_open(finding: FindingEntry) -> None:
    if finding.standing == Standing.MANAGED:
        raise ConfigurationError(f"{finding.name} is as its contract and the ledger say: there is nothing to decide")
