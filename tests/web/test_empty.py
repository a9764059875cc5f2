"""A platform that has seen nothing yet, and one with a loop switched off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.web import scene as scenes
from tests.web.conftest import NOW, browsing, served
from tests.web.scene import Scene

from wellkept.kernel.entity import Entity, EntityKind
from wellkept.web.views.overview import AT_A_GLANCE


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = scenes.empty(tmp_path_factory.mktemp("empty"), NOW)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", "OTEL_EXPORTER_OTLP_ENDPOINT={address}"),
        ("/", "wellkept models train"),
        ("/incidents", "wellkept demo"),
        ("/incidents/summary", "As soon as some have"),
        ("/models", "wellkept models train"),
        ("/approvals", "wellkept approve"),
        ("/audit", "Nothing has been done"),
    ],
)
def test_it_says_how_to_fill_it(empty: Scene, path: str, words: str) -> None:
    with served(empty) as address, browsing(address) as client:
        assert words.format(address=address) in client.get(path).text


@pytest.mark.parametrize(("ops", "ml"), [(True, False), (False, True), (False, False)])
def test_a_loop_that_is_off_has_no_pages(empty: Scene, ops: bool, ml: bool) -> None:
    off = replace(empty, deps=replace(empty.deps, ops_enabled=ops, ml_enabled=ml))
    with served(off) as address, browsing(address) as client:
        text = client.get("/").text
        assert ('href="/models"' in text) == ml
        assert (client.get("/models").status_code == 200) == ml
        assert ('href="/incidents"' in text) == (ops or ml)
        assert ("Services" in text) == ops


def test_many_systems_are_cut_short_until_all_are_asked_for(empty: Scene) -> None:
    many = [Entity(EntityKind.HOST, f"host:many-{index}", f"many-{index}") for index in range(AT_A_GLANCE + 7)]
    empty.deps.topology.observe(many, [], NOW)
    with served(empty) as address, browsing(address) as client:
        assert ">7 more</a>" in client.get("/").text
        assert client.get("/?show=all").text.count('title="host:many-') == AT_A_GLANCE + 7
