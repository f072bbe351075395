"""The tree of errors, grouped by what the caller can do about them.

    PlatformError
    ├── ConfigurationError      mend a file, a setting or the command, then run again      exit 2
    │   └── FaultyProject       every fault of a project's files at once
    ├── ContractViolation       the data or a gate said no; nothing was published           exit 1
    │   ├── PublishBlocked      an audit found a blocking fault
    │   └── UpstreamBlocked     an input partition in range is blocked or pending
    ├── RetryableError          the same call may succeed later                             exit 3
    │   ├── CommitConflict      another writer committed first
    │   ├── SourceUnavailable   a source or store did not answer
    │   ├── SourceRefused       a source did not take the credential
    │   └── SinkUnavailable     a lineage sink did not answer
    ├── FatalError              a person has to look; retrying cannot help                  exit 3
    │   ├── DamagedTable        an acknowledged commit or file is torn or missing
    │   ├── SourceGap           records that come next are gone at the source
    │   ├── TamperedObject      landed bytes no longer have their digest
    │   ├── SinkRefused         a lineage sink will never take this event
    │   └── ConservationBroken  counts do not close, or two compilations of a rule disagree
    ├── PartlyPublished         each of several datasets for its own reason                 exit 1 or 3
    └── AccessDenied            no policy grants this                                       exit 1

A failed check is a value (a verdict), never an exception; a check that could not run is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class PlatformError(Exception):
    """Everything the platform raises on purpose. The message says what happened and what to do next."""

    exit_code = 3


class ConfigurationError(PlatformError):
    """A file, a setting or a command is wrong; mend it and run again."""

    exit_code = 2


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong in a project's files.

    Attributes:
        path: the file, relative to where the reader stands when possible.
        line: 1-based line number; 0 where the fault belongs to the whole file.
        message: what is wrong, naming the dataset or column.
        fix: what to write instead.
    """

    path: str
    line: int
    message: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.message}\n    fix: {self.fix}"


class FaultyProject(ConfigurationError):
    """All faults found in contracts, SQL and connector files, reported together."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        count = len(self.faults)
        noun = "fault" if count == 1 else "faults"
        super().__init__(f"{count} {noun} in the project:\n" + "\n".join(map(str, self.faults)))


class ContractViolation(PlatformError):
    """The data broke its contract; nothing was published and the last good version serves."""

    exit_code = 1


class PublishBlocked(ContractViolation):
    """An audit found a blocking fault in what was about to be published.

    Attributes:
        checks: every verdict of the audit (`quality.verdicts.RuleResult`).
    """

    def __init__(self, message: str, *, checks: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.checks = tuple(checks)


class UpstreamBlocked(ContractViolation):
    """An input partition in this run's range is blocked or pending."""


class RetryableError(PlatformError):
    """The same call may succeed later."""


class CommitConflict(RetryableError):
    """Another writer committed to the table first; start again from a fresh snapshot."""


class SourceUnavailable(RetryableError):
    """A source or the store did not answer."""


class SourceRefused(RetryableError):
    """A source did not take the credential; it is read again before the next attempt."""


class SinkUnavailable(RetryableError):
    """A lineage sink did not answer, or not as one that took the events.

    Attributes:
        wait_seconds: how long it asked to be left alone; 0 where it said nothing.
    """

    def __init__(self, message: str, *, wait_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class FatalError(PlatformError):
    """A person has to look; retrying cannot help."""


class DamagedTable(FatalError):
    """An acknowledged commit, its log entry or one of its files is torn or missing."""


class SourceGap(FatalError):
    """Records after the last position are gone at the source; only a person may decide to go on without them."""


class TamperedObject(FatalError):
    """Landed bytes no longer have the digest under which they were landed."""


class SinkRefused(FatalError):
    """A lineage sink answered that it will not take this event; it is kept for inspection, and the queue goes on."""


class ConservationBroken(FatalError):
    """Counts do not close to zero, or the SQL and Pandera compilations of a rule disagree."""


class PartlyPublished(PlatformError):
    """Of several datasets that are published together some were not; the others were.

    Attributes:
        errors: why, by dataset.
        published: what was published (`publication.candidate.Published`).
        exit_code: 1 where contracts said no to all of them, else 3.
    """

    def __init__(self, errors: Mapping[str, Exception], *, published: Sequence[Any] = ()) -> None:
        self.errors, self.published = dict(errors), tuple(published)
        self.exit_code = 1 if all(isinstance(error, ContractViolation) for error in errors.values()) else 3
        count = f"{len(errors)} dataset{'' if len(errors) == 1 else 's'}"
        told = "\n".join(f"  {name}: {_said(error)}" for name, error in errors.items())
        super().__init__(f"{count} could not be published; the last good version of each keeps serving:\n{told}")


class AccessDenied(PlatformError):
    """No policy grants this access."""

    exit_code = 1


def _said(error: Exception) -> str:
    """An engine's message may quote a value of the data, so of such an error only the class is told."""
    first = next(iter(str(error).splitlines()), "") if isinstance(error, PlatformError) else ""
    return f"{type(error).__name__}{': ' if first else ''}{first}"
