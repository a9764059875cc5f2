"""Hosts on the pages: by the names that people know them by."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.web import scene as scenes
from tests.web import stories
from tests.web.conftest import NOW, browsing, served

from wellkept.kernel.entity import Entity, EntityKind
from wellkept.kernel.finding import Evidence, FindingKind, Severity

MACHINE = "3d1219c7c4c5404aaa1f6d2a48adfda4"


def test_pages_say_hosts_by_their_names_and_escape_them(tmp_path: Path) -> None:
    with contextlib.closing(scenes.empty(tmp_path, NOW)) as scene:
        scene.deps.topology.observe([Entity(EntityKind.HOST, f"host:{MACHINE}", "web-<1>")], [], NOW)
        said = FindingKind.FORECAST, Severity.ERROR, 5.0, "It fills.", Evidence("system.filesystem.usage")
        full = stories.finding(scene, f"disk:{MACHINE}:/var", *said)
        found = stories.incident(scene, "It fills", [full], "the first finding of this incident")
        scene.deps.stream.save_incident(found)

        with served(scene) as address, browsing(address) as browser:
            for path in ("/findings", "/incidents", f"/incidents/{found.id}"):
                page = browser.get(path).text
                assert "web-&lt;1&gt;:/var" in page, path
                assert "web-<1>" not in page, path
