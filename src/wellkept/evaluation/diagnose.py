"""``wellkept eval diagnose``: how often the diagnosis names the true cause of recorded faults, and how fast.

A folder is recognised by its tables, never by its name: the first of the shipped layouts by which a case of it can be
read (or its own ``recording.yaml``), or a table of changes beside its cases. Each case's own alert is given; detection
is not part of it. Nothing is learned from the folder, and what is true is looked up afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from wellkept.evaluation import diagnose_changes, diagnose_peers
from wellkept.evaluation.correlate_cases import layout_of
from wellkept.evaluation.diagnose_cases import Cases
from wellkept.evaluation.diagnose_figures import summary
from wellkept.kernel.errors import InputError, StoreError
from wellkept.ops.diagnose.base import DiagnoseSettings
from wellkept.ops.ingest.recording.recording import find

LAYOUTS = Path(__file__).parent / "layouts"
SPLITS = ("all", "tune", "report")
HEALTHY = 40


def evaluate(
    folder: Path,
    *,
    split: str = "all",
    cases: int = 0,
    healthy: int = HEALTHY,
    peers: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """The figures of a folder, or of each folder within it, as one plain object; see docs/diagnosis.md.

    ``split``: which half of the cases, by the hash of their names; constants were chosen on ``tune`` alone. ``cases``:
    at most so many (0: all). ``healthy``: moments at which nothing was wrong. ``peers``: a folder with ``rca``, whose
    program is then run on the same folder, always on all of its cases.

    Raises:
        InputError: no folder with recorded faults, or not a single case of this half.
    """
    parts = [folder] if _kind(folder) else [one for one in sorted(folder.iterdir()) if one.is_dir() and _kind(one)]
    if not parts:
        raise InputError(f"folder {folder}", "must hold recorded faults that a layout fits, or folders of such")
    found = {}
    with ThreadPoolExecutor(1) as beside:
        theirs = {part: beside.submit(_peers, part, peers) for part in parts if peers is not None}
        try:
            for part in parts:
                tell(f"{part.name}: {_kind(part)}")
                found[part.name] = _one(part, split, cases, healthy, tell)
            for part, measured in theirs.items():
                tell(f"{part.name}: the peers")
                found[part.name] |= measured.result()
        finally:
            beside.shutdown(wait=False, cancel_futures=True)
    if split == "all" and cases == 0:
        for said in found.values():
            said["peers_better"] = diagnose_peers.better(said, said["peers"])
    return found[folder.name] if parts == [folder] else {"folder": folder.resolve().name, "folders": found}


def _kind(folder: Path) -> str:
    if diagnose_changes.is_changes(folder):
        return "changes"
    layout = layout_of(folder, LAYOUTS)
    return layout.stem if layout is not None else ""


def _one(folder: Path, split: str, cases: int, healthy: int, tell: Callable[[str], None]) -> dict[str, Any]:
    about = {"folder": folder.resolve().name, "split": split, "version": DiagnoseSettings().version}
    bare: dict[str, Any] = {"peers": {}, "peers_better": []}
    if diagnose_changes.is_changes(folder):
        return {**about, "layout": "changes", **diagnose_changes.evaluate(folder, split, tell), **bare}
    layout = layout_of(folder, LAYOUTS)
    results, moments = Cases(find(folder, layout, keep=True)).run(split, cases, healthy, tell)
    if not results:
        raise InputError("split", "must leave at least one of the cases", split)
    return {**about, "layout": layout.stem if layout else "", **summary(results, moments), **bare}


def _peers(folder: Path, peers: Path) -> dict[str, Any]:
    """The figures of the peers on a folder, or why there are none: ours are measured, and other folders follow."""
    layout = layout_of(folder, LAYOUTS)
    if layout is None:
        return {}
    try:
        return {"peers": diagnose_peers.run(peers, folder, layout.stem)}
    except StoreError as error:
        return {"peers_failed": str(error)}
