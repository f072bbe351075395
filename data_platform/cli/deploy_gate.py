"""The work of `deploy-gate`."""

from __future__ import annotations

import getpass
from collections.abc import Sequence

from data_platform.cli.environment import platform_here
from data_platform.cli.output import counted, print_json, say
from data_platform.contracts.model import DatasetName
from data_platform.errors import ConfigurationError
from data_platform.metastore.deploys import DeployEntry
from data_platform.observability.objectives.gate import GateVerdict, ask
from data_platform.wiring.platform import Platform


def ask_gate(*, datasets: Sequence[str], override: str | None, is_strict: bool, as_json: bool) -> int:
    """Asks the gate and keeps what it said; 1 where it refuses."""
    if override is not None and not override.strip():
        raise ConfigurationError("an override needs the ticket that says why")
    with platform_here() as platform:
        concerned = _concerned(platform, datasets)
        now = platform.clock.now()
        verdict = ask(platform.metastore.operations.objectives.all(), concerned, now=now)
        is_open = verdict.is_open(is_strict=is_strict)
        reason = _reason(verdict, is_open=is_open)
        platform.metastore.operations.deploys.append(
            DeployEntry(
                at=now,
                who=getpass.getuser(),
                what=" ".join(sorted(datasets)),
                is_allowed=is_open or override is not None,
                reason=reason,
                override_ticket="" if is_open else (override or "").strip(),
            )
        )
    if as_json:
        print_json(
            {
                "is_open": is_open,
                "override": override,
                "reason": reason,
                "reasons": verdict.reasons,
                "verdict": verdict,
            }
        )
    else:
        _tell(verdict, is_open=is_open, override=override)
    return 0 if is_open or override is not None else 1


def _concerned(platform: Platform, datasets: Sequence[str]) -> frozenset[str]:
    """The datasets and everything that reads them."""
    if not datasets:
        return frozenset(map(str, platform.project.datasets))
    try:
        names = [platform.project.dataset(DatasetName.parse(name)).name for name in datasets]
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    return frozenset(str(one) for name in names for one in (name, *platform.graph.downstream(name)))


def _reason(verdict: GateVerdict, *, is_open: bool) -> str:
    if is_open or verdict.reasons:
        return verdict.reason
    return f"nothing is known of {counted(len(verdict.unknown), 'objective')}"


def _tell(verdict: GateVerdict, *, is_open: bool, override: str | None) -> None:
    for reason in verdict.reasons:
        say(reason)
    if verdict.unknown:
        names = ", ".join(entry.objective for entry in verdict.unknown[:5])
        more = f" and {len(verdict.unknown) - 5} more" if len(verdict.unknown) > 5 else ""
        say(f"nothing is known now of {names}{more}")
    if not verdict.asked:
        say("no objective was evaluated yet: data-platform watch, or data-platform slo evaluate")
    if is_open:
        say(f"open: {counted(verdict.asked, 'objective')} looked at")
    elif override is not None:
        say(f"refused, and let through under {override}; this is kept with your name")
    else:
        say("refused: mend what burns or is spent first, or name a ticket with --override")
