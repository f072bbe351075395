"""Runs tests against copies of the repository with a mutant in them, stopped at the first failure or a time limit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock

from data_platform_tests.campaigns.mutants import Mutant

_KEPT_OUT = (".git", ".data_platform", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis")
_OPTIONS = ("-x", "-n", "0", "-p", "no:cacheprovider", "-p", "data_platform_tests.campaigns.under_trial")


class Outcome(StrEnum):
    """What the tests said. A run that hangs has noticed the mutant as well."""

    CAUGHT = "caught"
    HUNG = "hung"
    ALIVE = "ALIVE"


@dataclass(frozen=True, slots=True)
class Trial:
    """How the tests went, how long they took, and the test that failed."""

    outcome: Outcome
    seconds: float
    said: str


@dataclass(frozen=True, slots=True)
class Trials:
    """Trials of one repository's mutants in folders of `workplace`. May be used by several threads."""

    root: Path
    workplace: Path
    _limits: dict[tuple[str, ...], float] = field(default_factory=dict)
    _measuring: Lock = field(default_factory=Lock)

    def judge(self, mutant: Mutant, stages: Sequence[tuple[str, ...]]) -> Trial:
        """Tries one group of tests (paths in the folder of tests) after the other until one catches the mutant."""
        trial = Trial(Outcome.ALIVE, 0, "")
        for stage in stages:
            trial = self._run(stage, mutant, limit_seconds=self._limit_seconds(stage))
            if trial.outcome is not Outcome.ALIVE:
                break
        return trial

    def _limit_seconds(self, stage: tuple[str, ...]) -> float:
        """A multiple of what the tests take on the original, which they have to accept."""
        if stage in self._limits:
            return self._limits[stage]
        with self._measuring:
            if stage not in self._limits:
                trial = self._run(stage, None, limit_seconds=3600)
                assert trial.outcome is Outcome.ALIVE, f"the tests fail without a mutant: {trial.said}"
                self._limits[stage] = 60 + 3 * trial.seconds
            return self._limits[stage]

    def _run(self, stage: tuple[str, ...], mutant: Mutant | None, *, limit_seconds: float) -> Trial:
        folder = Path(mkdtemp(dir=self.workplace))
        copy = folder / "copy"
        shutil.copytree(self.root, copy, ignore=shutil.ignore_patterns(*_KEPT_OUT))
        if mutant:
            (copy / mutant.file).write_text(mutant.text)
        tests = [f"data_platform_tests/{path}" for path in stage]
        command = [sys.executable, "-m", "pytest", *_OPTIONS, "--basetemp", str(folder / "tests"), *tests]
        began = time.monotonic()
        outcome = _outcome(command, copy, folder / "output.txt", limit_seconds)
        trial = Trial(outcome, time.monotonic() - began, _verdict_in(folder / "output.txt"))
        shutil.rmtree(folder, ignore_errors=True)
        return trial


def _outcome(command: list[str], folder: Path, output: Path, limit_seconds: float) -> Outcome:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    with output.open("w") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            return Outcome.CAUGHT if process.wait(limit_seconds) else Outcome.ALIVE
        except subprocess.TimeoutExpired:
            return Outcome.HUNG
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and whatever the tests started
            process.wait()


def _verdict_in(output: Path) -> str:
    lines = output.read_text(errors="replace").splitlines()
    return next((line for line in lines if line.startswith(("FAILED", "ERROR"))), lines[-1] if lines else "")[:160]
