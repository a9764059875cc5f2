"""Known incidents from a file, for back-tests over recordings: what somebody wrote down of the time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pydantic import field_validator, model_validator

from wellkept.ops.detect.rules.backtest import KnownIncident
from wellkept.ops.detect.rules.fields import Part
from wellkept.spine.documents import read_document


class WrittenIncident(Part):
    """One incident; moments without a zone are in UTC."""

    title: str
    start: datetime
    end: datetime | None = None
    entities: tuple[str, ...] = ()

    @field_validator("start", "end")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> Self:
        if self.end is not None and self.end < self.start:
            raise ValueError("must not end before it begins")
        return self


class IncidentFile(Part):
    """The whole file."""

    incidents: tuple[WrittenIncident, ...] = ()

    @field_validator("incidents", mode="before")
    @classmethod
    def _none_is_none(cls, value: Any) -> Any:
        return () if value is None else value


def load_incidents(file: Path) -> list[KnownIncident]:
    """The incidents of a file.

    Raises:
        DocumentError: every mistake, with line, field, rule and value.
    """
    written = read_document(IncidentFile, file).incidents
    return [
        KnownIncident(f"incident-{index}", one.title, one.start, one.end, one.entities)
        for index, one in enumerate(written, 1)
    ]
