"""Spans wait for the collector; logs rotate under a name that says when."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult

from wellkept.demo.layout import Layout
from wellkept.demo.shop import telemetry
from wellkept.demo.shop.telemetry import PatientExporter, RotatedFile, traces_of

OK, NOT_OK = SpanExportResult.SUCCESS, SpanExportResult.FAILURE


class Moody:
    """Stands for the SDK's exporter: answers as told, then always with the last answer."""

    def __init__(self, *answers: SpanExportResult) -> None:
        self.answers, self.asked = list(answers), 0

    def export(self, _: Any) -> SpanExportResult:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def shutdown(self) -> None:
        pass


def patient(monkeypatch: pytest.MonkeyPatch, moody: Moody) -> PatientExporter:
    monkeypatch.setattr(telemetry, "OTLPSpanExporter", lambda *_, **__: moody)
    monkeypatch.setattr(telemetry, "AGAIN_S", 0.0)
    return PatientExporter("http://127.0.0.1:1/v1/traces", "token")


def test_a_batch_is_tried_until_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    moody = Moody(NOT_OK, NOT_OK, NOT_OK, OK)
    assert patient(monkeypatch, moody).export([]) is OK
    assert moody.asked == 4


def test_at_the_end_it_gives_up_after_the_first_that_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    moody = Moody(NOT_OK)
    exporter = patient(monkeypatch, moody)
    exporter.end()
    assert [exporter.export([]) for _ in range(3)] == [NOT_OK] * 3
    assert moody.asked == 1


def test_the_end_is_not_held_up_by_a_batch_that_is_being_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = patient(monkeypatch, Moody(NOT_OK))
    trying = threading.Thread(target=exporter.export, args=([],))
    trying.start()
    exporter.end()
    trying.join(10)
    assert not trying.is_alive()


def test_the_resource_says_who_and_where(layout: Layout) -> None:
    traces = traces_of("checkout", layout.settings)
    resource = traces.provider.resource.attributes
    traces.end()
    assert resource["service.name"] == "checkout"
    assert resource["service.namespace"] == "shop"
    assert resource["host.id"] == layout.settings.host_id
    assert resource["process.pid"]


def test_a_full_log_is_renamed_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "LOG_BYTES", 1000)
    log, handler = logging.getLogger("tests.demo.rotation"), RotatedFile(tmp_path / "x" / "x.log")
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    for number in range(200):
        log.info("line %03d", number)
    log.removeHandler(handler)
    handler.close()
    files = sorted((tmp_path / "x").iterdir())
    assert files[0].name == "x.log"
    assert len(files) > 1
    assert all(file.match("x.log.*") for file in files[1:])
    lines = [line for file in [*files[1:], files[0]] for line in file.read_text().splitlines()]
    assert lines == [f"line {number:03d}" for number in range(200)]
