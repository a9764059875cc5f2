"""The detectors that the configuration asks for: all in the plug-in table, less those switched off, as it sets them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from wellkept.kernel.errors import InputError
from wellkept.ops.detect.base import Detector, DetectSettings
from wellkept.spine.plugins import load

Choices = Mapping[str, Mapping[str, Any]]
"""By the name of a detector: ``enabled``, and numbers of its ``Parameters``."""
_Mistake = tuple[tuple[str, ...], str, object]
"""Where in the choices, which rule, and the value got."""


def detectors(settings: DetectSettings, choices: Choices) -> list[Detector]:
    """The detectors that are on, in the table's order; the choices are checked ones."""
    found: list[Detector] = []
    for name, kind in load("detector").items():
        choice = choices.get(name, {})
        if choice.get("enabled", True):
            own = getattr(kind, "Parameters", None)
            found.append(kind(settings) if own is None else kind(settings, own(**_numbers(choice))))
    return found


def switched_off(choices: Choices) -> list[str]:
    """The names of those that are off."""
    return [name for name in load("detector") if not choices.get(name, {}).get("enabled", True)]


def checked(choices: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same choices, if detectors can be made of them: for the configuration.

    Raises:
        ValidationError: every rule that they break, each where it is broken.
    """
    found = [
        InitErrorDetails(type="value_error", loc=place, input=value, ctx={"error": ValueError(rule)})
        for name, choice in choices.items()
        for place, rule, value in _mistakes(name, choice)
    ]
    if found:
        raise ValidationError.from_exception_data("detectors", found)
    return choices


def _numbers(choice: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in choice.items() if key != "enabled"}


def _mistakes(name: str, choice: Mapping[str, Any]) -> Iterator[_Mistake]:
    """What is wrong with the choices of one detector."""
    table = load("detector")
    if name not in table:
        yield (name,), f"must be the name of a detector ({', '.join(table)})", name
        return
    if not isinstance(choice.get("enabled", True), bool):
        yield (name, "enabled"), "must be true or false", choice["enabled"]
    own = getattr(table[name], "Parameters", None)
    usual = {field.name: field.default for field in dataclasses.fields(own)} if own is not None else {}
    numbers = _numbers(choice)
    for key, value in list(numbers.items()):
        if key not in usual:
            yield (name, key), f"must be a parameter ({', '.join(usual) or 'it has none of its own'})", key
        elif not _is_like(value, usual[key]):
            yield (name, key), f"must be of the kind of {usual[key]!r}", value
        else:
            continue
        del numbers[key]
    yield from _broken(name, own, numbers)


def _is_like(value: object, usual: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number if isinstance(usual, float) else type(value) is type(usual)


def _broken(name: str, own: Any, numbers: dict[str, Any]) -> Iterator[_Mistake]:
    """The parameters' own rules that numbers break: without a number that breaks one the next is told."""
    while numbers:
        try:
            own(**numbers)
        except InputError as error:
            key = error.thing.rpartition(".")[2]
            yield (name, key) if key in numbers else (name,), error.rule, error.value
            if numbers.pop(key, None) is not None:
                continue
        return
