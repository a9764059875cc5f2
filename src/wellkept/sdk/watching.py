"""Attaching a model that is served elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from wellkept.sdk.outcomes import ARROW, body_of, table_of
from wellkept.sdk.paths import path_of

MOST_CELLS = 2_000_000
"""Values of the reference rows that are sent; of more rows a sample, spread evenly over all, says the same."""


class Sender(Protocol):
    """The client, as far as it is needed here."""

    def get(self, path: str, **parameters: Any) -> Any: ...

    def post(self, path: str, body: Any, timeout_s: float | None = None) -> Any: ...

    def send(self, path: str, body: bytes, media: str) -> bytes: ...


def attach(client: Sender, contract: str, rows: Any, *, version: str, learn: int, by: str) -> dict[str, Any]:
    """Attach, and give the reference rows where there are some; see ``Client.watch_attach``."""
    text = Path(contract).read_text(encoding="utf-8") if "\n" not in contract else contract
    answer: dict[str, Any] = client.post(
        "/api/v1/watch", {"contract": text, "version": version, "learn": learn, "by": by}
    )
    if rows is None:
        return answer
    table = table_of(rows, "reference rows")
    most = max(1, MOST_CELLS // max(1, table.num_columns))
    step = -(-table.num_rows // most) if table.num_rows else 1
    if step > 1:
        table = table.take(list(range(0, table.num_rows, step)))
    path = path_of("/api/v1/watch/{}/reference", answer["model"])
    client.send(f"{path}?{urlencode({'version': version, 'by': by}, quote_via=quote)}", body_of(table), ARROW)
    shown: dict[str, Any] = client.get(path_of("/api/v1/watch/{}", answer["model"]))
    return shown
