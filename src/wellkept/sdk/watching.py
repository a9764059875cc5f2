"""Attaching a model that is served elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from wellkept.kernel.errors import WellkeptError
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
    """Attach, and give the reference rows where there are some; see ``Client.watch_attach``.

    Rows that cannot be read attach nothing; where the server does not take them, the error says that it is attached.
    """
    text = Path(contract).read_text(encoding="utf-8") if "\n" not in contract else contract
    reference = _reference(rows) if rows is not None else None
    answer: dict[str, Any] = client.post(
        "/api/v1/watch", {"contract": text, "version": version, "learn": learn, "by": by}
    )
    if reference is None:
        return answer
    model, asked = answer["model"], urlencode({"version": version, "by": by}, quote_via=quote)
    try:
        client.send(f"{path_of('/api/v1/watch/{}/reference', model)}?{asked}", reference, ARROW)
    except WellkeptError as error:
        error.args = (f"model {model} is attached, but its reference was not taken: {error}",)
        raise
    shown: dict[str, Any] = client.get(path_of("/api/v1/watch/{}", model))
    return shown


def _reference(rows: Any) -> bytes:
    """Reference rows as they are sent.

    Raises:
        InputError: they are no frame.
    """
    table = table_of(rows, "reference rows")
    most = max(1, MOST_CELLS // max(1, table.num_columns))
    step = -(-table.num_rows // most) if table.num_rows else 1
    if step > 1:
        table = table.take(list(range(0, table.num_rows, step)))
    return body_of(table)
