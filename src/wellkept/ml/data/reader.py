"""What ``load(window)`` is given to read its sources with, and what reads them where there is no ``load``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from wellkept.ml.contract import ModelContract
from wellkept.ml.data.base import Access, DataSettings, Reach
from wellkept.ml.data.moments import micros_of
from wellkept.ml.data.secrets import Secrets
from wellkept.ml.data.sources import Sources, Span
from wellkept.ml.data.training import Frame, LabelTold, joined
from wellkept.ml.dataspec import Data


class ProjectData:
    """The sources of a project over one span. Nothing is read before it is asked for, and nothing twice."""

    def __init__(self, data: Data, label: LabelTold, sources: Sources, span: Span) -> None:
        self._data, self._label, self._sources, self._span = data, label, sources, span
        self._frame: Frame | None = None

    def source(self, name: str) -> pa.Table:
        """Rows of a source in the span, as they were known at its end.

        Raises:
            InputError: there is no such source, or it cannot be read.
        """
        source, rows = self._sources.source(name), self._sources.rows(name, self._span)
        end = micros_of(self._span[1])
        if rows.known is not None:
            rows = rows.only(rows.known <= end)
        if rows.at is not None and source.delay_s:
            rows = rows.only(rows.at + round(source.delay_s * 1e6) <= end)
        return rows.table

    def joined(self) -> pa.Table:
        """The training frame; see :func:`wellkept.ml.data.training.joined`."""
        if self._frame is None:
            self._frame = joined(self._data, self._label, self._sources, self._span)
        return self._frame.table

    @property
    def told(self) -> dict[str, Any]:
        """What the manifest says of all that was read and joined so far."""
        told: dict[str, Any] = {"sources": self._sources.told}
        if self._frame is not None:
            start, end = self._frame.span
            told |= {"joined": self._frame.told, "window": {"start": start.isoformat(), "end": end.isoformat()}}
        return told


def sources_of(request: Mapping[str, Any], data: Data) -> Sources:
    """The sources of a worker, from what it was asked (:func:`asked_of`)."""
    reach: Mapping[str, Any] = request["reach"]
    access = Access(
        project=Path(request["project"]),
        folders=tuple(Path(folder) for folder in reach["folders"]),
        secrets=Secrets(Path(reach["secrets"]) if reach["secrets"] else None),
        platform=Path(reach["platform"]) if reach["platform"] else None,
    )
    return Sources(data, access, DataSettings(max_rows=reach["max_rows"], timeout_s=reach["timeout_s"]))


def reader_of(request: Mapping[str, Any]) -> ProjectData:
    """The reader of a worker, from what it was asked."""
    data = Data.model_validate(request["data"])
    span = (datetime.fromisoformat(request["start"]), datetime.fromisoformat(request["end"]))
    label = LabelTold(request["label"], request["label_delay_s"])
    return ProjectData(data, label, sources_of(request, data), span)


def asked_of(project: Path, contract: ModelContract, span: Span, reach: Reach) -> dict[str, Any]:
    """What a worker is told of a project's sources, in JSON values; of secrets it learns only where they are."""
    settings = reach.settings
    return {
        "project": str(project.resolve()),
        "start": span[0].isoformat(),
        "end": span[1].isoformat(),
        "label": contract.label.name,
        "label_delay_s": contract.label.delay_s,
        "data": contract.data.as_json(),
        "reach": {
            "folders": [str(folder.resolve()) for folder in settings.folders],
            "secrets": str(settings.secrets.resolve()) if settings.secrets else None,
            "platform": str(reach.platform) if reach.platform else None,
            "max_rows": settings.max_rows,
            "timeout_s": settings.timeout_s,
        },
    }
