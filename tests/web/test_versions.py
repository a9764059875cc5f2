"""The versions of a model as its page shows them."""

from __future__ import annotations

from pathlib import Path

from tests.ml.workshop import NOON, Workshop

from wellkept.spine.registry import ModelVersion
from wellkept.web.views.versions import version_views


def test_a_version_links_its_card_where_it_has_one(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    for number, lineage in enumerate(({}, {"card": "sha256:" + "0" * 64})):
        digest = f"sha256:{number:064}"
        workshop.registry.register(ModelVersion("fraud", digest, NOON, digest, "onnx", digest, lineage=lineage))

    newest, first = version_views(workshop.registry, "fraud")
    workshop.close()

    assert newest.card == "/api/v1/models/fraud/versions/2/card"
    assert first.card == ""
