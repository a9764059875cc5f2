"""Model projects without a server: new ones, the contract's schema, a check for pull requests."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from wellkept.app.clock import SystemClock
from wellkept.app.settings import load_settings
from wellkept.ml.data.base import Reach
from wellkept.ml.datalook import look_at_data
from wellkept.ml.newproject import TASKS, contract_schema, new_project
from wellkept.ml.reports import as_json, as_junit, as_markdown
from wellkept.ml.trial import Report, try_project

__all__ = ["TASKS", "check_project", "contract_schema", "look_at_project_data", "new_project", "report_files"]


def check_project(project: Path, rows: int, timeout_s: float) -> Report:
    """Try a project out; its report."""
    return try_project(project.resolve(), SystemClock().now(), rows, timeout_s, _reach())


def look_at_project_data(
    project: Path, timeout_s: float, start: datetime | None = None, end: datetime | None = None
) -> dict[str, Any]:
    """The profile of a project's data and what its contract says of them."""
    return look_at_data(project.resolve(), end or SystemClock().now(), _reach(), timeout_s, start)


def _reach() -> Reach:
    """What sources may reach where there is no server: what the configuration of this folder says."""
    return Reach(load_settings(None).ml.data)


def report_files(report: Report, junit: Path | None, markdown: Path | None) -> dict[str, Any]:
    """Write a report in the forms that were asked for; it comes back as JSON values."""
    for file, text in ((junit, as_junit(report)), (markdown, as_markdown(report))):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    return as_json(report)
