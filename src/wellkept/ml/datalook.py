"""The data of a project, looked at without training anything: its profile, its contract, what was read and joined."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from wellkept.ml.contract import read_project
from wellkept.ml.data.base import Reach
from wellkept.ml.data.datacontract import DataContractError
from wellkept.ml.data.stage import Interval, Snapshots
from wellkept.ml.trial import NoAnswers
from wellkept.store.artifacts.artifacts import Artifacts


def look_at_data(
    project: Path,
    end: datetime,
    reach: Reach,
    timeout_s: float,
    start: datetime | None = None,
    excluded: Sequence[Interval] = (),
) -> dict[str, Any]:
    """Take a snapshot that nobody keeps, and say what it is, in JSON values.

    ``ok`` (whether its contract holds), ``model``, ``rows``, ``digest``, ``profile`` and ``report``; of what keeps its
    contract also ``manifest``.

    Args:
        project: the folder of model.yaml and model.py.
        end: of the window that is asked for.
        reach: what its sources may reach.
        timeout_s: what loading may take.
        start: of the window; without one, ``retrain.window_s`` before its end.
        excluded: spans to leave out.

    Raises:
        WellkeptError: the contract is wrong, or the data could not be loaded.
    """
    contract, _ = read_project(project)
    span = (start or end - timedelta(seconds=contract.retrain.window_s), end)
    with tempfile.TemporaryDirectory(prefix="wellkept-data-") as name:
        folder = Path(name)
        artifacts = Artifacts(str(folder / "artifacts"))
        snapshots = Snapshots(artifacts, NoAnswers(), reach)
        try:
            taken = snapshots.take(project, contract, span, excluded, folder / "run", timeout_s)
        except DataContractError as error:
            return _told(contract.name, error.report)
        manifest = json.loads(artifacts.get_bytes(taken.manifest))
        return {**_told(contract.name, taken.report), "digest": taken.digest, "manifest": manifest}


def _told(model: str, report: Any) -> dict[str, Any]:
    found = {key: value for key, value in report.items() if key != "profile"}
    return {
        "ok": report["passed"],
        "model": model,
        "rows": report["rows"],
        "profile": report["profile"],
        "report": found,
    }
