"""Tables and the layout that explains them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from wellkept.evaluation.correlate import LAYOUTS
from wellkept.kernel.clock import from_nanos
from wellkept.kernel.entity import EdgeKind
from wellkept.kernel.errors import DocumentError, InputError, NotFoundError
from wellkept.kernel.finding import FindingKind
from wellkept.ops.ingest.recording.recording import LARGEST, Recording, find, read
from wellkept.ops.ingest.recording.rows import LogRows, Points, SpanRows
from wellkept.store.telemetry.otlp.writer import Signal

MINUTE = 60 * 10**9
START = datetime(2024, 3, 1, 12, tzinfo=UTC)
TEN = [datetime(2024, 3, 1, 12, minute) for minute in range(10)]  # noqa: DTZ001 - without a zone, as in most files


def recorded(folder: Path, layout: str, case: str = "", **tables: pa.Table) -> Recording:
    """A recording of Parquet tables with a layout, read."""
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    (folder / "recording.yaml").write_text(layout)
    return read(find(folder), case)


def the(recording: Recording, signal: Signal) -> object:
    (found,) = [rows for kind, rows in recording.parts if kind is signal]
    return found


def series(points: Points) -> dict[tuple[str, ...], list[float]]:
    """The values of each series by (service, name, and the values of its attributes)."""
    found: dict[tuple[str, ...], list[float]] = {}
    for place, value in zip(points.series, points.value, strict=True):
        key = points.keys[place]
        service = points.resources.attributes(key.resource).get("service.name", "")
        own = [word for _, word in key.attributes]
        found.setdefault((service, key.name, *own), []).append(float(value))
    return found


WIDE = """
metrics:
  - file: load.parquet
    time: at
    resource: {service.name: pod}
    metrics:
      - {column: cpu_pct, name: process.cpu.utilization, unit: "1", scale: 0.01}
      - {column: mem, name: process.memory.usage, unit: By, scale: 1024, offset: 1}
"""


def test_wide_metrics_are_a_column_each(tmp_path: Path) -> None:
    table = pa.table(
        {"at": TEN[:2] * 2, "pod": ["a", "a", "b", "b"], "cpu_pct": [50.0, 60.0, None, 10.0], "mem": [1, 2, 3, 4]}
    )

    recording = recorded(tmp_path, WIDE, load=table)

    points = the(recording, Signal.METRICS)
    assert isinstance(points, Points)
    assert series(points) == {
        ("a", "process.cpu.utilization"): [0.5, 0.6],
        ("a", "process.memory.usage"): [1025.0, 2049.0],
        ("b", "process.cpu.utilization"): [0.1],
        ("b", "process.memory.usage"): [3073.0, 4097.0],
    }
    assert from_nanos(recording.first_ns) == START
    assert recording.rhythm_s() == 60.0


def test_long_metrics_are_told_apart_by_their_rows(tmp_path: Path) -> None:
    layout = """
metrics:
  - file: values.parquet
    time: {column: at, unit: s, shift: 5m}
    resource: {service.name: node}
    metrics:
      - {column: value, name: service.requests, kind: delta, when: {what: requests}}
      - {column: value, name: {column: what, template: "service.{}"}, when: {what: [latency, age]},
         attributes: {statistic: statistic}}
"""
    table = pa.table(
        {
            "at": [0, 0, 0, 60],
            "node": pa.array(["a", "a", "a", "a"]).dictionary_encode(),
            "what": pa.array(["requests", "latency", "latency", "age"]).dictionary_encode(),
            "statistic": ["sum", "p50", "p95", None],
            "value": [7.0, 0.1, 0.4, 3.0],
        }
    )

    points = the(recorded(tmp_path, layout, values=table), Signal.METRICS)

    assert isinstance(points, Points)
    assert series(points) == {
        ("a", "service.requests"): [7.0],
        ("a", "service.latency", "p50"): [0.1],
        ("a", "service.latency", "p95"): [0.4],
        ("a", "service.age"): [3.0],
    }
    assert points.at[0] == 300 * 10**9
    assert {key.kind for key in points.keys if key.name == "service.requests"} == {"delta"}


MATRIX = """
metrics:
  - file: matrix.csv
    time: at
    metrics:
      - {columns: "^(.+)_cpu$", name: process.cpu.utilization, scale: 0.01, resource: {service.name: {value: $match}}}
      - {column: room, name: hw.temperature, resource: {host.name: {value: rack}}}
"""


def test_one_rule_may_stand_for_many_columns(tmp_path: Path) -> None:
    table = pa.table({"at": TEN[:1], "a_cpu": [50.0], "b-db_cpu": [10.0], "room": [21.0], "a_mem": [1.0]})
    pyarrow.csv.write_csv(table, tmp_path / "matrix.csv")

    points = the(recorded(tmp_path, MATRIX), Signal.METRICS)

    assert isinstance(points, Points)
    assert series(points) == {
        ("a", "process.cpu.utilization"): [0.5],
        ("b-db", "process.cpu.utilization"): [0.1],
        ("", "hw.temperature"): [21.0],
    }


def test_columns_that_are_not_there_are_named(tmp_path: Path) -> None:
    pyarrow.csv.write_csv(pa.table({"at": TEN[:1], "room": [21.0]}), tmp_path / "matrix.csv")

    with pytest.raises(InputError, match=r"metrics.0.metrics.0.columns: must name columns of matrix.csv \(at, room\)"):
        recorded(tmp_path, MATRIX)


SPANS = """
traces:
  - file: spans.parquet
    start: {column: start_us, unit: us}
    duration: {column: took_us, unit: us}
    trace: [day, trace]
    span: [day, span]
    parent: [day, parent]
    root: -1
    name: operation
    status: {column: code, failed: [500, 503]}
    resource: {service.name: {column: pod, pattern: "^(.+)-[0-9a-f]+$"}}
"""


def test_kinds_of_spans_come_from_who_calls_whom(tmp_path: Path) -> None:
    table = pa.table(
        {
            "day": ["mon"] * 5,
            "trace": [0, 0, 0, 0, 1],
            "span": [0, 1, 2, 3, 0],
            "parent": [-1, 0, 1, 2, -1],
            "pod": ["front-1", "front-1", "back-2", "back-2", "back-2"],
            "operation": ["GET /", "call", "serve", "sql", "tick"],
            "start_us": [0, 1, 2, 3, 4],
            "took_us": [100, 50, 20, 5, 1],
            "code": [503, 200, 200, 200, 200],
        }
    )

    spans = the(recorded(tmp_path, SPANS, spans=table), Signal.TRACES)

    assert isinstance(spans, SpanRows)
    names = spans.name.to_pylist()
    kinds = dict(zip(names, spans.kind.tolist(), strict=True))
    assert kinds == {"GET /": 2, "call": 3, "serve": 2, "sql": 1, "tick": 2}
    assert names == ["tick", "sql", "serve", "call", "GET /"], "in the order in which they ended"
    by_name = {name: row for row, name in enumerate(names)}
    assert spans.status[by_name["GET /"]] == 2
    assert (spans.parent[by_name["serve"]] == spans.span[by_name["call"]]).all()
    assert (spans.trace[by_name["serve"]] == spans.trace[by_name["call"]]).all()
    assert (spans.trace[by_name["tick"]] != spans.trace[by_name["call"]]).any()
    assert not spans.parent[by_name["GET /"]].any()
    place = spans.resource[by_name["serve"]]
    assert spans.resources.attributes(int(place)) == {"service.name": "back"}


def test_hexadecimal_ids_stay_as_they_are(tmp_path: Path) -> None:
    layout = """
traces:
  - {file: spans.parquet, start: at, end: until, trace: trace, span: span, parent: parent, name: what,
     kind: {column: kind}, resource: {service.name: service}}
"""
    table = pa.table(
        {
            "at": TEN[:1], "until": TEN[1:2], "trace": ["ab" * 16], "span": ["01" * 8], "parent": [""],
            "what": ["x"], "kind": ["SPAN_KIND_CLIENT"], "service": ["s"],
        }
    )  # fmt: skip

    spans = the(recorded(tmp_path, layout, spans=table), Signal.TRACES)

    assert isinstance(spans, SpanRows)
    assert spans.trace.tobytes() == bytes.fromhex("ab" * 16)
    assert spans.span.tobytes() == bytes.fromhex("01" * 8)
    assert spans.kind.tolist() == [3]
    assert spans.at[0] - spans.start[0] == MINUTE


def test_log_records_take_their_severity_from_their_text(tmp_path: Path) -> None:
    layout = """
logs:
  - {file: logs.csv, time: at, body: line, resource: {service.name: service},
     severity: {pattern: "WARN|ERR", map: {ERR: ERROR}}, attributes: {thread: thread}}
"""
    pyarrow.csv.write_csv(
        pa.table(
            {"at": TEN[:3], "line": ["all WARN", "ERR no", "fine"], "service": ["s"] * 3, "thread": ["1", "2", ""]}
        ),
        tmp_path / "logs.csv",
    )

    logs = the(recorded(tmp_path, layout), Signal.LOGS)

    assert isinstance(logs, LogRows)
    assert logs.severity.tolist() == [13, 17, 0]
    assert logs.text.to_pylist() == ["all WARN", "ERR no", "fine"]


CASES = """
splice: 0s
cases: {file: cases.parquet, id: name, derive: {calm: {column: system, template: "calm-{}"}}}
metrics:
  - file: load.parquet
    where: {piece: $name}
    baseline: {where: {piece: $calm}, last: 3m}
    time: at
    resource: {service.name: pod}
    metrics: [{column: cpu, name: process.cpu.utilization}]
alerts:
  - {file: cases.parquet, where: {name: $name}, time: at, resource: {service.name: front},
     sentence: {value: it is slow}, signal: span.duration.p95}
edges:
  - {file: edges.parquet, where: {kind: calls}, source: {service.name: a}, target: {service.name: b}}
  - {file: edges.parquet, where: {kind: runs}, source: {service.name: a}, target: {host.name: b}, kind: runs_on}
"""


def case_tables() -> dict[str, pa.Table]:
    later = [datetime(2025, 1, 1, 0, minute) for minute in range(10)]  # noqa: DTZ001 - as above
    return {
        "cases": pa.table({"name": ["one", "two"], "system": ["x", "x"], "at": TEN[2:4], "front": ["f", "f"]}),
        "load": pa.table(
            {
                "piece": ["one"] * 5 + ["two"] * 5 + ["calm-x"] * 10,
                "at": [*TEN, *later],
                "pod": ["p"] * 20,
                "cpu": np.arange(20.0),
            }
        ),
        "edges": pa.table({"a": ["f", "g"], "b": ["g", "h1"], "kind": ["calls", "runs"]}),
    }


def test_a_case_is_its_rows_with_the_baseline_set_before_it(tmp_path: Path) -> None:
    recording = recorded(tmp_path, CASES, "one", **case_tables())

    points = the(recording, Signal.METRICS)
    assert isinstance(points, Points)
    assert points.value.tolist() == [17.0, 18.0, 19.0, 0.0, 1.0, 2.0, 3.0, 4.0]
    assert set(np.diff(points.at)) == {MINUTE}
    assert recording.begin == START


def test_a_case_has_its_alerts_and_the_edges_of_all(tmp_path: Path) -> None:
    recording = recorded(tmp_path, CASES, "two", **case_tables())

    (alert,) = recording.alerts
    assert (alert.kind, alert.entity, alert.sentence) == (FindingKind.EXTERNAL, "service:f", "it is slow")
    assert (alert.starts_at.minute, alert.evidence[0].signal) == (3, "span.duration.p95")
    assert [(edge.source, edge.target, edge.kind) for edge in recording.edges] == [
        ("service:f", "service:g", EdgeKind.CALLS),
        ("service:g", "host:h1", EdgeKind.RUNS_ON),
    ]
    assert [entity.id for entity in recording.entities] == ["host:h1", "service:f", "service:g"]


def test_without_a_case_everything_keeps_its_time(tmp_path: Path) -> None:
    recording = recorded(tmp_path, CASES, **case_tables())

    assert recording.counts == {"metrics": 20}
    assert from_nanos(recording.last_ns) == datetime(2025, 1, 1, 0, 9, tzinfo=UTC)
    assert len(recording.alerts) == 2
    assert find(tmp_path).cases() == ["one", "two"]


def test_an_unknown_case_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"case three: is none of the 2 cases.*one, two"):
        recorded(tmp_path, CASES, "three", **case_tables())


@pytest.mark.parametrize(
    ("name", "layout", "said"),
    [
        ("unknown field", WIDE.replace("time: at", "tiem: at"), "line 4: metrics.0.tiem: is not a known field"),
        ("no time", WIDE.replace("    time: at\n", ""), "metrics.0.time: is required"),
        ("outside the folder", WIDE.replace("load.parquet", "../load.parquet"), "must be inside the recording"),
        ("another format", WIDE.replace("load.parquet", "load.json"), "must end in .parquet or .csv"),
        ("no duration", WIDE.replace("time: at", "time: {column: at, shift: soon}"), "must be a duration such as 90s"),
        ("both", WIDE.replace("service.name: pod", "service.name: {column: pod, value: x}"), "exactly one of column"),
        ("two columns", WIDE.replace("{column: mem,", "{column: mem, columns: (m), "), "exactly one of column, col"),
        ("no resource", MATRIX.replace(", resource: {host.name: {value: rack}}", ""), "needs a resource"),
        ("two groups", SPANS.replace("(.+)-", "(.+)(-)"), "must have one group in parentheses, got 2"),
        ("endless", SPANS.replace("    duration: {column: took_us, unit: us}\n", ""), "exactly one of duration, end"),
        ("unit", SPANS.replace("unit: us", "unit: jiffies"), "traces.0.start.unit"),
    ],
)  # fmt: skip
def test_every_mistake_in_a_layout_is_named(name: str, layout: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "recording.yaml").write_text(layout)

    with pytest.raises(DocumentError) as caught:
        find(tmp_path)

    assert said in str(caught.value), name


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "recording.yaml").write_text(WIDE.replace("time: at", "tiem: at").replace("scale: 0.01", "scale: much"))

    with pytest.raises(DocumentError, match="has 3 mistakes"):
        find(tmp_path)


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    table = pa.table({"at": TEN[:1], "pod": ["a"], "cpu_pct": [1.0]})

    with pytest.raises(
        InputError, match=r"metrics.0: must name columns of load.parquet \(at, pod, cpu_pct\), got 'mem'"
    ):
        recorded(tmp_path, WIDE, load=table)


def test_times_that_are_numbers_need_a_unit(tmp_path: Path) -> None:
    table = pa.table({"at": [1], "pod": ["a"], "cpu_pct": [1.0], "mem": [1]})

    with pytest.raises(InputError, match=r"metrics.0, column at: needs a unit"):
        recorded(tmp_path, WIDE, load=table)


def test_a_missing_time_is_named(tmp_path: Path) -> None:
    table = pa.table({"at": [TEN[0], None], "pod": ["a", "a"], "cpu_pct": [1.0, 2.0], "mem": [1, 2]})

    with pytest.raises(InputError, match=r"metrics.0, column at: must hold a time in every row, got '1 empty'"):
        recorded(tmp_path, WIDE, load=table)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"metrics.0.file: is not in"):
        recorded(tmp_path, WIDE)


def test_a_file_that_is_no_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "load.parquet").write_bytes(b"PAR1 but not really")

    with pytest.raises(InputError, match="cannot be read as a table"):
        recorded(tmp_path, WIDE)


def test_an_empty_folder_says_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must hold OTLP files .*, or tables and a recording.yaml"):
        read(find(tmp_path))


def test_large_rows_become_several_requests(tmp_path: Path) -> None:
    layout = "logs: [{file: logs.parquet, time: at, body: line, resource: {service.name: {value: s}}}]"
    table = pa.table({"at": TEN, "line": ["x" * 2_000_000] * 10})

    bodies = [body for _, body in recorded(tmp_path, layout, logs=table).arrivals(0, 2**62)]

    assert all(len(body) <= LARGEST for body in bodies)
    assert sum(len(body) for body in bodies) > 20_000_000


def test_the_layout_in_the_docs_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "replay.md").read_text("utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "recording.yaml").write_text(example)

    layout = find(tmp_path).layout

    assert layout is not None
    assert [len(part) for part in (layout.metrics, layout.traces, layout.logs, layout.alerts, layout.edges)] == [1] * 5


@pytest.mark.parametrize("path", sorted(LAYOUTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_layouts_that_ship_are_sound(path: Path, tmp_path: Path) -> None:
    assert find(tmp_path, path).layout is not None


def test_tables_that_are_kept_give_each_case_the_same_rows(tmp_path: Path) -> None:
    layout = """
cases: {file: cases.parquet, id: name}
metrics:
  - file: load.parquet
    where: {case: $name}
    baseline: {where: {case: usual}}
    time: at
    resource: {service.name: case}
    metrics: [{column: value, name: queue.length, unit: "1"}]
"""
    load = pa.table({"at": TEN[:6], "case": ["a", "b", "usual"] * 2, "value": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})
    recorded(tmp_path, layout, "a", cases=pa.table({"name": ["a", "b"]}), load=load)
    kept = find(tmp_path, keep=True)

    for case in ("a", "b", "a"):
        alone, again = (the(read(source, case), Signal.METRICS) for source in (find(tmp_path), kept))
        assert isinstance(alone, Points)
        assert isinstance(again, Points)
        assert series(again) == series(alone)
