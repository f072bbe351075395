"""The work of `catalog scan`, `findings`, `accept` and `reject`."""

from __future__ import annotations

import getpass

from data_platform.catalog.deriving import in_words
from data_platform.catalog.discovery import WAREHOUSE, Standing
from data_platform.catalog.settlement import Decision
from data_platform.cli.catalog import scan_in_words
from data_platform.cli.environment import platform_here
from data_platform.cli.lineage import send_a_little
from data_platform.cli.output import counted, print_json, print_table, say, stdout, working
from data_platform.cli.recover import recover
from data_platform.errors import ConfigurationError
from data_platform.metastore.catalog_findings import FindingEntry
from data_platform.wiring.platform import Platform

_COLUMNS = ["table", "standing", "what differs", "decided", "next"]


def scan(*, as_json: bool) -> int:
    """Scans; 1 where something is to be settled."""
    with platform_here() as platform:
        with working("looking at the store"), platform.meter.work("scan"):
            scanned = platform.scanner.scan()
        send_a_little(platform)
    if as_json:
        found = [one for one in scanned.findings if one.standing != Standing.MANAGED]
        print_json({"scan": scanned.scan, "coverage": scanned.scan.coverage, "findings": found})
    else:
        if scanned.open:
            _print(scanned.open)
        say(scan_in_words(scanned.scan))
    return 1 if scanned.open else 0


def findings(*, is_all: bool, as_json: bool) -> int:
    """Prints the lines of the newest scan."""
    with platform_here() as platform:
        newest = platform.metastore.catalog.scans.latest()
        found = platform.metastore.catalog.findings.all()
    found = tuple(one for one in found if is_all or one.standing != Standing.MANAGED)
    if as_json:
        print_json({"scan": newest, "coverage": newest.coverage if newest else None, "findings": found})
        return 0
    if found:
        _print(found)
    say(scan_in_words(newest) if newest else "nobody has looked what is in the store: data-platform catalog scan")
    return 0


def accept(*, table: str, reason: str) -> int:
    """Accepts one finding."""
    decision = _decision(reason)
    with platform_here() as platform:
        finding = platform.settlement.finding(table)
        kept, versions = platform.settlement.accept(finding, decision)
        send_a_little(platform)
    if versions:
        say(f"{counted(len(versions), 'version')} that others wrote are acknowledged, and read from now on")
    say(f"{kept.name} is accepted as it is ({in_words(finding.differences)}); it alarms again when it changes")
    if kept.standing == Standing.DRIFTED:
        say(f"its contract still says otherwise: data-platform catalog adopt {kept.name}")
    return 0


def reject(*, table: str, reason: str, yes: bool) -> int:
    """Rejects one finding, and with `yes` does what that takes."""
    decision = _decision(reason)
    with platform_here() as platform:
        finding = platform.settlement.reject(platform.settlement.finding(table), decision)
        if finding.name.startswith(f"{WAREHOUSE}."):
            return _build_again(platform, yes)
        if finding.standing == Standing.UNMANAGED or finding.kind == "parquet":
            return _move_away(platform, finding, yes)
    code = recover(table=finding.name, yes=yes)
    if yes:
        with platform_here() as platform:
            left = platform.settlement.renew(finding)
            send_a_little(platform)
        if left is not None and left.is_open:
            say(f"{left.name} still differs: {in_words(left.differences)}; data-platform catalog adopt {left.name}")
            return 1
    return code


def _move_away(platform: Platform, finding: FindingEntry, yes: bool) -> int:
    stdout().print(f"move {finding.place} of the store out of the way; nothing is deleted", soft_wrap=True)
    if not yes:
        return _not_done()
    place = platform.settlement.move_away(finding)
    send_a_little(platform)
    say(f"{finding.name} is in {place} of the store now; delete it there when nobody misses it")
    return 0


def _build_again(platform: Platform, yes: bool) -> int:
    file = platform.settings.warehouse_file
    stdout().print(f"move {file} out of the way and build it again from the served tables", soft_wrap=True)
    if not yes:
        return _not_done()
    aside = file.with_name(f"{file.stem}.rejected-{platform.clock.now():%Y%m%dT%H%M%S%fZ}{file.suffix}")
    if file.exists():
        file.rename(aside)
    with working("building the served file"):
        platform.served_file.build(platform.run())
    for one in platform.metastore.catalog.findings.all():
        if one.name.startswith(f"{WAREHOUSE}."):
            platform.settlement.renew(one)
    send_a_little(platform)
    say(f"{file} is built again; what it was is in {aside.name} beside it")
    return 0


def _print(found: tuple[FindingEntry, ...]) -> None:
    rows = [
        (
            one.name,
            one.standing,
            in_words(one.differences),
            f"{one.decision} by {one.decided_by}: {one.reason}" if one.decision else "",
            _next(one) if one.is_open else "",
        )
        for one in found
    ]
    print_table("", _COLUMNS, rows)


def _next(finding: FindingEntry) -> str:
    if finding.standing == Standing.MISSING:
        return f"catalog reject {finding.name}"
    return f"catalog adopt, accept or reject {finding.name}"


def _decision(reason: str) -> Decision:
    if not reason.strip():
        raise ConfigurationError("a decision needs a reason that says why")
    return Decision(by=getpass.getuser(), reason=reason.strip())


def _not_done() -> int:
    say("it is noted as rejected, but nothing was done: say --yes")
    return 1
