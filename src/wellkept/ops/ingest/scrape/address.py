"""Where a target is: ``host:port`` as in Prometheus, or a whole URL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode

_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)"
_ADDRESS = re.compile(
    rf"(?:(?P<scheme>https?)://)?(?P<place>{_HOST}(?::(?P<port>[0-9]{{1,5}}))?)"
    r"(?P<path>/[^\s?#]*)?(?P<query>\?[^\s#]*)?\Z"
)
_RULE = "must be host:port, or a URL of http or https that names nobody and has no #"


@dataclass(frozen=True, slots=True)
class Address:
    """An address as it was written. ``scheme``, ``path`` and ``query`` are empty where the job's hold."""

    place: str
    scheme: str = ""
    path: str = ""
    query: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """The address that a text stands for.

        Raises:
            ValueError: it stands for none; what was wanted.
        """
        found = _ADDRESS.match(text)
        if found is None or not 1 <= int(found["port"] or 1) <= 65_535:
            raise ValueError(_RULE)
        if not found["scheme"] and (found["path"] or found["query"]):
            raise ValueError("must begin with http:// or https:// where it has a path")
        return cls(found["place"], found["scheme"] or "", found["path"] or "", found["query"] or "")

    def url(self, scheme: str, path: str, params: Mapping[str, Sequence[str]]) -> str:
        """What is asked for; a whole URL keeps its own scheme, and its path and query where it has any."""
        where = f"{self.scheme or scheme}://{self.place}"
        if self.path or self.query:
            return f"{where}{self.path or '/'}{self.query}"
        query = urlencode([(name, value) for name, values in params.items() for value in values])
        return f"{where}{path}{'&' if '?' in path else '?'}{query}" if query else f"{where}{path}"
