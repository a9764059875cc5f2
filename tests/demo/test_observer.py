"""Reading the platform: patience while it is away, and what counts as new."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest
from tests.demo.stage import Answers

from wellkept.demo import observer
from wellkept.demo.observer import Observer, id_of, moment, noticed_at, of_kinds
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import ConflictError, OverloadError, WellkeptError
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.sdk.client import Client

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def watching(seen: list[bool] | None = None, **answers: list[Any]) -> Observer:
    return Observer(cast("Client", Answers(**answers)), (seen if seen is not None else []).append)


def gone() -> WellkeptError:
    error = WellkeptError("the server does not answer")
    error.__cause__ = httpx.ConnectError("refused")
    return error


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer, "AGAIN_S", 0.001)


def test_a_server_that_is_away_is_waited_for_and_told() -> None:
    seen: list[bool] = []
    found = watching(seen, x=[gone(), OverloadError("starting"), gone(), {"a": 1}])
    assert found.get("/api/v1/x") == {"a": 1}
    assert seen == [True, True, True, False]
    assert found.away_s > 0


def test_a_server_that_stays_away_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer, "PATIENCE_S", 0.01)
    with pytest.raises(WellkeptError, match="does not answer"):
        watching(x=[gone()]).get("/api/v1/x")


def test_a_refusal_is_not_waited_out() -> None:
    with pytest.raises(ConflictError):
        watching(x=[ConflictError("plan", "is decided")]).post("/api/v1/x", {})


def incident(*joined_s: float, merged: bool = False) -> dict[str, Any]:
    members = [{"joined_at": (NOON + timedelta(seconds=s)).isoformat(), "entity": "e"} for s in joined_s]
    words = ["opened", *(["resolved: merged into inc-2"] if merged else [])]
    return {"id": f"inc-{joined_s}", "members": members, "timeline": [{"what": word} for word in words]}


def test_incidents_are_new_by_the_findings_that_joined_them() -> None:
    old, grown, merged = incident(-60), incident(-60, 5, 9), incident(7, merged=True)
    found = watching(incidents=[{"incidents": [old, grown, merged]}]).incidents(NOON)
    assert found == [grown]
    assert noticed_at(grown, NOON) == NOON + timedelta(seconds=5)


def finding(entity: str, kind: FindingKind, ends_s: float | None) -> dict[str, Any]:
    ends = None if ends_s is None else NOON + timedelta(seconds=ends_s)
    made = Finding("fp", "d", "1", entity, kind, Severity.ERROR, 1.0, "", NOON - timedelta(minutes=5), "S.", ends)
    record: dict[str, Any] = encode(made)
    assert id_of(record) == made.id
    return record


def test_findings_are_those_that_were_open_since() -> None:
    over, still, later = (finding("e", FindingKind.DRIFT, ends) for ends in (-1, None, 3))
    assert watching(findings=[{"findings": [over, still, later]}]).findings(NOON) == [still, later]


def test_findings_are_picked_by_kind_and_entity() -> None:
    records = [finding(e, k, None) for e in ("service:a", "model:m") for k in (FindingKind.DRIFT, FindingKind.FORECAST)]
    (picked,) = of_kinds(records, "drift", prefix="model:")
    assert (picked["kind"], picked["entity"]) == ("drift", "model:m")


def test_what_the_platform_said_is_told_in_few_words() -> None:
    nothing = watching(incidents=[{"incidents": []}], findings=[{"findings": []}])
    assert nothing.said(NOON) == "nothing"
    shown = {**incident(1), "title": "Disk is running out", "state": "open"}
    something = watching(
        incidents=[{"incidents": [shown]}], findings=[{"findings": [finding("e", FindingKind.DRIFT, None)]}]
    )
    assert something.said(NOON) == "incident Disk is running out (open); S."


def test_moments_are_aware() -> None:
    assert moment("2026-11-25T12:00:00+00:00") == NOON
