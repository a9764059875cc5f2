"""Copies of the data folder: making one, and listing them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from wellkept.api.names import By
from wellkept.store.backup import Backup


class Wanted(BaseModel):
    """Who asks for it."""

    model_config = ConfigDict(extra="forbid")

    by: By


def router(make: Callable[[str], Backup], listed: Callable[[], Sequence[Backup]]) -> APIRouter:
    """Routes below ``/api/v1/backups``."""
    routes = APIRouter(prefix="/api/v1/backups", tags=["status"])

    @routes.get("")
    def backups() -> dict[str, Any]:
        return {"backups": [_shown(backup) for backup in listed()]}

    @routes.post("", status_code=201)
    def new(wanted: Wanted) -> dict[str, Any]:
        return _shown(make(wanted.by))

    return routes


def _shown(backup: Backup) -> dict[str, Any]:
    return {**asdict(backup), "path": str(backup.path)}
