"""Files as bodies: whatever they are cut into, every line and row is in exactly one."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from wellkept.app import importing
from wellkept.app.importing import pieces
from wellkept.kernel.errors import InputError, NotFoundError


def lines(path: Path) -> list[bytes]:
    return [line for piece in pieces(path) for line in piece.body.split(b"\n") if line.strip()]


@pytest.mark.parametrize("most", [1, 7, 100, 1 << 20])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_lines_are_cut_between_lines_alone(
    most: int, end: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BODY_BYTES", most)
    wanted = [b'{"n":%d}' % n for n in range(50)] + [b"text", b"x" * 30]
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"\n".join(wanted) + end)

    assert lines(file) == wanted
    assert sum(piece.records for piece in pieces(file)) == len(wanted)
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert lines(packed) == wanted


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rows_are_objects_by_the_names_of_their_columns(kind: str, tmp_path: Path) -> None:
    file = tmp_path / f"a.{kind}"
    if kind == "csv":
        file.write_text("time,msg,n,empty\n2026-11-25T17:54:00,one,1,\n2026-11-25T17:54:01,two,2,x\n", encoding="utf-8")
    else:
        moments = [datetime.fromisoformat(f"2026-11-25T17:54:0{n}") for n in (0, 1)]
        columns = {"time": moments, "msg": ["one", "two"], "n": [1, 2], "empty": [None, "x"]}
        pq.write_table(pa.table(columns), file)

    assert [json.loads(line) for line in lines(file)] == [
        {"time": "2026-11-25T17:54:00", "msg": "one", "n": 1},
        {"time": "2026-11-25T17:54:01", "msg": "two", "n": 2, "empty": "x"},
    ]


def test_a_large_table_comes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BODY_BYTES", 100)
    pq.write_table(pa.table({"msg": [f"message {n}" for n in range(100)]}), tmp_path / "a.parquet")

    found = list(pieces(tmp_path / "a.parquet"))

    assert max(len(piece.body) for piece in found) <= 120
    assert sum(piece.records for piece in found) == len(lines(tmp_path / "a.parquet")) == 100


def test_a_folder_is_a_recording(tmp_path: Path) -> None:
    record = {"timeUnixNano": "1795629218000000000", "body": {"stringValue": "x"}}
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    (tmp_path / "logs.jsonl").write_text(json.dumps(document), encoding="utf-8")

    assert [(piece.door, piece.media) for piece in pieces(tmp_path)] == [("/v1/logs", "application/x-protobuf")]


@pytest.mark.parametrize(("most", "count"), [(1 << 20, 1), (200, 15), (1, 30)])
def test_recorded_requests_are_sent_together(
    most: int, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BODY_BYTES", most)
    said = [f"a line of {number:02} which is fifty characters long and more" for number in range(30)]
    records = [{"timeUnixNano": f"17956292{n:02}000000000", "body": {"stringValue": x}} for n, x in enumerate(said)]
    requests = [{"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]} for record in records]
    (tmp_path / "logs.jsonl").write_text("\n".join(map(json.dumps, requests)), encoding="utf-8")

    found = [ExportLogsServiceRequest.FromString(piece.body) for piece in pieces(tmp_path)]

    assert len(found) == count
    logs = [record for request in found for one in request.resource_logs for record in one.scope_logs[0].log_records]
    assert [record.body.string_value for record in logs] == said


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="is not there"):
        pieces(tmp_path / "nothing.jsonl")
    (tmp_path / "a.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match=r"a\.parquet: cannot be read as a table"):
        list(pieces(tmp_path / "a.parquet"))
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"x\n" * 100)[:-9])
    with pytest.raises(InputError, match=r"a\.gz: cannot be read"):
        list(pieces(tmp_path / "a.gz"))
    with pytest.raises(InputError, match="must hold OTLP files"):
        list(pieces(tmp_path))
