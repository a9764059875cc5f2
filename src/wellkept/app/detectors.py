"""The detectors that the configuration asks for: all in the plug-in table, less those switched off, as it sets them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from wellkept.kernel.errors import InputError
from wellkept.ops.detect.base import Detector, DetectSettings
from wellkept.spine.plugins import load

Choices = Mapping[str, Mapping[str, Any]]
"""By the name of a detector: ``enabled``, and numbers of its ``Parameters``."""


def detectors(settings: DetectSettings, choices: Choices) -> list[Detector]:
    """The detectors that are on, in the table's order.

    Raises:
        InputError: a choice is of no detector, of none of its parameters, or breaks their rules.
    """
    found: list[Detector] = []
    for name, kind in _chosen(choices):
        if not choices.get(name, {}).get("enabled", True):
            continue
        parameters = _parameters(name, kind, choices.get(name, {}))
        found.append(kind(settings) if parameters is None else kind(settings, parameters))
    return found


def switched_off(choices: Choices) -> list[str]:
    """The names of those that are off."""
    return [name for name, _ in _chosen(choices) if not choices.get(name, {}).get("enabled", True)]


def checked(choices: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same choices, if detectors can be made of them: for the configuration.

    Raises:
        ValueError: says which rule they break.
    """
    if choices:
        try:
            detectors(DetectSettings(), choices)
        except InputError as error:
            raise ValueError(str(error)) from error
    return choices


def _chosen(choices: Choices) -> list[tuple[str, Any]]:
    table = load("detector")
    unknown = sorted(choices.keys() - table.keys())
    if unknown:
        raise InputError("ops.detectors", f"must name detectors ({', '.join(table)})", unknown[0])
    return list(table.items())


def _parameters(name: str, kind: Any, choice: Mapping[str, Any]) -> Any:
    given = {key: value for key, value in choice.items() if key != "enabled"}
    own = getattr(kind, "Parameters", None)
    fields = {field.name: field for field in dataclasses.fields(own)} if own is not None else {}
    for key, value in given.items():
        place = f"ops.detectors.{name}.{key}"
        if key not in fields:
            raise InputError(place, f"must be a parameter ({', '.join(fields) or 'it has none of its own'})", key)
        usual = fields[key].default
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number if isinstance(usual, float) else type(value) is type(usual)):
            raise InputError(place, f"must be of the kind of {usual!r}", value)
    return None if own is None else own(**given)
