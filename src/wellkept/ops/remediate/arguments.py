"""Reading an action's arguments: what nobody knows and what is no number is refused by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from wellkept.kernel.errors import InputError


def refuse_unknown(action: str, arguments: Mapping[str, Any], known: frozenset[str]) -> None:
    """Refuse an argument that the action does not have.

    Raises:
        InputError: names it, and those that there are.
    """
    for name, value in arguments.items():
        if name not in known:
            there_are = ", ".join(sorted(known)) or "none"
            raise InputError(f"{action}.{name}", f"is not an argument; there are {there_are}", value)


def number(action: str, arguments: Mapping[str, Any], name: str, default: float) -> float:
    """A number, 0 or more.

    Raises:
        InputError: it is none.
    """
    value = arguments.get(name, default)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0:
        raise InputError(f"{action}.{name}", "must be a number, 0 or more", value)
    return float(value)
