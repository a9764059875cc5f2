"""The sources of one project: read by their connectors, in their limits, with their moments made plain."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from wellkept.kernel.errors import InputError, NotFoundError, TooLargeError, WellkeptError
from wellkept.ml.data.base import Access, Asked, Connector, DataSettings, Found
from wellkept.ml.data.moments import FIRST, NEVER, Micros, micros_of, moments
from wellkept.ml.dataspec import Data, Source
from wellkept.spine.plugins import load_one

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Read:
    """Rows of a source that have their moments. ``at`` and ``known`` are int64[n]; None where the source has none."""

    table: pa.Table
    at: Micros | None
    known: Micros | None
    told: Mapping[str, Any]
    """What the manifest says of it."""

    def only(self, kept: np.ndarray) -> Read:
        """The rows that are kept, a mask."""
        if kept.all():
            return self
        at, known = (None if moment is None else moment[kept] for moment in (self.at, self.known))
        return Read(self.table.filter(pa.array(kept)), at, known, self.told)


class Sources:
    """Reads named sources for a span; what was read once is kept, and told of in the manifest."""

    def __init__(self, data: Data, access: Access, limits: DataSettings) -> None:
        self._data, self._access, self._limits = data, access, limits
        self._read: dict[tuple[str, Span], Read] = {}

    @property
    def told(self) -> dict[str, Any]:
        """What was read of each source, and where it came from."""
        return {name: dict(read.told) for (name, _), read in self._read.items()}

    def source(self, name: str) -> Source:
        """A source's declaration.

        Raises:
            NotFoundError: there is none of that name.
        """
        if name not in self._data.sources:
            known = ", ".join(sorted(self._data.sources)) or "none"
            raise NotFoundError("source", f"must be one of those that the contract names ({known})", name)
        return self._data.sources[name]

    def rows(self, name: str, span: Span) -> Read:
        """Rows of a source that are about ``[start, end)`` (all, where it has no time).

        Raises:
            InputError: it cannot be read, or lacks a column; says which and what to do.
            TooLargeError: it has too many rows.
        """
        if (name, span) not in self._read:
            self._read[name, span] = self._fresh(name, self.source(name), span)
        return self._read[name, span]

    def history(self, name: str, span: Span) -> Read:
        """The rows that may serve moments of a span: those before it too, as far back as they count."""
        source = self.source(name)
        back = FIRST if source.ttl_s is None else span[0] - timedelta(seconds=source.ttl_s)
        return self.rows(name, (max(back, FIRST), span[1]))

    def _fresh(self, name: str, source: Source, span: Span) -> Read:
        found = self._found(name, source, span)
        table = found.table.replace_schema_metadata(None)
        wanted = [*source.keys.values(), *source.columns.values()]
        wanted += [column for column in (source.time, source.known_at) if column]
        for column in wanted:
            if column not in table.column_names:
                has = ", ".join(table.column_names[:20]) or "no column at all"
                raise InputError(
                    f"source {name}", f"must have every column that the contract names (it has {has})", column
                )
        entity, unit = self._data.entity, source.time_unit
        up = entity is None or entity.source != name  # the moments that are asked about are cut off instead
        at = _moments(name, table, source.time, unit, up=up)
        known = _moments(name, table, source.known_at if source.as_known else None, unit)
        told: dict[str, Any] = {"connector": source.connector, **found.origin, "read": table.num_rows}
        kept = np.ones(table.num_rows, dtype=np.bool_)
        if at is not None:
            told["without_time"] = int((at == NEVER).sum())
            kept = (at != NEVER) & (at >= micros_of(span[0])) & (at < micros_of(span[1]))
        if known is not None:
            told["without_known_at"] = int((known == NEVER).sum())
            kept &= known != NEVER
        told |= {"rows": int(kept.sum()), "from": _iso(at, kept, first=True), "to": _iso(at, kept, first=False)}
        return Read(table, at, known, told).only(kept)

    def _wanted(self, name: str, source: Source) -> list[str]:
        """The columns of a source that are needed, where it names what is taken of it."""
        entity, label = self._data.entity, self._data.label
        wanted = [*source.columns.values(), *source.keys.values(), source.time, source.known_at]
        if entity is not None and entity.source == name:
            wanted += [source.keys.get(key, key) for key in entity.keys]
            wanted += [label.known_at, label.column if label.source is None else None]
        if label.source == name:
            wanted.append(label.column)
        return list(dict.fromkeys(column for column in wanted if column))

    def _found(self, name: str, source: Source, span: Span) -> Found:
        connector: Connector = load_one("connector", source.connector)()
        columns = self._wanted(name, source) if source.columns else []
        asked = Asked(
            source=name,
            start=span[0].astimezone(UTC),
            end=span[1].astimezone(UTC),
            columns=tuple(columns),
            time=source.time or "",
            max_rows=min(source.max_rows or self._limits.max_rows, self._limits.max_rows),
            timeout_s=min(source.timeout_s or self._limits.timeout_s, self._limits.timeout_s),
            access=self._access,
        )
        found = within(connector, source.options(), asked)
        if found.table.num_rows > asked.max_rows:
            raise TooLargeError(f"source {name}", f"must be at most {asked.max_rows:,} rows", found.table.num_rows)
        return found


def within(connector: Connector, options: Any, asked: Asked) -> Found:
    """What a connector reads, in its time. A connector is a plug-in: however it fails, the error names the source, and
    holds no secret.

    Raises:
        InputError: it failed, or was not done in time; what it began is left to end with this process.
    """
    answer: list[Found | BaseException] = []

    def read() -> None:
        try:
            answer.append(connector.read(options, asked))
        except BaseException as error:  # noqa: BLE001 - the plug-in edge: it is raised again below, without secrets
            answer.append(error)

    thread = threading.Thread(target=read, name=f"source-{asked.source}", daemon=True)
    thread.start()
    thread.join(asked.timeout_s)
    where = f"source {asked.source}"
    if not answer:
        rule = "must be read within its time (timeout_s, and ml.data.timeout_s); narrow it, or allow it more"
        raise InputError(where, rule, f"more than {asked.timeout_s:g} s")
    found = answer[0]
    if isinstance(found, Found):
        return found
    hidden = asked.access.secrets.hide(str(found))
    if isinstance(found, WellkeptError) and hidden == str(found):
        raise found
    said = hidden if isinstance(found, WellkeptError) else f"{type(found).__name__}: {hidden}"
    raise InputError(where, f"connector {connector.name} failed: {said}") from None


def _moments(name: str, table: pa.Table, column: str | None, unit: str | None, *, up: bool = True) -> Micros | None:
    return None if column is None else moments(table[column], unit, f"source {name}: {column}", up=up)


def _iso(at: Micros | None, kept: np.ndarray, *, first: bool) -> str | None:
    if at is None or not kept.any():
        return None
    value = int((at[kept].min if first else at[kept].max)())
    return datetime.fromtimestamp(value / 1e6, UTC).isoformat()
