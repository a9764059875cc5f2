"""Which formats a target is asked for, and which one it has answered in.

As https://prometheus.io/docs/instrumenting/content_negotiation says, except that the spelling of the escaping is
``allow-utf-8``: that is what every client library looks for.
"""

from __future__ import annotations

from enum import StrEnum

from wellkept import __version__


class Dialect(StrEnum):
    """How a page is written."""

    TEXT = "text"
    OPENMETRICS = "openmetrics"


_WANTED = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
    "application/openmetrics-text;version=0.0.1",
    "text/plain;version=1.0.0;escaping=allow-utf-8",
    "text/plain;version=0.0.4",
    "*/*",
)
ACCEPT = ",".join(f"{kind};q=0.{len(_WANTED) - place}" for place, kind in enumerate(_WANTED))


def asking(patience_s: float) -> dict[str, str]:
    """The headers of every scrape."""
    return {
        "Accept": ACCEPT,
        "Accept-Encoding": "gzip",
        "User-Agent": f"wellkept/{__version__}",
        "X-Prometheus-Scrape-Timeout-Seconds": f"{patience_s:g}",
    }


def dialect_of(content_type: str) -> Dialect:
    """The dialect of a content type. Many exporters name none, or a wrong one: then it is the oldest text format."""
    kind = content_type.partition(";")[0].strip().lower()
    return Dialect.OPENMETRICS if kind == "application/openmetrics-text" else Dialect.TEXT
