"""What is known of one target from one scrape to the next, so that a page is read quickly.

A page is nearly the same every time. So the text of a line before its value is looked up as it stands, and only what
is new is read in full: on a page of node-exporter that leaves about one microsecond a sample. Which series were there
before is known here as well, and so is which of them are gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wellkept.ops.ingest.scrape.base import Figures, Labels, ScrapeError, Target, sorted_labels
from wellkept.ops.ingest.scrape.body import STALE, Symbols, beginning, packed, stamp
from wellkept.ops.ingest.scrape.exposition import NAME, Kind, content_of, millis_of, sample_of, values_of
from wellkept.ops.ingest.scrape.families import UNTOLD, Families, Family
from wellkept.ops.ingest.scrape.labels import attached, with_even_bounds
from wellkept.ops.ingest.scrape.negotiation import Dialect

REPORTS = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
"""The series that every scrape writes about itself, in the order of :class:`Figures`."""
_REPORT = Family(Kind.GAUGE)
_USUAL_STAMP = 7
"""Bytes of a time's field between 1971 and 2109."""
_SLACK = 1000


@dataclass(slots=True, eq=False)
class Series:
    """One series of a target: its labels, when it was last there, and the parts of it that stay the same."""

    labels: Labels
    family: Family = UNTOLD
    """What was last said about it."""
    seen: int = 0
    """The number of the scrape in which it was last there."""
    at: int | None = None
    """Its time on the last page, where that gave one."""
    told: int = -1
    begin: bytes = b""
    end: bytes = b""
    refs: bytes = b""


@dataclass(slots=True)
class Rows:
    """What a page says: series with their values, and the times of those that have one of their own."""

    series: list[Series] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    times: dict[int, int] = field(default_factory=dict)
    duplicates: int = 0
    added: int = 0


class Memory:
    """One target's memory. It is used by one thread at a time."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._number = 0
        self._lines: dict[str, Series] = {}
        self._series: dict[Labels, Series] = {}
        self._families, self._symbols = Families(), Symbols()
        self._present = self._usual = 0
        """How many series the last good page had, and how many texts the first one after a tidying."""
        self._live: list[Series] = []
        self._reports = [self._own(name) for name in REPORTS]

    @property
    def live(self) -> int:
        """How many series the last page had that can go stale."""
        return len(self._live)

    def read(self, page: str, dialect: Dialect) -> Rows:
        """The rows of a page. A sample that a page has twice counts once, unless its time is later.

        Raises:
            ScrapeError: a line cannot be read, or there are more samples than the job allows.
        """
        rows = self._begin()
        number, lines, series, texts = self._number, self._lines, rows.series, rows.texts
        for line in content_of(page, dialect).split("\n"):
            head, _, text = line.rpartition(" ")
            known = lines.get(head)
            if known is not None and known.seen != number:
                known.seen, known.at = number, None
                series.append(known)
                texts.append(text)
            elif line.startswith("#"):
                self._families.hear(line)
            elif line and not line.isspace():
                self._read_slowly(line, head, text, dialect, rows)
        rows.values = values_of(texts)
        limit = self._target.job.sample_limit
        if limit and len(series) + rows.duplicates > limit:
            scraped = len(series) + rows.duplicates
            raise ScrapeError(f"the page has {scraped} samples; sample_limit is {limit}", scraped)
        return rows

    def body(self, rows: Rows | None, figures: Figures, at_ms: int) -> bytes:
        """The request for a scrape: its rows (None: it failed), a mark on each series that is gone, and the figures."""
        parts: list[bytes] = []
        if rows is None:
            self._begin()
        else:
            parts += self._rows(rows, at_ms)
        gone = [row for row in self._live if row.seen != self._number or row.at is not None]
        self._live = [] if rows is None else [row for row in rows.series if row.at is None]
        parts += self._same(gone, [STALE] * len(gone), at_ms)
        parts += self._same(self._reports, packed(_in_order(figures)), at_ms)
        body = b"".join((self._symbols.encoded(), *parts))
        self._tidy(rows)
        return body

    def farewell(self, at_ms: int) -> bytes:
        """The request for a target that is scraped no more: every series is over, the reports as well."""
        over = [*self._live, *self._reports]
        self._live = []
        parts = self._same(over, [STALE] * len(over), at_ms)
        return b"".join((self._symbols.encoded(), *parts))

    def _begin(self) -> Rows:
        self._number += 1
        for report in self._reports:  # A page that has one of these itself does not get its own way.
            report.seen = self._number
        return Rows()

    def _own(self, name: str) -> Series:
        labels = sorted_labels({NAME: name, **dict(self._target.labels)})
        report = self._series[labels] = Series(labels, _REPORT)
        return report

    def _read_slowly(self, line: str, head: str, text: str, dialect: Dialect, rows: Rows) -> None:
        """A line that is new, has a time or an exemplar, or whose series was on this page already."""
        before, _, value = head.rpartition(" ")
        known = self._lines.get(head)
        if known is not None:
            return self._add(known, text, "", dialect, rows)
        known = self._lines.get(before)
        if known is not None and value:
            return self._add(known, value, text, dialect, rows)
        sample = sample_of(line)
        honor = self._target.job.honor_labels
        exposed = with_even_bounds(sample.labels, self._families.of(sample.labels[NAME]).kind)
        labels = attached(exposed, self._target.labels, honor_exposed=honor)
        known = self._series.get(labels)
        if known is None:
            known = self._series[labels] = Series(labels)
            rows.added += 1
        if line[sample.before_value - 1] == " ":
            self._lines[line[: sample.before_value - 1]] = known
        return self._add(known, sample.value, sample.at, dialect, rows)

    def _add(self, known: Series, value: str, written: str, dialect: Dialect, rows: Rows) -> None:
        at = millis_of(written, dialect) if written and self._target.job.honor_timestamps else None
        if known.seen == self._number and (at is None or known.at is None or at <= known.at):
            rows.duplicates += 1
            return
        if at is not None:
            rows.times[len(rows.series)] = at
        known.seen, known.at = self._number, at
        rows.series.append(known)
        rows.texts.append(value)

    def _rows(self, rows: Rows, at_ms: int) -> list[bytes]:
        values = packed(rows.values)
        if not rows.times:
            return self._same(rows.series, values, at_ms)
        parts: list[bytes] = []
        for place, (row, value) in enumerate(zip(rows.series, values, strict=True)):
            parts += self._same((row,), (value,), rows.times.get(place, at_ms))
        return parts

    def _same(self, series: Sequence[Series], values: Sequence[bytes], at_ms: int) -> list[bytes]:
        """Series with values of the same time, as parts of a request."""
        time, version = stamp(at_ms), self._families.version
        is_usual = len(time) == _USUAL_STAMP
        parts: list[bytes] = []
        for row, value in zip(series, values, strict=True):
            if row.told != version:
                self._tell(row, version)
            begin = row.begin if is_usual else beginning(row.refs, row.end, len(time))
            parts += (begin, value, time, row.end)
        return parts

    def _tell(self, row: Series, version: int) -> None:
        """Encode what stays the same of a series."""
        name = next((value for key, value in row.labels if key == NAME), "")
        said = self._families.of(name)
        if said is not UNTOLD and row not in self._reports:
            row.family = said
        row.refs = row.refs or self._symbols.labels(row.labels)
        row.end = self._symbols.metadata(row.family.kind, row.family.help, row.family.unit)
        row.begin = beginning(row.refs, row.end, _USUAL_STAMP)
        row.told = version

    def _tidy(self, rows: Rows | None) -> None:
        """Forget what is on the page no more, now and then: labels that change all the time would fill the memory.

        A page that cannot be read leaves something behind as well, and may be followed by none that can.
        """
        if rows is not None:
            self._present, self._usual = len(rows.series), self._usual or len(self._symbols)
        known = max(len(self._lines), len(self._series))
        if known <= 2 * self._present + _SLACK and len(self._symbols) <= 2 * self._usual + _SLACK:
            return
        number = self._number
        self._lines = {line: row for line, row in self._lines.items() if row.seen == number}
        self._series = {labels: row for labels, row in self._series.items() if row.seen == number}
        self._families = Families(self._families.version + 1)
        self._symbols, self._usual = Symbols(), 0
        for row in self._series.values():
            row.refs = b""


def _in_order(figures: Figures) -> list[float]:
    return [float(figures.is_up), figures.duration_s, figures.scraped, figures.kept, figures.added]
