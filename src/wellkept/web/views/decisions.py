"""What was decided about retraining a model, with the numbers that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wellkept.web.deps import WebDeps
from wellkept.web.wording import number

ACTION_TONES = {"retrain": "accent", "hold": "warning", "refuse": "info", "none": "quiet"}


@dataclass(frozen=True, slots=True)
class DecisionView:
    """One decision about retraining, with its numbers."""

    at: datetime
    until: datetime | None
    """The same was decided again until then."""
    action: str
    tone: str
    sentence: str
    evidence: str
    numbers: tuple[tuple[str, str], ...]


def decision_views(deps: WebDeps, model: str, most: int) -> tuple[DecisionView, ...]:
    """The newest decisions, newest first; none where nobody decides."""
    return tuple(_decision(told) for told in deps.decisions(model, most)) if deps.decisions else ()


def _decision(told: Mapping[str, Any]) -> DecisionView:
    action = str(told["action"])
    numbers = {key.replace("_", " "): value for key, value in (told.get("numbers") or {}).items()}
    return DecisionView(
        at=_moment(told["at"]),
        until=_moment(told["until"]) if told.get("until") else None,
        action=action,
        tone=ACTION_TONES.get(action, "quiet"),
        sentence=str(told["sentence"]),
        evidence=str(told.get("evidence") or ""),
        numbers=tuple((key, number(float(value))) for key, value in numbers.items() if value is not None),
    )


def _moment(told: datetime | str) -> datetime:
    return told if isinstance(told, datetime) else datetime.fromisoformat(told)
