"""Models that are served elsewhere: attached, listed, detached; below ``/api/v1/watch``."""

from __future__ import annotations

from typing import Any, Protocol

import pyarrow as pa
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from wellkept.api.names import Who
from wellkept.api.otlp import media_of, read_body
from wellkept.kernel.errors import InputError, TooLargeError
from wellkept.ml.watch.attached import Attachment

ARROW = "application/vnd.apache.arrow.stream"
MOST_ROWS = 1_000_000
UNPACKED = 20
"""So many times its body may a frame take in memory: reference rows may come compressed."""


class Attach(BaseModel):
    """A contract, and which version it is that is served now."""

    contract: str = Field(min_length=1)
    version: str = Field(default="", max_length=200)
    learn: int = Field(default=0, ge=0, le=1_000_000)
    by: Who = Field(default="operator", min_length=1, max_length=120)


class Detach(BaseModel):
    """Who wants it."""

    by: Who = Field(default="operator", min_length=1, max_length=120)


class Watching(Protocol):
    """The use cases."""

    def attach(self, wanted: Attachment, rows: pa.Table | None = None) -> dict[str, Any]: ...

    def measure(self, model: str, version: str, rows: pa.Table, by: str) -> dict[str, Any]: ...

    def detach(self, model: str, by: str) -> dict[str, Any]: ...

    def all(self) -> list[dict[str, Any]]: ...

    def show(self, model: str) -> dict[str, Any]: ...

    def others(self) -> dict[str, int]: ...


def router(watching: Watching, max_body_bytes: int) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/v1", tags=["watch"])

    @routes.get("/watch")
    def listed() -> dict[str, Any]:
        """Every attached model; ``others`` are models that log predictions and that nobody has registered."""
        return {"models": watching.all(), "others": watching.others()}

    @routes.get("/watch/{model}")
    def shown(model: str) -> dict[str, Any]:
        return watching.show(model)

    @routes.post("/watch")
    def attach(request: Attach) -> dict[str, Any]:
        return watching.attach(Attachment(request.contract, request.version, request.learn, request.by))

    @routes.post("/watch/{model}/detach")
    def detach(model: str, request: Detach) -> dict[str, Any]:
        return watching.detach(model, request.by)

    @routes.post("/watch/{model}/reference")
    async def reference(model: str, request: Request, version: str = "", by: Who = "operator") -> dict[str, Any]:
        """Rows to measure against, as an Arrow stream with a column for each input."""
        if media_of(request.headers) != ARROW:
            raise InputError("reference rows, Content-Type", f"must be {ARROW}", media_of(request.headers))
        body = await read_body(request, "reference rows", max_body_bytes)
        return await run_in_threadpool(lambda: watching.measure(model, version, frame_of(body), by))

    return routes


def frame_of(body: bytes) -> pa.Table:
    """The rows of an Arrow stream.

    Raises:
        InputError: it is none.
        TooLargeError: it unfolds to too much.
    """
    try:
        with pa.ipc.open_stream(body) as reader:
            batches, rows, size = [], 0, 0
            for batch in reader:
                rows, size = rows + batch.num_rows, size + batch.nbytes
                if rows > MOST_ROWS or size > UNPACKED * len(body) + 4096:
                    raise TooLargeError("reference rows", f"must be at most {MOST_ROWS}; send a sample", rows)
                batch.validate(full=True)
                batches.append(batch)
            return pa.Table.from_batches(batches, reader.schema)
    except (pa.ArrowException, OSError, MemoryError, ValueError) as error:
        raise InputError("reference rows", f"must be an Arrow stream: {error}") from error
