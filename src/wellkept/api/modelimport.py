"""Finished models from elsewhere: a file or a folder of the server's machine becomes a version."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from wellkept.api.names import Who
from wellkept.ml.importing.wanted import Imports, Wanted


class ImportRequest(BaseModel):
    """What is handed in, and what becomes of it."""

    path: str = Field(min_length=1)
    name: str = Field(min_length=1)
    contract: str = ""
    data: str = ""
    trust: bool = False
    by: Who = Field(default="operator", min_length=1, max_length=120)


def router(imports: Imports) -> APIRouter:
    """Routes below ``/api/v1``."""
    routes = APIRouter(prefix="/api/v1", tags=["models"])

    @routes.post("/models/import")
    def take(request: ImportRequest) -> dict[str, Any]:
        wanted = Wanted(request.name, request.contract, request.data, request.by)
        return imports.take(request.path, wanted, trust=request.trust)

    return routes
