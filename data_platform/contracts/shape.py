"""Holds a document against a published Pydantic model: every unknown key, every wrong type, each with its line.

The ODCS models silently ignore unknown keys below their top level, so the keys are walked here. What is at fault is
taken out of the document afterwards: the readers behind can rely on the model's types and find further faults.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError

from data_platform.contracts.places import FileFaults, nearest
from data_platform.contracts.yaml_lines import Path

Model: TypeAlias = type[BaseModel]
_ROUNDS = 8  # each round removes what the model refused; a fault inside a union may need more than one


@dataclass(frozen=True, slots=True)
class _Field:
    """The models that may stand directly under a key, or in a list under it."""

    direct: Model | None
    listed: Model | None


def hold_against(model: Model, file: FileFaults) -> bool:
    """Notes every unknown key and wrong type of the document; returns whether what is left can be read on."""
    document = file.document
    if not isinstance(document.data, dict):
        file.add((), "the file does not hold a mapping at its top", f"begin with keys such as {_some_keys(model)}")
        return False
    unknown: list[Path] = []
    _walk(model, document.data, (), unknown, file)
    for path in reversed(unknown):
        document.remove(path)
    for _ in range(_ROUNDS):
        try:
            model.model_validate(document.data, strict=True)
        except ValidationError as error:
            for path in _note(error, file):
                document.remove(path)
        else:
            return True
    return False


def _walk(model: Model, data: Mapping[str, Any], path: Path, unknown: list[Path], file: FileFaults) -> None:
    fields = _fields(model)
    for key, value in data.items():
        place = (*path, key)
        field = fields.get(key)
        if field is None:
            where = _spoken(path)
            file.add(place, f"unknown key {key!r} {where}", nearest(key, fields))
            unknown.append(place)
        elif isinstance(value, dict) and field.direct is not None:
            _walk(field.direct, value, place, unknown, file)
        elif isinstance(value, list) and field.listed is not None:
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    _walk(field.listed, item, (*place, index), unknown, file)


@functools.cache
def _fields(model: Model) -> dict[str, _Field]:
    return {info.alias or name: _field(info.annotation) for name, info in model.model_fields.items()}


def _field(annotation: Any) -> _Field:
    direct = listed = None
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            direct = option
        elif typing.get_origin(option) is list:
            inner = next(iter(_options(typing.get_args(option)[0])), None)
            listed = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else listed
    return _Field(direct, listed)


def _options(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(option for option in typing.get_args(annotation) if option is not type(None))
    return (annotation,)


def _note(error: ValidationError, file: FileFaults) -> list[Path]:
    """Notes each place that the model refused once; returns them, last first, so that they can be removed in order."""
    reasons: dict[Path, list[str]] = {}
    for detail in error.errors(include_url=False, include_input=False, include_context=False):
        path = _existing(detail["loc"], file.document.data)
        reasons.setdefault(path, []).append(str(detail["msg"]).removeprefix("Input should be "))
    # Where a union refuses both a value and something inside it, the inner one is the fault.
    places = [
        path for path in reasons if path and not any(other[: len(path)] == path and other != path for other in reasons)
    ]
    for path in places:
        wanted = " or ".join(dict.fromkeys(reasons[path]))
        file.add(
            path,
            f"{_key_of(path)!r} {_spoken(path[:-1])} has the wrong type",
            f"it should be {wanted}{_hint(path, file)}",
        )
    return sorted(places, key=_order, reverse=True)


def _existing(location: tuple[int | str, ...], data: Any) -> Path:
    """The steps of an error's location that are steps of the data, leaving out the names of union branches."""
    path: list[int | str] = []
    for step in location:
        is_there = (isinstance(data, dict) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        )
        if is_there:
            data = data[step]
            path.append(step)
    return tuple(path)


def _hint(path: Path, file: FileFaults) -> str:
    value = file.document.data
    for step in path:
        value = value[step]
    is_scalar = isinstance(value, int | float) or value is None
    return " (put quotes around it if it is text)" if is_scalar else ""


def _order(path: Path) -> tuple[tuple[int, str], ...]:
    return tuple((step, "") if isinstance(step, int) else (0, step) for step in path)


def _key_of(path: Path) -> str:
    return str(path[-1]) if path else "the file"


def _spoken(path: Path) -> str:
    """`in schema[0].properties[2]`, as people write places."""
    if not path:
        return "at the top level"
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return f"in {text.removeprefix('.')}"


def _some_keys(model: Model) -> str:
    return ", ".join(list(_fields(model))[:4])
