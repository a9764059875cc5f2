"""Labels are told until they are acknowledged, and one that is not known yet holds up no other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from wellkept.demo.layout import Layout
from wellkept.demo.shop import outcomes
from wellkept.demo.shop.outcomes import Outcomes


class Platform:
    """Takes labels of predictions that it knows, and is away when it is told to be."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.labels: dict[str, float] = {}
        self.is_away = False

    async def post(self, path: str, body: bytes, _: Mapping[str, str]) -> tuple[int, bytes]:
        if self.is_away:
            raise ConnectionError
        sent: dict[str, Any] = orjson.loads(body)
        if path == "/chargebacks":
            return 200, b"{}"
        for label in sent["labels"]:
            if label["prediction_id"] in self.known:
                self.labels[label["prediction_id"]] = label["value"]
        is_known = all(label["prediction_id"] in self.known for label in sent["labels"])
        return (200 if is_known else 422), b"{}"


@pytest.fixture
def told(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> tuple[Outcomes, Platform]:
    platform = Platform()
    monkeypatch.setattr(outcomes, "Http", lambda _: platform)
    monkeypatch.setattr(outcomes, "EVERY_S", 0.001)
    monkeypatch.setattr(outcomes, "LABEL_DELAY_S", 0.0)
    return Outcomes(layout.settings), platform


async def until(is_so: Any) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.002)


def run(mine: Outcomes, story: Any) -> None:
    async def play() -> None:
        telling = asyncio.create_task(mine.run())
        await story()
        telling.cancel()

    asyncio.run(play())


def test_labels_are_counted_when_they_are_taken(told: tuple[Outcomes, Platform]) -> None:
    mine, platform = told
    platform.known = {"a", "b"}

    async def story() -> None:
        mine.add("a", 1, is_fraud=True, is_scored=True)
        mine.add("b", 1, is_fraud=False, is_scored=True)
        mine.add("c", 1, is_fraud=False, is_scored=False)
        await until(lambda: mine.labelled == 2)

    run(mine, story)
    assert platform.labels == {"a": 1.0, "b": 0.0}


def test_a_prediction_that_is_not_known_yet_holds_up_no_other(told: tuple[Outcomes, Platform]) -> None:
    mine, platform = told
    platform.known = {"a"}

    async def story() -> None:
        mine.add("late", 1, is_fraud=False, is_scored=True)
        mine.add("a", 1, is_fraud=False, is_scored=True)
        await until(lambda: mine.labelled == 1)
        platform.known.add("late")
        await until(lambda: mine.labelled == 2)

    run(mine, story)
    assert set(platform.labels) == {"a", "late"}


def test_labels_wait_for_a_platform_that_is_away(told: tuple[Outcomes, Platform]) -> None:
    mine, platform = told
    platform.known, platform.is_away = {"a"}, True

    async def story() -> None:
        mine.add("a", 1, is_fraud=True, is_scored=True)
        await asyncio.sleep(0.02)
        assert mine.labelled == 0
        platform.is_away = False
        await until(lambda: mine.labelled == 1)

    run(mine, story)
    assert platform.labels == {"a": 1.0}
