"""The versions of a model as its page shows them."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from tests.ml.workshop import NOON, Workshop

from wellkept.spine.registry import Job, ModelVersion
from wellkept.store.state.audit import AuditEntry
from wellkept.web.readings import Readings
from wellkept.web.views.journal import entry_view
from wellkept.web.views.modelrow import model_rows
from wellkept.web.views.overview import _ml_vitals
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


def test_a_model_that_is_not_live_is_not_called_well(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    workshop.registry.save_contract("fraud", "name: fraud", "sha256:1", NOON)
    workshop.registry.save_job(Job("job-1", "train", "model:fraud", "failed", NOON, NOON, {"error": "x"}))

    (row,) = model_rows(workshop.registry, cast("Readings", None), [], NOON)
    workshop.close()

    assert (row.tone, row.why, row.drift) == ("quiet", "not live", "")
    assert (row.trouble, row.run) == ("failed", "job-1")
    (vital,) = _ml_vitals([row])
    assert (vital.detail, vital.tone) == ("none is live", "quiet")


def test_of_what_a_program_printed_a_line_of_the_journal_tells_the_last() -> None:
    details = {"error": "ended with code 1\nTraceback\n  File x\nValueError: no rows\n", "job": "job-1"}
    entry = AuditEntry(1, NOON, "wellkept", "training.failed", "model:fraud", details, "", "")

    view = entry_view(entry)

    assert view.sentence == "error ValueError: no rows, job job-1"
    assert view.tone == "error"
    assert dict(view.details)["error"].startswith("ended with code 1")
