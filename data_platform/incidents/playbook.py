"""Playbooks: decision trees for what no runbook settles. The answers are kept with the incident.

A runbook says how; a playbook asks what is wanted, and by whom it may be decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from data_platform.contracts.places import nearest
from data_platform.errors import ConfigurationError

FOLDER = Path(__file__).parent / "playbooks"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Question(_Strict):
    """One question; each answer leads to another question or to a decision."""

    name: str
    ask: str
    answers: Mapping[str, str] = Field(min_length=2)


class Playbook(_Strict):
    """One tree. The first question is where it begins.

    Attributes:
        decided_by: who may decide.
        decisions: what to do, by name.
    """

    title: str
    when: str
    decided_by: str
    questions: tuple[Question, ...] = Field(min_length=1)
    decisions: Mapping[str, str] = Field(min_length=1)

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Playbook:
        names = [question.name for question in self.questions]
        targets = {target for question in self.questions for target in question.answers.values()}
        if unknown := targets - {*names, *self.decisions}:
            raise ValueError(f"answers lead to what is not there: {', '.join(sorted(unknown))}")
        if unused := {*names[1:], *self.decisions} - targets:
            raise ValueError(f"nothing leads to {', '.join(sorted(unused))}")
        back = [
            target
            for at, question in enumerate(self.questions)
            for target in question.answers.values()
            if target in names[: at + 1]
        ]
        if back:
            raise ValueError(f"questions come in order, none leads back: {', '.join(back)}")
        return self

    def walk(self, answers: Mapping[str, str]) -> Outcome:
        """Where answers lead: to a decision, or to the first question that they leave open.

        Raises:
            ConfigurationError: an answer is none of its question's.
        """
        by_name = {question.name: question for question in self.questions}
        question = self.questions[0]
        while question.name in answers:
            answer = answers[question.name]
            if answer not in question.answers:
                raise ConfigurationError(
                    f"{answer!r} is no answer to {question.name}; {nearest(answer, question.answers)}"
                )
            target = question.answers[answer]
            if target in self.decisions:
                return Outcome(decision=self.decisions[target])
            question = by_name[target]
        return Outcome(question=question)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Where a walk ended: at a question, or with a decision."""

    question: Question | None = None
    decision: str = ""


def playbooks() -> Iterator[str]:
    """The names of all playbooks, in order."""
    return (path.stem for path in sorted(FOLDER.glob("*.yaml")))


def read_playbook(name: str) -> Playbook:
    """One playbook.

    Raises:
        ConfigurationError: there is none of that name, or its file is wrong.
    """
    known = list(playbooks())
    if name not in known:
        raise ConfigurationError(f"there is no playbook {name!r}; {nearest(name, known)}")
    path = FOLDER / f"{name}.yaml"
    try:
        return Playbook.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
