"""Paths of the interface with names in them, whatever characters the names have."""

from __future__ import annotations

from urllib.parse import quote

from wellkept.kernel.errors import InputError


def path_of(template: str, *names: object) -> str:
    """A path whose ``{}`` are these names, each one part of it: ``#7`` is ``%237``.

    Raises:
        InputError: a name that no path can hold.
    """
    for name in map(str, names):
        if name in ("", ".", ".."):
            raise InputError("name", "must not be empty or dots", name)
    return template.format(*(quote(str(name), safe="") for name in names))
