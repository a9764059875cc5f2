"""Plain-text scenarios of PromQL: load samples, evaluate expressions, compare.

    load 30s                                   samples of a series, one every 30 s from time 0 on
      requests{job="api"} 0+10x4 _ stale 7     0 10 20 30 40, nothing, a stale marker, 7
    eval at 2m rate(requests[1m])              an expression at a moment, and the series that it must give
      {job="api"} 0.33
    eval from 0 to 2m step 1m requests         the same over a range; _ where there must be nothing
      requests{job="api"} 0 20 40
    eval ordered at 2m sort(requests)          the series in this order
    eval at 2m 1 + 1                           a scalar is a number alone
      2
    fail at 2m requests + on() requests        an error, and a part of what it must say
      many-to-one
    clear                                      forget all samples

``#`` begins a comment, and blank lines mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import promql_parser
import pyarrow as pa

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.promql.promql import Answer, PromQL
from wellkept.store.telemetry.promql.values import NAME, Labels, Scalar, Vector, labels_of

STALE = float(np.array([0x7FF0000000000002], dtype=np.uint64).view(np.float64)[0])
_LOAD = re.compile(r"load (\S+)$")
_AT = re.compile(r"(eval|eval ordered|fail) at (\S+) (.+)$")
_FROM = re.compile(r"(eval|fail) from (\S+) to (\S+) step (\S+) (.+)$")
_SERIES = re.compile(r"\s+((?:[a-zA-Z_:][\w:]*)?(?:\{.*\})?)\s+(\S.*)$")
_RUN = re.compile(r"(?P<first>-?[\d.e]+)(?:(?P<by>[-+][\d.e]+))?x(?P<times>\d+)$")

Expected = list[tuple[Labels, list[float | None]]]


@dataclass
class Case:
    """One expression of a scenario: its line, how it is asked for, and what it must give."""

    line: int
    kind: str
    query: str
    times: tuple[int, int, int]
    lines: list[str] = field(default_factory=list)


@dataclass
class Load:
    """Samples to load, one every ``step_ms``."""

    step_ms: int
    lines: list[str] = field(default_factory=list)


class Clear:
    """All samples are to be forgotten."""


def steps_of(text: str) -> Iterator[Case | Load | Clear]:
    """What a scenario asks for, in order."""
    current: Case | Load | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", raw).rstrip()
        if not line:
            continue
        if line[0].isspace():
            assert current is not None, f"line {number}: belongs to nothing"
            current.lines.append(line)
            continue
        if current is not None:
            yield current
        current = _begun(number, line)
        if current is None:
            yield Clear()
    if current is not None:
        yield current


def _begun(number: int, line: str) -> Case | Load | None:
    if line == "clear":
        return None
    if found := _LOAD.match(line):
        return Load(millis(found[1]))
    if found := _AT.match(line):
        moment = millis(found[2])
        return Case(number, found[1], found[3], (moment, moment, 0))
    found = _FROM.match(line)
    assert found, f"line {number}: is no command: {line}"
    return Case(number, found[1], found[5], (millis(found[2]), millis(found[3]), millis(found[4])))


def millis(text: str) -> int:
    """A moment or a duration: ``0``, ``90`` (seconds), ``1m30s``."""
    if re.fullmatch(r"-?[\d.]+", text):
        return round(float(text) * 1000)
    return round(promql_parser.parse_duration(text).total_seconds() * 1000)


def numbers(text: str) -> list[float | None]:
    """``1 2 _ 0+10x4 NaN stale`` as numbers; nothing is None."""
    found: list[float | None] = []
    for word in text.split():
        run = _RUN.match(word)
        if run:
            first, by = float(run["first"]), float(run["by"] or 0)
            found += [first + by * i for i in range(int(run["times"]) + 1)]
        elif re.fullmatch(r"_(x\d+)?", word):
            found += [None] * int(word[2:] or 1)
        else:
            found.append(STALE if word == "stale" else float(word))
    return found


def series_of(line: str) -> tuple[Labels, list[float | None]]:
    """``name{label="value"} numbers``."""
    found = _SERIES.match(line)
    assert found, f"is no series: {line}"
    name, _, inside = found[1].partition("{")
    pairs = re.findall(r'([\w.]+)="((?:[^"\\]|\\.)*)"', inside)
    return labels_of([(NAME, name), *pairs]), numbers(found[2])


class Stage:
    """Runs scenarios against a store."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self.promql = engine, PromQL(engine)
        self._series: dict[Labels, int] = {}
        self._forgotten = 0

    def load(self, load: Load) -> None:
        """Series as they come from Prometheus: their labels are theirs."""
        points: list[tuple[int, int, float]] = []
        for line in load.lines:
            labels, values = series_of(line)
            series = self._series.setdefault(labels, self._forgotten + len(self._series) + 1)
            points += [(series, i * load.step_ms, v) for i, v in enumerate(values) if v is not None]
        write_series(self._engine, {series: labels for labels, series in self._series.items()}, points)

    def clear(self) -> None:
        for table in ("metric_series", "prometheus_series", "metric_points"):
            self._engine.command(f"TRUNCATE TABLE {table}")
        self._forgotten += len(self._series)
        self._series.clear()

    def check(self, case: Case) -> None:
        """Fails, naming the line, where the answer is not what it must be."""
        where = f"line {case.line}: {case.query}"
        if case.kind == "fail":
            self._check_failure(case, where)
            return
        answer = self.ask(case)
        assert answer.value is not None, where
        if isinstance(answer.value, Scalar):
            expected = [value for line in case.lines for value in numbers(line)]
            assert same(expected, answer.value.values.tolist()), f"{where}\n{answer.value.values.tolist()}"
            return
        assert isinstance(answer.value, Vector), where
        wanted, found = [series_of(line) for line in case.lines], list(rows(answer.value))
        if case.kind != "eval ordered":
            wanted, found = sorted(wanted, key=lambda s: s[0]), sorted(found, key=lambda s: s[0])
        assert [labels for labels, _ in found] == [labels for labels, _ in wanted], f"{where}\n{found}"
        for (labels, given), (_, expected) in zip(found, wanted, strict=True):
            assert same(expected, given), f"{where}\n{dict(labels)}\nfound  {given}\nwanted {expected}"

    def ask(self, case: Case) -> Answer:
        start, end, step = case.times
        return self.promql.range(case.query, start, end, step) if step else self.promql.instant(case.query, start)

    def _check_failure(self, case: Case, where: str) -> None:
        said = ""
        try:
            self.ask(case)
        except InputError as error:
            said = str(error)
        assert said, f"{where}\nmust fail"
        for part in case.lines:
            assert part.strip() in said, f"{where}\n{said}"


def rows(vector: Vector) -> Iterator[tuple[Labels, list[float | None]]]:
    """Series with their values; nothing is None."""
    for labels, values, present in zip(vector.labels, vector.values.tolist(), vector.present.tolist(), strict=True):
        yield labels, [value if there else None for value, there in zip(values, present, strict=True)]


def same(expected: list[float | None], given: list[float | None]) -> bool:
    """Whether the numbers agree to nine digits."""
    if [v is None for v in expected] != [v is None for v in given]:
        return False
    left, right = ([v for v in side if v is not None] for side in (expected, given))
    return np.allclose(left, right, rtol=1e-9, atol=1e-12, equal_nan=True)


def write_series(
    engine: Engine, labels: dict[int, Labels], points: list[tuple[int, int, float]], kind: str = "unknown"
) -> None:
    """Store series of these labels, of a kind that is not OpenTelemetry's, and their points (series, millis, value)."""
    moment = pa.timestamp("ms", "UTC")
    times: dict[int, list[int]] = {}
    for series, at, _ in points:
        times.setdefault(series, []).append(at)
    engine.insert_arrow(
        "metric_series",
        pa.table(
            {
                "series": pa.array(times, pa.uint64()),
                "name": [dict(labels[series]).get(NAME, "") for series in times],
                "kind": [kind] * len(times),
                "attributes": pa.array(
                    [[pair for pair in labels[series] if pair[0] != NAME] for series in times],
                    pa.map_(pa.string(), pa.string()),
                ),
                "first_seen": pa.array([min(own) for own in times.values()], moment),
                "last_seen": pa.array([max(own) for own in times.values()], moment),
            }
        ),
    )
    engine.insert_arrow(
        "metric_points",
        pa.table(
            {
                "series": pa.array([point[0] for point in points], pa.uint64()),
                "time": pa.array([point[1] for point in points], moment),
                "value": pa.array([point[2] for point in points], pa.float64()),
            }
        ),
    )
